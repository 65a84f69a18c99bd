"""Verbs about people: lookup, explain. Identifiers are masked, but for those that the user typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import OneUserError

if TYPE_CHECKING:
    from oneuser.pipeline.explain import ShownEdge
    from oneuser.pipeline.lookup import Identity

Unmasked = Annotated[bool, typer.Option("--unmasked", help="Show identifiers as they are.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    examples = ["oneuser lookup --type email --value ann@example.com", "oneuser lookup --user-id usr_... --json"]
    verb(app, "lookup", examples=examples, reads=True)(lookup)
    examples = ["oneuser explain usr_...", "oneuser explain email:ann@example.com user_id:1042"]
    verb(app, "explain", examples=examples, reads=True)(explain)


def lookup(
    call: Call,
    id_type: Annotated[str | None, typer.Option("--type", help="Type of the identifier, such as email.")] = None,
    value: Annotated[str | None, typer.Option(help="The identifier.")] = None,
    user_id: Annotated[str | None, typer.Option(help="A User ID, be it retired.")] = None,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Find the person behind an identifier or a User ID."""
    warehouse = call.open()
    found = warehouse.lookup(type=id_type, value=value, user_id=user_id, unmasked=unmasked)
    if found.status == "unknown":
        raise OneUserError(
            found=f"nobody has this {id_type}",
            expected="an identifier that an accepted message carried",
            where=f"{warehouse.warehouse.root}, run {warehouse.published.publication.run_seq}",
            next_step="check type and spelling; `oneuser status` says what readers see",
        )
    call.output.document(found)
    _show_identity(call, found)


def explain(
    call: Call,
    a: Annotated[str, typer.Argument(help="A User ID, or an identifier as TYPE:VALUE.")],
    b: Annotated[str | None, typer.Argument(help="Another one: shows the chain of edges between the two.")] = None,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Say why identifiers belong to a person, or by which chain of edges two of them do."""
    found = call.open().explain(a, b, unmasked=unmasked)
    call.output.document(found)
    call.output.text(found.verdict, style="bold")
    if found.b is None:
        _show_identity(call, found.a)
    else:
        call.output.facts({"a": found.a.user_id, "b": found.b.user_id})
    if found.edges:
        _show_edges(call, found.edges)
    if found.changes:
        call.output.table(
            ["run", "change", "user", "other user"],
            [[c.run_seq, c.change, c.user_id, c.other_user_id] for c in found.changes],
        )


def _show_identity(call: Call, found: Identity) -> None:
    call.output.facts(
        {
            "user": found.user_id,
            "status": found.status,
            "retired id": found.retired_id,
            "kind": found.kind,
            "account": found.account_id,
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


def _show_edges(call: Call, edges: list[ShownEdge]) -> None:
    call.output.table(
        ["from", "to", "source", "events", "first", "last"],
        [[e.a, e.b, e.source, e.n_events, e.first_event_time, e.last_event_time] for e in edges],
    )
