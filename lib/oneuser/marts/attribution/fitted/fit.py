"""The fitted models by name: shares of a path's touches, shares of channels.

Reads   paths   one row per distinct path: `path array<string>`, the channels in order of touch, repeats kept;
                `n_conversions bigint`; `n_journeys bigint`, journeys of exactly that path, converted or not
Yields  shares of the touches of each path, or of the channels

A path without touches is no journey: it counts nowhere. No channel is null, and no number of conversions larger than
that of journeys. Conversions and journeys are added up as integers and solved in one order, so that nothing depends on
how the rows of `paths` lie; only counts by transition, or by set of channels, come together in one task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution.fitted.coalitions import build_shapley_values, share_by_gain, share_by_set
from oneuser.marts.attribution.fitted.markov import removal_effects, share_by_effect, share_globally
from oneuser.marts.attribution.fitted.positions import spread_over_positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame


def path_shares(paths: DataFrame, model: str, **parameters: int) -> DataFrame:
    """What part of a conversion each touch of its path gets.

    Args:
        paths: Distinct paths with their conversions and journeys.
        model: `markov_path`, `counterfactual` or `set_shapley`; see the function of each.
        parameters: `order` of `markov_path`; the others have none.

    Returns:
        One row per path and position: `path`, `position int` from 1, `share double`. The shares of a path are at least
        0 and add up to 1, of every path, whether it converts or not. Each row has the whole path: of a path of a
        thousand touches these are a million names. `path_share_arrays` has them once.

    Raises:
        ConfigError: for a model that does not exist, and for an order below 1.
        TypeError: for a parameter that the model does not have.
    """
    return spread_over_positions(path_share_arrays(paths, model, **parameters))


def path_share_arrays(paths: DataFrame, model: str, **parameters: int) -> DataFrame:
    """The same as `path_shares` in one row per path: `path`, `shares array<double>`, a share for each touch."""
    return _model_of(_OF_PATHS, model)(paths, **parameters)


def channel_shares(paths: DataFrame, model: str, **parameters: int) -> DataFrame:
    """What part of all conversions each channel gets.

    Args:
        paths: Distinct paths with their conversions and journeys.
        model: `markov_global` or `rate_shapley`; see the function of each.
        parameters: `order` of `markov_global`; `exact_up_to`, `samples` and `seed` of `rate_shapley`.

    Returns:
        One row per channel: `channel`; `share double`, all of which add up to 1, or are null where nothing converts;
        `value double`, what the share is a share of: the removal effect, or the Shapley value. The latter may be below
        0, and the share with it.

    Raises:
        ConfigError: for a model that does not exist, and for a parameter out of range.
        TypeError: for a parameter that the model does not have.
    """
    return _model_of(_OF_CHANNELS, model)(paths, **parameters)


def _markov_path(paths: DataFrame, *, order: int = 1) -> DataFrame:
    return share_by_effect(paths, removal_effects(paths, order=order))


def _markov_global(paths: DataFrame, *, order: int = 1) -> DataFrame:
    return share_globally(removal_effects(paths, order=order))


_OF_PATHS: dict[str, Callable[..., DataFrame]] = {
    "markov_path": _markov_path,
    "counterfactual": share_by_gain,
    "set_shapley": share_by_set,
}
_OF_CHANNELS: dict[str, Callable[..., DataFrame]] = {
    "markov_global": _markov_global,
    "rate_shapley": build_shapley_values,
}


def _model_of(models: dict[str, Callable[..., DataFrame]], model: str) -> Callable[..., DataFrame]:
    if model not in models:
        raise ConfigError.single("model", f"there is no {model!r} here, only {', '.join(models)}")
    return models[model]
