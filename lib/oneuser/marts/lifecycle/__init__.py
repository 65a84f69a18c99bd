"""Lifecycle: who is new, stays, comes back or goes; how often the active are active; who is activated, or at risk."""

from oneuser.marts.lifecycle.actives import active_users, dau_mau
from oneuser.marts.lifecycle.engagement import (
    intervals_active,
    power_curve,
    power_users,
    recent_stickiness,
    stickiness,
)
from oneuser.marts.lifecycle.first_steps import activation, activations
from oneuser.marts.lifecycle.growth import count_broken, find_phases, lifecycle
from oneuser.marts.lifecycle.risk import at_risk

__all__ = [
    "activation",
    "activations",
    "active_users",
    "at_risk",
    "count_broken",
    "dau_mau",
    "find_phases",
    "intervals_active",
    "lifecycle",
    "power_curve",
    "power_users",
    "recent_stickiness",
    "stickiness",
]
