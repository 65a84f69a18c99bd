"""How paths are made of anybody's touches and conversions: the parameters that every function of this folder shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args
from zoneinfo import ZoneInfo

from pyspark.sql import functions as F

from oneuser.config import parse_transforms
from oneuser.core.errors import ConfigError
from oneuser.core.zoned_times import checked_bound, checked_instant
from oneuser.marts.attribution.entity_steps import Lookback, Window
from oneuser.marts.attribution.given_columns import problem, raise_problems
from oneuser.marts.attribution.transforms import make_transforms
from oneuser.marts.attribution.walk import WalkRules
from oneuser.marts.calendar import micros_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from pyspark.sql import Column

    from oneuser.core.errors import ConfigProblem

ConversionScope = Literal["every", "first_per_entity"]
_MOST_DAYS = 36_525


class PathParameters(TypedDict, total=False):
    """What may be said about paths, beside the frames; see `attribute` for what each means."""

    lookback_days: float | None
    lookback: Lookback
    zone: str
    exclude_channels: Sequence[str]
    conversion_scope: ConversionScope
    reset_at_conversion: bool
    converted_from: datetime | date | str | None
    converted_until: datetime | date | str | None
    watermark: datetime | str | None
    transforms: Sequence[str | Mapping[str, Any]] | str


@dataclass(frozen=True)
class PathRules:
    """The same, checked. Instants are in microseconds since 1970; the range is half-open."""

    window: Window
    walk: WalkRules
    exclude_channels: tuple[str, ...]
    selected_from: int | None
    selected_until: int | None
    watermark: int | None

    def selects(self, time: Column) -> Column | None:
        """Whether the time of a conversion is in the range; null where there is none."""
        at = F.unix_micros(time)
        ends = []
        if self.selected_from is not None:
            ends.append(at >= F.lit(self.selected_from))
        if self.selected_until is not None:
            ends.append(at < F.lit(self.selected_until))
        return None if not ends else ends[0] if len(ends) == 1 else ends[0] & ends[1]

    @property
    def needs_all_conversions(self) -> bool:
        """Whether conversions outside the range have a say in those inside."""
        return self.walk.first_per_entity or self.walk.reset_at_conversion


def check_path_rules(
    *,
    lookback_days: float | None = 30,
    lookback: Lookback = "exact",
    zone: str = "UTC",
    exclude_channels: Sequence[str] = (),
    conversion_scope: ConversionScope = "every",
    reset_at_conversion: bool = False,
    converted_from: datetime | date | str | None = None,
    converted_until: datetime | date | str | None = None,
    watermark: datetime | str | None = None,
    transforms: Sequence[str | Mapping[str, Any]] | str = (),
) -> PathRules:
    """Check the parameters of paths.

    Raises:
        ConfigError: naming every parameter that is out of range, or a transform that does not exist.
    """
    problems: list[ConfigProblem] = [*_of_lookback(lookback_days, lookback)]
    if conversion_scope not in get_args(ConversionScope):
        problems.append(problem("conversion_scope", _one_of(get_args(ConversionScope), conversion_scope)))
    problems += _of_flag("reset_at_conversion", reset_at_conversion)
    if not _are_texts(exclude_channels):
        problems.append(problem("exclude_channels", "expected a list of channels, such as ['Direct']"))
    instants = dict.fromkeys(("converted_from", "converted_until", "watermark"))
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError, AttributeError):
        problems.append(problem("zone", "not a time zone; expected a name such as UTC or Europe/London"))
    else:
        written = {"converted_from": converted_from, "converted_until": converted_until, "watermark": watermark}
        instants = {name: _microseconds(name, value, zone, problems) for name, value in written.items()}
    start, end = instants["converted_from"], instants["converted_until"]
    if start is not None and end is not None and start >= end:
        problems.append(problem("converted_until", "must be after converted_from: the range is half-open"))
    chosen: tuple[Callable[[Sequence[str]], list[int]], ...] = ()
    try:
        chosen = make_transforms(parse_transforms(transforms))
    except ValueError as wrong:
        problems.append(problem("transforms", str(wrong)))
    raise_problems(problems)
    window = Window(lookback_days, lookback, zone)
    walk = WalkRules(window.reach, chosen, conversion_scope == "first_per_entity", reset_at_conversion)
    return PathRules(window, walk, tuple(exclude_channels), start, end, instants["watermark"])


def _of_lookback(days: object, mode: object) -> list[ConfigProblem]:
    problems = []
    if mode not in get_args(Lookback):
        problems.append(problem("lookback", _one_of(get_args(Lookback), mode)))
    if days is None:
        return problems
    if isinstance(days, bool) or not isinstance(days, int | float):
        problems.append(problem("lookback_days", f"expected a number of days, or None for no bound, found {days!r}"))
    elif not 0 <= days <= _MOST_DAYS:
        problems.append(problem("lookback_days", f"must be from 0 to {_MOST_DAYS}, found {days:g}"))
    elif mode != "exact" and days != int(days):
        problems.append(problem("lookback_days", f"{mode} counts whole days, found {days:g}"))
    return problems


def _microseconds(
    name: str, value: datetime | date | str | None, zone: str, problems: list[ConfigProblem]
) -> int | None:
    if value is None:
        return None
    try:
        return micros_of(checked_instant(name, value) if name == "watermark" else checked_bound(name, value, zone))
    except ConfigError as wrong:
        problems += wrong.problems
        return None


def _of_flag(name: str, value: object) -> list[ConfigProblem]:
    return [] if isinstance(value, bool) else [problem(name, f"expected True or False, found {value!r}")]


def _are_texts(several: object) -> bool:
    return (
        isinstance(several, Iterable) and not isinstance(several, str) and all(isinstance(one, str) for one in several)
    )


def _one_of(known: Sequence[str], found: object) -> str:
    return f"expected one of {', '.join(known)}, found {found!r}"
