"""Which values name people, how strongly, and which of them name nobody."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from oneuser.config.base import (
    DigitsOrText,
    FilePath,
    Flag,
    Name,
    Place,
    Positive,
    Section,
    compile_pattern,
    misplaced,
)
from oneuser.config.default_id_types import DEFAULT_ID_TYPES
from oneuser.config.manual_rules import ManualRule, read_manual_rules

Normaliser = Literal["none", "trim", "lower", "email", "uid2_email", "phone", "salesforce_id", "uuid"]
_PATTERN_PREFIX = "re:"


class IdType(Section):
    """One type of identifier.

    `priority` 1 is the strongest. `known` tells what names a person (a login, an address) from what names a device.
    Entries of `blocked` are values, or regular expressions after `re:`. `blocked_file` is a CSV: its column `value` or
    the one named like the id type counts, else its first column.
    """

    priority: Positive
    known: Flag
    unique: Flag = False
    limit: Positive | None = None
    max_persons_per_value: Positive | None = None
    normaliser: Normaliser = "trim"
    default_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    gmail: Flag = False
    blocked: tuple[DigitsOrText, ...] = ()
    blocked_file: FilePath | None = None

    # what the file held when the configuration was loaded: a later change of the file is a change of configuration
    _from_file: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def blocked_values(self) -> frozenset[str]:
        """Blocked values, those of the file among them, as written: the id type's normaliser is still to be applied."""
        return frozenset(v for v in self.blocked if not v.startswith(_PATTERN_PREFIX)) | self._from_file

    @property
    def blocked_patterns(self) -> tuple[str, ...]:
        """Regular expressions, each searched for anywhere in the normalised value."""
        return tuple(v.removeprefix(_PATTERN_PREFIX) for v in self.blocked if v.startswith(_PATTERN_PREFIX))

    @field_validator("blocked")
    @classmethod
    def _patterns_compile(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        problems: list[tuple[Place, str]] = []
        for number, entry in enumerate(entries):
            if entry.startswith(_PATTERN_PREFIX):
                # loaded here: most configurations have no expressions
                from oneuser.core.linear_patterns import check_linear

                try:
                    compile_pattern(entry.removeprefix(_PATTERN_PREFIX))
                    check_linear(entry.removeprefix(_PATTERN_PREFIX))
                except ValueError as problem:
                    problems.append(((number,), str(problem)))
        misplaced(problems)
        return entries

    @field_validator("blocked_file")
    @classmethod
    def _file_is_there(cls, path: str | None) -> str | None:
        return _existing(path)

    @model_validator(mode="after")
    def _options_fit_the_normaliser(self) -> IdType:
        problems: list[tuple[Place, str]] = []
        if self.gmail and self.normaliser != "email":
            problems.append((("gmail",), f"only the normaliser email has it, this one is {self.normaliser}"))
        if self.default_region and self.normaliser != "phone":
            problems.append((("default_region",), f"only the normaliser phone has it, this one is {self.normaliser}"))
        misplaced(problems)
        return self


def default_id_types() -> dict[str, IdType]:
    """The types of a configuration that declares none."""
    return {name: IdType.model_validate(rules) for name, rules in DEFAULT_ID_TYPES.items()}


def undeclared(id_type: str, id_types: Collection[str]) -> str:
    """What to say of a type that nothing declares, and what to do about it."""
    said = f"identity.id_types declares no {id_type}"
    close = get_close_matches(id_type, id_types, n=1, cutoff=0.8)
    if close:
        return f"{said}; did you mean {close[0]}?"
    if set(id_types) == set(DEFAULT_ID_TYPES):
        return f"{said}: write an `id_types` with it; yours replaces the default types, see `oneuser config show`"
    return f"{said}: declare it there, beside {', '.join(id_types)}"


class AliasRules(Section):
    """How alias messages link.

    `previous_id_type: auto` takes `previousId` for an anonymous_id where any event carries it as one, else for a
    user_id.
    """

    may_join_unique: Flag = True
    previous_id_type: Literal["auto", "anonymous_id", "user_id"] = "auto"


class IdentityRules(Section):
    """How identifiers become people.

    `id_types` replaces the default types whole; identifiers of types that it does not declare link nobody.
    `manual_rules` is a CSV of pairs that are, or are never, one person: action (include or exclude), id_type_a,
    id_value_a, id_type_b, id_value_b, reason.
    """

    id_types: Mapping[Name, IdType] = Field(min_length=1, default_factory=default_id_types)
    survivor: Literal["strongest", "oldest"] = "strongest"
    conflict: Literal["latest", "earliest"] = "latest"
    shared_device: Literal["time_sliced", "last_owner", "quarantine"] = "time_sliced"
    max_identifiers_per_user: Positive = 1000
    alias: AliasRules = AliasRules()
    manual_rules: FilePath | None = None

    # what the file held when the configuration was loaded: a later change of the file is a change of configuration
    _manual: tuple[ManualRule, ...] = PrivateAttr(default=())

    @property
    def manual_pairs(self) -> tuple[ManualRule, ...]:
        """The lines of the file of manual rules, as written: the id types' normalisers are still to be applied."""
        return self._manual

    @field_validator("manual_rules")
    @classmethod
    def _file_is_there(cls, path: str | None) -> str | None:
        return _existing(path)

    @model_validator(mode="after")
    def _manual_rules_are_read(self) -> IdentityRules:
        if self.manual_rules is None:
            return self
        problems: list[tuple[Place, str]] = []
        try:
            read = read_manual_rules(Path(self.manual_rules), id_types=tuple(self.id_types))
        except (OSError, UnicodeDecodeError, csv.Error) as problem:
            problems.append((("manual_rules",), f"cannot be read as CSV ({type(problem).__name__})"))
        else:
            problems += [(("manual_rules",), f"{self.manual_rules}:{line}: {text}") for line, text in read.problems]
            self._manual = read.rules
        misplaced(problems)
        return self

    @field_validator("id_types")
    @classmethod
    def _priorities_have_no_ties(cls, id_types: Mapping[str, IdType]) -> Mapping[str, IdType]:
        first: dict[int, str] = {}
        problems: list[tuple[Place, str]] = []
        for name, rules in id_types.items():
            holder = first.setdefault(rules.priority, name)
            if holder != name:
                problems.append(((name, "priority"), f"{rules.priority} is already the priority of {holder}"))
        misplaced(problems)
        return id_types

    @field_validator("id_types")
    @classmethod
    def _blocked_files_are_read(cls, id_types: Mapping[str, IdType]) -> Mapping[str, IdType]:
        problems: list[tuple[Place, str]] = []
        for name, rules in id_types.items():
            if rules.blocked_file is not None:
                try:
                    rules._from_file = read_blocked_values(Path(rules.blocked_file), id_type=name)  # noqa: SLF001 - own package
                except (OSError, UnicodeDecodeError, csv.Error) as problem:
                    problems.append(((name, "blocked_file"), f"cannot be read as CSV ({type(problem).__name__})"))
        misplaced(problems)
        return id_types


def _existing(path: str | None) -> str | None:
    if path is not None and not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    return path


def read_blocked_values(path: Path, *, id_type: str) -> frozenset[str]:
    """The blocked values of a CSV file: one column, empty cells left out.

    The column is the one that the first line calls `value` or names like the id type. Where it names neither, there is
    no header, and the first column counts.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in (id_type.lower(), "value") if name in header), None)
    if column is not None:
        rows = rows[1:]
    cells = (row[column or 0] for row in rows if len(row) > (column or 0))
    return frozenset(cell for cell in cells if cell.strip())
