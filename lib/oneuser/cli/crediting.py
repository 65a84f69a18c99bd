"""The verb attribute: what channels are credited with, as published or with parameters of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from oneuser.cli.analysing import Level, To, Watermark, answer, instant_of, json_or_text
from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import ConfigError
from oneuser.core.zoned_times import checked_bound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pyspark.sql import DataFrame

    from oneuser.api.asked_models import Lookback

_UNBOUNDED: Final = "none"
_CHANNEL = "channel"
Models = Annotated[
    list[str] | None,
    typer.Option(help="A model, or a JSON object with its parameters; repeat; default all that were published."),
]
LookbackDays = Annotated[
    str | None, typer.Option(metavar="DAYS", help="Days of 24 hours before a conversion; none for no bound.")
]
LookbackMode = Annotated[
    Literal["exact", "calendar_days", "whole_days"] | None,
    typer.Option(help="How days are counted: to the instant, by dates in --zone, or as floor(hours / 24)."),
]
Scope = Annotated[
    Literal["every", "first_per_entity"] | None, typer.Option(help="Which conversions of one kind count.")
]
Reset = Annotated[
    bool | None,
    typer.Option("--reset-at-conversion/--no-reset-at-conversion", help="Touches count for one conversion alone."),
]
Transforms = Annotated[
    list[str] | None,
    typer.Option(help="exposure, first ..., or a JSON object with parameters, applied to paths in order; repeat."),
]
By = Annotated[
    list[str] | None,
    typer.Option(
        help="campaign_source, campaign_medium, campaign_name, campaign_content, source, kind, or a property of the "
        "touch's event, such as properties.plan; default channel; repeat."
    ),
]
WithLags = Annotated[bool, typer.Option("--lags", help="By days from touch to conversion, and by touches of a path.")]
WithSpend = Annotated[bool, typer.Option("--spend", help="With spend, cost by conversion, and return on spend.")]
WithIntervals = Annotated[
    bool, typer.Option("--intervals", help="Shares by markov_global or rate_shapley, with intervals over drawn people.")
]


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    verb(
        app,
        "attribute",
        examples=[
            "oneuser attribute",
            "oneuser attribute --model first --model markov_path --lookback-days 14",
            'oneuser attribute --model \'{"model": "time_decay", "half_life_days": 2}\' --exclude-channel Direct',
            "oneuser attribute --lookback-days none --conversion-scope first_per_entity --transform exposure",
            "oneuser attribute --lookback calendar_days --zone Europe/Berlin",
            "oneuser attribute --level account --to accounts.csv",
            "oneuser attribute --model last --spend",
            "oneuser attribute --model linear --by-lookback 7 --by-lookback none",
            "oneuser attribute --model linear --by campaign_source --by campaign_name",
            "oneuser attribute --model first --lags",
            "oneuser attribute --intervals",
        ],
        reads=True,
    )(attribute)


def attribute(
    call: Call,
    model: Models = None,
    level: Level = "person",
    lookback_days: LookbackDays = None,
    lookback: LookbackMode = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of days; default the configuration's.")] = None,
    exclude_channel: Annotated[list[str] | None, typer.Option(help="A channel without credit; repeat.")] = None,
    conversion_scope: Scope = None,
    reset_at_conversion: Reset = None,
    transform: Transforms = None,
    since: Annotated[str | None, typer.Option(help="Conversions from this day, or time with its zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Conversions before this day, or time with its zone.")] = None,
    watermark: Watermark = None,
    by: By = None,
    spend: WithSpend = False,  # noqa: FBT002 - an option
    by_lookback: Annotated[
        list[str] | None, typer.Option(metavar="DAYS", help="Beside each other with several look-backs; repeat.")
    ] = None,
    intervals: WithIntervals = False,  # noqa: FBT002 - an option
    lags: WithLags = False,  # noqa: FBT002 - an option
    to: To = None,
) -> None:
    """Show what each channel is credited with: as published, or computed anew with the parameters that are given."""
    from oneuser.api.asked_models import facts_of

    _require_one_answer(
        {
            "--by-lookback": bool(by_lookback),
            "--intervals": intervals,
            "--lags": lags,
            "--by": bool(by),
            "--spend": spend,
            "--lookback-days": lookback_days is not None and bool(by_lookback),
        }
    )
    parameters: dict[str, Any] = {
        "lookback": lookback,
        "zone": zone,
        "exclude_channels": exclude_channel or None,
        "conversion_scope": conversion_scope,
        "reset_at_conversion": reset_at_conversion,
        "transforms": [json_or_text("--transform", one) for one in transform or ()] or None,
        "converted_from": _bound("--since", since),
        "converted_until": _bound("--until", until),
        "watermark": instant_of(watermark),
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    columns = list(facts_of(by or _CHANNEL))
    models = [json_or_text("--model", one) for one in model or ()]
    days = None if lookback_days is None else _days("--lookback-days", lookback_days)
    lookbacks = [_days("--by-lookback", one) for one in by_lookback or ()]
    if intervals and len(models) > 1:
        raise ConfigError.single("--model", "--intervals are of one model")
    opened = call.open()
    if lookbacks:
        rows = opened.attribution_by_lookback(lookbacks, model=models or None, level=level, **given)
        keys = ["model", _CHANNEL, "currency", "lookback_days"]
        answer(call, rows, [*keys, "conversions", "credit_minor"], by=keys, to=to)
    elif intervals:
        (one,) = models or ["markov_global"]
        rows = opened.attribution_intervals(one, level=level, lookback_days=days, **given)
        answer(call, rows, [_CHANNEL, "share", "share_low", "share_high", "n_samples"], by=[_CHANNEL], to=to)
    elif lags:
        rows = opened.lags_and_lengths(models or None, level=level, lookback_days=days, **given)
        keys = ["model", "conversion", "currency", "measure", "bucket"]
        answer(call, rows, [*keys, "conversions", "credit_minor"], by=keys, to=to)
    else:
        rows = opened.attribution(
            models or None, level=level, lookback_days=days, spend=spend, by=by or _CHANNEL, **given
        )
        _answer_by(call, rows, columns, spend=spend, to=to)


def _answer_by(call: Call, rows: DataFrame, columns: Sequence[str], *, spend: bool, to: Path | None) -> None:
    keys = ["model", "conversion", "currency", *columns]
    if spend:
        keys.insert(2, "interval_date")
        answer(call, rows, [*keys, "spend_minor", "conversions", "credit_minor", "cpa_minor", "roas"], by=keys, to=to)
        return
    told = [one for one in ("credit_minor", "reporting_credit_minor") if one in rows.columns]
    # of models that credit channels and no touches
    rare = [one for one in ("channel_value", "is_negative") if one in rows.columns]
    answer(call, rows, [*keys, "conversions", *told, "n_touches"], by=keys, to=to, rare=rare)


def _require_one_answer(asked: Mapping[str, bool]) -> None:
    """Refuse options of which one would be passed over, such as intervals and spend.

    Raises:
        ConfigError: naming them.
    """
    given = [option for option, is_given in asked.items() if is_given]
    if len(given) > 1:
        raise ConfigError.single("attribute", f"{' and '.join(given)} do not go together: leave all out but one")


def _days(option: str, text: str) -> Lookback:
    """A number of days, or the word for no bound."""
    if text.strip().lower() == _UNBOUNDED:
        return _UNBOUNDED
    try:
        return float(text)
    except ValueError:
        raise ConfigError.single(option, f"expected a number of days, or {_UNBOUNDED}, found {text!r}") from None


def _bound(option: str, text: str | None) -> str | None:
    """A day, or a time with its zone, as it was written: the zone whose day it is comes later."""
    if text is not None:
        checked_bound(option, text, "UTC")
    return text
