"""The rules that hold in a simulated run: sections of a configuration, changed by lines of the text."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from oneuser.config.base import Section
from oneuser.config.document import Document, apply_overrides, child_of, read_document
from oneuser.config.load import checked, read_file, read_values
from oneuser.config.rules import RuleSections
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.identifier_text import no_such_type
from oneuser.core.reasons import Reason
from oneuser.events.identifiers import Identifier, IdentifierReader
from oneuser.events.normalise import make_normaliser
from oneuser.events.spec import id_type_specs
from oneuser.privacy.keys import read_keys
from oneuser.simulation.line_statements import Block, Setting
from oneuser.simulation.world import ManualRule
from oneuser.stages.graph.manual_pairs import normalised_rules
from oneuser.stages.identity_rules import blocked_patterns, blocked_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.config.base import Place

# names and ties of a simulation are the same on every machine; it keeps nothing that a secret would have to protect
KEY_FILE = f"simulate {'5a' * 32}\n"
DEPLOYMENT = "simulate"
KEYS = read_keys(KEY_FILE, deployment=DEPLOYMENT)
RulesSource = Section | Mapping[str, Any] | str | Path
_SECTIONS = tuple(RuleSections.model_fields)
_PATTERN = "re:"
_NEXT_STEP = "`oneuser simulate --show-rules` shows the rules that a text begins with"


def default_rules() -> str:
    """The built-in rules, as YAML."""
    return resources.files("oneuser.simulation").joinpath("default_rules.yaml").read_text(encoding="utf-8")


def load_rules(config: RulesSource | None, overrides: Sequence[str] = ()) -> Document:
    """The sections of a configuration that matter here; the built-in ones where there is none.

    Raises:
        ConfigError: with every problem in these sections. The others are not looked at.
    """
    if config is None:
        document = read_document(default_rules(), file="the built-in rules")
        apply_overrides(document, overrides)
    elif isinstance(config, str | Path):
        document = read_file(config, overrides)
    else:
        values = config.model_dump(mode="json", by_alias=True) if isinstance(config, Section) else dict(config)
        document = read_values(values, overrides)
    document.values = {name: value for name, value in document.values.items() if name in _SECTIONS}
    document.problems = [p for p in document.problems if not p.key or re.split(r"[.\[]", p.key)[0] in _SECTIONS]
    checked(document, RuleSections)
    return document


def show_rules(config: RulesSource | None, overrides: Sequence[str] = ()) -> str:
    """Rules as YAML: the built-in ones as they are written, others with every default written out.

    Raises:
        ConfigError: as `load_rules`.
    """
    if config is None and not overrides:
        return default_rules()
    sections = checked(load_rules(config, overrides), RuleSections)
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # keys stay in the model's order
    text = io.StringIO()
    yaml.dump(sections.model_dump(mode="json", exclude_none=True), text)
    return text.getvalue()


class Rulebook:
    """Rules that change from run to run.

    Args:
        base: What a text begins with, as `load_rules` gives it.
        file: The text's name, for problems.
    """

    def __init__(self, base: Document, *, file: str | None) -> None:
        self._document = Document(copy.deepcopy(base.values), file=file)
        self._checked = checked(self._document, RuleSections)
        self._readers = _readers(self._checked)

    @property
    def sections(self) -> RuleSections:
        """The rules that hold now."""
        return self._checked

    @property
    def id_types(self) -> list[str]:
        """Declared types."""
        return list(self._readers)

    def read(self, id_type: str, value: str) -> Identifier | Reason:
        """An identifier, normalised, or the code that says why it is none.

        Raises:
            KeyError: for a type that is not declared.
        """
        return self._readers[id_type].read(value) or Reason.ID_TYPE

    def change(self, statements: Iterable[Setting | Block]) -> None:
        """Apply the rules of a run, in order.

        Raises:
            ConfigError: naming the lines whose values cannot be.
        """
        problems: list[ConfigProblem] = []
        line = None
        for statement in statements:
            line = statement.line
            if isinstance(statement, Setting):
                for place, value in statement.values.items():
                    self._put(place, value, statement.line)
            else:
                problems += self._block(statement)
        if problems:
            raise ConfigError(problems, next_step=_NEXT_STEP)
        try:
            self._checked = checked(self._document, RuleSections)
        except ConfigError as refused:
            # what contradicts a rule of the configuration has no line of its own
            found = [replace(problem, line=problem.line or line) for problem in refused.problems]
            raise ConfigError(found, next_step=_NEXT_STEP) from None
        self._readers = _readers(self._checked)

    def manual_rules(self) -> list[ManualRule]:
        """The pairs of the configuration's file of manual rules.

        Raises:
            ConfigError: where a value cannot be one of its type, or two lines contradict each other.
        """
        return [ManualRule(pair.action, pair.a, pair.b, pair.reason) for pair in normalised_rules(self.sections, KEYS)]

    def blocked_among(self, identifiers: Iterable[Identifier]) -> frozenset[Identifier]:
        """Those whose value is blocked."""
        id_types = self.sections.identity.id_types
        exact = blocked_values(id_types)
        patterns = blocked_patterns(id_types)
        return frozenset(
            found
            for found in identifiers
            if found.value in exact.get(found.id_type, ())
            or (found.id_type in patterns and _is_found(found.value, patterns[found.id_type]))
        )

    def _put(self, place: Place, value: Any, line: int) -> None:
        holder: Any = self._document.values
        for depth, part in enumerate(place[:-1], start=1):
            below = child_of(holder, part)
            if not isinstance(below, dict):
                below = holder[part] = {}
                self._document.lines[place[:depth]] = line
            holder = below
        holder[place[-1]] = value
        self._document.lines[place] = line

    def _block(self, statement: Block) -> list[ConfigProblem]:
        id_type, value = statement.named.id_type, statement.named.value
        if id_type not in self._document.values["identity"]["id_types"]:
            return [unknown_type(id_type, self.id_types, statement.line, self._document.file)]
        place: Place = ("identity", "id_types", id_type, "blocked")
        entries = list(self._document.value_at(place) or ())
        if statement.is_on:
            self._put(place, [*entries, value], statement.line)
            return []
        form = self._form(id_type, value)
        kept = [entry for entry in entries if self._form(id_type, str(entry)) != form]
        if len(kept) == len(entries):
            text = "the value is not blocked: expected one of a `block` line above, or of the configuration"
            return [ConfigProblem("unblock", text, file=self._document.file, line=statement.line)]
        self._put(place, kept, statement.line)
        return []

    def _form(self, id_type: str, entry: str) -> str | None:
        if entry.startswith(_PATTERN) or id_type not in self._readers:
            return entry
        return make_normaliser(id_type_specs(self.sections.identity.id_types)[id_type])(entry)


def unknown_type(id_type: str, known: Collection[str], line: int, file: str | None) -> ConfigProblem:
    """The problem of a type that nothing declares."""
    return ConfigProblem("", f"{no_such_type(id_type, known)}; `rule` declares others", file=file, line=line)


def _readers(sections: RuleSections) -> dict[str, IdentifierReader]:
    return {
        name: IdentifierReader(spec, KEYS, is_table=False)
        for name, spec in id_type_specs(sections.identity.id_types).items()
    }


def _is_found(value: str, patterns: Sequence[str]) -> bool:
    """Whether one of some expressions is found in a value."""
    # Arrow takes its time to load, and most rules have no expressions
    import pyarrow as pa

    from oneuser.core.linear_patterns import found_in

    return bool(found_in(pa.array([value]), patterns)[0].as_py())
