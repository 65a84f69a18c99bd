"""Funnels: who got how far, and how long it took."""

from oneuser.marts.funnels.conversion import funnel, funnel_attempts

__all__ = ["funnel", "funnel_attempts"]
