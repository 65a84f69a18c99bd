"""The whole configuration: one YAML file as one frozen object."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from oneuser.config.accounts import AccountRules, account_problems
from oneuser.config.analytics import ChannelRule, Conversion, SessionRules
from oneuser.config.attribution import AttributionRules, attribution_problems
from oneuser.config.base import (
    Day,
    FilePath,
    Flag,
    Name,
    NonNegative,
    Place,
    Positive,
    Section,
    Share,
    Text,
    Whole,
    absolute_path,
    local_path,
    misplaced,
)
from oneuser.config.captures import capture_problems
from oneuser.config.commercial import (
    CommercialFile,
    CurrencyCode,
    FxRatesFile,
    OpportunitiesFile,
    SeatsFile,
    SpendFile,
    SubscriptionsFile,
    commercial_problems,
)
from oneuser.config.identity import IdentityRules
from oneuser.config.links import LinkTable, link_problems
from oneuser.config.product import ProductRules, product_problems
from oneuser.config.retention import DEFAULT, RetentionRules, Retentions
from oneuser.config.sources import Source

# below a warehouse on this machine's disk
LOCAL_KEY_FILE = ".secrets/identifiers"
_NO_KEY = (
    "is missing: only a warehouse on this machine's disk makes a key file of its own; write "
    "`keys: {identifiers: env:NAME}`, with 64 hexadecimal digits in that variable, `file:PATH`, or `command:PROGRAM`"
)
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.*[^\s/].*|command:.*\S.*")
_SECRET_KEY = re.compile(r"(?i)secret|passw|account\.key|access\.key|session\.token|api\.?key")
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2099, 12, 31)
_MOST_LINE_BYTES = 64 * 1024 * 1024


def _reference(text: str) -> str:
    # the text is not repeated: it may be the secret itself
    if not _REFERENCE.fullmatch(text):
        raise ValueError(
            "expected a reference, env:NAME, file:PATH or command:PROGRAM; the secret itself never stands here"
        )
    kind, _, place = text.partition(":")
    if kind == "file":
        return f"file:{absolute_path(place)}"
    return f"command:{_absolute_command(place)}" if kind == "command" else text


def _absolute_command(text: str) -> str:
    """A command whose program means the same from every working directory; one without a slash is found by PATH."""
    try:
        program, *arguments = shlex.split(text)
    except ValueError:
        raise ValueError("a command needs a program, and an end to each quote") from None
    return shlex.join([absolute_path(program) if "/" in program else program, *arguments])


def _as_spark_writes_it(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def own_key_file(warehouse: str) -> str | None:
    """The reference to the key file inside a warehouse; null for one that is not on this machine's disk."""
    folder = local_path(warehouse)
    return None if folder is None else f"file:{folder.rstrip('/')}/{LOCAL_KEY_FILE}"


class KeyReferences(Section):
    """Where secrets are: `file:PATH`, `env:NAME`, or `command:PROGRAM ARGUMENT...`, which prints them.

    They are read when a run begins and stand in no file of ours. Without `identifiers`, a warehouse on this machine's
    disk has a key file of its own, made on the first run. A command is started without a shell.
    """

    identifiers: Annotated[str, AfterValidator(_reference)]


class IngestLimits(Section):
    """Bounds beyond which a line is quarantined, and the first day whose times are believed, in UTC.

    An event with an earlier time counts by its receipt, and a number that would be an earlier epoch is no time.
    `fewer_places` says whether a run is refused that no longer reads suppressed identifiers wherever the last one did.
    """

    max_line_bytes: Annotated[Positive, Field(le=_MOST_LINE_BYTES)] = 32 * 1024
    max_depth: Annotated[Positive, Field(le=1000)] = 100
    max_traits: Positive = 300
    earliest_time: Day = date(2000, 1, 1)
    fewer_places: Literal["refuse", "accept"] = "refuse"

    @field_validator("earliest_time")
    @classmethod
    def _is_in_the_time_of_computers(cls, day: date) -> date:
        if not _FIRST_DAY <= day <= _LAST_DAY:
            raise ValueError(f"must be from {_FIRST_DAY} to {_LAST_DAY}")
        return day


