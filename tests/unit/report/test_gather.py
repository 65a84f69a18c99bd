"""A report's data from published tables, against counts by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.config import make_config
from oneuser.contracts.registry import TABLES
from oneuser.contracts.table import TableContract
from oneuser.report.build import build_report
from oneuser.report.data import (
    Bridge,
    ConsentOfSource,
    Funnel,
    Purpose,
    RefusedBy,
    ReportData,
    SharedValue,
    SizeBucket,
    Withheld,
)
from oneuser.report.gather import gather_report
from oneuser.report.gather_consent import gather_consent
from oneuser.report.gather_marts import gather_attribution
from oneuser.storage.asked_counts import Groups, Top
from oneuser.storage.frame_rows import count_frame, first_of_frame, read_frame
from oneuser.storage.row_groups import count_rows, first_rows
from oneuser.storage.table_reader import rows_of
from tests.unit.report.reading import SECTIONS, read_page
from tests.unit.report.test_record import Run, Shown, Stage

NOW = datetime(2026, 3, 1, tzinfo=UTC)
_PLAIN: dict[str, Any] = {
    "string": "x", "bigint": 1, "int": 0, "boolean": True, "timestamp": NOW, "date": date(2026, 1, 1), "double": 0.0,
    "binary": b"x", "map<string,bigint>": {}, "array<string>": [], "decimal(20,12)": Decimal(1),
    "decimal(38,0)": Decimal(0), "decimal(30,12)": Decimal(0),
    "array<struct<id_type:string,id_key:binary,id_value:string,link:string>>": [],
}  # fmt: skip


@dataclass
class Held:
    """The publication of literal rows, counted without Spark."""

    source: Source
    publication: Shown

    def groups(self, contract: TableContract, asked: Groups) -> list[dict[str, Any]]:
        return count_rows(self._held(contract, asked.columns, asked.where).to_batches(), contract, asked)

    def top(self, contract: TableContract, asked: Top) -> list[dict[str, Any]]:
        return first_rows(self._held(contract, contract.columns, {}), contract, asked)

    def rows(
        self, contract: TableContract, *, columns: Sequence[str], where: Mapping[str, Collection[Any]]
    ) -> list[dict[str, Any]]:
        return list(rows_of(self._held(contract, columns, where).to_batches()))

    def _held(self, contract: TableContract, columns: Sequence[str], where: Mapping[str, Collection[Any]]) -> pa.Table:
        named = [dict(zip(contract.columns, row, strict=True)) for row in self.source.literal(contract.name)]
        fitting = [row for row in named if all(row[name] in values for name, values in where.items())]
        listed = [{key: _for_arrow(row[key]) for key in columns} for row in fitting]
        return pa.Table.from_pylist(listed, pa.schema([contract.arrow_schema.field(name) for name in columns]))


def _for_arrow(value: Any) -> Any:
    return list(value.items()) if isinstance(value, dict) else value


@dataclass
class Framed:
    """The same, counted by Spark."""

    source: Source
    publication: Shown

    def groups(self, contract: TableContract, asked: Groups) -> list[dict[str, Any]]:
        return count_frame(self.source.frame(contract), contract, asked)

    def top(self, contract: TableContract, asked: Top) -> list[dict[str, Any]]:
        return first_of_frame(self.source.frame(contract), contract, asked)

    def rows(
        self, contract: TableContract, *, columns: Sequence[str], where: Mapping[str, Collection[Any]]
    ) -> list[dict[str, Any]]:
        return read_frame(self.source.frame(contract), contract, columns=columns, where=where)


@dataclass
class Source:
    """An open warehouse of literal rows; columns that a row leaves out are plain values, or null where they may be."""

    spark: SparkSession
    rows: dict[str, list[dict[str, Any]]]
    runs: list[Run]
    publication: Shown = field(default_factory=lambda: Shown(2))
    deployment: str = "acme"
    config: None = None

    @property
    def figures(self) -> Held:
        return Held(self, self.publication)

    def literal(self, name: str) -> list[tuple[Any, ...]]:
        """The rows of a table."""
        fields = TABLES[name].fields
        return [
            tuple(row.get(f.name, None if f.nullable else _PLAIN[f.dtype]) for f in fields)
            for row in self.rows.get(name, [])
        ]

    def frame(self, contract: TableContract) -> DataFrame:
        return self.spark.createDataFrame(self.literal(contract.name), contract.schema)

    def run_records(self) -> list[Run]:
        return self.runs

    def suspect_rows(self, limit: int | None = None, *, largest: int | None = None) -> list[dict[str, Any]]:
        assert (limit, largest) == (10, 200)
        names = ("identifier_id", "id_type", "n_people", "n_parted", "n_events")
        return [dict(zip(names, row, strict=True)) for row in [(7, "email", 23, 4, 9), (8, "phone", 2, 1, 3)]]

    def values(self, numbers: Collection[int]) -> dict[int, tuple[str, str | None]]:
        return {number: ("email", f"masked {number}") for number in numbers}


def people(n: int, kind: str, n_identifiers: int, account: str | None = None) -> list[dict[str, Any]]:
    return [
        {"user_id": f"{kind}{n_identifiers}{i}", "kind": kind, "n_identifiers": n_identifiers, "account_id": account}
        for i in range(n)
    ]


def credited(channel: str, n: int, model: str, minor: int) -> list[dict[str, Any]]:
    return [
        {
            "conversion_id": f"{channel}{i}".encode(), "conversion": "order", "model": model, "channel": channel,
            "user_id": f"u{i}", "credit_minor": minor, "currency": "EUR", "entity_level": "person", "lookback_days": 30,
            "is_additive": model != "participation", "path_length": {"email": 2, "search": 12}.get(channel, 0),
        }
        for i in range(n)
    ]  # fmt: skip


def moved(
    n: int, reason: str, before: tuple[str, float] | None, now: tuple[str, float] | None, **facts: Any
) -> list[dict[str, Any]]:
    """Credit of one touch of each of some people's conversions."""
    shares = {"channel_before": before and before[0], "channel": now and now[0]}
    weights = {f"weight{side}": Decimal(str(one[1] if one else 0)) for side, one in (("_before", before), ("", now))}
    return [
        {
            "run_seq": 2, "conversion_id": f"{reason}{i}".encode(), "model": "linear", "reason": reason,
            "user_id_before": f"u{i}", "user_id": f"u{i}", "account_id_before": "acme", "account_id": "acme",
        } | shares | weights | facts
        for i in range(n)
    ]  # fmt: skip


