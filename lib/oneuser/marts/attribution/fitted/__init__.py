"""Fitted models: credit by what all journeys say, converted or not."""

from oneuser.marts.attribution.fitted.coalitions import EXACT_UP_TO
from oneuser.marts.attribution.fitted.fit import channel_shares, path_share_arrays, path_shares
from oneuser.marts.attribution.fitted.markov import removal_effects, transitions

__all__ = ["EXACT_UP_TO", "channel_shares", "path_share_arrays", "path_shares", "removal_effects", "transitions"]
