"""Verbs about people: lookup, explain. Identifiers are masked, but for those that the user typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import OneUserError

if TYPE_CHECKING:
    from oneuser.inspection.explanation import Explanation
    from oneuser.inspection.lookup import Identity

Unmasked = Annotated[bool, typer.Option("--unmasked", help="Show identifiers as they are.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    examples = ["oneuser lookup email:ann@example.com", "oneuser lookup usr_... --json"]
    verb(app, "lookup", examples=examples, reads=True)(lookup)
    examples = ["oneuser explain usr_...", "oneuser explain email:ann@example.com user_id:1042"]
    verb(app, "explain", examples=examples, reads=True)(explain)


def lookup(
    call: Call,
    thing: Annotated[str | None, typer.Argument(help="A User ID, or an identifier as TYPE:VALUE.")] = None,
    id_type: Annotated[str | None, typer.Option("--type", help="Type of the identifier, such as email.")] = None,
    value: Annotated[str | None, typer.Option(help="The identifier.")] = None,
    user_id: Annotated[str | None, typer.Option(help="A User ID, be it retired.")] = None,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Find the person behind an identifier or a User ID."""
    warehouse = call.ask()
    found = warehouse.lookup(thing, type=id_type, value=value, user_id=user_id, unmasked=unmasked)
    id_type = id_type or (thing or "").partition(":")[0].strip()
    where = f"{warehouse.tables.root}, run {warehouse.rows.publication.run_seq}"
    if found.status == "unowned":
        raise OneUserError(
            found=f"this {id_type} is stored, and nobody's",
            expected="an identifier that belongs to a person",
            where=where,
            next_step=f"`oneuser explain {id_type}:VALUE` says why, such as that it is blocked or too many share it",
        )
    if found.status == "unknown":
        raise OneUserError(
            found=f"nobody has this {id_type}",
            expected="an identifier that an accepted message carried",
            where=where,
            next_step="check type and spelling; `oneuser status` says what readers see",
        )
    call.output.document(found)
    _show_identity(call, found)


def explain(
    call: Call,
    a: Annotated[str, typer.Argument(help="A User ID, or an identifier as TYPE:VALUE.")],
    b: Annotated[str | None, typer.Argument(help="Another one: shows what lies between the two.")] = None,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Say why identifiers belong to a person; of two of them, by which chain of edges, or which refusals prevent it.

    One thing: its identifiers and edges, what became of its User ID in which run, who owns its contested identifiers
    when, and which refused edges keep others apart from it. Two things: the shortest chain of edges; where there is
    none, the one with the fewest refused edges, each with the rule that refuses it and the first run that did.
    """
    found = call.ask().explain(a, b, unmasked=unmasked)
    call.output.document(found)
    call.output.text(found.verdict, style="bold")
    if found.b is None:
        _show_identity(call, found.a)
    else:
        call.output.facts({"a": found.a.user_id, "b": found.b.user_id})
    show = (_show_edges, _show_changes, _show_owners, _show_refusals)
    for part, rows in zip(show, (found.edges, found.changes, found.owners, found.refusals), strict=True):
        if rows:
            part(call, found)


def _show_identity(call: Call, found: Identity) -> None:
    call.output.facts(
        {
            "user": found.user_id,
            "status": found.status,
            "retired id": found.retired_id,
            "kind": found.kind,
            "account": found.account_id,
            "other accounts": ", ".join(other for other in found.account_ids if other != found.account_id) or None,
            "first seen": found.first_seen_at,
            "last seen": found.last_seen_at,
        }
    )
    if found.identifiers:
        call.output.table(
            ["type", "value", "events", "first seen", "last seen", "contested"],
            [
                [
                    known.id_type,
                    known.value,
                    known.n_events,
                    known.first_seen_at,
                    known.last_seen_at,
                    known.is_contested,
                ]
                for known in found.identifiers
            ],
        )


def _show_edges(call: Call, found: Explanation) -> None:
    rows = [
        [e.a, e.b, e.source, e.n_events, e.first_event_time, e.last_event_time, e.refused_by, e.refused_since]
        for e in found.edges
    ]
    columns = ["from", "to", "source", "events", "first", "last"]
    is_any_refused = any(edge.refused_by for edge in found.edges)
    columns += ["refused by", "since run"] if is_any_refused else []
    call.output.table(columns, [row[: len(columns)] for row in rows])


def _show_changes(call: Call, found: Explanation) -> None:
    call.output.table(
        ["run", "change", "user", "other user", "by the edge from", "to"],
        [[c.run_seq, c.change, c.user_id, c.other_user_id, c.edge_a, c.edge_b] for c in found.changes],
    )


def _show_owners(call: Call, found: Explanation) -> None:
    call.output.table(
        ["contested", "owner", "from", "until"],
        [[o.identifier, o.user_id or "nobody", o.valid_from or "the beginning", o.valid_to] for o in found.owners],
    )


def _show_refusals(call: Call, found: Explanation) -> None:
    call.output.table(
        ["refused by", "since run", "own", "other", "user of the other", "last"],
        [[r.rule, r.since_run, r.a, r.b, r.other_user_id, r.last_event_time] for r in found.refusals],
    )
