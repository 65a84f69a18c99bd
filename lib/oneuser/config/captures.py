"""What the identifiers that sources capture and the declared identifier types say about each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from oneuser.config.base import Place
from oneuser.config.identity import IdType, undeclared
from oneuser.config.sources import Derived, Source

# others would take a hash for something else, or bring two of them to one form
NORMALISERS_OF_HASHES = ("none", "trim", "lower")
_NORMALISERS_OF_EMAILS = ("email", "uid2_email")


def capture_problems(sources: Mapping[str, Source], id_types: Mapping[str, IdType]) -> Iterator[tuple[Place, str]]:
    """Every identifier whose type is not declared or that cannot be derived as it says: where, and why."""
    for name, source in sources.items():
        below = ("mapping",) if source.mapping else ()
        declared = source.mapping.identifiers if source.mapping else source.identifiers
        captured = captured_types(source)
        for id_type, places in declared.items():
            place: Place = ("sources", name, *below, "identifiers", id_type)
            if id_type not in id_types:
                yield place, undeclared(id_type, id_types)
                continue
            for number, one in enumerate(places if isinstance(places, tuple) else (places,)):
                if isinstance(one, Derived):
                    at = (*place, number) if isinstance(places, tuple) else place
                    for text in _derivation_problems(id_type, one, id_types, captured):
                        yield (*at, "derive"), text


def captured_types(source: Source) -> Collection[str] | None:
    """Types that a source captures itself; null where only its messages can tell: presets and external ids."""
    if source.mapping is None or source.mapping.external_ids is not None:
        return None
    return {
        id_type
        for id_type, places in source.mapping.identifiers.items()
        for one in (places if isinstance(places, tuple) else (places,))
        if not isinstance(one, Derived)
    }


def _derivation_problems(
    id_type: str, derived: Derived, id_types: Mapping[str, IdType], captured: Collection[str] | None
) -> Iterator[str]:
    origin = derived.derive.from_type
    if origin not in id_types:
        yield undeclared(origin, id_types)
        return
    if origin == id_type:
        yield "an identifier is derived from one of another type"
    elif captured is not None and origin not in captured:
        yield f"this mapping captures no {origin} that it could be derived from"
    if derived.derive.transform == "uid2" and id_types[origin].normaliser not in _NORMALISERS_OF_EMAILS:
        yield f"uid2 is made of e-mail addresses: {origin} needs the normaliser email"
    if id_types[id_type].normaliser not in NORMALISERS_OF_HASHES:
        yield f"the normaliser of {id_type} takes no hashes: use {', '.join(NORMALISERS_OF_HASHES)}"
