"""A report's data to one HTML page that loads nothing from elsewhere and runs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oneuser.core.reasons import explain_code
from oneuser.report import charts, palette, wording
from oneuser.report.drawing import render_json, render_svg
from oneuser.report.path_charts import draw_lengths, draw_moved_credits, draw_paths, draw_removal_effects
from oneuser.report.product_charts import (
    draw_activation,
    draw_actives,
    draw_adoption,
    draw_curves,
    draw_lifecycle,
    draw_lifetime_value,
    draw_power_curve,
    draw_step_funnel,
)
from oneuser.report.sentences import headline, summaries
from oneuser.report.triangle import ALL_COHORTS, draw_retention, heat_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.report.data import Attribution, ReportData, RetentionCell
    from oneuser.report.product_data import RetentionCurve

_TEMPLATE = "page.html.j2"


def render_page(data: ReportData) -> str:
    """The whole page. Every value of the data is escaped."""
    environment = Environment(
        loader=PackageLoader("oneuser.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": wording.count,
        "people": wording.people,
        "moment": wording.moment,
        "seconds": wording.seconds,
        "words": wording.words,
        "money": wording.money,
        "explain": explain_code,
        "rule": wording.explain_rule,
        "withheld": wording.explain_withheld,
        "units": wording.units,
        "mode": wording.mode,
        "interval": wording.interval,
        "percent": lambda rate: wording.share(rate, 1),
        "day": lambda value: "–" if value is None else wording.moment(value)[:10],
    }
    return environment.get_template(_TEMPLATE).render(
        data=data,
        style=_style(environment),
        tiles=headline(data),
        say=summaries(data),
        pictures=_pictures(data),
        attribution=[_attribution_table(shown) for shown in data.attribution],
        retention=_retention_table(data),
        curves=curves_by_unit(data),
        heat=palette.HEAT,
        swatch=palette.variable,
        share=wording.share,
    )


def _style(environment: Environment) -> Markup:
    sheet = environment.get_template("style.css.j2").render(
        light=Markup(palette.variables(dark=False)),  # noqa: S704 - our own constants
        dark=Markup(palette.variables(dark=True)),  # noqa: S704 - same
        replacements=Markup(palette.replacements()),  # noqa: S704 - same
    )
    return Markup(sheet)  # noqa: S704 - same


def _pictures(data: ReportData) -> dict[str, dict[str, Markup]]:
    """By section: the picture and its Vega-Lite JSON."""
    drawn: dict[str, tuple[Mapping[str, Any], str]] = {
        "funnel": (charts.draw_funnel(data.funnel), "Bars from lines read to people found."),
    }
    if data.quarantined:
        drawn["quarantine"] = (charts.draw_reasons(data.quarantined), "Bars of quarantined lines by reason.")
    if data.sizes:
        drawn["sizes"] = (charts.draw_sizes(data.sizes), "Columns of people by how many identifiers they have.")
    if data.protection.refusals:
        refusals = charts.draw_refusals(data.protection.refusals)
        drawn["protection"] = (refusals, "Bars of refused edges by rule.")
    if data.consent and data.consent.purposes:
        title = "Stacked bars of people by purpose: granted, refused, nothing said."
        drawn["consent"] = (charts.draw_consent(data.consent.purposes), title)
    for number, shown in enumerate(data.attribution):
        if all(credit.conversions is None for credit in shown.credits):
            continue  # all of it is hidden: a chart without a bar has no height
        title = f"Stacked bars of credit for {shown.conversion}: one bar per model, one part per channel."
        drawn[f"attribution-{number}"] = (charts.draw_attribution(shown), title)
    if data.retention and data.retention.offsets:
        title = f"Heat map of the share of each cohort that {wording.mode(data.retention.mode)}."
        drawn["retention"] = (draw_retention(data.retention), title)
    drawn |= _pictures_of_paths(data)
    drawn |= _product_pictures(data)
    drawn |= _pictures_of_use_and_worth(data)
    if data.timings:
        drawn["timings"] = (charts.draw_timings(data.timings), "Bars of seconds per stage.")
    return {
        name: {
            "svg": render_svg(spec, name=name, title=f"{title} The table below has the same numbers."),
            "json": render_json(spec),
        }
        for name, (spec, title) in drawn.items()
    }


def _pictures_of_paths(data: ReportData) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Removal effects, the Sankey of paths, and what the run moved; what is hidden as a whole is left out."""
    drawn: dict[str, tuple[Mapping[str, Any], str]] = {}
    for shown in data.paths.removal_effects:
        if any(one.effect is not None for one in shown.channels):
            title = "Bars of the share of conversions that would be lost without each channel."
            drawn[f"removal-{shown.order}"] = (draw_removal_effects(shown), title)
    if any(one.conversions is not None for one in data.paths.lengths):
        drawn["lengths"] = (draw_lengths(data.paths.lengths), "Bars of conversions by the touches before them.")
    if data.paths.taken:
        title = "A Sankey diagram of paths: from channel to channel up to the last touch, and where journeys ended."
        drawn["paths"] = (draw_paths(data.paths.taken), title)
    for moved in data.paths.moved:
        if any(one.lost or one.gained for one in moved.drawn):
            title = "Bars of conversions that channels lost, to the left, and gained, to the right, by reason."
            drawn[f"moved-{moved.level}"] = (draw_moved_credits(moved), title)
    return drawn


