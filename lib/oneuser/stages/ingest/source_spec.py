"""What the configuration says of a source, as the parser takes it. Loads no Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.events.mapping import load_preset, read_mapping, with_identifiers
from oneuser.events.parse import paths_of
from oneuser.events.spec import Limits, SourceSpec, id_type_specs
from oneuser.stages.ingest.credible_times import earliest_time

if TYPE_CHECKING:
    from oneuser.config import Config


def source_spec(config: Config, name: str) -> SourceSpec:
    """What the parser has to know about a source."""
    source = config.sources[name]
    if source.mapping is not None:
        mapping = read_mapping(source.mapping.model_dump(exclude_none=True, by_alias=True), is_table=source.is_table)
    else:
        further = source.model_dump(include={"identifiers"}, exclude_none=True, by_alias=True)["identifiers"]
        mapping = with_identifiers(load_preset(source.preset or "segment"), further, is_table=source.is_table)
    limits = config.ingest
    return SourceSpec(
        name=name,
        id_space=source.id_space or name,
        mapping=mapping,
        id_types=tuple(id_type_specs(config.identity.id_types).values()),
        root=tuple(source.root.split(".")) if source.root else (),
        previous_id_type=config.identity.alias.previous_id_type,
        is_table=source.is_table,
        decimal=source.decimal,
        limits=Limits(limits.max_line_bytes, limits.max_depth, limits.max_traits, earliest_time(config)),
    )


def names_of_identifiers(config: Config) -> frozenset[str]:
    """The last keys of all places where sources are said to have identifiers."""
    mappings = [source_spec(config, name).mapping for name in config.sources]
    places = [place for one in mappings for place in (*(part for _, part in one.identifiers), one.previous_id)]
    return frozenset(keys[-1] for place in places for keys in paths_of(place) if keys)