class ConsentRules(Section):
    """Purposes without which something is not done, and what counts as a refusal.

    An event links identifiers only where it grants every purpose of `required_for_linking` itself. Touches are
    credited, and identities exported, of people who grant all of `required_for_attribution`, `required_for_export`.
    `opt_out_refuses` are the purposes that a signal against sale and sharing, such as `Sec-GPC`, refuses. `events` are
    the names of events by which preferences are stated: what they say is new even where it was said before.
    """

    required_for_linking: tuple[Text, ...] = ()
    required_for_attribution: tuple[Text, ...] = ()
    required_for_export: tuple[Text, ...] = ()
    opt_out_refuses: tuple[Text, ...] = ("sale", "sharing")
    events: tuple[Text, ...] = ("Segment Consent Preference Updated", "Consent Preference Updated")


class GraphRules(Section):
    """How connected components are found."""

    engine: Literal["auto", "one_task", "contraction", "graphframes"] = "auto"
    one_task_max_edges: Positive = 50_000_000


class ReplayRules(Section):
    """The largest candidate component whose edges are admitted one by one: it is one task's work."""

    max_edges: Positive = 1_000_000


class QuarantineRules(Section):
    """The largest share of damaged lines with which a run is still published."""

    max_share: Share = 0.05


class Gates(Section):
    """What stops publication, with exit code 3. A gate that is null never does.

    `min_accepted_share` is the least share of a source's new lines that must be accepted; 0 means one line.
    """

    min_accepted_share: Share | None = 0.0
    max_merged_ids_share: Share | None = 0.2
    max_largest_component: Positive | None = 1000


class LeaseRules(Section):
    """After how many silent minutes another host may take a run over.

    `single_driver` is somebody's word that no two runs of the deployment are ever started at once: a store of `s3a://`
    that cannot put a file on condition is used then, where it is refused otherwise.
    """

    ttl_minutes: Positive = 10
    single_driver: Flag = False

    @property
    def ttl(self) -> timedelta:
        """How long a lease lasts that is not renewed."""
        return timedelta(minutes=self.ttl_minutes)


class IncrementalRules(Section):
    """When a run does what it touches, and when everything.

    Below `above_mb` megabytes of `event_identifiers` everything is done sooner than it is found out what to leave.
    A run whose number is `full_every` beyond that of the last one that did everything does so too, whether there is
    anything new or not, since what is kept from run to run cannot see a lost file; null does without.
    """

    above_mb: NonNegative = 32
    full_every: Positive | None = 50

    def does_everything(self, run_seq: int, *, last_full: int) -> bool:
        """Whether the run of this number does everything, given that of the last one that did."""
        return self.full_every is not None and run_seq - last_full >= self.full_every


class MaintenanceRules(Section):
    """Which published runs maintenance keeps readable, for rollback, `as_of` and readers that are not yet done.

    The newest `keep_publications`, and each that readers were shown within `keep_days`, however many followed.
    """

    keep_publications: Positive = 14
    keep_days: NonNegative = 1


class RawRules(Section):
    """For how many days after it happened the payload of a message is kept: its text and traits.

    `maintain` empties it after that; null keeps it. Properties stay, from which figures are made.
    """

    keep_days: Positive | None = None

    def kept_since(self, now: datetime) -> datetime | None:
        """The instant before which payload is not kept; null where all of it is."""
        return None if self.keep_days is None else now - timedelta(days=self.keep_days)


class ReportRules(Section):
    """Cells of the report with fewer people are hidden."""

    min_people: Annotated[Whole, Field(ge=1)] = 5


class SparkRules(Section):
    """The session, where spark-submit has not said it already. `jars` is a folder of JARs.

    On one machine, a stage whose tables and new input have less than `small_mb` megabytes is planned for small data:
    in one partition, without compiled code. What `conf` and `shuffle_partitions` say stands.
    """

    master: Text | None = None
    driver_memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*[kmgtKMGT]$")] | None = None
    shuffle_partitions: Positive | None = None
    jars: FilePath | None = None
    small_mb: NonNegative = 16
    conf: Mapping[Text, Annotated[str, BeforeValidator(_as_spark_writes_it)]] = {}

    @field_validator("conf")
    @classmethod
    def _holds_no_secrets(cls, conf: Mapping[str, str]) -> Mapping[str, str]:
        problems: list[tuple[Place, str]] = []
        for key in conf:
            if not key.startswith("spark."):
                problems.append(((key,), "Spark reads keys that start with `spark.` only"))
            if _SECRET_KEY.search(key) and not key.endswith("provider"):
                problems.append(
                    ((key,), "secrets do not belong here: use spark-defaults.conf or a credentials provider")
                )
        misplaced(problems)
        return conf


