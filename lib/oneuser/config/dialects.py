"""How files of delimited text are written: separator, quotes, encoding, and the mark before decimals."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from oneuser.config.base import Place, Section, Text, misplaced

_SEPARATORS = {"csv": ",", "tsv": "\t"}
_ONLY_DELIMITED = ("separator", "quote", "encoding", "decimal")
# encodings in which line ends, quotes and separators are the bytes that they are in ASCII
_ENCODINGS = ("utf-8", "ascii", "cp125", "iso8859", "mac-", "koi8", "latin")


@dataclass(frozen=True)
class Dialect:
    """What a reader of delimited text has to know. `quote` is empty where no field stands in quotes."""

    separator: str = ","
    quote: str = '"'
    encoding: str = "utf-8"


def _one_character(text: str) -> str:
    if text == "\\t":
        return "\t"
    if len(text) != 1 or text.isalnum() or text in '\r\n"':
        raise ValueError('is no separator: give one character such as ";" or "|", or "\\\\t" for a tabulator')
    return text


def _quote(text: str) -> str:
    if len(text) > 1 or text.isalnum() or text.isspace():
        raise ValueError('is no quote: give one character such as "\'", or "" where no field stands in quotes')
    return text


def _encoding(text: str) -> str:
    try:
        name = codecs.lookup(text).name
    except LookupError:
        raise ValueError("is no encoding; usual ones are utf-8, windows-1252 and iso-8859-1") from None
    if not name.startswith(_ENCODINGS):
        raise ValueError("is an encoding that is not read; save the file as UTF-8, or name windows-1252 or iso-8859-1")
    return name


class Delimited(Section):
    """Keys of a file of delimited text, with the defaults of its format."""

    separator: Annotated[str, AfterValidator(_one_character)] | None = None
    quote: Annotated[str, AfterValidator(_quote)] = '"'
    encoding: Annotated[Text, AfterValidator(_encoding)] = "utf-8"
    decimal: Literal[".", ","] = "."

    def dialect_of(self, file_format: str) -> Dialect:
        """How files of a format are written."""
        return Dialect(self.separator or _SEPARATORS.get(file_format, ","), self.quote, self.encoding)

    @model_validator(mode="after")
    def _are_of_delimited_text(self) -> Delimited:
        file_format = getattr(self, "format", "csv")
        if file_format not in _SEPARATORS:
            problems: list[tuple[Place, str]] = [
                ((name,), f"only csv and tsv have it, {file_format} does not")
                for name in _ONLY_DELIMITED
                if getattr(self, name) != type(self).model_fields[name].default
            ]
            misplaced(problems)
        return self
