"""Hashed addresses: where one source carries them, the others' addresses are hashed, so that the two meet."""

from __future__ import annotations

from typing import Any

from oneuser.config.captures import NORMALISERS_OF_HASHES, captured_types
from oneuser.config.model import Config
from oneuser.config.sources import Derived, Source, Transform

_HASHES: dict[str, Transform] = {"email_sha256": "sha256", "email_md5": "md5"}


def with_hashes_of_emails(config: Config) -> Config:
    """The configuration with `{derive: {from: email, ...}}` in every source that may carry an address.

    Nothing is derived where no source, link table or file of members is declared to carry the hash, nor where a source
    says itself what it derives.
    """
    sources = dict(config.sources)
    for id_type, transform in _HASHES.items():
        if _can_be_derived(config, id_type) and _is_carried(config, id_type):
            derived = Derived.model_validate({"derive": {"from": "email", "transform": transform}})
            sources = {name: _with(source, id_type, derived) for name, source in sources.items()}
    return config if sources == config.sources else config.model_copy(update={"sources": sources})


def _can_be_derived(config: Config, id_type: str) -> bool:
    types = config.identity.id_types
    are_declared = id_type in types and "email" in types
    return are_declared and types["email"].normaliser == "email" and types[id_type].normaliser in NORMALISERS_OF_HASHES


def _is_carried(config: Config, id_type: str) -> bool:
    """Whether something is declared to hold hashes that others made. External ids show only in the messages."""
    members = config.accounts.files.members
    return (
        any(not isinstance(one, Derived) for source in config.sources.values() for one in _places(source, id_type))
        or any(id_type in (table.types or ()) for table in config.links.values())
        or (members is not None and members.id_type == id_type)
    )


def _places(source: Source, id_type: str) -> tuple[Any, ...]:
    identifiers = source.mapping.identifiers if source.mapping else source.identifiers
    places = identifiers.get(id_type, ())
    return places if isinstance(places, tuple) else (places,)


def _with(source: Source, id_type: str, derived: Derived) -> Source:
    """The source with one more identifier."""
    captured = captured_types(source)
    places = _places(source, id_type)
    if (captured is not None and "email" not in captured) or any(isinstance(one, Derived) for one in places):
        return source
    if source.mapping is None:
        return source.model_copy(update={"identifiers": {**source.identifiers, id_type: (*places, derived)}})
    identifiers = {**source.mapping.identifiers, id_type: (*places, derived)}
    return source.model_copy(update={"mapping": source.mapping.model_copy(update={"identifiers": identifiers})})
