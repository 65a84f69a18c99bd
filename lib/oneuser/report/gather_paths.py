"""Paths and removal effects of a report, and what its run moved in credit that there was before."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION_CHANGES,
    ATTRIBUTION_CHANGES,
    ATTRIBUTION_CREDITS,
    ATTRIBUTION_PATHS,
    ATTRIBUTION_REMOVAL_EFFECTS,
)
from oneuser.report.gather_marts import people_by_channel, with_people
from oneuser.report.path_data import (
    ChannelEffect,
    MovedByReason,
    MovedCredit,
    MovedCredits,
    PathFigures,
    PathLength,
    RemovalEffects,
    TakenPath,
    TakenPaths,
)
from oneuser.report.suppression import hidden_cells
from oneuser.storage.asked_counts import Counted, Groups, Top

if TYPE_CHECKING:
    from oneuser.contracts.table import TableContract
    from oneuser.report.source import Figures
    from oneuser.storage.table_reader import Row

_EFFECTS, _EFFECTS_READ = 60, 600
_PATHS = 30
# of which some may have too few people
_PATHS_READ = 300
# touches of a path from which on paths are counted together
_LONG = 10
# that of which every touch of a path has credit says most about where it went
_DRAWN = ("linear", "position", "time_decay", "last", "first")
_CHANGES: tuple[tuple[str, TableContract, str], ...] = (
    ("person", ATTRIBUTION_CHANGES, "user_id"),
    ("account", ACCOUNT_ATTRIBUTION_CHANGES, "account_id"),
)


def gather_paths(figures: Figures, min_people: int) -> PathFigures:
    """What is behind attribution: a row is read for each channel, and some hundred paths, whatever there is."""
    return PathFigures(
        removal_effects=_removal_effects(figures, min_people),
        taken=_taken_paths(figures, min_people),
        moved=tuple(
            moved for level, table, owner in _CHANGES if (moved := _moved(figures, level, table, owner, min_people))
        ),
        lengths=_lengths(figures, min_people),
    )


def _lengths(figures: Figures, min_people: int) -> tuple[PathLength, ...]:
    """Conversions by the touches of their path, long ones together: the same by every model that adds up."""
    by, of_people = ("model", "is_additive", "path_length"), {"entity_level": ["person"]}
    weights: Counted = {"conversions": ("sum", "weight")}
    rows = [row for row in with_people(figures, ATTRIBUTION_CREDITS, by, weights, of_people) if row["is_additive"]]
    if not rows:
        return ()
    one = min(row["model"] for row in rows)
    conversions: dict[int, float] = defaultdict(float)
    people: dict[int, int] = defaultdict(int)
    for row in rows:
        if row["model"] == one:
            length = min(row["path_length"], _LONG)
            conversions[length] += float(row["conversions"])
            # of several lengths there may be the same ones: as many as of one at least
            people[length] = max(people[length], row["people"])
    hidden = hidden_cells(people, min_people)
    return tuple(
        PathLength(
            f"{length} or more" if length == _LONG else str(length),
            None if length in hidden else round(conversions[length]),
        )
        for length in range(max(conversions) + 1)
    )


def _removal_effects(figures: Figures, min_people: int) -> tuple[RemovalEffects, ...]:
    """Of each order the largest. One is hidden where fewer people than may be shown have a touch of the channel."""
    columns = ("markov_order", "channel", "removal_effect")
    rows = figures.top(ATTRIBUTION_REMOVAL_EFFECTS, Top(columns, ("removal_effect",), _EFFECTS_READ))
    if not rows:
        return ()
    people = people_by_channel(figures)
    rows.sort(key=lambda row: (row["markov_order"], -row["removal_effect"], row["channel"]))
    largest = {order: [*group][:_EFFECTS] for order, group in groupby(rows, key=lambda row: row["markov_order"])}
    return tuple(
        RemovalEffects(order, tuple(_effect(row, people.get(row["channel"], 0), min_people) for row in group))
        for order, group in largest.items()
    )


def _effect(row: Row, people: int, min_people: int) -> ChannelEffect:
    is_hidden = people < min_people
    return ChannelEffect(row["channel"], None if is_hidden else row["removal_effect"], None if is_hidden else people)


def _taken_paths(figures: Figures, min_people: int) -> TakenPaths | None:
    """The paths that most journeys took.

    How many people took a path is not kept. Whoever did not convert has one journey, so that there are at least as many
    as journeys without a conversion, and one more where there are conversions: what that is too few for is left out.
    """
    columns = ("path", "n_journeys", "n_conversions")
    least = {"n_journeys": min_people}
    rows = figures.top(ATTRIBUTION_PATHS, Top(columns, ("n_journeys", "n_conversions"), _PATHS_READ, least=least))
    enough = [row for row in rows if _least_people(row) >= min_people][:_PATHS]
    if not enough:
        return None
    counted: Counted = {"journeys": ("sum", "n_journeys")}
    total = int(figures.groups(ATTRIBUTION_PATHS, Groups((), counted))[0]["journeys"] or 0)
    paths = tuple(
        TakenPath(tuple(row["path"]), int(row["n_journeys"]), _conversions(row, min_people)) for row in enough
    )
    rest = total - sum(path.journeys for path in paths)
    return TakenPaths(paths, None if 0 < rest < min_people else total)


def _least_people(row: Row) -> int:
    return int(row["n_journeys"] - row["n_conversions"] + (row["n_conversions"] > 0))


def _conversions(row: Row, min_people: int) -> int | None:
    """Null where few converted, or few did not."""
    parts = (row["n_conversions"], row["n_journeys"] - row["n_conversions"])
    return None if any(0 < part < min_people for part in parts) else int(row["n_conversions"])


def _moved(figures: Figures, level: str, table: TableContract, owner: str, min_people: int) -> MovedCredits | None:
    """Of the published run, by reason, model and channel.

    A channel is hidden where too few people or accounts own the conversions. Groups of one channel may share some of
    them: the largest group is as many as there are at least.
    """
    where = {"run_seq": [figures.publication.run_seq]}
    by = ("reason", "model", "channel_before", "channel")
    sums: Counted = {"before": ("sum", "weight_before"), "now": ("sum", "weight")}
    rows = _with_owners(figures, table, by, owner, where, sums)
    if not rows:
        return None
    cells: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0, 0]))
    for row in rows:
        before, now = float(row["before"]), float(row["now"])
        if row["channel_before"] == row["channel"]:
            before, now = max(before - now, 0.0), max(now - before, 0.0)
        for channel, lost, gained in ((row["channel_before"], before, 0.0), (row["channel"], 0.0, now)):
            if channel is not None and (lost or gained or channel == row["channel"]):
                cell = cells[row["reason"], row["model"]][channel]
                cell[:] = cell[0] + lost, cell[1] + gained, max(cell[2], row["owners"])
    moved = []
    for (reason, model), channels in sorted(cells.items()):
        hidden = hidden_cells({name: int(cell[2]) or 1 for name, cell in channels.items()}, min_people)
        for name, (lost, gained, _) in sorted(channels.items()):
            shown = (None, None) if name in hidden else (lost, gained)
            moved.append(MovedCredit(reason, model, name, *shown))
    if not moved:
        return None
    models = {one.model for one in moved}
    drawn = next((model for model in _DRAWN if model in models), min(models))
    counted: Counted = {"conversions": ("distinct", "conversion_id")}
    reasons = tuple(
        MovedByReason(row["reason"], row["conversions"] if row["owners"] >= min_people else None)
        for row in sorted(
            _with_owners(figures, table, ("reason",), owner, where, counted),
            key=lambda row: (-row["conversions"], row["reason"]),
        )
    )
    return MovedCredits(level, drawn, reasons, tuple(moved))


def _with_owners(
    figures: Figures,
    table: TableContract,
    by: tuple[str, ...],
    owner: str,
    where: dict[str, list[int]],
    counted: Counted,
) -> list[Row]:
    """Groups with `owners`: at least so many own their conversions now, or owned those that are gone, or nobody's.

    Who owned some may own others now: both together would count them twice.
    """
    now = figures.groups(table, Groups(by, counted | {"owners": ("distinct", owner)}, where=where))
    former: Counted = {"owners": ("distinct", f"{owner}_before")}
    gone = figures.groups(table, Groups(by, former, where=where, null=(owner,)))
    of_gone = {tuple(row[name] for name in by): row["owners"] for row in gone}
    return [row | {"owners": max(row["owners"], of_gone.get(tuple(row[name] for name in by), 0))} for row in now]
