"""What can be seen in input files before there is a configuration: how they are written, who they are about, and when.

Columns are told by the names that they usually have, and by a value of theirs. What is not seen is left to the reader:
`oneuser validate` names it.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from oneuser.api.validation import find_inputs
from oneuser.config.dialects import Dialect
from oneuser.core.column_names import is_value, shown_names
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.storage.delimited_header import header_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD_BYTES = 64 * 1024
_LINES = 200
_FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
}  # fmt: skip
_SEPARATORS = (",", ";", "\t", "|")
_SEGMENT_IDS = ("userId", "anonymousId")
_SEGMENT_KINDS = ("type", "event")
# usual names of columns, the best first, in small letters and digits alone
_TIMES = (
    "eventtime", "eventtimestamp", "timestamp", "occurredat", "happenedat", "clienteventtime", "collectortstamp",
    "eventdate", "datetime", "time", "createdat", "invoicedate", "orderdate", "playdate", "date",
)  # fmt: skip
_EVENTS = ("eventname", "event", "amplitudeeventtype", "eventtype", "action", "name")
_PEOPLE = {
    "user_id": ("userid", "customerid", "memberid", "uid"),
    "email": ("email", "emailaddress", "mail"),
    "phone": ("phone", "phonenumber", "mobile"),
    "anonymous_id": ("anonymousid", "visitorid", "clientid", "userpseudoid", "domainuserid", "distinctid", "cookieid"),
    "device_id": ("deviceid",),
    "network_id": ("networkuserid", "networkid"),
}
_WITH_COMMA = re.compile(r"-?\d+,\d+")
_LOOKS_LIKE_A_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]|\Z)|\d{10}(\d{3})?\Z")


@dataclass(frozen=True)
class Sight:
    """What is seen of an input: its path, and columns (or paths in lines of JSON) by what they say, null for none.

    `preset` is segment where most lines, or objects below their `root`, are messages of that form; then nothing else
    has to be known. `dialect` has the separator, encoding and decimal mark of a table of text where they are not the
    defaults of its format.
    """

    path: str
    format: str
    columns: tuple[str, ...] = ()
    event_time: str | None = None
    event: str | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    root: str | None = None
    dialect: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A name for the source: that of the file or, where a pattern leaves it open, of a folder above it."""
        for part in reversed(Path(self.path).parts):
            words = re.findall(r"[a-z0-9]+", part.partition(".")[0].lower())
            if words and not any(sign in part for sign in "*?[{"):
                return "_".join(words if words[0][0].isalpha() else ("source", *words))
        return self.format


def look_at(paths: Sequence[str]) -> list[Sight]:
    """Look at the first file of each path: a file, a folder or a pattern.

    Raises:
        ConfigError: naming every path that matches no local file, or none that is read.
    """
    sights, problems = [], []
    for path in paths:
        files = find_inputs(path)
        if not files:
            problems.append(ConfigProblem(key="FILES", message=f"no local file matches {path}"))
            continue
        written = _format_of(Path(files[0]))
        if written is None:
            kinds = ", ".join(sorted(set(_FORMATS)))
            problems.append(ConfigProblem(key="FILES", message=f"{files[0]} ends in none of {kinds}"))
            continue
        sights.append(_look(path, Path(files[0]), written))
    if problems:
        raise ConfigError(problems, next_step="name files, folders or patterns that are there")
    return sights


def _format_of(file: Path) -> str | None:
    return next((_FORMATS[suffix] for suffix in reversed(file.suffixes) if suffix in _FORMATS), None)


def _look(path: str, file: Path, written: str) -> Sight:
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = []
    dialect: dict[str, str] = {}
    # what cannot be read is the run's to refuse
    with suppress(OSError, EOFError, ValueError):
        if written == "jsonl":
            rows = list(islice(_objects(file), _LINES))
            for root in (None, *(rows[0] if rows else ())):
                if 2 * sum(_is_segment(row if root is None else row.get(root)) for row in rows) > len(rows):
                    return Sight(path, written, preset="segment", root=root)
            columns = tuple(dict.fromkeys(name for row in rows for name in row))
        elif written == "parquet":
            columns, rows = _parquet(file)
        else:
            columns, rows, dialect = _delimited(file, "," if written == "csv" else "\t")
    return Sight(path, written, columns, *_told(columns, rows), dialect=dialect)


