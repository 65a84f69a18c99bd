"""Manual rules as pairs of normalised identifiers, before they have numbers. Loads no Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from oneuser.config.manual_rules import Action
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.keyed import Keys
from oneuser.events.identifiers import Identifier, IdentifierReader
from oneuser.events.spec import id_type_specs

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.config.rules import RuleSections

_KEY = "identity.manual_rules"
# equal values have equal hashes whatever the secret: enough to compare rules with each other before there is one
_NO_SECRETS = Keys(deployment="", key_id="", identifiers=b"", messages=b"", minting=b"")


class ManualPair(NamedTuple):
    """A rule in normalised form, the ends in the order of the file."""

    action: Action
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


def normalised_rules(config: Config | RuleSections, keys: Keys) -> list[ManualPair]:
    """The rules of the configuration, each pair once, in the order of the file.

    Raises:
        ConfigError: as `check_manual_rules`.
    """
    specs = id_type_specs(config.identity.id_types)
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
