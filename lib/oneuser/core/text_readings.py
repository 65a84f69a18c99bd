"""What a text says, however it was written: in one case and one Unicode form, and with its escapes undone.

JSON writes some characters by their numbers, and a line feed by a letter; links write most of them so. A text is never
read in one way alone: what looks like an escape may be none.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# links within JSON within JSON
_DEEPEST = 3
# characters that are brought to one case together
_STRETCH = 1 << 20
# from so many bytes on it is looked at whether they are a text
_LONG = 64 * 1024
_BACKSLASHES = re.compile(rb"\\{2,}")
_NUMBERED = re.compile(rb"(?:\\[uU][0-9A-Fa-f]{4})+")
_SHORT = {b'\\"': b'"', b"\\'": b"'", b"\\/": b"/", **{b"\\%c" % letter: b" " for letter in b"bfnrt"}}
_PERCENT = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def folded(text: bytes, *, is_ascii: bool = False, encoding: str = "utf-8") -> bytes:
    """A text in one case and one Unicode form, as UTF-8.

    `is_ascii` is whether ASCII alone is looked for in it: then nothing else need be touched, which is far quicker.
    """
    if is_ascii or text.isascii():
        return text.lower()
    composed = unicodedata.normalize("NFC", text.decode(encoding, errors="replace"))
    # case by case, a stretch at a time: it takes twelve times the memory of what it reads
    stretches = range(0, len(composed), _STRETCH)
    return "".join(composed[place : place + _STRETCH].casefold() for place in stretches).encode(errors="replace")


def has_half_character(text: str) -> bool:
    """Whether a text has half of a character, which JSON can write and no encoding takes: it is no value then."""
    return _HALF_CHARACTER.search(text) is not None


def written_forms(value: str) -> set[bytes]:
    """What a value looks like in a text that is folded: as it is, and as JSON writes quotes and backslashes."""
    forms = [value]
    while len(forms) < _DEEPEST:
        forms.append(json.dumps(forms[-1], ensure_ascii=False)[1:-1])
    return {folded(form.encode(errors="replace")) for form in forms}


def readings(text: bytes, *, is_ascii: bool = False) -> Iterator[bytes]:
    """A text folded, then those of its lines that have escapes without them, as often as something changes.

    What is not UTF-8 is read as Windows wrote it, too, unless ASCII alone is looked for. What is no text at all, such
    as packed files, has no escapes.
    """
    yield folded(text, is_ascii=is_ascii)
    is_utf8 = _is_utf8(text)
    if not is_utf8 and len(text) > _LONG and b"\0" in text:
        return
    if not is_utf8 and not is_ascii:
        yield folded(text, encoding="cp1252")
    for _ in range(_DEEPEST):
        escaped = b"\n".join(line for line in text.split(b"\n") if b"\\" in line or b"%" in line)
        text = without_escapes(escaped)
        if text == escaped:
            return
        yield folded(text, is_ascii=is_ascii)


def without_escapes(text: bytes) -> bytes:
    """A text with what JSON and links write for other characters undone, JSON within JSON at once."""
    if b"\\" in text:
        text = _BACKSLASHES.sub(rb"\\", text)
        text = _NUMBERED.sub(_numbered, text)
        for escape, meant in _SHORT.items():
            text = text.replace(escape, meant)
    return _PERCENT.sub(_percent, text) if b"%" in text else text


def _numbered(found: re.Match[bytes]) -> bytes:
    digits = found[0].replace(b"\\u", b"").replace(b"\\U", b"")
    return bytes.fromhex(digits.decode()).decode("utf-16-be", errors="replace").encode()


def _percent(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[0].replace(b"%", b"").decode())


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
