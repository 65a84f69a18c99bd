"""Transforms of paths, by name, before anything is weighted. Each says which places of a path stay. Plain Python.

Names are those of Google's fractribution and of Snowplow's packages, with or without `_path`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from oneuser.marts.attribution.models.path import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from oneuser.config import TransformSpec


def kept_places(channels: Sequence[str], transforms: Iterable[Callable[[Sequence[str]], list[int]]]) -> list[int]:
    """Places of a path that are left after some transforms, one after the other; never none of a path that has any."""
    places = list(range(len(channels)))
    for transform in transforms:
        kept = transform([channels[place] for place in places])
        places = [places[place] for place in kept]
    return places


def make_transforms(specs: Iterable[TransformSpec]) -> tuple[Callable[[Sequence[str]], list[int]], ...]:
    """The transforms that are asked for, in their order."""
    return tuple(one for spec in specs for one in _TRANSFORMS[spec.transform](spec.parameters))


def exposure(channels: Sequence[str]) -> list[int]:
    """Immediate repeats of a channel are collapsed into the first of them: A A B A → A B A."""
    return [place for place, channel in enumerate(channels) if not place or channel != channels[place - 1]]


def unique(channels: Sequence[str]) -> list[int]:
    """Every touch stays as it is."""
    return list(range(len(channels)))


def first(channels: Sequence[str]) -> list[int]:
    """The first touch of each channel stays: A A B A → A B."""
    places: dict[str, int] = {}
    for place, channel in enumerate(channels):
        places.setdefault(channel, place)
    return list(places.values())


def last_n(channels: Sequence[str], *, n: int) -> list[int]:
    """The last n touches stay."""
    return list(range(max(0, len(channels) - n), len(channels)))


def remove_if_not_all(channels: Sequence[str], *, channel: str) -> list[int]:
    """The touches of a channel (folded) go, unless the path has no other."""
    others = [place for place, each in enumerate(channels) if folded(each) != channel]
    return others or unique(channels)


def remove_if_last_and_not_all(channels: Sequence[str], *, channel: str) -> list[int]:
    """The touches of a channel (folded) at the end of the path go, unless the path has no other."""
    others = [place for place, each in enumerate(channels) if folded(each) != channel]
    return list(range(others[-1] + 1)) if others else unique(channels)


def _of_each(
    transform: Callable[..., list[int]],
) -> Callable[[Mapping[str, Any]], list[Callable[[Sequence[str]], list[int]]]]:
    return lambda parameters: [partial(transform, channel=folded(channel)) for channel in parameters["channels"]]


_TRANSFORMS: Mapping[str, Callable[[Mapping[str, Any]], list[Callable[[Sequence[str]], list[int]]]]] = {
    "exposure": lambda _: [exposure],
    "unique": lambda _: [unique],
    "first": lambda _: [first],
    "last_n": lambda parameters: [partial(last_n, n=parameters["n"])],
    "remove_if_not_all": _of_each(remove_if_not_all),
    "remove_if_last_and_not_all": _of_each(remove_if_last_and_not_all),
}
