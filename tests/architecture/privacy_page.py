"""The tables of `conf/privacy.md`, from the register: `python -m tests.architecture.privacy_page` renews them."""

from __future__ import annotations

from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.contracts.registry import TABLES
from oneuser.contracts.subject import NOBODY
from oneuser.contracts.table import TableContract
from tests.architecture.source import ROOT

PAGE = ROOT / "conf" / "privacy.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"
ZONES = {
    "raw": "Raw zone: personal data as received",
    "pseudonymous": "Pseudonymous zone: numbers, keyed hashes and User IDs",
    "control": "Control zone: the job itself",
}
# of whom no row is told, and why a row stays all the same
KEPT = {
    SUPPRESSIONS.name: "nothing: it keeps erased people out",
    ERASURES.name: "nothing: it says what was erased",
    "account_profiles": "nothing: it describes companies, as its file does now",
}


def generated() -> str:
    """A table for each zone: what each of its tables holds, and what an erasure takes from it."""
    return "".join(f"\n**{title}**\n\n{_rows_of(zone)}" for zone, title in ZONES.items()) + "\n"


def _rows_of(zone: str) -> str:
    rows = [
        f"| `{one.name}` | {one.grain} | {_listed(one.personal_columns)} | {_erased(one)} |\n"
        for one in TABLES.values()
        if one.zone == zone
    ]
    head = "| Table | One row is | Columns of personal data as received | An erasure deletes |\n|---|---|---|---|\n"
    return head + "".join(rows)


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns) or "none"


def _erased(contract: TableContract) -> str:
    subject = contract.subject
    if subject == NOBODY:
        return KEPT.get(contract.name, "nothing: its rows are about nobody")
    parts = {
        "messages": (*subject.messages, *subject.touches, *(name for name, _ in subject.conversions)),
        "identifiers": (*subject.identifiers, *(["id_key"] if subject.is_keyed else [])),
        "User IDs": subject.users,
        "values": tuple(text for text, _ in subject.texts),
    }
    by = [f"{what} ({_listed(columns)})" for what, columns in parts.items() if columns]
    kept = f"; a row stays where `{subject.kept[0]}` is {subject.kept[1]}, emptied" if subject.kept else ""
    return f"rows of erased {', '.join(by)}{kept}"


def renewed(text: str) -> str:
    """The page with its tables as the register has them."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + generated() + END + after


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
