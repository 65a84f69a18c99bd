"""Attribution: which touches a conversion is credited to, and how much."""

from oneuser.marts.attribution.attributing import attribute
from oneuser.marts.attribution.bootstrap import bootstrap_intervals
from oneuser.marts.attribution.by_touch import credit_by
from oneuser.marts.attribution.comparing import add_spend, compare_credits
from oneuser.marts.attribution.journeys import count_paths, removal_effects, transitions
from oneuser.marts.attribution.lags import lags_and_lengths
from oneuser.marts.attribution.sensitivity import lookback_sensitivity, model_agreement

__all__ = [
    "add_spend",
    "attribute",
    "bootstrap_intervals",
    "compare_credits",
    "count_paths",
    "credit_by",
    "lags_and_lengths",
    "lookback_sensitivity",
    "model_agreement",
    "removal_effects",
    "transitions",
]
