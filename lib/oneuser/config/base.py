"""What all parts of the configuration share: frozen models that refuse unknown keys, and checked kinds of values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Strict, Tag
from pydantic_core import PydanticCustomError

from oneuser.core.masking import has_address

MISPLACED = "oneuser_misplaced"
MAX_PATTERN = 500
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MAX_PATH_PARTS = 20
# a scheme is followed by a slash: `a:b` may be what a file is called
_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:/")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}):/")
# other programs' names of S3; where a cluster knows them, nothing keeps two runs apart there
_OTHER_S3 = {"s3", "s3n"}

Place = tuple[str | int, ...]


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def misplaced(problems: Iterable[tuple[Place, str]]) -> None:
    """Refuse a section for what several of its keys say together.

    Args:
        problems: Where each one is, from the section down, and what is wrong. Nothing is raised where there is none.
    """
    found = list(problems)
    if found:
        raise PydanticCustomError(MISPLACED, "keys contradict each other", {"problems": found})


def local_path(path: str) -> str | None:
    """A path as this machine's file system takes it; null for one that only Hadoop can read, such as s3a://."""
    if path.startswith("file:"):
        return path.removeprefix("file:").removeprefix("//")
    return None if _REMOTE.match(path) else path


def absolute_path(path: str, *, is_pattern: bool = False) -> str:
    r"""A local path that means the same from every working directory; one of another storage as it is.

    It starts at the working directory that this process has now, or, after `~`, at the home of a user. Done once, when
    a configuration is read: the JVM has a working directory of its own, that in which it was started.

    Args:
        path: A path, or a URI.
        is_pattern: Whether wildcards in it are meant; what is put before them is none, whatever it is called.

    Raises:
        ValueError: where the working directory is gone, or nobody has the home that is named.
    """
    local = local_path(path)
    if local is None or local.startswith("/"):
        return path
    if local.startswith("~"):
        name, slash, rest = local.partition("/")
        base = os.path.expanduser(name)  # noqa: PTH111 - pathlib raises where this leaves the text alone
        if base == name:
            raise ValueError(f"{name} is nobody's home folder; a name that begins with ~ is written ./{name}")
        local = f"{_literal(base) if is_pattern else base}{slash}{rest}"
    else:
        try:
            base = os.getcwd()  # noqa: PTH109 - a text is wanted
        except OSError:
            raise ValueError("a relative path, but the working directory is gone: write an absolute one") from None
        local = os.path.normpath(f"{_literal(base) if is_pattern else base}/{local}")
    return f"file://{local}" if path.startswith("file:") else local


def _literal(path: str) -> str:
    """A path in a pattern in which nothing of it is a wildcard."""
    return re.sub(r"([{}\[\]*?\\])", r"\\\1", path)


def compile_pattern(text: str) -> re.Pattern[str]:
    """A regular expression from the configuration, bounded in length.

    Raises:
        ValueError: for a text that is too long or no regular expression. The text itself is not repeated.
    """
    if len(text) > MAX_PATTERN:
        raise ValueError(f"a regular expression may have {MAX_PATTERN} characters, this one has {len(text)}")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as problem:
        raise ValueError(f"not a regular expression: {problem}") from None


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("expected letters, digits and _, not starting with a digit, 128 characters at most")
    return text


def _pattern(text: str) -> str:
    compile_pattern(text)
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone; expected a name such as UTC or Europe/London") from None
    return text


def _column_or_path(text: str) -> str:
    if not text.strip():
        raise ValueError("expected the name of a column or a path such as properties.revenue, found nothing")
    if text.count(".") >= _MAX_PATH_PARTS:
        raise ValueError(f"a path may have {_MAX_PATH_PARTS} parts")
    return text


def _as_text(value: Any) -> Any:
    """Numbers are what YAML makes of unquoted digits: where text is wanted, they mean their digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _scalar_kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "<flag>"
    return {str: "<text>", int: "<whole>", float: "<number>"}.get(type(value))


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("expected a day such as 2000-01-01") from None


def _path(text: str) -> str:
    return absolute_path(_some_path(text))


def _pattern_of_paths(text: str) -> str:
    return absolute_path(_some_path(text), is_pattern=True)


def _some_path(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError("expected a path, found nothing")
    scheme = found[1] if (found := _SCHEME.match(text)) else ""
    if scheme.lower() in _OTHER_S3:
        raise ValueError(f"Hadoop has no file system for {scheme}://: write s3a://, which is what Hadoop calls S3")
    if scheme != scheme.lower():
        raise ValueError(f"Hadoop has no file system for {scheme}://: write {scheme.lower()}://, in small letters")
    return text


Whole = Annotated[int, Strict()]
Positive = Annotated[Whole, Field(gt=0)]
NonNegative = Annotated[Whole, Field(ge=0)]
Number = Annotated[float, Strict()]
Share = Annotated[Number, Field(ge=0, le=1)]


def _tested_for(value: Any) -> Any:
    if isinstance(value, str) and has_address(value):
        raise ValueError(
            "an address names somebody, and what is tested for stands in plans of Spark: test another column"
        )
    return value


Flag = Annotated[bool, Strict()]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
DigitsOrText = Annotated[Text, BeforeValidator(_as_text)]
Name = Annotated[str, AfterValidator(_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Day = Annotated[date, BeforeValidator(_day)]
Zone = Annotated[str, AfterValidator(_zone)]
ColumnOrPath = Annotated[str, AfterValidator(_column_or_path)]
# absolute as soon as it is read
FilePath = Annotated[str, AfterValidator(_path)]
# the same for input files, wildcards allowed
InputPath = Annotated[str, AfterValidator(_pattern_of_paths)]
Scalar = Annotated[
    Annotated[str, Field(max_length=1000), Tag("<text>")]
    | Annotated[Flag, Tag("<flag>")]
    | Annotated[Whole, Tag("<whole>")]
    | Annotated[Number, Tag("<number>")],
    Discriminator(_scalar_kind),
]
# what a column or property is compared with
Tested = Annotated[Scalar, AfterValidator(_tested_for)]
