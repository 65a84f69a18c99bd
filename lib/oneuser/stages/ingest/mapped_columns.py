"""Whether the columns that a mapping names are there, and what may have been meant. Loads no Spark."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from oneuser.core.column_names import is_value
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.suggestions import did_you_mean
from oneuser.events.parse import paths_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from oneuser.events.spec import Expression, SourceSpec

_SEPARATORS = (";", "\t", "|", ",")
_MOST_SHOWN = 30


def check_columns(
    spec: SourceSpec, headers: Sequence[Collection[str]], *, where: str, separator: str | None = None
) -> None:
    """Compare the mapping of a table with the columns that its files have.

    A place of the mapping counts as there when one of its columns is in one of the files: a column that older files
    lack is no mistake, one that no file has is.

    Args:
        spec: The source.
        headers: Column names of its files, one collection for each header.
        where: One of the files, to be named.
        separator: What stands between fields; null where the files are no delimited text.

    Raises:
        ConfigError: naming every column that is in no file, the nearest one that is, and what the files have.
    """
    names = list(dict.fromkeys(name for one in headers for name in one))
    header = [name for name in names if not is_value(name)]
    if not spec.is_table or not names:
        return
    absent = {
        place: wanted
        for place, wanted in _wanted(spec)
        if wanted and not any(_is_there(name, header) for name in wanted)
    }
    if not absent:
        return
    hint = _hint_of_separator(names, separator, where)
    if hint is None and len(header) < len(names):
        hint = f"the first row of {where}, or of a file beside it, has values and no names: put a row of names above it"
    problems = [
        ConfigProblem(
            f"sources.{spec.name}.mapping.{place}",
            f"no file has a column {' or '.join(wanted)}{'' if hint else _nearest(wanted[0], header)}",
        )
        for place, wanted in absent.items()
    ]
    shown = ", ".join(header[:_MOST_SHOWN]) + (", ..." if len(header) > _MOST_SHOWN else "")
    raise ConfigError(problems, next_step=hint or f"mend the mapping; {where} has the columns {shown}")


def mapped_columns(spec: SourceSpec) -> frozenset[str]:
    """Every column that a mapping reads; of a path into one, that one."""
    found = {name for _, wanted in _wanted(spec) for name in wanted}
    return frozenset(found | {name.partition(".")[0] for name in found})


def spelled_as_mapped(spec: SourceSpec, header: Sequence[str]) -> list[str]:
    """A header in the spelling of the mapping: of a file that writes `ID` where others write `id`.

    A column is renamed where the mapping reads one that the file has not, and no second one differs from it in case
    only. Whether any file has the mapping's own spelling is `check_columns`' to ask.
    """
    folded = Counter(name.lower() for name in header)
    absent = {name.lower(): name for name in mapped_columns(spec) if name not in header}
    return [absent[low] if folded[low := name.lower()] == 1 and low in absent else name for name in header]


def _wanted(spec: SourceSpec) -> Iterator[tuple[str, list[str]]]:
    """Each place of a mapping with the columns that it could be read from."""
    mapping = spec.mapping
    for place in (
        *("message_id", "type", "event", "event_time", "original_time", "sent_at", "received_at", "group_id"),
        *("external_ids", "previous_id", "opt_out", "page_url", "page_search", "referrer"),
    ):
        yield place, _columns(getattr(mapping, place))
    by_type: dict[str, list[str]] = {}
    for id_type, part in mapping.identifiers:
        by_type.setdefault(id_type, []).extend(_columns(part))
    yield from ((f"identifiers.{id_type}", wanted) for id_type, wanted in by_type.items())
    for place in ("traits", "properties", "consent", "campaign"):
        part = getattr(mapping, place)
        if isinstance(part, tuple):
            yield from ((f"{place}.{name}", _columns(inner)) for name, inner in part)
        else:
            yield place, _columns(part)


def _columns(part: Expression | None) -> list[str]:
    return [".".join(keys) for keys in paths_of(part)]


def _is_there(column: str, header: Collection[str]) -> bool:
    return column in header or column.partition(".")[0] in header


def _nearest(column: str, header: Sequence[str]) -> str:
    folded = {name.lower(): name for name in header}
    same = folded.get(column.lower())
    return f"; did you mean {same}?" if same else did_you_mean(column, header)


def _hint_of_separator(header: Sequence[str], separator: str | None, where: str) -> str | None:
    """What to do where the first line is none of columns, or has become one column as a whole."""
    if separator is None:
        return None
    line = header[0]
    if line.lower().startswith("sep="):
        declared = line[4:5] or separator
        return f"{where} begins with the line sep={declared}, which only spreadsheets understand: take it off" + (
            "" if declared == separator else f', and declare `separator: "{declared}"`'
        )
    if "\0" in line:
        return f"{where} is UTF-16: save it as UTF-8"
    if len(header) != 1:
        return None
    counts = {other: line.count(other) for other in _SEPARATORS if other != separator}
    guess, n = max(counts.items(), key=lambda item: item[1])
    if not n:
        return None
    named = "\\t" if guess == "\t" else guess
    decimal = ', and `decimal: ","` where numbers have a comma' if guess == ";" else ""
    return f'the header of {where} is one column with {n} of {named!r} in it: declare `separator: "{named}"`{decimal}'
