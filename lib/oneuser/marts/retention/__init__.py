"""Retention: who came back, and when."""

from oneuser.marts.retention.account_events import account_events
from oneuser.marts.retention.cells import pool
from oneuser.marts.retention.retain import retain

__all__ = ["account_events", "pool", "retain"]