class Config(Section):
    """Everything one deployment runs by.

    `deployment` is part of every keyed hash and of every User ID: another name is another world. `raw_root` moves the
    tables that hold raw identifiers to a root of their own. Values are told in `reporting_currency` too. Relative
    paths, here and below, start at the working directory.
    """

    deployment: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    warehouse: FilePath
    raw_root: FilePath | None = None
    keys: Annotated[KeyReferences, Field(default_factory=dict, validate_default=True)]
    sources: Annotated[Mapping[Name, Source], Field(min_length=1)]
    links: Mapping[Name, LinkTable] = {}
    accounts: AccountRules = AccountRules()
    ingest: IngestLimits = IngestLimits()
    identity: IdentityRules = IdentityRules()
    consent: ConsentRules = ConsentRules()
    graph: GraphRules = GraphRules()
    replay: ReplayRules = ReplayRules()
    quarantine: QuarantineRules = QuarantineRules()
    gates: Gates = Gates()
    sessions: SessionRules = SessionRules()
    channels: tuple[ChannelRule, ...] | None = None
    conversions: Mapping[Name, Conversion] = {}
    reporting_currency: CurrencyCode | None = None
    fx_rates: Mapping[Name, FxRatesFile] = {}
    spend: Mapping[Name, SpendFile] = {}
    opportunities: Mapping[Name, OpportunitiesFile] = {}
    subscriptions: Mapping[Name, SubscriptionsFile] = {}
    seats: Mapping[Name, SeatsFile] = {}
    attribution: AttributionRules = AttributionRules()
    retention: Retentions = RetentionRules()
    product: ProductRules = ProductRules()
    incremental: IncrementalRules = IncrementalRules()
    maintenance: MaintenanceRules = MaintenanceRules()
    raw: RawRules = RawRules()
    lease: LeaseRules = LeaseRules()
    report: ReportRules = ReportRules()
    spark: SparkRules = SparkRules()

    @property
    def retentions(self) -> Mapping[str, RetentionRules]:
        """Rule sets of retention by name; a single one without a name is called `default`."""
        return {DEFAULT: self.retention} if isinstance(self.retention, RetentionRules) else self.retention

    @property
    def commercial(self) -> dict[str, Mapping[str, CommercialFile]]:
        """Files of finance and sales, by section and name."""
        return {
            "fx_rates": self.fx_rates,
            "spend": self.spend,
            "opportunities": self.opportunities,
            "subscriptions": self.subscriptions,
            "seats": self.seats,
        }

    @field_validator("sources", mode="before")
    @classmethod
    def _each_source_has_a_name(cls, sources: Any) -> Any:
        is_one = isinstance(sources, Mapping) and isinstance(sources.get("path"), str)
        if is_one or isinstance(sources, list):
            misplaced([((), "each source stands below a name of its own: `sources: {web: {path: ..., format: ...}}`")])
        return sources

    @field_validator("keys", mode="before")
    @classmethod
    def _a_local_warehouse_has_its_own(cls, keys: Any, info: ValidationInfo) -> Any:
        if keys != {}:
            return keys
        # of a warehouse that is refused itself, nothing more is said
        reference = own_key_file(info.data.get("warehouse", "."))
        if reference is None:
            misplaced([(("identifiers",), _NO_KEY)])
        return {"identifiers": reference}

    @field_validator("channels")
    @classmethod
    def _rules_have_names_of_their_own(cls, rules: tuple[ChannelRule, ...] | None) -> tuple[ChannelRule, ...] | None:
        names = [rule.name for rule in rules or ()]
        misplaced(
            ((n, "name"), f"another rule is called {name} too") for n, name in enumerate(names) if name in names[:n]
        )
        return rules

    @model_validator(mode="after")
    def _captured_identifiers_have_a_type(self) -> Config:
        id_types = self.identity.id_types
        problems = [*capture_problems(self.sources, id_types), *link_problems(self.links, id_types)]
        misplaced([*problems, *account_problems(self.accounts, id_types)])
        misplaced(
            commercial_problems(
                self.commercial,
                reporting_currency=self.reporting_currency,
                id_types=id_types,
                conversions=self.conversions,
                has_accounts="account" in self.attribution.levels,
            )
        )
        misplaced(
            attribution_problems(
                self.attribution, self.channels, self.conversions, has_opportunities=bool(self.opportunities)
            )
        )
        misplaced(product_problems(self.product, self.conversions, self.commercial))
        return self