def _told(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> tuple[str | None, str | None, dict[str, str]]:
    by_name = {re.sub(r"[^a-z0-9]", "", column.lower()): column for column in reversed(columns)}
    times = [by_name[name] for name in _TIMES if name in by_name]
    event = next((by_name[name] for name in _EVENTS if name in by_name), None)
    found = {
        id_type: next((by_name[name] for name in names if name in by_name), None) for id_type, names in _PEOPLE.items()
    }
    return (
        next((time for time in times if _is_time(time, rows)), None),
        event,
        {id_type: column for id_type, column in found.items() if column is not None},
    )


def _is_time(column: str, rows: list[dict[str, Any]]) -> bool:
    values = [row[column] for row in rows if row.get(column) not in (None, "")]
    return bool(values) and all(_LOOKS_LIKE_A_TIME.match(str(value)) for value in values)


def _is_segment(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and any(name in row for name in _SEGMENT_IDS)
        and any(name in row for name in _SEGMENT_KINDS)
    )


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    with _opened(file) as lines:
        for line in lines:
            with suppress(ValueError):
                read = json.loads(line)
                if isinstance(read, dict):
                    yield read


def _parquet(file: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(file)
    batch = next(opened.iter_batches(batch_size=_LINES), None)
    return tuple(opened.schema_arrow.names), batch.to_pylist() if batch is not None else []


def _delimited(file: Path, usual: str) -> tuple[tuple[str, ...], list[dict[str, Any]], dict[str, str]]:
    """Names of columns, rows, and how the text is written where that is not as usual."""
    with _opened(file) as opened:
        head = opened.read(_HEAD_BYTES).lstrip(b"\r\n")
    encoding = "utf-8" if _is_utf8(head) else "windows-1252"
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    first = text.partition("\n")[0]
    has_tabs = usual == "\t" and usual in first
    separator = usual if has_tabs else max(_SEPARATORS, key=lambda sign: (first.count(sign), sign == usual))
    columns = header_of(head, Dialect(separator=separator, encoding=encoding))
    if any(map(is_value, columns)):
        # a row, since there is no header: what it says is for no configuration
        columns = ()
    lines = text.splitlines(keepends=True)
    # the last one may be cut in two
    whole = lines[:-1] if len(head) == _HEAD_BYTES else lines
    rows = [dict(zip(columns, row, strict=False)) for row in islice(csv.reader(whole, delimiter=separator), 1, _LINES)]
    has_comma = separator != "," and any(_WITH_COMMA.fullmatch(value) for row in rows for value in row.values())
    seen = {"separator": (separator, usual), "encoding": (encoding, "utf-8"), "decimal": (".,"[has_comma], ".")}
    return columns, rows, {key: value for key, (value, default) in seen.items() if value != default}


def _is_utf8(head: bytes) -> bool:
    try:
        # what is cut in two at the end is no mistake
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _opened(file: Path) -> BinaryIO:
    if file.suffix == ".gz":
        return cast("BinaryIO", gzip.open(file))
    return cast("BinaryIO", bz2.open(file)) if file.suffix == ".bz2" else file.open("rb")


def configuration_for(sights: Sequence[Sight], *, deployment: str, warehouse: str) -> str:
    """The text of a configuration that reads these inputs, with comments on what was not seen."""
    names: dict[str, Sight] = {}
    for sight in sights:
        numbered = (f"{sight.name}_{number}" for number in count(2))
        names[next(name for name in chain([sight.name], numbered) if name not in names)] = sight
    sources = "\n".join(line for name, sight in names.items() for line in _source(name, sight))
    return _HEAD.format(deployment=json.dumps(deployment), warehouse=warehouse) + sources + "\n"


_HEAD = """\
# What `oneuser init` has seen in your files: read it before the first run, above all who is meant by each identifier.
# Everything else has a default: `oneuser config show` prints them all, `oneuser init` without files writes them with
# comments. `oneuser validate` says what is missing here, `oneuser run` does the rest.

# Part of every keyed hash and of every User ID. Choose once: another name gives other IDs.
deployment: {deployment}

# The folder of all tables.
warehouse: {warehouse}

sources:
"""


def _source(name: str, sight: Sight) -> Iterator[str]:
    yield f"  {name}:"
    yield f"    path: {json.dumps(sight.path, ensure_ascii=False)}"
    yield f"    format: {sight.format}"
    for key, value in sight.dialect.items():
        yield f"    {key}: {json.dumps(value)}"
    if sight.preset is not None:
        yield f"    preset: {sight.preset}"
        if sight.root is not None:
            yield f"    root: {_quoted(sight.root)}"
        return
    yield "    mapping:"
    yield f"      # there are: {', '.join(map(_quoted, shown_names(sight.columns))) or 'no columns that could be read'}"
    yield "      type: {const: track}"
    yield f"      event: {_quoted(sight.event)}" if sight.event else f"      event: {{const: {json.dumps(name)}}}"
    if sight.event_time:
        yield f"      event_time: {_quoted(sight.event_time)}"
    else:
        yield "      # event_time: COLUMN    # when it happened; a `format` where it is not ISO 8601"
    if sight.identifiers:
        yield "      identifiers:            # id type: column"
        for id_type, column in sight.identifiers.items():
            yield f"        {id_type}: {_quoted(column)}"
    else:
        yield "      # identifiers: {user_id: COLUMN, email: COLUMN}    # who it was, by id type"


def _quoted(column: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column):
        return column
    # what ends a line for YAML must not stand as it is
    return json.dumps(column, ensure_ascii=not column.isprintable())
