"""Fitted models: credit by what all journeys say, converted or not."""

from oneuser.marts.attribution.fitted.fit import channel_shares, path_share_arrays, path_shares
from oneuser.marts.attribution.fitted.markov import removal_effects, transitions

__all__ = ["channel_shares", "path_share_arrays", "path_shares", "removal_effects", "transitions"]
