"""Whether whoever is suppressed is still met: their types are declared, and read wherever they were in the last run.

All that is kept of somebody who was erased is hashes. A message of theirs is recognised by what it carries; where that
is read no longer, it would come in by whatever else it carries, under a new User ID. An erased message without such an
identifier is recognised by its own hash, which the id space of its source is part of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from pyspark.sql import functions as F

from oneuser.contracts.privacy import ERASURES, MESSAGE, SUPPRESSIONS
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.events.spec import Concat, Const, Derived, FirstOf, Path, Product, Time, UrlParam
from oneuser.privacy.erasure import bare_type
from oneuser.runs.suppressed_forms import FORMS
from oneuser.stages.ingest.source_spec import source_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.config import Config
    from oneuser.events.spec import Expression
    from oneuser.runs.records import RunRecord
    from oneuser.storage.warehouse import Warehouse

# where the record of the stage that reads input keeps where it has read identifiers
PLACES = "places"
# places at which any type may stand
_ANY = "*"
_MOST_SHOWN = 3
# what to do about each kind of problem
_DECLARE = "declare the types again under `identity.id_types`: that cannot be accepted otherwise"
_READ = "put the places back as they were: one that no file has any more may stay"
_SAME_SPACE = "give a source of another name `id_space: NAME`, as it was"
_ACCEPT = (
    "or, where nothing that was suppressed or erased can come by these places or message ids again, say "
    "`ingest: {fewer_places: accept}` for this run"
)


class SourcePlaces(TypedDict):
    """Where a source has identifiers, by type, and the space of its message ids."""

    id_space: str
    places: dict[str, list[str]]


def places_by_source(config: Config) -> dict[str, SourcePlaces]:
    """Where each source has identifiers, as a run records it. Names of columns and keys, no values."""
    return {name: _of_source(config, name) for name in config.sources}


def places_on_record(config: Config, completed: RunRecord | None) -> dict[str, SourcePlaces]:
    """Where sources have identifiers, with sources that are gone as they last were.

    Else two runs would do what one may not: be without a source, and then have it under another name.
    """
    before = _recorded(completed, PLACES) if completed else {}
    return with_gone(before, places_by_source(config), accepts=config.ingest.fewer_places == "accept")


def with_gone(
    before: Mapping[str, SourcePlaces], now: Mapping[str, SourcePlaces], *, accepts: bool
) -> dict[str, SourcePlaces]:
    """The sources of now, and those gone before unless one has come that has all their places, or that is accepted."""
    come = [one["places"] for name, one in now.items() if name not in before]
    gone = {} if accepts else {name: one for name, one in before.items() if name not in now}
    return {name: one for name, one in gone.items() if not any(_covers(some, one["places"]) for some in come)} | {**now}


def _covers(some: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]) -> bool:
    return all(set(places) <= set(some.get(id_type, ())) for id_type, places in others.items())


def require_met(warehouse: Warehouse, config: Config, completed: RunRecord | None) -> None:
    """Check that what is suppressed is still looked for where it was. Runs a job only where a place is gone.

    Args:
        warehouse: Where the tables are.
        config: The rules now.
        completed: The last completed run; null before the first publication.

    Raises:
        ConfigError: naming every type of which identifiers are suppressed and that is declared no longer, every source
            that has fewer places of such a type, and every id space that is gone while another one has come.
    """
    tables = completed.tables if completed else {}
    if completed is None or SUPPRESSIONS.name not in tables:
        return
    before, now = _recorded(completed, PLACES), places_by_source(config)
    accepts = config.ingest.fewer_places == "accept"
    undeclared = sorted(_recorded(completed, FORMS).keys() - config.identity.id_types.keys())
    lost = {} if accepts else lost_places(before, now)
    renamed = None if accepts else renamed_space(before, now)
    problems: list[ConfigProblem] = []
    steps: list[str] = []
    if undeclared or lost:
        rows = warehouse.read(SUPPRESSIONS, tables[SUPPRESSIONS.name]).select("id_type", bare_type().alias("bare"))
        found = rows.distinct().collect()
        # what sources read is looked at for what is suppressed everywhere, what is declared also for files
        types, declared = ({row[name] for row in found} for name in ("id_type", "bare"))
        of_types = [
            ConfigProblem(f"identity.id_types.{name}", "is declared no longer, and identifiers of it are suppressed")
            for name in undeclared
            if name in declared
        ]
        of_places = [
            ConfigProblem(f"sources.{source}", f"{_said(id_type)} no longer at {_shown(places)}")
            for (source, id_type), places in lost.items()
            if id_type in types or (id_type == _ANY and types)
        ]
        problems += [*of_types, *of_places]
        steps += [*([_DECLARE] if of_types else []), *([_READ] if of_places else [])]
    if renamed is not None and _has_erased_messages(warehouse, tables):
        gone, come = renamed
        problems.append(
            ConfigProblem(
                f"sources.{come}.id_space",
                f"message ids of {gone} get another space: erased messages would be recognised no longer",
            )
        )
        steps.append(_SAME_SPACE)
    if problems:
        # a type is never accepted to be gone, so what accepts the others is no way out of that
        accepted = [] if steps == [_DECLARE] else [_ACCEPT]
        raise ConfigError(problems, next_step="; ".join([*steps, *accepted]))


def lost_places(
    before: Mapping[str, SourcePlaces], now: Mapping[str, SourcePlaces]
) -> dict[tuple[str, str], list[str]]:
    """Places at which a source is read no longer, by source and type.

    From a source that is gone nothing comes any more, unless under another name: one that has come has to have all its
    places.
    """
    gone = [one for name, one in before.items() if name not in now]
    wanted = {name: [before[name]] if name in before else gone for name in now}
    found = {}
    for name, sources in wanted.items():
        for id_type in sorted({one for source in sources for one in source["places"]}):
            had = {place for source in sources for place in source["places"].get(id_type, ())}
            missing = had.difference(now[name]["places"].get(id_type, ()))
            if missing:
                found[name, id_type] = sorted(missing)
    return found


def renamed_space(before: Mapping[str, SourcePlaces], now: Mapping[str, SourcePlaces]) -> tuple[str, str] | None:
    """An id space that is gone, and a source whose space has come; null where there are not both."""
    spaces = {one["id_space"] for one in before.values()}
    gone = sorted(spaces - {one["id_space"] for one in now.values()})
    come = sorted(name for name, one in now.items() if one["id_space"] not in spaces)
    return (gone[0], come[0]) if gone and come else None


def place_text(part: Expression | Derived) -> str:
    """Where an expression reads, as people write it; of a constant, that it is one."""
    if isinstance(part, Path):
        return ".".join(part.keys)
    if isinstance(part, Time):
        return place_text(part.part)
    if isinstance(part, UrlParam):
        return f"{place_text(part.part)}?{part.name}"
    if isinstance(part, Derived):
        return f"{part.transform} of {part.from_type}"
    if isinstance(part, FirstOf | Concat | Product):
        sign = {FirstOf: " or ", Concat: " + ", Product: " * "}[type(part)]
        return sign.join(place_text(one) for one in part.parts)
    assert isinstance(part, Const)  # noqa: S101 - there is no other
    return "a constant"


def _of_source(config: Config, name: str) -> SourcePlaces:
    spec = source_spec(config, name)
    mapping, root = spec.mapping, f"{'.'.join(spec.root)}:" if spec.root else ""
    named: list[tuple[str, Expression | Derived]] = [*mapping.identifiers, *mapping.derived]
    named += [(_ANY, part) for part in (mapping.external_ids, mapping.previous_id) if part is not None]
    places: dict[str, list[str]] = {}
    for id_type, part in named:
        places.setdefault(id_type, []).append(f"{root}{place_text(part)}")
    return {"id_space": spec.id_space, "places": {id_type: sorted(set(some)) for id_type, some in places.items()}}


def _recorded(completed: RunRecord, what: str) -> dict[str, Any]:
    return dict(completed.of_reading(what) or {})


def _has_erased_messages(warehouse: Warehouse, tables: Mapping[str, int]) -> bool:
    version = tables.get(ERASURES.name)
    return version is not None and not warehouse.read(ERASURES, version).where(F.col("kind") == MESSAGE).isEmpty()


def _said(id_type: str) -> str:
    what = "identifiers of whatever type" if id_type == _ANY else id_type
    return f"reads {what}, of which some are suppressed,"


def _shown(places: Sequence[str]) -> str:
    more = len(places) - _MOST_SHOWN
    return ", ".join(places[:_MOST_SHOWN]) + (f" and {more} more places" if more > 0 else "")
