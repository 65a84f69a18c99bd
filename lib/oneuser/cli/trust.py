"""Verbs that say how far to trust what was resolved: suspects, verify. Identifiers are masked unless asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oneuser.cli.output import cell
from oneuser.cli.people import Unmasked
from oneuser.cli.verbs import Call, verb

if TYPE_CHECKING:
    from oneuser.api import OpenWarehouse
    from oneuser.inspection.differences import Difference
    from oneuser.inspection.verify import Verification

_SHOWN = 20
# columns whose numbers are identifiers
_NUMBERS = ("identifier_id", "src", "dst")


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    examples = ["oneuser suspects", "oneuser suspects --limit 100 --json"]
    verb(app, "suspects", examples=examples, reads=True)(suspects)
    verb(app, "verify", examples=["oneuser verify", "oneuser verify --examples 20 --json"], reads=True)(verify)


def suspects(
    call: Call,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = _SHOWN,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Show values that may tie strangers together, and what blocking each would do: candidates for `blocked`.

    A value is a suspect if its person would fall into several parts without it that each hold a known identifier.
    People: those parts. Parts: all that would be left. Parted: identifiers outside the largest part. Most effect first.
    Then values that nearly as many people share as `max_persons_per_value` allows, or more: these are nobody's.
    """
    warehouse, rows = call.answer(lambda asked: asked.suspect_rows(limit))
    shared = [asdict(value) | {"is_over_shared": value.is_over_shared} for value in warehouse.shared_values()[:limit]]
    values = warehouse.values([row["identifier_id"] for row in (*rows, *shared)], unmasked=unmasked)
    for reason, found in (("holds_together", rows), ("shared", shared)):
        for row in found:
            row["reason"] = reason
            id_type, row["value"] = values.get(row["identifier_id"], (None, None))
            row.setdefault("id_type", id_type)
    call.output.document([*rows, *shared])
    if not rows:
        call.output.text("no suspects: nobody hangs together by a single value")
    else:
        call.output.table(
            ["type", "value", "people", "parts", "parted", "sizes of parts", "events", "user"],
            [
                [row["id_type"], row["value"], row["n_people"], row["n_parts"], row["n_parted"],
                 ", ".join(map(str, row["part_sizes"])), row["n_events"], row["user_id"]]
                for row in rows
            ],
        )  # fmt: skip
    if shared:
        call.output.table(
            ["type", "shared value", "people", "bound", ""],
            [
                [row["id_type"], row["value"], row["n_people"], row["bound"],
                 "over-shared: nobody's" if row["is_over_shared"] else "near its bound"]
                for row in shared
            ],
        )  # fmt: skip
    if rows or shared:
        call.suggest(
            "next: `oneuser explain TYPE:VALUE` shows its edges; `blocked` of its type takes it out of the graph"
        )


def verify(
    call: Call,
    examples: Annotated[int, typer.Option(min=0, help="Differences to show of each table.")] = 3,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Resolve everything that is stored again, compare it with what is published, and check what must always hold.

    Writes nothing. Takes as long as the stages graph and identity of a run on all there is. Ends with exit code 1 where
    anything differs: then something else than a run has changed the tables, or this program has a fault.
    """
    warehouse = call.open()
    call.output.note("resolving again what is stored")
    found = warehouse.verify(examples=examples)
    names = _names(warehouse, found, unmasked=unmasked)
    call.output.document(_document(found, names))
    _show_verification(call, found, names)
    if not found.holds:
        raise typer.Exit(1)


def _document(found: Verification, names: dict[int, str]) -> dict[str, Any]:
    facts = asdict(found) | {"holds": found.holds}
    for table in facts["tables"]:
        for example in table["examples"]:
            example["identifiers"] = {name: names[n] for name, n in example["key"].items() if name in _NUMBERS}
    return facts


def _names(warehouse: OpenWarehouse, found: Verification, *, unmasked: bool) -> dict[int, str]:
    """`type: value` of the identifiers that the examples are about."""
    examples = [example for table in found.tables for example in table.examples]
    numbers = {number for example in examples for name, number in example.key.items() if name in _NUMBERS}
    values = warehouse.values(numbers, unmasked=unmasked) if numbers else {}
    shown = {number: f"{id_type}: {value or f'#{number}'}" for number, (id_type, value) in values.items()}
    return {number: shown.get(number, f"#{number}") for number in numbers}


def _show_verification(call: Call, found: Verification, names: dict[int, str]) -> None:
    call.output.table(
        ["table", "missing", "surplus", "different"],
        [[table.table, table.n_missing, table.n_surplus, table.n_different] for table in found.tables],
    )
    rows = [[one.name, one.n_violations, ", ".join(one.examples) or None] for one in found.invariants]
    call.output.table(["invariant", "broken by", "such as"], rows)
    for problem in found.certificate:
        call.output.text(f"certificate: {problem}", style="red")
    for table in found.tables:
        for example in table.examples:
            call.output.text(f"{table.table}: {_in_words(example, names)}")
    verdict = "what is published is what the stored messages amount to" if found.holds else "there are differences"
    call.output.text(f"run {found.run_seq}: {verdict}", style="bold")


def _in_words(example: Difference, names: dict[int, str]) -> str:
    key = ", ".join(
        names[value] if name in _NUMBERS else f"{name} {_short(value)}" for name, value in example.key.items()
    )
    was, should_be = example.published or {}, example.expected or {}
    if not was or not should_be:
        return f"{example.kind}: {key}"
    changed = [name for name in should_be if was.get(name) != should_be[name]]
    return f"{example.kind}: {key}: {', '.join(_changes(changed, was, should_be))}"


def _changes(names: Iterable[str], was: dict[str, Any], should_be: dict[str, Any]) -> Iterable[str]:
    return (f"{name} is {_short(was.get(name))}, should be {_short(should_be[name])}" for name in names)


def _short(value: Any) -> str:
    return bytes(value).hex()[:16] if isinstance(value, bytes | bytearray) else cell(value)
