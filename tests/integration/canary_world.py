"""A deployment of which every value that is somebody's is a canary, and what each verb is asked about it.

Every value holds `CORE`, in some case, or is one of `NUMBERS`. `traces` looks for both, and for the secret, in every
form that a program may leave them in.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from oneuser.api.answers import submit
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Request
from oneuser.spark.session import running_session
from oneuser.storage.request_files import RequestFiles
from oneuser.storage.warehouse import Warehouse
from tests.plans import LITTLE_JAVA

CORE = "Zqxcanary"
PHONE, CARD, ADDRESS = "+493022334455", "27182818284590", "203.0.113.77"
NUMBERS = (PHONE.lstrip("+"), CARD, ADDRESS)
SECRET = "c4a7" * 16
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
WRONG = 7


def email(who: str) -> str:
    """An address, of a domain that is a canary too."""
    return f"{who}.{CORE}@{CORE}-{who}.example"


ANN, BOB, EVE, GHOST, MAILBOX = (email(who) for who in ("ann", "bob", "eve", "ghost", "office"))


# what is looked for ---------------------------------------------------------------------------------------------------


def _forms(value: bytes) -> Iterator[bytes]:
    """What a value may look like, in lower case."""
    yield value.lower()
    yield value.hex().encode()
    yield "".join(f"%{byte:02x}" for byte in value).encode()
    # without the characters at either end that depend on what is before and after it
    for n in range(3):
        whole = len(value) + n - (len(value) + n) % 3
        yield base64.b64encode((bytes(n) + value)[:whole])[4 if n else 0 :].lower()


def _texts(value: str) -> Iterator[bytes]:
    """A value in some spellings, each in some encodings."""
    for text in (value, value.lower(), value.upper()):
        yield from _forms(text.encode())
        yield text.encode("utf-16-le").lower()
        yield "".join(f"\\u{ord(character):04x}" for character in text).encode()


def _hashes(value: str) -> Iterator[bytes]:
    """Hashes without a key, which are no pseudonyms: whoever has a list of addresses can try them all."""
    for hashed in (hashlib.sha256, hashlib.sha1, hashlib.md5):
        yield from _forms(hashed(value.lower().encode()).digest())


SECRET_FORMS = sorted({*_texts(SECRET), *_forms(bytes.fromhex(SECRET))})
FORMS = sorted(
    {form for value in (CORE, *NUMBERS) for form in _texts(value)}
    | {form for value in (ANN, BOB, EVE) for form in _hashes(value)}
    | set(SECRET_FORMS)
)


def traces(text: bytes, forms: Collection[bytes] = FORMS) -> list[str]:
    """Forms of canaries that stand in a text, in upper or lower case."""
    lower = text.lower()
    return [repr(form) for form in forms if form in lower]


def texts_of(path: Path) -> bytes:
    """All that a file says: its bytes, and what these decode to, by readers that are not ours."""
    text = path.read_bytes()
    if path.suffix == ".parquet":
        text += json.dumps(pq.read_table(path).to_pylist(), default=_plain, ensure_ascii=False).encode()
    return text + gzip.decompress(text) if path.suffix == ".gz" else text


def _plain(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


# what comes in --------------------------------------------------------------------------------------------------------


def _message(number: int, kind: str = "track", **facts: Any) -> dict[str, Any]:
    event = {"event": "Seen"} if kind == "track" else {}
    at = (MONDAY + timedelta(hours=number)).isoformat()
    return {"messageId": f"{CORE} message {number}", "type": kind, "timestamp": at, **event, **facts}


def _visit(number: int, **facts: Any) -> dict[str, Any]:
    """A page with canaries in its address, its referrer and its campaign, where senders of e-mails put them."""
    url = f"https://shop.example/sale?eid={quote(ANN)}&to={ANN}&utm_source={quote(BOB)}#{ANN}"
    context = {
        "ip": ADDRESS,
        "userAgent": f"{CORE} browser",
        "device": {"id": f"{CORE}-device", "advertisingId": f"{CORE}-idfa"},
        "traits": {"email": ANN, "address": {"street": f"{CORE} street"}},
        "page": {
            "url": url,
            "referrer": f"https://mail.example/?user={ANN}",
            "title": f"{CORE} cart",
            "search": url[25:],
        },
        "campaign": {"source": ANN, "medium": quote(ANN), "name": f"to {ANN}", "content": ANN, "term": ANN},
        "externalIds": [{"id": f"{CORE}-crm", "type": "hubspot_contact_id"}],
        "consent": {"categoryPreferences": {"ads": True}},
    }
    return _message(number, "page", name="Sale", context=context, **facts)


FIRST = [
    _visit(1, anonymousId=f"{CORE}-cookie"),
    _message(2, "identify", userId=f"{CORE}-login-1", anonymousId=f"{CORE}-cookie",
             traits={"email": ANN, "phone": PHONE, "name": f"Ann {CORE}", f"{CORE} key": CARD}),
    _message(3, event="Order Completed", userId=f"{CORE}-login-1",
             context={"campaign": {"source": "crm", "name": f"{CORE}-login-1", "content": PHONE, "term": PHONE[1:]}},
             properties={"revenue": 12.5, "currency": "EUR", "card": CARD}),
    _message(4, event="Order Completed", userId=f"{CORE}-login-1", properties={"revenue": ANN, "currency": f"{CORE}"}),
    _message(5, "identify", userId=f"{CORE}-login-2", anonymousId=f"{CORE}-cookie", traits={"email": BOB}),
    _message(6, "identify", userId=f"{CORE}-login-2", traits={"email": MAILBOX}),
    _message(7, "identify", userId=f"{CORE}-login-1", traits={"email": MAILBOX}),
    _message(8, "alias", userId=f"{CORE}-login-3", previousId=f"{CORE}-cookie-2"),
    _message(9, "group", userId=f"{CORE}-login-2", groupId="mill", traits={"name": "The Mill", "owner": BOB}),
    _message(10, "identify", userId=CARD, traits={"email": "not an address " + CORE, "phone": f"0{CORE}"}),
    _message(11, event="Signed Up", anonymousId=f"{CORE}-cookie-3",
             context={"consent": {"categoryPreferences": {"ads": False}}}),
    _message(12, event="Order Completed", userId=f"{CORE}-login-2", properties={"revenue": 3, "currency": "EUR"}),
    _visit(13, userId=f"{CORE}-login-2"),
    _message(14, "identify", userId=f"{CORE}\x00-login", traits={"email": [ANN]}),
]  # fmt: skip
SECOND = [
    _message(40, "identify", userId=f"{CORE}-login-4", traits={"email": EVE}),
    _visit(41, userId=f"{CORE}-login-2"),
]
POISON = [
    f'{{"messageId": "{CORE}", "userId": "{ANN}", ',
    f'{{"userId": "{ANN}"}} {{"userId": "{BOB}"}}',
    f'{{"type": "track", "event": "Seen", "userId": "{ANN}", "userId": "{BOB}"}}',
    f'["{ANN}"]',
    f"{ANN}",
    json.dumps(_message(20, CORE, userId=ANN)),
    json.dumps(_message(21, userId=ANN) | {"timestamp": ANN}),
    json.dumps(_message(22, "alias", userId=ANN)),
    json.dumps(_message(23, traits={"email": ANN}) | {"userId": {"id": ANN}}),
    json.dumps(_message(24, userId=ANN, properties={"long": f"{CORE} " * 6000})),
]


def _rows(path: Path, *rows: tuple[str, ...]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _lines(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _request(folder: Path, name: str, kind: str, *identities: tuple[str, str], scope: str | None = None) -> None:
    named = [{"identity_type": t, "identity_value": v, "identity_format": "raw"} for t, v in identities]
    asked = {"subject_request_id": name, "subject_request_type": kind, "subject_identities": named}
    _lines(folder / f"{name}.json", json.dumps(asked | ({"scope": scope} if scope else {})))


def settings(world: Path, *, in_part: bool) -> dict[str, Any]:
    """The configuration. All that Spark and Python set aside goes below the folder of this world.

    A run does no more than what was touched, however little there is, where it is asked to do its work `in_part`.
    """
    inputs, shop = world / "inputs", ("at", "customer", "mail", "amount", "link")

    def file(name: str) -> dict[str, Any]:
        return {"path": str(inputs / name), "format": "csv"}

    return {
        "deployment": "canaries",
        "warehouse": str(world / "warehouse"),
        "keys": {"identifiers": f"file:{world}/keys/identifiers"},
        "sources": {
            "web": {
                "path": f"{inputs}/web/*.jsonl",
                "format": "jsonl",
                "preset": "segment",
                "identifiers": {
                    "email": {"url_param": ["context.page.url", "eid"]},
                    "email_sha256": {"derive": {"from": "email", "transform": "sha256"}},
                },
            },
            "shop": file("shop/*.csv")
            | {
                "mapping": {
                    "type": {"const": "track"},
                    "event": {"const": "Order Completed"},
                    "event_time": shop[0],
                    "identifiers": {"user_id": shop[1], "email": shop[2]},
                    "properties": {"revenue": shop[3]},
                }
            },
            "app": {
                "path": f"{inputs}/app/*.parquet",
                "format": "parquet",
                "mapping": {
                    "type": {"const": "track"},
                    "event": {"const": "Opened"},
                    "event_time": "at",
                    "identifiers": {"user_id": "login"},
                },
            },
        },
        "links": {"crm": file("crm.csv")},
        "accounts": {
            "files": {
                "accounts": file("accounts.csv"),
                "members": file("members.csv") | {"id_type": "email"},
            },
            "domains": {"unmapped": "keyed"},
        },
        "identity": {"manual_rules": f"{inputs}/manual.csv"},
        "consent": {"required_for_export": ["ads"], "required_for_attribution": ["ads"]},
        "conversions": {
            "order": {"event": "Order Completed", "value": "properties.revenue", "currency": "properties.currency"}
        },
        "retention": {"start": ["Seen"], "breakdown": None},
        "quarantine": {"max_share": 1.0},
        "gates": {"max_merged_ids_share": None, "min_accepted_share": None},
        "graph": {"engine": "one_task"},
        **({"incremental": {"above_mb": 0}} if in_part else {}),
        "spark": {
            "master": "local[2]",
            "driver_memory": "1g",
            "shuffle_partitions": 2,
            "conf": {
                "spark.eventLog.enabled": "true",
                "spark.eventLog.dir": f"file://{world}/event-log",
                "spark.eventLog.compress": "false",
                "spark.local.dir": str(world / "local"),
                "spark.ui.enabled": "true",
                "spark.ui.port": "0",
                **LITTLE_JAVA,
            },
        },
    }


BROKEN: dict[str, Any] = {
    "deployment": ANN,
    "warehouse": 5,
    "keys": {"identifiers": SECRET},
    "sources": {"web": {"path": 3, "format": ANN, "preset": ANN, "mapping": {"type": {"const": [ANN]}}}},
    "identity": {
        "id_types": {"email": {"priority": ANN, "known": ANN, "blocked": [f"re:({ANN}"], "normaliser": ANN}},
        "conflict": ANN,
    },
    "consent": {"required_for_linking": ANN},
    "channels": [{"name": ANN, "when": ANN}],
    "conversions": {"order": {"event": [ANN], "value": {"const": ANN}}},
    "retention": {"unit": ANN, "zone": ANN, "start_where": ANN},
    "attribution": {"models": [ANN], "lookback_days": ANN},
    "gates": {"max_largest_component": ANN},
    "spark": {"conf": {"spark.hadoop.fs.s3a.secret.key": SECRET}},
}


def make(world: Path, *, in_part: bool) -> None:
    """Write all that goes in."""
    inputs, asked = world / "inputs", world / "requests"
    for folder in (
        *(inputs / name for name in ("web", "shop", "app")),
        asked,
        world / "keys",
        world / "event-log",
        world / "local",
    ):
        folder.mkdir(parents=True)
    (world / "keys" / "identifiers").write_text(f"k1 {SECRET} 2026-01-01\n")
    (world / "keys" / "identifiers").chmod(0o600)
    _lines(inputs / "web" / "1.jsonl", *map(json.dumps, FIRST), *POISON)
    (inputs / "web" / "2.jsonl").write_bytes(gzip.compress(ANN.encode() * 50)[:-9])
    names = ("at", "customer", "mail", "amount", "link")
    when = MONDAY.isoformat()
    _rows(inputs / "shop" / "1.csv", names, (when, f"{CORE}-login-1", ANN, "3", "a"),
          (when, ANN, BOB, ANN, "b", BOB, CARD),
          (ANN, f"{CORE}-login-2", "", "1", "c"))  # fmt: skip
    _rows(inputs / "shop" / "2.csv", (when, f"{CORE}-login-1", ANN, "3", "a"), (when, f"{CORE}-login-2", BOB, "4", "b"))
    login = pa.array([f"{CORE}-login-1", f"{CORE}-login-2", ANN])
    pq.write_table(pa.table({"at": pa.array([MONDAY] * 3), "login": login, ANN: login}), inputs / "app" / "1.parquet")
    ends = ("id_type_a", "id_value_a", "id_type_b", "id_value_b")
    _rows(inputs / "crm.csv", ends, ("user_id", f"{CORE}-login-1", "hubspot_contact_id", f"{CORE}-hub"),
          ("user_id", f"{CORE}-login-2", ANN, ANN), ("email", BOB, "email", f"no address {CORE}"))  # fmt: skip
    _rows(
        inputs / "accounts.csv",
        ("account_id", "name", "domains"),
        ("mill", "The Mill", f"{CORE}-bob.example"),
        ("", ANN, ANN),
    )
    _rows(
        inputs / "members.csv",
        ("id_value", "account_id", "valid_from"),
        (ANN, "mill", ""),
        (BOB, "", ANN),
        (EVE, "mill", ANN),
    )
    _rows(
        inputs / "manual.csv", ("action", *ends, "reason"), ("exclude", "email", ANN, "email", BOB, f"{CORE} said so")
    )
    _rows(inputs / "manual-broken.csv", ("action", *ends, "reason"), ("join", "email", ANN, ANN, BOB, CORE), (ANN,))
    _rows(inputs / "headless.csv", (when, f"{CORE}-login-1", ANN, CARD), (when, f"{CORE}-login-2", BOB, CARD))
    _lines(world / "oneuser.yaml", json.dumps(settings(world, in_part=in_part)))
    _lines(world / "broken.yaml", json.dumps(BROKEN))
    _lines(world / "no-yaml.yaml", f"deployment: [{ANN}", f"  warehouse: {SECRET}")
    _lines(world / "people.txt", f"user_id: {CORE}-1, email: {ANN}", "---", f"email: {ANN}, anonymous_id: {CORE}-2")
    _lines(
        world / "people-broken.txt",
        f"user_id: {CORE}-1, email: {ANN}",
        f"{ANN} -> {BOB} said",
        f"rule {ANN} limit {BOB}",
    )
    _request(asked, "ask-ann", "erasure", ("email", ANN), scope="connected")
    _request(asked, "ask-ghost", "erasure", ("email", GHOST), scope="exact")
    _request(asked, "stop-eve", "erasure", ("email", EVE))
    _request(asked, "back-eve", "erasure", ("email", EVE))
    _request(asked, "give-carl", "portability", ("user_id", f"{CORE}-login-3"))
    _request(asked, "give-ghost", "portability", ("email", GHOST))
    named = [{"identity_type": ANN, "identity_value": ANN}]
    wrong = [
        {"subject_request_id": ANN},
        {"subject_request_id": "a", "subject_identities": named, "scope": ANN},
        {"subject_request_id": "b", "subject_request_type": ANN},
    ]
    _lines(world / "wrong.json", *map(json.dumps, wrong), f"{ANN} wants to be forgotten")


def add_a_day(world: Path) -> None:
    """More input, for another run."""
    _lines(world / "inputs" / "web" / "3.jsonl", *map(json.dumps, SECOND))


def add_damage(world: Path) -> None:
    """More lines that are no messages."""
    _lines(world / "inputs" / "web" / "4.jsonl", *POISON)


def wait_for_nobody(world: Path) -> None:
    """A request that no run has begun with, as one leaves it whose run could not begin."""
    session = running_session()
    assert session is not None
    warehouse = Warehouse(session, str(world / "warehouse"))
    request = Request("ask-eve", "erase", "connected", (NamedIdentifier("email", EVE),))
    submit(RequestFiles(warehouse.files, warehouse.layout), request)


# what verbs are asked -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One call of a verb. `{world}` in its arguments is the folder.

    `shows` says why its answer may hold values, `writes` which file or folder is for them, below the world; both empty
    for most. `code` is the exit code; not 0 for a failure, also where 1 or 2 is what was asked for.
    """

    verb: str
    arguments: tuple[str, ...] = ()
    code: int = 0
    shows: str = ""
    writes: str = ""
    before: Callable[[Path], None] | None = None
    is_soak: bool = False

    @property
    def fails(self) -> bool:
        """Whether it is a failure that is looked at."""
        return self.code != 0


NOWHERE = ("--warehouse", "{world}/nowhere")
BAD = ("--config", "{world}/broken.yaml")
ASKED_FOR = "the value that was asked for"
FOR_VALUES = "values are what it is for"
