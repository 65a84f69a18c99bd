"""The truth of a demo: who is behind every identifier that stands in the log."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oneuser.demo import visits as v
from oneuser.demo.population import MEMBER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from oneuser.demo.names import Names
    from oneuser.demo.population import People

HEADER = ("id_type", "id_value", "person", "kind")
OWN, UNLINKED, SHARED, PLACEHOLDER = "own", "unlinked", "shared", "placeholder"


class TrueIdentifier(NamedTuple):
    """An identifier of a person, its value normalised.

    `kind` is `own`; `unlinked` for an own browser on which nothing ties it to the person; `shared` for a browser that
    several people used, `placeholder` for an address that several people gave: these two have a row for each of them.
    """

    id_type: str
    id_value: str
    person: str
    kind: str


@dataclass(frozen=True)
class Occurrences:
    """Which numbers of people and cookies stand in the log, as pairs without repetition; ordered."""

    user_ids: NDArray[np.int64]
    emails: NDArray[np.int64]
    cookies: list[tuple[int, int]]  # (cookie, person)
    linked: frozenset[tuple[int, int]]  # the pairs of `cookies` that some message ties to a known identifier


def occurrences(people: People, visits: v.Visits) -> Occurrences:
    """What the messages of these visits carry."""
    n_people = len(people.kind)
    user = visits.person + np.where(visits.is_renamed, n_people, 0)
    says_email = (visits.happenings & (v.IDENTIFY | v.EMAIL_CLICK)) > 0
    pairs = visits.cookie.astype(np.int64) * n_people + visits.person
    # a known visit names browser and user id together: its log-in, or else its landing page
    is_linking = visits.is_known | ((visits.happenings & v.IDENTIFY) > 0)
    cookies = [(int(pair) // n_people, int(pair) % n_people) for pair in np.unique(pairs)]
    linked = frozenset((int(pair) // n_people, int(pair) % n_people) for pair in np.unique(pairs[is_linking]))
    return Occurrences(np.unique(user[visits.is_known]), np.unique(visits.email[says_email]), cookies, linked)


def true_identifiers(people: People, names: Names, found: Occurrences) -> Iterator[TrueIdentifier]:
    """Every identifier in the log with its people: user ids, then addresses, then browsers."""
    n_people = len(people.kind)

    def person_name(number: int) -> str:
        return f"p{number % n_people:07d}"

    for number in found.user_ids.tolist():
        yield TrueIdentifier("user_id", names.user_ids[number], person_name(number), OWN)
    for number in found.emails.tolist():
        kind = PLACEHOLDER if people.has_placeholder[number % n_people] else OWN
        if kind == OWN or number < n_people:
            yield TrueIdentifier("email", names.emails[number], person_name(number), kind)
    n_users: dict[int, int] = {}
    for cookie, _ in found.cookies:
        n_users[cookie] = n_users.get(cookie, 0) + 1
    for cookie, person in found.cookies:
        kind = SHARED if n_users[cookie] > 1 else OWN if (cookie, person) in found.linked else UNLINKED
        yield TrueIdentifier("anonymous_id", names.anonymous_ids[cookie], person_name(person), kind)


def write_people(path: Path, identifiers: Iterator[TrueIdentifier]) -> dict[str, int]:
    """Write the truth as CSV with a header; returns rows by kind."""
    rows: dict[str, int] = dict.fromkeys((OWN, UNLINKED, SHARED, PLACEHOLDER), 0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for identifier in identifiers:
            rows[identifier.kind] += 1
            writer.writerow(identifier)
    return rows


def count_people(people: People, visits: v.Visits) -> dict[str, int]:
    """People, browsers and accounts that the log holds traces of."""
    present = np.unique(visits.person)
    in_groups = visits.account[(visits.happenings & (v.GROUP | v.INVOICE)) > 0]
    return {
        "people": len(present),
        "people_with_account_login": int((people.kind[present] == MEMBER).sum()),
        "people_anonymous": int((people.kind[present] == 0).sum()),
        "people_on_shared_browsers": int((people.shared_device[present] >= 0).sum()),
        "visits": len(visits.person),
        "browsers": len(np.unique(visits.cookie)),
        "accounts": len(np.unique(in_groups)),
    }