def _product_pictures(data: ReportData) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Curves of retention by unit, lifecycles, power curves and funnels; what is hidden as a whole is left out."""
    drawn: dict[str, tuple[Mapping[str, Any], str]] = {}
    for unit, curves in curves_by_unit(data).items():
        drawn[f"curves-{unit}"] = (draw_curves(curves), f"Curves of the share who came back, by {unit}.")
    for number, lifecycle in enumerate(data.product.lifecycles):
        if any(one.new is not None for one in lifecycle.intervals):
            title = f"Stacked columns of who is new, returning, resurrecting and dormant by {lifecycle.unit}."
            drawn[f"lifecycle-{number}"] = (draw_lifecycle(lifecycle), title)
    for number, curve in enumerate(data.product.power_curves):
        if any(curve.counts):
            title = f"Columns of people by number of {wording.units(curve.unit)} active."
            drawn[f"power-{number}"] = (draw_power_curve(curve), title)
    for number, funnel in enumerate(data.product.funnels):
        drawn[f"steps-{number}"] = (draw_step_funnel(funnel), "Bars of how many came to each step.")
    return drawn


def _pictures_of_use_and_worth(data: ReportData) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Actives, activation, adoption and lifetime value; what is hidden as a whole is left out."""
    drawn: dict[str, tuple[Mapping[str, Any], str]] = {}
    for number, actives in enumerate(data.product.actives):
        drawn[f"actives-{number}"] = (draw_actives(actives), "Bars of different actives by number of days.")
    for number, activation in enumerate(data.product.activations):
        if any(one.rate is not None for one in activation.intervals):
            title = f"Columns of the share who did all steps, by {activation.unit} in which they began."
            drawn[f"activation-{number}"] = (draw_activation(activation), title)
    for number, adoption in enumerate(data.product.adoptions):
        drawn[f"adoption-{number}"] = (
            draw_adoption(adoption),
            "Bars of who was active, tried a feature and adopted it.",
        )
    for number, worth in enumerate(data.product.lifetime_values):
        if any(one.value_minor is not None for one in worth.ages):
            title = f"A line of revenue for each member so far, by {wording.units(worth.unit)} of age."
            drawn[f"worth-{number}"] = (draw_lifetime_value(worth), title)
    return drawn


def curves_by_unit(data: ReportData) -> dict[str, list[RetentionCurve]]:
    """Curves of retention that have a point to show, by unit: rates of days and of months are on different scales."""
    found: dict[str, list[RetentionCurve]] = {}
    for curve in data.retention.curves if data.retention else ():
        if any(point.rate is not None for point in curve.points):
            found.setdefault(curve.unit, []).append(curve)
    return found


def _attribution_table(shown: Attribution) -> dict[str, Any]:
    """Channels by models: each cell an amount and the number of conversions."""
    by_cell = {(credit.channel, credit.model): credit for credit in shown.credits}
    rows = []
    for channel in shown.channels:
        cells = []
        for model in shown.models:
            credit = by_cell.get((channel, model))
            if credit is None:
                cells.append((wording.NOT_KNOWN, ""))
            elif credit.conversions is None:
                cells.append((wording.HIDDEN, ""))
            elif shown.currency:
                cells.append((wording.money(credit.credit_minor, shown.currency), f"{credit.conversions:,.2f}"))
            else:
                cells.append((f"{credit.conversions:,.2f}", ""))
        rows.append((channel, cells))
    return {"shown": shown, "models": shown.models, "rows": rows}


def _retention_table(data: ReportData) -> dict[str, Any] | None:
    shown = data.retention
    if shown is None:
        return None
    rows = [
        (
            wording.interval(cohort.starts, shown.unit),
            wording.people(cohort.size),
            [_cell(cell) for cell in cohort.cells],
        )
        for cohort in shown.cohorts
    ]
    pooled = (ALL_COHORTS, "", [_cell(cell) for cell in shown.pooled])
    return {"shown": shown, "offsets": shown.offsets, "rows": [*rows, pooled], "mode": wording.mode(shown.mode)}


def _cell(cell: RetentionCell) -> dict[str, Any]:
    if cell.rate is None:
        return {"state": cell.state, "text": wording.HIDDEN if cell.state == "hidden" else "not observed", "note": ""}
    note = f"{wording.count(cell.retained)} of {wording.count(cell.eligible)}"
    return {
        "state": cell.state,
        "text": wording.share(cell.retained, cell.eligible),
        "note": note,
        "level": heat_level(cell.rate),
    }
