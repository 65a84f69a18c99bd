"""Reference inputs: files that another system writes anew each time, and what their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import field_validator

from oneuser.config.base import InputPath, Name, Text, misplaced
from oneuser.config.dialects import Delimited

ReferenceFormat = Literal["csv", "tsv", "jsonl", "parquet"]


class ReferenceFile(Delimited):
    """A snapshot in files: what is no longer in them is withdrawn.

    `path` may hold wildcards. `columns` names what is called otherwise in the files: `{account_id: "Account ID"}`.
    """

    required_columns: ClassVar[tuple[str, ...]] = ()
    optional_columns: ClassVar[tuple[str, ...]] = ()
    list_columns: ClassVar[tuple[str, ...]] = ()

    path: InputPath
    format: ReferenceFormat
    columns: Mapping[Name, Text] = {}

    @property
    def all_columns(self) -> dict[str, str]:
        """What each of our columns is called in the files."""
        return {name: self.columns.get(name, name) for name in (*self.required_columns, *self.optional_columns)}

    @field_validator("columns")
    @classmethod
    def _are_known(cls, columns: Mapping[str, str]) -> Mapping[str, str]:
        known = (*cls.required_columns, *cls.optional_columns)
        misplaced(((name,), f"no such column; there are {', '.join(known)}") for name in columns if name not in known)
        return columns
