"""Attribution: which touches a conversion is credited to, and how much."""

from oneuser.marts.attribution.attributing import attribute
from oneuser.marts.attribution.comparing import add_spend, compare_credits
from oneuser.marts.attribution.journeys import count_paths, removal_effects, transitions

__all__ = ["add_spend", "attribute", "compare_credits", "count_paths", "removal_effects", "transitions"]
