"""A simulation as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from oneuser.simulation.describe import join_identifiers
from oneuser.simulation.results import Change, Contested, OwnedEvent, RolledBack, Run

_INDENT = "  "
_WORDS = {
    "merged": "{name} is merged into {other}",
    "restored": "{name} is back, no longer {other}",
    "anchored": "the anchor of {name} is {identifier}",
    "vacated": "{name} is vacant",
    "erased": "{name} is erased",
}


def render(steps: Iterable[Run | RolledBack], *, events: bool = False, ids: bool = True) -> Iterator[str]:
    """Lines for people.

    Args:
        steps: What to show, as `Simulation.steps` has it.
        events: Whether to say whose each event is.
        ids: Whether to list the User IDs that the names stand for.
    """
    last: Run | None = None
    for step in steps:
        if isinstance(step, RolledBack):
            yield f"rollback: readers see run {step.to.run} again"
        else:
            last = step
            yield f"run {step.run}"
            yield from (f"{_INDENT}{line}" for line in _run_lines(step, events=events))
    if ids and last is not None:
        yield "User IDs"
        yield from (f"{_INDENT}{one.name:<4} {one.user_id}  {one.status}" for one in last.user_ids)


def _run_lines(run: Run, *, events: bool) -> Iterator[str]:
    width = max((len(person.name) for person in run.people), default=0)
    kind_width = max((len(person.kind) for person in run.people), default=0)
    for person in run.people:
        yield f"{person.name:<{width}}  {person.kind:<{kind_width}}  {join_identifiers(person.identifiers)}"
    if not run.people:
        yield "nobody"
    gone = [f"{one.name} -> {one.redirect_to}" for one in run.user_ids if one.status == "retired"]
    gone += [f"{one.name} {one.status}" for one in run.user_ids if one.status in ("vacant", "erased")]
    if gone:
        yield f"not live: {'; '.join(gone)}"
    yield f"changed: {'; '.join(_change_texts(run.changes)) or 'nothing'}"
    yield from _listed("refused", (f"{edge.a} | {edge.b} ({edge.rule})" for edge in run.refused))
    yield from _listed("no longer refused", (f"{edge.a} | {edge.b} ({edge.rule})" for edge in run.admitted))
    yield from _listed("contested", (_contested_text(found) for found in run.contested))
    yield from _listed("over-shared", map(str, run.over_shared))
    yield from _listed("blocked", map(str, run.blocked))
    yield from _listed("note", (f"line {note.line}: {note.text}" for note in run.notes))
    if events and run.events:
        yield f"events: {_event_text(run.events)}"


def _listed(label: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield f"{label}: {text}"


def _change_texts(changes: Iterable[Change]) -> list[str]:
    """One text for each change; what a new ID split from is said with it."""
    listed = list(changes)
    split = {
        change.name: [c.other for c in listed if c.change == "split_from" and c.name == change.name]
        for change in listed
        if change.change == "minted"
    }
    texts = []
    for change in listed:
        if change.change == "minted":
            origin = " and ".join(str(other) for other in split[change.name])
            texts.append(f"{change.name} is new{', split from ' + origin if origin else ''}")
        elif change.change == "restored" and change.other is None:
            texts.append(f"{change.name} is back")
        elif change.change in _WORDS:
            text = _WORDS[change.change]
            texts.append(text.format(name=change.name, other=change.other, identifier=change.identifier))
    return texts


def _event_text(events: Iterable[OwnedEvent]) -> str:
    """Lines by owner, in the order of names; nobody's come last."""
    lines: dict[str, list[int]] = {}
    for event in events:
        lines.setdefault(event.owner or "nobody", []).append(event.line)
    ordered = sorted(lines, key=lambda name: (name == "nobody", len(name), name))
    return "; ".join(
        f"line{'s' if len(lines[name]) > 1 else ''} {', '.join(map(str, sorted(lines[name])))} of {name}"
        for name in ordered
    )


def _contested_text(found: Contested) -> str:
    first, *rest = found.owners
    later = "".join(f", {i.owner or 'nobody'} from line {i.from_line}" for i in rest)
    return f"{found.identifier} is of {first.owner or 'nobody'}{later}"
