"""Identities that requests name, by the keyed hashes that they are stored under, or would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.events.normalise import make_normalisers
from oneuser.events.spec import id_type_specs
from oneuser.stages.ingest.stored_keys import keys_of_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.privacy.requests import Request
    from oneuser.stages.context import RunContext


class Spelling(NamedTuple):
    """An identity of a request: its type, as it was written, in its normal form, and which key version hashed it.

    A request may write it in several ways.
    """

    id_type: str
    written: frozenset[str]
    normal: str
    key_id: str


# by request, identities by their keyed hash
Spellings = Mapping[str, Mapping[bytes, Spelling]]


def spell_out(ctx: RunContext, requests: Sequence[Request]) -> Spellings:
    """The identities of each request by the keyed hashes that they are stored under, or would be.

    Without those that can be none of their type.

    Raises:
        ConfigError: naming every request with a type that is declared no longer: nobody could tell whom it is about.
    """
    undeclared = {(one.request_id, named.id_type) for one in requests for named in one.identities}
    undeclared = {(name, id_type) for name, id_type in undeclared if id_type not in ctx.config.identity.id_types}
    if undeclared:
        problems = [
            ConfigProblem(f"request {name!r}", f"names a {id_type}, which is declared no longer", code="config.usage")
            for name, id_type in sorted(undeclared)
        ]
        raise ConfigError(
            problems,
            next_step="declare it again under `identity.id_types`, or take the request back: `oneuser privacy cancel`",
        )
    normalisers = make_normalisers(id_type_specs(ctx.config.identity.id_types))
    read = [
        (request.request_id, named, normal)
        for request in requests
        for named in request.identities
        if (normal := normalisers[named.id_type](named.value)) is not None
    ]
    stored = keys_of_named(ctx, {(named.id_type, normal) for _, named, normal in read})
    found: dict[str, dict[bytes, Spelling]] = {request.request_id: {} for request in requests}
    for request_id, named, normal in read:
        key_id, key = stored[(named.id_type, normal)]
        before = found[request_id].get(key)
        written = {named.value} | (before.written if before else set())
        found[request_id][key] = Spelling(named.id_type, frozenset(written), normal, key_id)
    return found
