"""A made-up report's data with everything in it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from oneuser.report.data import (
    Account,
    Accounts,
    Attribution,
    Bridge,
    Cohort,
    Consent,
    ConsentOfSource,
    Credit,
    Disposition,
    Funnel,
    IdentifierType,
    Protection,
    Purpose,
    RefusedBy,
    ReportData,
    Retention,
    RetentionCell,
    RunHead,
    SharedValue,
    SizeBucket,
    Stability,
    StageTime,
    Withheld,
)
from oneuser.report.path_data import (
    ChannelEffect,
    MovedByReason,
    MovedCredit,
    MovedCredits,
    PathFigures,
    PathLength,
    RemovalEffects,
    TakenPath,
    TakenPaths,
)
from oneuser.report.product_data import (
    Activation,
    ActivationInterval,
    Actives,
    ActivesOfDays,
    Adoption,
    CurvePoint,
    FunnelStep,
    Lifecycle,
    LifecycleInterval,
    LifetimeValue,
    PowerCurve,
    ProductFigures,
    RetentionCurve,
    StepFunnel,
    ValueOfAge,
)

MODELS = ("first", "last", "linear", "position", "time_decay")
CHANNELS = {
    "paid search": (31, 22, 26, 27, 24),
    "organic search": (24, 19, 21, 22, 20),
    "email": (9, 24, 18, 17, 20),
    "direct": (8, 16, 14, 12, 15),
    "paid social": (14, 8, 10, 11, 10),
    "referral": (6, 5, 5, 5, 5),
    "(unattributed)": (8, 8, 8, 8, 8),
}


def made_up_head(**changes: object) -> RunHead:
    facts: dict[str, object] = {
        "deployment": "acme", "run_seq": 7, "previous": 6, "is_rollback": False, "attempt": 1,
        "as_of": datetime(2026, 3, 1, 6, tzinfo=UTC), "published_at": datetime(2026, 3, 1, 6, 2, tzinfo=UTC),
        "config_hash": "5b0f9c2e7a41d6c3", "code_version": "0.1.0", "n_files": 12, "engine": "one_task",
        "engine_reason": "41,380 edges, at most 50,000,000 go into one task", "checks_passed": 6, "checks": 6,
        "certified_identifiers": 38_412,
    }  # fmt: skip
    return RunHead(**(facts | changes))  # type: ignore[arg-type]


def made_up_paths() -> PathFigures:
    email, search, direct, social = "email", "organic search", "direct", "paid social"
    ways = [
        ((search,), 420, 38), ((direct,), 300, 51), ((search, direct), 180, 40), ((social, search, direct), 96, 31),
        ((email, direct), 88, 0), ((search, search, email), 60, None), ((social,), 55, 55),
        ((email, social, search, email, social, direct), 21, 11), (("referral",), 9, 0),
    ]  # fmt: skip
    effects = [("direct", 0.412), (search, 0.33), (email, 0.11), (social, 0.0004), ("affiliate", None)]
    moved = [
        ("merged", email, 12.5, 0.0), ("merged", direct, 0.0, 14.5), ("merged", "(unattributed)", 2.0, 0.0),
        ("touches", search, 1.25, 3.0), ("touches", direct, 1.75, 0.0), ("touches", "affiliate", None, None),
    ]  # fmt: skip
    return PathFigures(
        (RemovalEffects(1, tuple(ChannelEffect(name, part, None if part is None else 120) for name, part in effects)),),
        TakenPaths(tuple(TakenPath(path, n, converted) for path, n, converted in ways), 1_400),
        (
            MovedCredits(
                "person", "linear", (MovedByReason("merged", 31), MovedByReason("touches", None)),
                tuple(MovedCredit(reason, "linear", *rest) for reason, *rest in moved),
            ),
        ),
        tuple(PathLength(*one) for one in [("0", 120), ("1", 301), ("2", 96), ("3", None), ("10 or more", 9)]),
    )  # fmt: skip


def made_up_attribution() -> Attribution:
    cells = [
        Credit(model, channel, parts[place] * 9.3, parts[place] * 123_457)
        for place, model in enumerate(MODELS)
        for channel, parts in CHANNELS.items()
    ]
    return Attribution(
        "order", "GBP", 30, 930.0, 12_345_700, (*cells, *(Credit(model, "affiliate", None, None) for model in MODELS))
    )


def made_up_retention(n_cohorts: int = 12) -> Retention:
    cohorts = []
    for place in range(n_cohorts):
        size = 420 + 37 * ((place * 5) % 7)
        cells = []
        for offset in range(1, n_cohorts):
            retained = int(size * (0.62 / (1 + 0.45 * offset)) * (1 + 0.05 * ((place + offset) % 4)))
            if offset >= n_cohorts - place:
                cells.append(RetentionCell(offset, "unobserved"))
            elif (place, offset) == (1, 9):
                cells.append(RetentionCell(offset, "hidden"))
            elif (place, offset) == (2, 8):
                cells.append(RetentionCell(offset, "shown", 0.0, 0, size))
            else:
                cells.append(RetentionCell(offset, "shown", retained / size, retained, size))
        cohorts.append(Cohort(date(2025 + (2 + place) // 12, (2 + place) % 12 + 1, 1), size, tuple(cells)))
    pooled = tuple(
        RetentionCell(offset, "shown", 0.62 / (1 + 0.45 * offset), int(5000 * 0.62 / (1 + 0.45 * offset)), 5000)
        for offset in range(1, n_cohorts)
    )
    watermark = datetime(2026, 3, 1, 5, 58, tzinfo=UTC)
    curves = (made_up_curve("default", "on", 0.62), made_up_curve("ever_again", "on_or_after", 0.81))
    return Retention("month", "on", "UTC", watermark, n_cohorts, tuple(cohorts), pooled, curves)


def made_up_curve(name: str, mode: str, share: float) -> RetentionCurve:
    points = []
    for offset in range(1, 12):
        rate, eligible = share / (1 + 0.3 * offset), 5000 - 420 * offset
        margin = 1.96 * (rate * (1 - rate) / eligible) ** 0.5
        hidden = CurvePoint(offset, None, None, None, None, None, is_late=True)
        shown = CurvePoint(
            offset, rate, rate - margin, rate + margin, int(rate * eligible), eligible, is_late=eligible < 2500
        )
        points.append(hidden if offset == 11 else shown)
    return RetentionCurve(name, "month", mode, tuple(points))


def made_up_product() -> ProductFigures:
    watermark = datetime(2026, 3, 1, 5, 58, tzinfo=UTC)
    intervals = [
        LifecycleInterval(date(2025, 10, 6) + timedelta(days=7 * n), 90 + 11 * (n % 4), 40 * n, 6 * n, 70 + 9 * (n % 5))
        for n in range(20)
    ]
    intervals[3] = LifecycleInterval(intervals[3].starts, None, None, None, None)
    counts = tuple(None if n in {25, 27} else int(900 / n) + (40 if n == 28 else 0) for n in range(1, 29))
    steps = (
        FunnelStep(1, "Product Viewed", 8_120, 1.0, None),
        FunnelStep(2, "Product Added", 3_047, 0.371, 0.371),
        FunnelStep(3, "Checkout Started", 1_310, 0.158, 0.426),
        FunnelStep(4, "Order Completed (plan = pro or team)", None, None, None),
    )
    began = [
        ActivationInterval(
            date(2025, 12, 1) + timedelta(days=7 * n), 80 + n, 80 + n, 30 + 2 * n, (30 + 2 * n) / (80 + n), 2.5
        )
        for n in range(9)
    ]
    # few, and days that are not over
    began[2] = ActivationInterval(began[2].starts, 70, 70, None, None, None)
    began[8] = ActivationInterval(began[8].starts, 88, 0, 0, None, None)
    return ProductFigures(
        (Lifecycle("weekly", "person", "week", "Europe/Berlin", watermark, tuple(intervals)),),
        (PowerCurve("L28", "person", "day", "Europe/Berlin", watermark, counts),),
        (StepFunnel("shop", "person", 7.0, "ordered", False, watermark, steps),),
        (
            Actives(
                "site", "person", "Europe/Berlin", watermark,
                (ActivesOfDays(1, 1_204, 1.0), ActivesOfDays(7, 4_030, 0.291), ActivesOfDays(28, None, None)),
            ),
        ),
        (Activation("onboarded", "account", "week", "UTC", 14.0, watermark, tuple(began)),),
        (
            Adoption(
                "reports", "account", "Report Made (plan = pro)", 28.0, watermark, 412, 640, 208, 97, 0.235, 0.148,
                0.466, is_eligible_known=True,
            ),
            Adoption("few", "person", "Shared", 28.0, watermark, 412, None, None, None, None, None, None,
                     is_eligible_known=False),
        ),
        (
            LifetimeValue(
                "all", "GBP", "month", "Europe/London", watermark,
                (
                    *(ValueOfAge(n, 900 - 70 * n, 4_200.0 + 1_300.4 * n) for n in range(11)),
                    ValueOfAge(11, None, None),
                ),
            ),
        ),
    )  # fmt: skip


def made_up_accounts() -> Accounts:
    seen = (datetime(2025, 3, 4, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC))
    members = (214, 167, 120, 88, 71, 54, 33, 21, 12, 7)
    top = tuple(
        Account(place, n, n + n // 6, n // 3 if n > 20 else None, {"GBP": n * 41_250} if n > 20 else {}, *seen)
        for place, n in enumerate(members, start=1)
    )
    return Accounts(86, 1_902, 31, top)


def made_up_data(**changes: object) -> ReportData:
    facts: dict[str, object] = {
        "head": made_up_head(),
        "min_people": 5,
        "funnel": Funnel(1_048_220, 1_009_871, 991_406, 12_684),
        "known_people": 5_127,
        "dispositions": (
            Disposition("accepted", 84_212, 1_009_871), Disposition("duplicate", 2_540, 35_020),
            Disposition("quarantined", 212, 3_329), Disposition("suppressed", None, None),
        ),
        "quarantined": (
            Disposition("spec.no_identity", 140, 2_104), Disposition("json.syntax", 41, 733),
            Disposition("time.missing", 22, 341), Disposition("json.dup_key", 9, 108), Disposition("limit.line", 0, 43),
        ),
        "refused_files": (Disposition("file.truncated", 1, 2),),
        "dropped_identifiers": (Disposition("id.blocked", 77, 901), Disposition("id.email", 12, 118)),
        "stability": Stability(11_969, 11_920, 731, 46, 3, 2, 118, 38_412, 1_204),
        "sizes": (
            SizeBucket("1", 612, 6_240), SizeBucket("2", 1_820, 940), SizeBucket("3", 1_322, 261),
            SizeBucket("4", 701, 88), SizeBucket("5", 344, 28), SizeBucket("6–10", 289, None),
            SizeBucket("11–20", 39, None), SizeBucket("21–50", None, None),
        ),
        "identifier_types": (
            IdentifierType("anonymous_id", 24_804, 12_610), IdentifierType("email", 8_321, 5_020),
            IdentifierType("user_id", 5_287, 5_101), IdentifierType("phone", None, None),
        ),
        "protection": Protection(
            refusals=(
                RefusedBy("over_shared", 18_402, 311, 0), RefusedBy("unique", 1_204, 88, 12),
                RefusedBy("limit", 91, 4, 1), RefusedBy("exclude", 3, 0, 0),
            ),
            contested=842, replayed=311, over_shared=9, nearly_over_shared=4,
            without_owner=(Disposition("unique_in_event", 61, 61),), residual=12,
            bridges=(
                Bridge("email: r***@e***.com", 23, 71, 1_940), Bridge("phone: +4***", 6, 9, 84),
                Bridge("anonymous_id: 7f***", None, 3, 12),
            ),
            shared=(
                SharedValue("email: n***@s***.com", 31, 10, is_over_shared=True),
                SharedValue("phone: +4***", None, 4, is_over_shared=False),
            ),
        ),
        "consent": Consent(
            (
                Purpose("Analytics", 7_904, 2_310, 2_470), Purpose("Advertising", 4_120, 6_094, 2_470),
                Purpose("sale", None, None, 12_466), Purpose("Functional", 10_214, 0, 2_470),
            ),
            (ConsentOfSource("web", 912_450, 20_311), ConsentOfSource("crm", 97_421, 97_421)),
            (
                Withheld("linking", ("Analytics",), 31_204, 188_411),
                Withheld("attribution", ("Analytics", "Advertising"), 41_306, 90_212),
                Withheld("export", ("Advertising",), None, 38_412),
            ),
        ),
        "attribution": (made_up_attribution(),),
        "paths": made_up_paths(),
        "retention": made_up_retention(),
        "product": made_up_product(),
        "accounts": made_up_accounts(),
        "timings": (
            StageTime("ingest", "done", 41.2), StageTime("graph", "done", 9.8), StageTime("identity", "done", 17.4),
            StageTime("sessions", "done", 8.1), StageTime("attribution", "unchanged", 0.0),
            StageTime("retention", "done", 5.6),
        ),
    }  # fmt: skip
    return ReportData(**(facts | changes))  # type: ignore[arg-type]
