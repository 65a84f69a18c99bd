"""Consent of a report: who grants what, how many messages say nothing, and what was withheld where."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.identity import DIM_USER, IDENTIFIER_MAP
from oneuser.contracts.marts import TOUCHES
from oneuser.contracts.privacy import CONSENT, GRANTED, REFUSED
from oneuser.contracts.raw import EVENTS
from oneuser.report.data import Consent, ConsentOfSource, Purpose, Withheld
from oneuser.report.suppression import hidden_cells
from oneuser.storage.asked_counts import Counted, Groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.report.source import Figures

    Read = Callable[[TableContract], DataFrame]

_PURPOSES = 12
_SOURCES = 20


def gather_consent(
    figures: Figures, read: Read, config: Config | None, *, n_people: int, min_people: int
) -> Consent | None:
    """Who grants what; null where no message says anything and the configuration asks for nothing.

    Args:
        figures: The published tables.
        read: The same as frames, for what a configuration withholds.
        config: Which purposes are needed for what; null where that is not known.
        n_people: How many people there are, without those that a limit cut off.
        min_people: Counts of fewer people are hidden.
    """
    purposes = _purposes(figures, n_people, min_people)
    withheld = tuple(_withheld(read, config, min_people)) if config else ()
    if not purposes and not withheld:
        return None
    return Consent(purposes, _sources(figures), withheld)


def _purposes(figures: Figures, n_people: int, min_people: int) -> tuple[Purpose, ...]:
    """The purposes that most people say something about. A residual ID counts as no person."""
    said = Counter[tuple[str, str]]()
    counted: Counted = {"people": ("rows", "state")}
    for row in figures.groups(CONSENT, Groups(("purpose", "state"), counted)):
        said[row["purpose"], row["state"]] += row["people"]
    residual = [row["user_id"] for row in figures.rows(DIM_USER, columns=["user_id"], where={"kind": ["residual"]})]
    of_nobody = Groups(("purpose", "state"), counted, where={"user_id": residual})
    for row in figures.groups(CONSENT, of_nobody) if residual and said else ():
        said[row["purpose"], row["state"]] -= row["people"]
    rows = [(purpose, said[purpose, GRANTED], said[purpose, REFUSED]) for purpose in {purpose for purpose, _ in said}]
    most = sorted(rows, key=lambda row: (-row[1] - row[2], row[0]))[:_PURPOSES]
    return tuple(_describe_purpose(*row, n_people, min_people) for row in most if row[1] or row[2])


def _describe_purpose(purpose: str, granted: int, refused: int, n_people: int, min_people: int) -> Purpose:
    people = {GRANTED: granted, REFUSED: refused, "unsaid": n_people - granted - refused}
    hidden = hidden_cells(people, min_people)
    return Purpose(purpose, *(None if state in hidden else n for state, n in people.items()))


def _sources(figures: Figures) -> tuple[ConsentOfSource, ...]:
    counted: Counted = {"n": ("rows", "source"), "n_said": ("values", "consent")}
    rows = figures.groups(EVENTS, Groups(("source",), counted))
    rows.sort(key=lambda row: (-row["n"], row["source"]))
    return tuple(ConsentOfSource(row["source"], row["n"], row["n"] - row["n_said"]) for row in rows[:_SOURCES])


def _withheld(read: Read, config: Config, min_people: int) -> Iterator[Withheld]:
    rules = config.consent
    if rules.required_for_linking:
        n, n_withheld = _not_linking(read, config)
        yield Withheld("linking", rules.required_for_linking, n_withheld, n)
    for name, purposes, contract in (
        ("attribution", rules.required_for_attribution, TOUCHES),
        ("export", rules.required_for_export, IDENTIFIER_MAP),
    ):
        if purposes:
            yield _of_people(name, purposes, read(contract), read(CONSENT), min_people)


def _not_linking(read: Read, config: Config) -> tuple[int, int]:
    """Messages with several identifiers, and how many of them may not link. Grows with all messages."""
    from pyspark.sql import functions as F

    from oneuser.privacy.consent import find_consenting, find_refusing, read_preferences

    rules, id_types = config.consent, config.identity.id_types
    carried = read(EVENT_IDENTIFIERS).where(F.col("id_type").isin(*sorted(id_types)))
    told = read_preferences(read(EVENTS), rules.required_for_linking, opt_out_refuses=rules.opt_out_refuses)
    known_types = [name for name, one in id_types.items() if one.known]
    refusing = find_refusing(told, carried, known_types=known_types)
    consenting = find_consenting(told, carried, refusing).withColumn("may_link", F.lit(1))
    several = carried.where(F.col("n_links") > 1).select("message_key").distinct()
    counted = several.join(consenting, on="message_key", how="left").agg(
        F.count(F.lit(1)).alias("n"), F.count("may_link").alias("n_linking")
    )
    row = counted.collect()[0]
    return row["n"], row["n"] - row["n_linking"]


def _of_people(name: str, purposes: Sequence[str], rows: DataFrame, consent: DataFrame, min_people: int) -> Withheld:
    """Rows of people, and how many of them are withheld; null where too few people are behind these."""
    from pyspark.sql import functions as F

    from oneuser.privacy.consent_of_people import find_consenting_people

    consenting = find_consenting_people(consent, purposes)
    withheld = rows.join(consenting, on="user_id", how="left_anti").agg(
        F.count(F.lit(1)).alias("n"), F.countDistinct("user_id").alias("people")
    )
    row = withheld.collect()[0]
    is_hidden = 0 < row["people"] < min_people
    return Withheld(name, tuple(purposes), None if is_hidden else row["n"], rows.count())
