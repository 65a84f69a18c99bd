"""Lifecycle: who is new, stays, comes back or goes; how often the active are active; who is activated, or at risk."""

from oneuser.marts.lifecycle.engagement import dau_mau, power_curve, power_users, stickiness
from oneuser.marts.lifecycle.first_steps import activation, activations
from oneuser.marts.lifecycle.growth import count_broken, lifecycle
from oneuser.marts.lifecycle.risk import at_risk

__all__ = [
    "activation",
    "activations",
    "at_risk",
    "count_broken",
    "dau_mau",
    "lifecycle",
    "power_curve",
    "power_users",
    "stickiness",
]
