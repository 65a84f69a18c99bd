from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneuser.events.fast_path import FastPath, LineParser
from oneuser.events.instants import make_time_reader, plain_instants
from oneuser.events.parse import EVENT_COLUMNS, NO_EVENT, MessageParser
from oneuser.events.spec import Const, Derived, IdTypeSpec, Limits, Path, SourceSpec, Time, UrlParam
from oneuser.events.syntax import RefusedLine
from tests.unit.events.parsing import HORIZON, ID_TYPES, KEYS, SEGMENT, line, message
from tests.unit.events.poison import REFUSED, WOUNDED

POISON = [raw for raw, *_ in [*REFUSED.values(), *WOUNDED.values()]]
SPECS = {
    "segment": SEGMENT,
    "derived": replace(
        SEGMENT,
        id_types=(*ID_TYPES, IdTypeSpec("email_sha256")),
        mapping=replace(SEGMENT.mapping, derived=(("email_sha256", Derived("email", "sha256")),)),
    ),
    "parts": replace(
        SEGMENT,
        mapping=replace(
            SEGMENT.mapping,
            type=Const("track"),
            traits=(("mail", Path(("traits", "email"))), ("page", Path(("context", "page", "url")))),
            campaign=(("source", Path(("context", "campaign", "source"))),),
            consent=(("ads", Path(("context", "consent", "Ads"))), ("page", Path(("context", "page", "url")))),
            opt_out=Path(("context", "gpc")),
            group_id=UrlParam(Path(("context", "page", "url")), "account"),
        ),
    ),
    "zone": replace(
        SEGMENT, mapping=replace(SEGMENT.mapping, event_time=Time(Path(("timestamp",)), zone="Asia/Tokyo"))
    ),
    "root": replace(SEGMENT, root=("context",)),
    "narrow": replace(SEGMENT, limits=Limits(max_line_bytes=400, max_depth=3, max_traits=1)),
}
PATHS = [
    *[(key,) for key in (*message(), "userId", "sentAt", "originalTimestamp", "groupId", "previousId", "properties")],
    *[("user_id",), ("UserId",), ("received_at",)],
    *[("traits",), ("traits", "email"), ("traits", "phone"), ("context",), ("context", "traits", "email")],
    *[("context", key) for key in ("externalIds", "campaign", "consent", "gpc", "headers", "page", "groupId")],
    *[("context", "consent", key) for key in ("categoryPreferences", "allowedConsentIds", "Ads")],
    *[("context", "page", key) for key in ("url", "search", "referrer")],
]
URL = "https://shop.example/?utm_source=news&gclid=1&account=acme"
TIMES = [
    "2026-05-01T10:00:00.5-03:00",
    "2026-05-01 10:00:00 UTC",
    "1970-01-01T00:00:07Z",
    "2026-02-30T00:00:00Z",
    "1969-01-01T00:00:00Z",
    "2099-01-01T00:00:00Z",
]
VALUES = st.one_of(
    st.sampled_from(
        [
            *TIMES,
            "2026-05-01",
            1777629600,
            45689.4375,
            20260501,
            "202605011030",
            0,
            "1777629600123",
            URL,
            "?utm_medium=a%40x.com",
            "Jen@X.com",
            "u1",
            "",
            [],
            13085.0,
            "13085.0",
            "3.12346E+16",
            "{{user.id}}",
            "user_id",
            '{"email": "b@x.com", "source": "mail"}',
            '{"page": {"url": "https://s.com/?utm_medium=cpc&amp;utm_source=x"}, "traits": 3}',
        ]
    ),
    st.sampled_from(["track", "page", "group", "alias", " Track ", "null", "\ufffd", 2**70, 1e30, 7]),
    st.sampled_from([[{"id": "b@x.com", "type": "email"}, {"id": "9", "type": "crm"}], {"source": "a", "name": 3}]),
    st.dictionaries(st.sampled_from("abc"), st.integers() | st.floats(allow_nan=False) | st.none(), max_size=3),
    st.text(max_size=5) | st.none() | st.booleans() | st.lists(st.integers(), max_size=2),
)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A message that is fine but for a few values, in one of several ways to write it."""
    whole = message()
    for path, value in draw(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), max_size=3)):
        inner: dict[str, Any] = whole
        for key in path[:-1]:
            if not isinstance(inner.get(key), dict):
                inner[key] = {}
            inner = inner[key]
        inner[path[-1]] = value
    separators = draw(st.sampled_from([(",", ":"), (",", ":"), (", ", ": ")]))
    text = json.dumps(whole, ensure_ascii=draw(st.booleans()), separators=separators)
    ending = draw(st.sampled_from(["}", "}", "}", ',"userId":"u1"}', ',"x":1,"x":2}', "", "}x"]))
    return (text[:-1] + ending).encode("utf-8", "replace")


def one_by_one(raws: list[bytes], spec: SourceSpec) -> list[tuple[Any, ...]]:
    parser = MessageParser(spec, KEYS, horizon=HORIZON)
    found: list[tuple[Any, ...]] = []
    for raw in raws:
        try:
            found.append((None, *parser.parse_line(raw, len(raw))))
        except RefusedLine as refusal:
            found.append(((refusal.code, refusal.detail), *NO_EVENT))
    return found


def together(raws: list[bytes], spec: SourceSpec) -> list[tuple[Any, ...]]:
    columns, refusals = LineParser(spec, KEYS, horizon=HORIZON).parse(*batch(raws))
    codes = [
        (refusals[place].code, refusals[place].detail) if place in refusals else None for place in range(len(raws))
    ]
    return list(zip(codes, *(columns[name] for name in EVENT_COLUMNS), strict=True))


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=60, deadline=None)
@given(raws=st.lists(lines(), max_size=8))
def test_lines_parsed_together_are_what_they_are_one_by_one(name: str, raws: list[bytes]) -> None:
    assert together(raws, SPECS[name]) == one_by_one(raws, SPECS[name])


@pytest.mark.parametrize("name", SPECS)
def test_poison_among_usual_lines_spoils_none_of_them(name: str) -> None:
    raws = [raw for poison in POISON for raw in (poison, written(messageId="m2"))]

    assert together(raws, SPECS[name]) == one_by_one(raws, SPECS[name])


def test_a_line_of_the_usual_form_takes_the_fast_path() -> None:
    raws = [
        written(),
        written(type="group", groupId="acme"),
        written(traits={"email": "a@x.com"}),
        line(properties={"words": ["\u00e9", "a/b"]}),
        line(type="alias", previousId="a0"),
        line(messageId=None),
    ]

    columns = FastPath(MessageParser(SEGMENT, KEYS, horizon=HORIZON), SEGMENT).parse(*batch(raws))

    assert [key is not None for key in columns["message_key"]] == [True, True, True, True, False, False]


def test_a_source_that_writes_all_its_lines_in_another_way_is_parsed_all_the_same() -> None:
    parser = LineParser(SEGMENT, KEYS, horizon=HORIZON)
    raws = [line(), line(messageId="m2")]

    batches = [parser.parse(*batch(raws))[0] for _ in range(2)]

    assert batches[0] == batches[1]
    assert batches[0]["message_id"] == ["m1", "m2"]


@given(
    st.lists(
        st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
        | st.from_regex(
            r"[12][09][0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?", fullmatch=True
        )
        .flatmap(
            lambda text: st.sampled_from(["Z", "+01:00", "-23:59", "+24:00", "-00:00", "+01", "", "z", " UTC"]).map(
                text.__add__
            )
        )
        .flatmap(lambda text: st.sampled_from([text, text.replace("T", " ", 1)]))
        | st.text(max_size=30)
        | st.none()
        | st.integers(),
        max_size=5,
    )
)
def test_a_plain_time_is_the_instant_that_is_read_one_by_one(values: list[Any]) -> None:
    read = make_time_reader()

    for value, instant in zip(values, plain_instants(values).tolist(), strict=True):
        assert instant < 0 or read(value) == (instant, None)


def test_times_of_the_usual_form_are_plain_even_beside_a_day_that_does_not_exist() -> None:
    written_times = ["2026-05-01T10:00:00Z", "2026-05-01T12:00:00.000+02:00", "2026-02-30T10:00:00Z", None, 5]

    assert plain_instants(written_times).tolist() == [1777629600000000, 1777629600000000, -1, -1, -1]
    assert plain_instants(written_times[:2]).tolist() == [1777629600000000, 1777629600000000]


def test_times_as_databases_export_them_are_plain_too() -> None:
    written_times = ["2026-05-01 10:00:00 UTC", "2026-05-01 10:00:00.25 UTC", "2026-05-01 12:00:00.250000+02:00"]
    others = ["2026-05-01 10:00:00", "2026-05-01 10:00:00 EST", "2026-05-01T10:00:00Z", " "]

    instants = plain_instants([*written_times, *others]).tolist()

    assert instants == [1777629600000000, 1777629600250000, 1777629600250000, -1, -1, 1777629600000000, -1]


def batch(raws: list[bytes]) -> tuple[pa.Array[Any], list[int]]:
    return pa.array(raws, pa.binary()), [len(raw) for raw in raws]


def written(**parts: Any) -> bytes:
    """A message as most programs write it: without spaces."""
    return json.dumps(message(**parts), separators=(",", ":")).encode()
