"""Paths in the form that Spark's readers take: they decode nothing, and expand what looks like a glob."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.storage.input_listing import InputFile


def spark_paths(files: Iterable[InputFile]) -> list[str]:
    """Paths of input files for Spark's readers. A listed path is a URI, with escapes."""
    return [glob_safe(unquote(file.path)) for file in files]


def glob_safe(path: str) -> str:
    """A path in which Spark's readers find nothing to expand."""
    return "".join(f"\\{char}" if char in "{}[]*?\\" else char for char in path)
