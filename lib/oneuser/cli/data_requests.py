"""Verbs about what people ask of their data: privacy erase, suppress, unsuppress, cancel, package, prove, status."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from oneuser.cli.local_paths import folder_to_make, require_folder, require_local_paths, say_made
from oneuser.cli.progress import StageProgress
from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import ConfigError

if TYPE_CHECKING:
    from oneuser.api.answers import RequestState
    from oneuser.exports.packages import PackageFormat
    from oneuser.inspection.erasure_preview import Preview
    from oneuser.privacy.requests import Action, Scope

privacy_app = typer.Typer(help="What people ask about their data.", no_args_is_help=True)

_NOT_DONE = {
    "unknown": "so nothing was erased: nothing of what it names is stored",
    "unowned": "so nothing was erased: what it names is nobody's",
    "ambiguous": "so nobody was erased: several people share what it names; name what is one person's alone",
}
_MOST_SHOWN = 5
_REQUESTS = Annotated[list[Path], typer.Argument(metavar="REQUEST...", help="OpenDSR files, or folders of them.")]
_SCOPE = Annotated[
    str | None,
    typer.Option(help="connected (the person) or exact (what is named), where a request does not say it itself."),
]
_YES = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    examples = [
        "oneuser privacy erase request.json --scope connected --dry-run",
        "oneuser privacy erase requests/ --yes",
        "oneuser privacy erase request.json --yes --purge-now",
    ]
    verb(privacy_app, "erase", examples=examples)(erase)
    verb(privacy_app, "suppress", examples=["oneuser privacy suppress request.json --yes"])(suppress)
    verb(privacy_app, "unsuppress", examples=["oneuser privacy unsuppress request.json --scope connected --yes"])(
        unsuppress
    )
    examples = [
        "oneuser privacy package request.json --to packages",
        "oneuser privacy package requests/ --to packages --format csv",
    ]
    verb(privacy_app, "package", examples=examples)(package)
    verb(privacy_app, "prove", examples=["oneuser privacy prove request.json"])(prove)
    verb(privacy_app, "cancel", examples=["oneuser privacy cancel 4711 --yes"])(cancel)
    verb(privacy_app, "status", examples=["oneuser privacy status", "oneuser privacy status 4711 --json"])(status)
    app.add_typer(privacy_app, name="privacy")


def erase(
    call: Call,
    requests: _REQUESTS,
    scope: _SCOPE = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    yes: _YES = False,
    purge_now: Annotated[
        bool, typer.Option("--purge-now", help="Remove old versions and files at once, search what is left, and close.")
    ] = False,
) -> None:
    """Erase people: a run without them is published, and nothing that was published before can be read any more.

    Replayed input brings nothing back. Files go with the next `maintain`, or at once with --purge-now; then every file
    is searched for what was erased, and the receipt is written. After a crash, the same command continues.
    """
    wanted = _scope(scope)
    require_folder(call.config.warehouse)
    if dry_run:
        from oneuser.api.answers import preview

        found = preview(call.config, requests, scope=wanted)
        call.output.document(asdict(found))
        _show_preview(call, found)
        return
    _answer(call, requests, "erase", wanted, yes=yes, purge_now=purge_now)


def suppress(call: Call, requests: _REQUESTS, *, yes: _YES = False) -> None:
    """Take nothing in any more that carries the identifiers that are named; stored messages stay.

    Files of links, members and subscriptions are read again: records that name one of them go with the run that takes
    the request in.
    """
    _answer(call, requests, "suppress", None, yes=yes)


def unsuppress(
    call: Call,
    requests: _REQUESTS,
    scope: Annotated[
        str | None,
        typer.Option(
            help="exact (what is named), or connected: all that the erasure of what is named has suppressed. "
            "Default exact, where a request does not say it itself."
        ),
    ] = None,
    *,
    yes: _YES = False,
) -> None:
    """Take in again what carries the identifiers that are named: from now on, and under a new User ID.

    A message that carries another identifier of the person is taken in only where that is suppressed no longer, too:
    for somebody who comes back, use --scope connected, with something of theirs that is suppressed still.
    """
    _answer(call, requests, "unsuppress", _scope(scope), yes=yes)


def cancel(
    call: Call,
    request_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Requests.")],
    *,
    yes: _YES = False,
) -> None:
    """Take requests back that no run has begun with. What is erased already cannot be had back."""
    require_folder(call.config.warehouse)
    _confirm(call, yes=yes, what=f"this cancels {len(request_ids)} requests for good")
    from oneuser.api.answers import cancel as cancel_requests

    _show_states(call, cancel_requests(call.config, request_ids))


def status(
    call: Call, request_id: Annotated[str | None, typer.Argument(metavar="ID", help="A request; default all.")] = None
) -> None:
    """Show how far requests are, and the receipt of those that are completed."""
    require_folder(call.config.warehouse)
    from oneuser.api.answers import request_states

    _show_states(call, request_states(call.config, request_id))


def prove(call: Call, requests: _REQUESTS) -> None:
    """Look for what completed erasures have taken: in rows that readers see, and in every file.

    Exit code 1 where a row or a file holds it that should not, and where all that a request names is too short to be
    searched for.
    """
    require_folder(call.config.warehouse)
    from oneuser.api.proofs import prove as prove_again

    proofs = prove_again(call.config, requests)
    call.output.document([asdict(one) | {"holds": one.holds} for one in proofs])
    columns = [
        "request",
        "rows left",
        "files searched",
        "files that hold a value",
        "files of others that do",
        "too short",
    ]
    call.output.table(
        columns,
        [
            [
                one.request_id, sum(one.rows_left.values()), one.n_files, len(one.left), one.n_files_of_others,
                f"{one.n_values_too_short} of {one.n_values}",
            ]
            for one in proofs
        ],
    )  # fmt: skip
    for path in sorted({path for one in proofs for path in one.left}):
        call.output.text(path, style="yellow")
    for one in proofs:
        for table, n_rows in sorted(one.rows_left.items()):
            call.output.text(f"{one.request_id}: {n_rows} rows of {table} are still about it", style="yellow")
        if one.n_values_too_short == one.n_values:
            call.output.warning(f"{one.request_id}: nothing was searched for in files: all that it names is too short")
    if not all(one.holds for one in proofs):
        raise typer.Exit(1)


def package(
    call: Call,
    requests: _REQUESTS,
    to: Annotated[Path, typer.Option(help="Where the folders go, one for each request; not in the warehouse.")],
    format: Annotated[str, typer.Option(help="jsonl, or csv for CSV beside it.")] = "jsonl",  # noqa: A002 - an option
) -> None:
    """Write what is published about a person to a folder, for themselves: of type portability or access.

    Values that are not theirs alone are masked in the texts of messages. Keep the folder safe: it holds personal data.
    Exit code 1 where a request names nobody, or several people; the others have their folders.
    """
    if format not in ("jsonl", "csv"):
        raise ConfigError.single("--format", "expected jsonl or csv")
    require_folder(call.config.warehouse)
    from oneuser.api.answers import package as write_packages

    made = folder_to_make(to / "package")
    found = write_packages(call.config, requests, to=to, format=cast("PackageFormat", format))
    call.output.document([asdict(one) for one in found])
    columns = ["request", "outcome", "rows", "folder"]
    if to.is_dir():
        say_made(call.output, made)
    call.output.table(columns, [[one.request_id, one.outcome, sum(one.rows.values()), one.folder] for one in found])
    if any(one.folder is None for one in found):
        raise typer.Exit(1)


def _answer(
    call: Call, requests: list[Path], action: Action, scope: Scope | None, *, yes: bool, purge_now: bool = False
) -> None:
    config = call.config
    require_folder(config.warehouse)
    require_local_paths(config, call.find_config(), call.overrides, reads_input=True)
    from oneuser.api.answers import answer_requests, load_requests
    from oneuser.api.jobs import start_session_for_one_job

    asked = load_requests(config, requests, action=action, scope=scope)
    what = "cannot be undone" if action == "erase" else "changes what is taken in"
    looks = ", or look first with --dry-run" if action == "erase" else ""
    _confirm(
        call, yes=yes, what=f"{action} for {len(asked)} requests in {config.warehouse}: this {what}", else_try=looks
    )
    spark = start_session_for_one_job(config)
    with StageProgress(spark, call.output) as progress:
        states = answer_requests(
            config, requests, action=action, scope=scope, purge_now=purge_now, spark=spark, listener=progress
        )
    _show_states(call, states)
    closed = [one.request_id for one in states if one.was_closed]
    if closed:
        more = f" and {len(closed) - _MOST_SHOWN} more" if len(closed) > _MOST_SHOWN else ""
        shown = ", ".join(closed[:_MOST_SHOWN]) + more
        call.output.note(f"answered before, so nothing was done for {shown}: another request needs an id of its own")
    for one in states:
        outcome = _outcome(one)
        if outcome == "unknown" and one.facts["scope"] == "exact" and not one.was_closed:
            call.output.note(f"{one.request_id}: {outcome}, {_NOT_DONE['unknown']}; it is suppressed, as `exact` says")
        elif outcome not in (None, "done") and not one.was_closed:
            call.output.note(f"{one.request_id}: {outcome}, {_NOT_DONE.get(str(outcome), 'so nothing was done')}")
    if any(one.state == "in_progress" for one in states):
        call.suggest("next: `oneuser maintain` removes the files of earlier runs and writes the receipts")


def _confirm(call: Call, *, yes: bool, what: str, else_try: str = "") -> None:
    """Ask whether to go on, unless that was said.

    Raises:
        ConfigError: where nobody can be asked.
    """
    if yes:
        return
    if call.output.as_json or not call.output.err.is_terminal:
        raise ConfigError.single("--yes", f"{what}: confirm it with --yes{else_try}")
    typer.confirm(f"{what}. Go on?", abort=True, err=True)


def _scope(text: str | None) -> Scope | None:
    from oneuser.privacy.requests import Scope

    if text is not None and text not in get_args(Scope):
        raise ConfigError.single("--scope", "expected connected or exact")
    return cast("Scope | None", text)


def _show_states(call: Call, states: list[RequestState]) -> None:
    call.output.document([{**one.facts, "receipt": one.receipt} for one in states])
    columns = ["request", "action", "scope", "state", "run", "outcome", "messages", "identifiers", "User IDs"]
    call.output.table(columns, [_shown(one) for one in states])


def _outcome(one: RequestState) -> object:
    """What came of a request; null before a run has taken it in."""
    return (one.receipt or one.facts).get("outcome")


def _shown(one: RequestState) -> list[object]:
    """A request as a row of a table."""
    facts = [one.request_id, one.facts["action"], one.facts["scope"], one.state, one.facts.get("run")]
    erased = (one.receipt or {"erased": {}})["erased"]
    return [*facts, _outcome(one), *(erased.get(name) for name in ("messages", "identifiers", "user_ids"))]


def _show_preview(call: Call, found: Preview) -> None:
    call.output.table(["table", "rows that would go"], sorted(found.rows.items()))
    call.output.facts(
        {
            "requests": found.n_requests,
            "requests that name nobody": ", ".join(found.unknown) or None,
            "requests that name what is nobody's": ", ".join(found.unowned) or None,
            "requests that name only what several people share, and erase nobody": ", ".join(found.ambiguous) or None,
            "requests that erase several people": ", ".join(found.several) or None,
            "requests that a run has taken in before, of which nothing is done": ", ".join(found.answered) or None,
            "open requests that the same run takes in": ", ".join(found.others) or None,
            "messages": found.n_messages,
            "identifiers": found.n_identifiers,
            "identifiers that others share": found.n_identifiers_kept,
            "User IDs": found.n_user_ids,
        }
    )
    call.output.text("nothing was changed", style="bold")