def cell(month: int, offset: int, size: int, retained: int, *, observed: bool = True) -> dict[str, Any]:
    return {
        "cohort": date(2026, month, 1), "offset": offset, "cohort_size": size, "retained": retained,
        "retained_eligible": retained if observed else 0, "eligible": size if observed else 0, "is_observed": observed,
        "mode": "on", "unit": "month", "zone": "UTC", "entity_level": "person", "name": "monthly",
    }  # fmt: skip


ROWS: dict[str, list[dict[str, Any]]] = {
    "files": [
        {"n_lines": 60, "state": "ingested"}, {"n_lines": 40, "state": "ingested"}, {"n_lines": 9, "state": "refused"},
    ],
    "events_resolved": [{"user_id": "u" if i < 80 else None} for i in range(90)],
    "dim_user": [
        *people(7, "known", 2, "a1"), *people(6, "known", 7), *people(9, "anonymous", 1), *people(3, "anonymous", 2),
        *people(2, "residual", 1),
    ],
    "identifier_map": [
        *({"id_type": "email", "user_id": f"u{i}"} for i in range(12)),
        *({"id_type": "phone", "user_id": "u1"} for _ in range(9)),
    ],
    "refused_edges": [
        {"rule": "unique", "src": 1, "opened_run": 1}, {"rule": "unique", "src": 2, "opened_run": 2},
        {"rule": "unique", "src": 3, "opened_run": 1, "closed_run": 2},
        {"rule": "limit", "src": 4, "opened_run": 1, "closed_run": 1},
    ],
    "attribution_credits": [
        *credited("email", 9, "first", 250), *credited("search", 6, "first", 100),
        *credited("(unattributed)", 2, "first", 50), *credited("search", 17, "last", 100),
        *credited("email", 17, "participation", 100),
    ],
    # of models whose credits are kept, as of one that is fitted on all paths, and of one without credit
    "attribution_summary": [
        {
            "conversion": "order", "currency": "EUR", "model": model, "channel": channel, "conversions": Decimal(n),
            "credit_minor": Decimal(minor), "n_touches": n_touches, "entity_level": "person", "lookback_days": 30,
        }
        for model, channel, n, minor, n_touches in [
            ("first", "email", 9, 2250, 9), ("participation", "email", 17, 1700, 17),
            ("markov_path", "x", 17, 2950, 30), ("set_shapley", "x", 3, 2950, 30),
            ("rate_shapley", "x", 0, 0, 0), ("rate_shapley", "(unattributed)", 2, 100, 0),
        ]
    ],
    "attribution_removal_effects": [
        {"markov_order": order, "channel": channel, "removal_effect": effect}
        for order, channel, effect in [(1, "email", 0.2), (2, "x", 0.3), (1, "x", 0.5)]
    ],
    "attribution_paths": [
        {"path": path, "n_journeys": n, "n_conversions": converted}
        for path, n, converted in [
            (["x"], 40, 30), (["x", "email"], 30, 2), (["email"], 9, 9), (["email", "x"], 4, 0), (["y"], 50, 0),
        ]
    ],
    "attribution_changes": [
        *moved(8, "merged", ("email", 1), ("email", 0.5)), *moved(8, "merged", None, ("x", 0.5)),
        *moved(3, "gone", ("x", 1), None, user_id=None), *moved(9, "touches", ("x", 1), None, run_seq=1),
    ],
    "account_attribution_changes": moved(9, "membership", ("x", 1), None),
    "retention": [
        cell(1, 0, 20, 20), cell(1, 1, 20, 0), cell(1, 2, 20, 9), cell(2, 0, 10, 10), cell(2, 1, 10, 4),
        cell(2, 2, 10, 1, observed=False), cell(3, 0, 3, 3), cell(3, 1, 3, 3, observed=False),
        # no triangles: a breakdown, and intervals before the start
        cell(1, 0, 99, 99) | {"name": "by plan", "breakdown": "pro"}, cell(1, 0, 98, 98) | {"name": "by plan"},
        cell(1, -1, 97, 9) | {"name": "earlier", "mode": "before"},
        cell(1, 1, 96, 9) | {"name": "weekly"},
    ],
    "lifecycle": [
        {
            "name": "weekly", "unit": "week", "starts_at": datetime(2026, 1, 5 + 7 * week, tzinfo=UTC),
            "interval": date(2026, 1, 5 + 7 * week), "new": new, "returning": 6, "resurrecting": 0, "dormant": 7,
        }
        for week, new in [(2, 0), (0, 8), (1, 4)]
    ] + [{"name": "by_hour", "unit": "hour"}],
    "stickiness": [{"name": "L28", "n_intervals": n, "n_entities": count} for n, count in [(2, 4), (1, 9), (3, 0)]],
    "funnels": [
        {
            "name": "shop", "step": step, "step_name": name, "n_entities": n, "n_eligible": n_eligible,
            "rate_from_first": 0.5, "rate_from_previous": 0.5, "window_days": 7.0, "mode": "ordered",
        }
        for step, name, n, n_eligible in [(3, "C", 3, 3), (1, "A", 30, 20), (2, "B", 9, 3)]
    ] + [{"name": "by_plan", "step": 1, "breakdown": "plan"}],
    "active_users": [
        {"name": "site", "days": days, "n_actives": n, "daily_share": 0.25} for days, n in [(28, 3), (1, 9)]
    ],
    "activation": [
        {
            "name": "onboarded", "unit": "week", "starts_at": datetime(2026, 1, 5 + 7 * week, tzinfo=UTC),
            "interval": date(2026, 1, 5 + 7 * week), "n_new": 20, "n_eligible": n_eligible,
            "n_activated_eligible": n, "rate": 0.5 if n_eligible else None,
            "median_seconds": 86_400.0 if n else None, "window_days": 7.0,
        }
        for week, n_eligible, n in [(1, 8, 4), (0, 12, 6), (2, 0, 0)]
    ],
    "adoption": [
        {
            "name": "reports", "feature": "Report", "window_days": 28.0, "n_active": 40, "n_tried": 9, "n_adopted": 6,
            "n_eligible": 30, "n_adopted_eligible": 3, "adoption_of_active": 0.15, "adoption_of_eligible": 0.1,
            "adopted_of_tried": 0.75,
        }
    ],
    "lifetime_value": [
        {"name": "all", "age": age, "n_members": n, "ltv_minor": 100.5, "currency": "EUR", "unit": "month"}
        for age, n in [(1, 4), (0, 9)]
    ],
    "consent": [
        *({"user_id": f"known2{i}", "purpose": "ads", "state": "granted"} for i in range(7)),
        *({"user_id": f"anonymous1{i}", "purpose": "ads", "state": "refused"} for i in range(9)),
        *({"user_id": f"known7{i}", "purpose": "mail", "state": "granted"} for i in range(2)),
        # cut off by a limit, and no person
        {"user_id": "residual10", "purpose": "ads", "state": "refused"},
    ],
    "events": [
        {"message_key": b"1", "source": "web", "consent": '{"categoryPreferences":{"ads":true}}'},
        {"message_key": b"2", "source": "web", "consent": '{"categoryPreferences":{"ads":false}}'},
        {"message_key": b"3", "source": "web"}, {"message_key": b"4", "source": "crm"},
    ],
    "event_identifiers": [
        {"message_key": key.encode(), "identifier_id": number, "id_type": "email", "link": "event", "n_links": 2}
        for key, *numbers in (("1", 1, 2), ("2", 3, 4), ("3", 5, 6)) for number in numbers
    ] + [{"message_key": b"4", "identifier_id": 7, "id_type": "email", "link": "event", "n_links": 1}],
    "touches": [
        *({"user_id": f"known2{i}"} for i in range(7)), *({"user_id": f"anonymous1{i}"} for i in range(9)),
        *({"user_id": f"known7{i}"} for i in range(6)),
    ],
    "dim_account": [
        {"account_id": "big", "n_users": 9, "n_current_users": 8},
        {"account_id": "next", "n_users": 6, "n_current_users": 6},
        {"account_id": "small", "n_users": 3, "n_current_users": 3},
    ],
    "conversions": [
        {"conversion": "order", "account_id": account, "user_id": user, "value_minor": value, "currency": "EUR"}
        for account, user, value in [*(("big", f"u{i}", 1050) for i in range(5)), *[("next", "u1", 10)] * 9]
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def source(spark: SparkSession) -> Source:
    first = Run(1, {"lines_quarantined|json.syntax": 4.0}, {"ingest": Stage()})
    shared = [
        {"identifier_id": 7, "n_persons": 31, "bound": 10},
        {"identifier_id": 8, "n_persons": 4, "bound": 4},
    ]
    stages = {"ingest": Stage(), "graph": Stage(details={"shared_values": shared}), "identity": Stage()}
    metrics = {"lines_quarantined|json.syntax": 1.0, "ids_kept": 20.0, "ids_minted": 5.0}
    protection = {"identifiers_contested": 2.0, "ids_residual": 2.0, "values_over_shared": 0.0}
    second = Run(2, metrics | protection, stages)
    return Source(spark, ROWS, [first, second])


@pytest.fixture(scope="module")
def data(source: Source) -> ReportData:
    return gather_report(source)


def test_spark_counts_the_same(source: Source, data: ReportData) -> None:
    class OnFrames(Source):
        @property
        def figures(self) -> Any:
            return Framed(self, self.publication)

    assert gather_report(OnFrames(source.spark, source.rows, source.runs)) == data


def test_the_funnel_counts_ingested_lines_events_and_people(data: ReportData) -> None:
    assert data.funnel == Funnel(lines=100, accepted=90, with_person=80, people=25)
    assert data.known_people == 13
    assert [(reason.name, reason.this_run, reason.all_runs) for reason in data.quarantined] == [("json.syntax", 1, 5)]


def test_sizes_hide_few_people_and_whoever_would_give_them_away(data: ReportData) -> None:
    shown = {
        bucket.label: (bucket.known, bucket.anonymous) for bucket in data.sizes if bucket.known or not bucket.anonymous
    }

    assert data.sizes[0] == SizeBucket("1", 0, None)
    assert shown["2"] == (7, None)
    assert shown["6–10"] == (6, 0)
    assert [bucket.label for bucket in data.sizes] == ["1", "2", "3", "4", "5", "6–10"]


def test_what_is_kept_apart_is_counted_by_rule_and_few_people_are_hidden(data: ReportData) -> None:
    shown = data.protection

    assert shown.refusals == (RefusedBy("unique", 2, 1, 1),)
    assert (shown.contested, shown.over_shared, shown.nearly_over_shared, shown.residual) == (2, 0, None, None)
    assert shown.bridges == (Bridge("email: masked 7", 23, 4, 9), Bridge("phone: masked 8", None, 1, 3))


def test_values_that_many_people_share_are_masked_and_few_people_are_hidden(data: ReportData) -> None:
    assert data.protection.shared == (
        SharedValue("email: masked 7", 31, 10, is_over_shared=True),
        SharedValue("email: masked 8", None, 4, is_over_shared=False),
    )


def test_people_are_counted_by_purpose_and_few_are_hidden(data: ReportData) -> None:
    assert data.consent is not None
    # two grant mail, and nobody refuses it: the others would give them away
    assert data.consent.purposes == (Purpose("ads", 7, 9, 9), Purpose("mail", None, 0, None))
    assert data.consent.sources == (ConsentOfSource("web", 3, 1), ConsentOfSource("crm", 1, 1))
    assert data.consent.withheld == ()


def test_what_is_withheld_is_told_by_the_configuration(source: Source) -> None:
    asked = {"required_for_linking": ["ads"], "required_for_attribution": ["ads"], "required_for_export": ["ads"]}
    sources = {"web": {"path": "*.jsonl", "format": "jsonl", "preset": "segment"}}
    config = make_config({"deployment": "acme", "warehouse": "w", "sources": sources, "consent": asked})

    found = gather_consent(source.figures, source.frame, config, n_people=25, min_people=5)

    assert found is not None
    assert found.withheld == (
        Withheld("linking", ("ads",), 2, 3), Withheld("attribution", ("ads",), 15, 22),
        Withheld("export", ("ads",), 21, 21),
    )  # fmt: skip


def test_where_nobody_says_anything_and_nothing_is_asked_there_is_no_consent_to_tell_of(spark: SparkSession) -> None:
    nothing = Source(spark, {}, [])

    assert gather_consent(nothing.figures, nothing.frame, None, n_people=0, min_people=5) is None


def test_identifiers_of_few_people_are_hidden(data: ReportData) -> None:
    assert data.stability.identifiers == 21
    assert [(row.id_type, row.identifiers, row.people) for row in data.identifier_types] == [
        ("email", 12, 12), ("phone", None, None),
    ]  # fmt: skip


def test_attribution_is_hidden_by_people_and_keeps_its_total(data: ReportData) -> None:
    (order,) = data.attribution
    cells = {(c.model, c.channel): (c.conversions, c.credit_minor) for c in order.credits}

    fitted = ("markov_path", "rate_shapley", "set_shapley")
    assert order.models == ("first", "last", *fitted, "participation (does not add up)")
    assert cells == {
        ("first", "email"): (9.0, 2250),
        ("first", "search"): (None, None),
        ("first", "(unattributed)"): (None, None),
        ("last", "search"): (17.0, 1700),
        # nine of the orders are not the first of their person: three may be of one alone; two bought without a touch
        ("markov_path", "x"): (17.0, 2950),
        ("set_shapley", "x"): (None, None),
        ("rate_shapley", "x"): (None, None),
        ("rate_shapley", "(unattributed)"): (None, None),
        ("participation (does not add up)", "email"): (17.0, 1700),
    }
    assert (order.total_conversions, order.total_minor) == (17.0, 2950)
    assert order.channels[-1] == "(unattributed)"


# people who ordered by channel, one of them by all touches of email; and some of them over and over
@pytest.mark.parametrize(
    ("kept", "buyers", "shown"),
    [
        (["linear"], 40, {"linear": {"social"}, "markov_path": {"social"}}),
        ([], 40, {"markov_path": {"social"}}),
        ([], 13, {"markov_path": set()}),
    ],
)
def test_a_fitted_model_shows_nothing_that_may_be_of_few_people(
    spark: SparkSession, kept: list[str], buyers: int, shown: dict[str, set[str]]
) -> None:
    orders = {"email": 1, "search": 9, "social": 30}
    plain = {"conversion": "order", "currency": "EUR", "entity_level": "person", "lookback_days": 30}
    rows = {
        "attribution_credits": [
            row for model in kept for channel, n in orders.items() for row in credited(channel, n, model, 100)
        ],
        "attribution_summary": [
            plain | {
                "model": "markov_path", "channel": channel, "conversions": Decimal(n), "credit_minor": Decimal(99900),
                "n_touches": 6 * n,
            }
            for channel, n in orders.items()
        ],
        "touches": [{"user_id": f"u{i}", "channel": channel} for i in range(40) for channel in orders],
        "conversions": [plain | {"conversion_id": b"%d" % i, "user_id": f"u{i % buyers}"} for i in range(40)],
    }  # fmt: skip

    (order,) = gather_attribution(Source(spark, rows, []).figures, 5)

    found = {model: {one.channel for one in order.credits if one.model == model and one.conversions is not None}
             for model in order.models}  # fmt: skip
    assert found == shown


def test_removal_effects_are_told_by_order_and_hidden_where_few_people_came(data: ReportData) -> None:
    found = {
        one.order: [(of.channel, of.effect, of.people) for of in one.channels] for one in data.paths.removal_effects
    }
    assert list(found.items()) == [
        (1, [("x", 0.5, 22), ("email", None, None)]), (2, [("x", 0.3, 22)]),
    ]  # fmt: skip


def test_conversions_are_told_by_the_touches_of_their_path(data: ReportData) -> None:
    found = {one.label: one.conversions for one in data.paths.lengths}
    # two people came without a touch, whom the other small number would give away
    assert found == {
        "0": None, "1": 0, "2": 9, **dict.fromkeys("3456789", 0), "10 or more": None
    }  # fmt: skip


def test_paths_need_as_many_people_as_may_be_shown(data: ReportData) -> None:
    assert data.paths.taken is not None
    # nine conversions may be one person's; of thirty, two converted
    assert [(one.channels, one.journeys, one.conversions) for one in data.paths.taken.paths] == [
        (("y",), 50, 0), (("x",), 40, 30), (("x", "email"), 30, None),
    ]  # fmt: skip
    assert (data.paths.taken.shown, data.paths.taken.total) == (120, 133)


def test_what_the_run_moved_is_told_by_reason_and_channel(data: ReportData) -> None:
    people, accounts = data.paths.moved
    assert (people.level, people.model) == ("person", "linear")
    assert [(one.reason, one.conversions) for one in people.reasons] == [("merged", 8), ("gone", None)]
    assert [(one.reason, one.channel, one.lost, one.gained) for one in people.moved] == [
        ("gone", "x", None, None), ("merged", "email", 4.0, 0.0), ("merged", "x", 0.0, 4.0),
    ]  # fmt: skip
    # nine conversions of one account, which is few
    assert (accounts.level, [(one.reason, one.conversions) for one in accounts.reasons]) == (
        "account", [("membership", None)],
    )  # fmt: skip
    assert [(one.channel, one.lost) for one in accounts.moved] == [("x", None)]


def test_retention_tells_nobody_hidden_and_not_observed_apart(data: ReportData) -> None:
    assert data.retention is not None
    january, february, march = data.retention.cohorts

    assert [(c.state, c.rate) for c in january.cells] == [("shown", 0.0), ("shown", 0.45)]
    assert [c.state for c in february.cells] == ["hidden", "unobserved"]
    assert (march.size, [c.state for c in march.cells]) == (None, ["unobserved", "unobserved"])
    # the pooled first month would give February's four away
    assert [(c.state, c.rate) for c in data.retention.pooled] == [("hidden", None), ("shown", 0.45)]


def test_each_rule_set_of_retention_has_a_curve_with_its_interval(data: ReportData) -> None:
    assert data.retention is not None
    monthly, weekly = data.retention.curves

    assert (monthly.name, monthly.unit, [one.rate for one in monthly.points]) == ("monthly", "month", [None, 0.45])
    # of 33 members 20 are old enough for the second month
    assert [one.is_late for one in monthly.points] == [False, False]
    (point,) = weekly.points
    assert (point.retained, point.eligible, point.rate) == (9, 96, 9 / 96)
    assert (point.low, point.high) == (pytest.approx(0.0501, abs=1e-4), pytest.approx(0.1687, abs=1e-4))


def test_lifecycle_stickiness_and_funnels_hide_few_people(data: ReportData) -> None:
    (lifecycle,) = data.product.lifecycles
    # of the second interval one phase is of four people, and the others would tell which
    assert [(one.starts.day, one.new, one.returning, one.dormant) for one in lifecycle.intervals] == [
        (5, 8, 6, 7), (12, None, None, None), (19, 0, 6, 7)
    ]  # fmt: skip
    (curve,) = data.product.power_curves
    assert curve.counts == (9, None, 0)
    (funnel,) = data.product.funnels
    assert [(one.label, one.n_entities, one.rate_from_first) for one in funnel.steps] == [
        ("A", 30, 0.5), ("B", 9, None), ("C", None, None)
    ]  # fmt: skip


def test_use_and_worth_hide_few_people_and_what_is_divided_by_them(data: ReportData) -> None:
    (actives,) = data.product.actives
    assert [(one.days, one.n_actives, one.daily_share) for one in actives.rows] == [(1, 9, 0.25), (28, None, None)]
    (activation,) = data.product.activations
    assert [(one.n_eligible, one.n_activated, one.rate, one.median_days) for one in activation.intervals] == [
        (12, 6, 0.5, 1.0), (8, None, None, None), (0, 0, None, None)
    ]  # fmt: skip
    (adoption,) = data.product.adoptions
    # three of the eligible adopted it, which is few
    assert (adoption.n_active, adoption.n_adopted, adoption.of_active, adoption.of_eligible, adoption.of_tried) == (
        40, 6, 0.15, None, 0.75
    )  # fmt: skip
    (worth,) = data.product.lifetime_values
    assert [(one.age, one.n_members, one.value_minor) for one in worth.ages] == [(0, 9, 100.5), (1, None, None)]


def test_accounts_are_ranked_and_hide_what_few_people_did(data: ReportData) -> None:
    assert data.accounts is not None
    big, following = data.accounts.top

    assert (data.accounts.total, data.accounts.too_small, data.accounts.people_with_account) == (3, 1, 7)
    assert (big.place, big.members_now, big.conversions, big.value_minor) == (1, 8, 5, {"EUR": 5250})
    assert (following.members_now, following.conversions, following.value_minor) == (6, None, {})


def test_a_warehouse_without_rows_has_a_report_where_it_is_wanted(spark: SparkSession, tmp_path: Path) -> None:
    empty = Source(spark, {}, [Run(1)], Shown(1))

    written = build_report(empty, tmp_path / "reports" / "march.html")

    assert written == (tmp_path / "reports" / "march.html").resolve()
    page = written.read_text(encoding="utf-8")
    assert set(SECTIONS) <= set(read_page(page).ids)
    assert "There are no people yet." in page
