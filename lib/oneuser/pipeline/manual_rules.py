"""Manual rules: the pairs that a file includes or excludes, normalised, and by the numbers of their identifiers.

Reads   identifiers   one row per identifier ever seen
Yields  one row per rule both of whose identifiers have been seen
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.keyed import Keys
from oneuser.events.identifiers import Identifier, IdentifierReader
from oneuser.pipeline.access import id_type_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

    from oneuser.core.config import Config
    from oneuser.pipeline.context import RunContext

MANUAL_RULES_DDL = "action string, src bigint, dst bigint, reason string"
_KEYS_DDL = "id_type string, id_key binary"
_KEY = "identity.manual_rules"
# equal values have equal hashes whatever the secret: enough to compare rules with each other before there is one
_NO_SECRETS = Keys(deployment="", key_id="", identifiers=b"", messages=b"", minting=b"")


class ManualPair(NamedTuple):
    """A rule in normalised form, the ends in the order of the file."""

    action: str
    a: Identifier
    b: Identifier
    reason: str


def check_manual_rules(config: Config) -> None:
    """Look at the rules as a run would take them. Starts no Spark.

    Raises:
        ConfigError: naming each line whose value cannot be one of its type, whose ends are one identifier, or that
            contradicts an earlier one.
    """
    normalised_rules(config, _NO_SECRETS)


def normalised_rules(config: Config, keys: Keys) -> list[ManualPair]:
    """The rules of the configuration, each pair once, in the order of the file.

    Raises:
        ConfigError: as `check_manual_rules`.
    """
    specs = id_type_rules(config)
    readers = {name: IdentifierReader(spec, keys, is_table=False) for name, spec in specs.items()}
    pairs: dict[frozenset[Identifier], tuple[int, ManualPair]] = {}
    problems: list[ConfigProblem] = []

    def refuse(line: int, text: str) -> None:
        problems.append(ConfigProblem(_KEY, text, file=config.identity.manual_rules, line=line))

    for rule in config.identity.manual_pairs:
        a, b = readers[rule.id_type_a].read(rule.id_value_a), readers[rule.id_type_b].read(rule.id_value_b)
        for name, id_type, end in (("id_value_a", rule.id_type_a, a), ("id_value_b", rule.id_type_b, b)):
            if not isinstance(end, Identifier):
                refuse(rule.line, f"{name} cannot be a value of {id_type} ({end})")
        if not isinstance(a, Identifier) or not isinstance(b, Identifier):
            continue
        if a == b:
            refuse(rule.line, "both ends are the same identifier")
            continue
        pair = ManualPair(rule.action, a, b, rule.reason)
        first_line, first = pairs.setdefault(frozenset((a, b)), (rule.line, pair))
        if first.action != rule.action:
            refuse(rule.line, f"{rule.action}s a pair that line {first_line} {first.action}s")
    if problems:
        raise ConfigError(problems, next_step="mend the file of manual rules and try again")
    return [pair for _, pair in pairs.values()]


def manual_rule_rows(ctx: RunContext) -> DataFrame | None:
    """The rules by the numbers of their identifiers; null where no rule has an effect.

    A pair one of whose identifiers was never seen, in an event or a link, has none: the figure `manual_rules_unmatched`
    counts them. Runs one job, over the keys of all identifiers. No value stands in a plan.

    Returns:
        `action` (include or exclude), `src`, `dst` (src < dst), `reason`; each pair once.
    """
    pairs = normalised_rules(ctx.config, ctx.keys)
    if not pairs:
        return None
    numbers = _numbers(ctx, pairs)
    rows = sorted(_numbered(pairs, numbers))
    ctx.figure("manual_rules", len(pairs))
    ctx.figure("manual_rules_unmatched", len(pairs) - len(rows))
    return ctx.spark.createDataFrame(rows, MANUAL_RULES_DDL) if rows else None


def _numbers(ctx: RunContext, pairs: list[ManualPair]) -> dict[tuple[str, bytes], int]:
    ends = {(end.id_type, end.key) for pair in pairs for end in (pair.a, pair.b)}
    wanted = ctx.spark.createDataFrame([(id_type, bytearray(key)) for id_type, key in sorted(ends)], _KEYS_DDL)
    seen = ctx.read(IDENTIFIERS).join(F.broadcast(wanted), on=["id_type", "id_key"], how="inner")
    rows = seen.select("id_type", "id_key", "identifier_id").collect()
    return {(row["id_type"], bytes(row["id_key"])): row["identifier_id"] for row in rows}


def _numbered(pairs: list[ManualPair], numbers: dict[tuple[str, bytes], int]) -> Iterator[tuple[str, int, int, str]]:
    for pair in pairs:
        ends = sorted(numbers.get((end.id_type, end.key), 0) for end in (pair.a, pair.b))
        if all(ends):
            yield pair.action, ends[0], ends[1], pair.reason
