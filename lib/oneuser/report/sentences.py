"""What each section of the report says first, as a sentence, and the metrics at the head of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.report import wording

if TYPE_CHECKING:
    from oneuser.report.data import ReportData


@dataclass(frozen=True)
class Tile:
    """A headline metric with what it counts and one more fact about it."""

    metric: str
    label: str
    note: str


def headline(data: ReportData) -> list[Tile]:
    """The metrics at the head of the page."""
    funnel, stability = data.funnel, data.stability
    known = data.known_people
    kinds = "" if known is None or funnel.people is None else f"{known:,} known, {funnel.people - known:,} anonymous"
    tiles = [
        Tile(wording.people(funnel.people), "people", kinds),
        Tile(wording.count(funnel.accepted), "events accepted", f"of {wording.count(funnel.lines)} lines in"),
        Tile(
            wording.share(funnel.with_person, funnel.accepted), "of events have a person",
            f"{wording.count(funnel.with_person)} events",
        ),
        Tile(*_kept(data)),
        Tile(wording.count(stability.identifiers), "identifiers owned", _moved(data)),
    ]  # fmt: skip
    money = _money(data)
    return [*tiles, money] if money else tiles


def _kept(data: ReportData) -> tuple[str, str, str]:
    stability = data.stability
    if data.head.previous is None:
        return wording.count(stability.minted), "User IDs minted", "first run: there were none before"
    return wording.share(stability.kept, stability.before), "of User IDs kept", f"since run {data.head.previous}"


def _moved(data: ReportData) -> str:
    stability = data.stability
    if stability.identifiers_moved is None:
        return ""
    return f"{wording.count(stability.identifiers_moved)} changed owner"


def _money(data: ReportData) -> Tile | None:
    """The value of the largest kind of conversion that has one."""
    for shown in data.attribution:
        if shown.currency and shown.total_minor is not None:
            value = wording.money_in_short(shown.total_minor, shown.currency)
            return Tile(
                value,
                f"from conversions: {wording.words(shown.conversion)}",
                f"{wording.count(shown.total_conversions)} of them",
            )
    return None


def summaries(data: ReportData) -> dict[str, str]:
    """One sentence per section."""
    return {
        "funnel": _funnel(data),
        "stability": _stability(data),
        "sizes": _sizes(data),
        "bridges": _bridges(data),
        "protection": _protection(data),
        "over_shared": _over_shared(data),
        "quarantine": _quarantine(data),
        "consent": _consent(data),
        "timings": f"{wording.seconds(sum(stage.seconds for stage in data.timings))} in all stages together.",
    }


def _funnel(data: ReportData) -> str:
    funnel = data.funnel
    people = "people, too few to be counted here" if funnel.people is None else f"{funnel.people:,} people"
    start = f"{funnel.lines:,} lines" if funnel.lines is not None else "All lines"
    return (
        f"{start} came in over all runs so far. {funnel.accepted:,} of them were accepted as events, "
        f"{funnel.with_person:,} events belong to a person, and there are {people}."
    )


def _stability(data: ReportData) -> str:
    stability = data.stability
    if data.head.previous is None:
        return f"This is the first published run: it minted {wording.count(stability.minted)} User IDs."
    if stability.kept is None:
        return f"The record has no metrics on how User IDs came through since run {data.head.previous}."
    return (
        f"Since run {data.head.previous}, {stability.kept:,} User IDs were kept and {stability.minted or 0:,} minted; "
        f"{stability.merged or 0:,} were merged into others and point at them from now on."
    )


def _sizes(data: ReportData) -> str:
    funnel, identifiers = data.funnel, data.stability.identifiers
    if not funnel.people or identifiers is None:
        return ""
    return f"A person has {identifiers / funnel.people:.1f} identifiers on average."


def _bridges(data: ReportData) -> str:
    if not data.protection.bridges:
        return "None of the largest people hangs together by a single value."
    return (
        "Without one of these values, a person would fall into several that each have a known identifier. That can be "
        "right, as with somebody's own address, or a placeholder that should be blocked."
    )


def _protection(data: ReportData) -> str:
    protection = data.protection
    refused = sum(rule.refused for rule in protection.refusals)
    if not refused:
        return "No rule refuses an edge: everything that is linked is one person."
    contested = f"; {protection.contested:,} identifiers are contested between people" if protection.contested else ""
    return f"Rules keep {refused:,} edges from joining people{contested}."


def _over_shared(data: ReportData) -> str:
    over_shared, nearly = data.protection.over_shared, data.protection.nearly_over_shared
    if over_shared is None or nearly is None:
        return ""
    if not over_shared and not nearly:
        return "No value is shared by nearly as many people as its bound allows."
    return (
        f"{over_shared:,} values are shared by more people than their bound allows, and are nobody’s; {nearly:,} more "
        "have reached 80 % of it."
    )


def _consent(data: ReportData) -> str:
    if data.consent is None:
        return ""
    messages = sum(one.messages for one in data.consent.sources)
    unsaid = sum(one.unsaid for one in data.consent.sources)
    return (
        f"{wording.share(messages - unsaid, messages)} of {messages:,} messages say something about consent. What a "
        "person has said nothing about is not granted."
    )


def _quarantine(data: ReportData) -> str:
    total = sum(reason.all_runs or 0 for reason in data.quarantined)
    if not total:
        return "No line was quarantined."
    this_run = sum(reason.this_run or 0 for reason in data.quarantined)
    return f"{total:,} lines are in quarantine, {this_run:,} of them from this run. None of them is lost."
