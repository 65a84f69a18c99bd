# %% [markdown]
# # Who stays, who comes back, and what are they worth?
#
# Retention by several rules, the life of customers from week to week, how often the active are active, how far buyers
# get, and what they spend: the functions of `oneuser.marts` on any frame of events, and at the end who is in a number.
#
# The events are those of the demo of `make demo`, or of the warehouse whose configuration `ONEUSER_CONFIG` names. Where
# `ONEUSER_SAMPLE` names a folder with the data set [Online Retail II](https://doi.org/10.24432/C5CG6D), they are those
# of that real gift shop. Nothing is written.

# %%
import os
from datetime import UTC, datetime
from pathlib import Path

import altair as alt
import pandas as pd
from pyspark.sql import functions as F

import oneuser
from oneuser.marts.funnels import funnel
from oneuser.marts.lifecycle import active_users, lifecycle, recent_stickiness
from oneuser.marts.retention import pool, retain
from oneuser.marts.value import ltv, rfm

# Relative paths in a configuration begin where the program is started: for the demo, that is the project's folder.
if Path.cwd().name == "notebooks":
    os.chdir("..")

colours = oneuser.use_chart_theme()
warehouse = oneuser.open_warehouse(config=os.environ.get("ONEUSER_CONFIG", "demo/oneuser.yaml"))
sample = os.environ.get("ONEUSER_SAMPLE")

# %% [markdown]
# ## The events
#
# Any frame does that has `entity_id`, `event_time` and `event`. A time needs a zone: the shop's clocks show that of
# London. The watermark is the last instant up to which everything is there; what is after it counts nowhere.

# %%
if sample:
    shop = "a gift shop, 2009 and 2010"
    watermark = datetime(2010, 12, 9, 20, 1, tzinfo=UTC)
    file = Path(sample).resolve() / "online_retail_2009_2010.parquet"
    lines = warehouse.spark.read.parquet(str(file)).where("`Customer ID` IS NOT NULL AND Quantity > 0")
    purchases = (
        lines.groupBy(F.col("Customer ID").cast("bigint").cast("string").alias("entity_id"), "Invoice")
        .agg(
            F.min(F.to_utc_timestamp(F.expr("CAST(InvoiceDate AS TIMESTAMP_NTZ)"), "Europe/London")).alias(
                "event_time"
            ),
            F.sum(F.round(F.col("Quantity") * F.col("Price") * 100)).cast("bigint").alias("value_minor"),
        )
        .withColumn("event", F.lit("Order"))
    )
    events = purchases.select("entity_id", "event_time", "event").cache()
    order = "Order"
else:
    shop = "the made-up shop of the demo"
    watermark = warehouse.watermark()
    events = warehouse.entity_events().cache()
    purchases = (
        warehouse.table("conversions")
        .where("conversion = 'order' AND currency = 'GBP'")
        .select(F.col("user_id").alias("entity_id"), F.col("converted_at").alias("event_time"), "value_minor")
    )
    order = "Order Completed"
if not purchases.head(1):
    raise SystemExit("No conversion called order in GBP belongs to a person here: what follows has nothing to count.")
zone = "Europe/London"
pd.Series(
    {"events": events.count(), "people": events.select("entity_id").distinct().count(), "complete up to": watermark},
    name=shop,
).to_frame()

# %% [markdown]
# ## Who comes back?
#
# It depends on what *back* means. *On*: in that very month; *on or after*: in that month or a later one; *streak*: in
# every month so far. Rates are of those who are old enough for the month, all cohorts together. What is not observed
# yet is missing here, and is never 0.

# %%
rules = {"on": "in that month", "on_or_after": "then or later", "streak": "every month so far"}
cells = {mode: retain(events, unit="month", zone=zone, mode=mode, watermark=watermark).cache() for mode in rules}
curves = pd.concat(
    pool(rows).where("rate IS NOT NULL AND offset > 0").toArrow().to_pandas().assign(rule=rules[mode])
    for mode, rows in cells.items()
)
base = alt.Chart(curves).encode(
    x=alt.X("offset:O", title="months after the first", axis=alt.Axis(labelAngle=0)),
    y=alt.Y("rate:Q", title="share of people", axis=alt.Axis(format="%")),
    color=alt.Color("rule:N", title=None, sort=list(rules.values())),
)
(base.mark_line(strokeWidth=2.5) + base.mark_circle(size=50, opacity=1)).properties(
    height=260,
    title=alt.Title("Who came back", subtitle=f"pooled over all cohorts that are old enough; {shop}"),
)

# %% [markdown]
# The cohorts behind the first line. The palest cells are not observed: their month is not over, and they count people
# so far.

# %%
triangle = (
    cells["on"]
    .select(F.date_format("cohort", "yyyy-MM").alias("cohort"), "offset", "retained", "eligible", "rate", "cohort_size")
    .toArrow()
    .to_pandas()
)
shown = triangle[triangle["offset"] > 0].copy()
# 0 for exactly nobody; what is not observed has a colour of its own
levels = [sum(rate > step for step in colours.heat_steps) for rate in shown["rate"]]
is_known = shown["rate"].notna()
shown["colour"] = [
    colours.heat[level] if known else colours.unobserved for level, known in zip(levels, is_known, strict=True)
]
shown["ink"] = [
    colours.on_heat[level] if known else colours.soft for level, known in zip(levels, is_known, strict=True)
]
tiles = alt.Chart(shown).encode(
    x=alt.X("offset:O", title="months after the first", axis=alt.Axis(orient="top", labelAngle=0)),
    y=alt.Y("cohort:O", title=None),
)
(
    tiles.mark_rect(stroke=colours.paper, strokeWidth=2).encode(fill=alt.Fill("colour:N", scale=None))
    + tiles.mark_text(fontSize=11).encode(text="retained:Q", color=alt.Color("ink:N", scale=None))
).properties(
    height=alt.Step(26),
    title=alt.Title("People who came back, by cohort", subtitle="numbers are people so far; pale: not observed yet"),
)

# %% [markdown]
# ## From week to week
#
# *New* are active for the first time, *returning* were so the week before, *resurrecting* come back after a pause;
# *dormant*, below the line, were active the week before and are no more.

# %%
phases = {
    "returning": colours.main, "new": colours.series[2], "resurrecting": colours.series[1], "dormant": colours.grey
}  # fmt: skip
weeks = lifecycle(events, unit="week", zone=zone, watermark=watermark).select("interval", *phases).toArrow().to_pandas()
weeks["interval"] = pd.to_datetime(weeks["interval"])
weeks["dormant"] *= -1
(
    alt.Chart(weeks.melt("interval", var_name="phase", value_name="people"))
    .mark_bar(stroke=colours.paper, strokeWidth=0.5)
    .encode(
        x=alt.X(
            "yearmonthdate(interval):O", title="week beginning on", axis=alt.Axis(format="%-d %b", labelOverlap=True)
        ),
        y=alt.Y("people:Q", title="people, dormant below zero"),
        color=alt.Color(
            "phase:N", title=None, sort=list(phases), scale=alt.Scale(domain=list(phases), range=list(phases.values()))
        ),
    )
    .properties(height=260, title=alt.Title("New, returning, resurrecting, dormant", subtitle=f"by week; {shop}"))
)

# %% [markdown]
# ## How often are the active active?
#
# Of those who were active in the last 28 full days: on how many of them. The table has different actives of a day, a
# week and 28 days, and the mean number of a day by these.

# %%
power = recent_stickiness(events, zone=zone, watermark=watermark).toArrow().to_pandas()
(
    alt.Chart(power)
    .mark_bar(color=colours.main)
    .encode(
        x=alt.X("n_intervals:O", title="days active, of the last 28", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("n_entities:Q", title="people"),
    )
    .properties(height=200, title=alt.Title("Power curve", subtitle=f"{power['n_entities'].sum():,} people; {shop}"))
)

# %%
active_users(events, zone=zone, watermark=watermark).select(
    "days", "n_actives", "mean_daily_actives", "daily_share", "first_day", "last_day"
).toArrow().to_pandas()

# %% [markdown]
# ## The second order, and the third
#
# A funnel whose steps are the same event. Shares and times are of those whose 90 days are over.

# %%
steps = (
    funnel(events, steps=[order, order, order], window_days=90, watermark=watermark)
    .orderBy("step")
    .toArrow()
    .to_pandas()
)
steps["median days"] = (steps["median_seconds"] / 86_400).round(1)
steps[["step", "n_entities", "n_eligible", "rate_from_first", "rate_from_previous", "median days", "is_final"]]

# %% [markdown]
# ## What are they worth?
#
# What a member has spent by each month of age, of the members who are that old; and recency, frequency and mean value
# as models of customer lifetime value take them.

# %%
worth = ltv(purchases, unit="month", zone=zone, watermark=watermark).orderBy("age").toArrow().to_pandas()
worth["pounds"] = worth["ltv_minor"].astype(float) / 100
(
    alt.Chart(worth)
    .mark_line(color=colours.main, strokeWidth=2.5, point=alt.OverlayMarkDef(color=colours.main, size=45))
    .encode(
        x=alt.X("age:O", title="months after the first order", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("pounds:Q", title="GBP for each member so far"),
    )
    .properties(
        height=220,
        title=alt.Title("Lifetime value so far", subtitle=f"of {worth['n_members'].max():,} members at most; {shop}"),
    )
)

# %%
buyers = rfm(purchases, zone=zone, watermark=watermark).toArrow().to_pandas()
buyers["pounds per later day"] = buyers["monetary_minor"].astype(float) / 100
buyers[["frequency", "recency", "T", "pounds per later day"]].describe().round(1)

# %% [markdown]
# ## Who is in a number?
#
# Whatever a run has published can be asked who is in it, and the answer has exactly as many rows as the number says:
# `wh.members("retention", {...})`, and `oneuser members` on the command line. Here the fullest cell of the first month
# after the cohort's own, of the warehouse that is open.

# %%
published = warehouse.retention().where("offset = 1").orderBy(F.desc("retained"), "name", "cohort_starts_at")
cell = published.select("name", F.col("cohort").cast("string").alias("cohort"), "offset", "retained").head(1)[0]
members = warehouse.members("retention", {name: cell[name] for name in ("name", "cohort", "offset")})
who = members.join(warehouse.users(), on=F.col("entity_id") == F.col("user_id"), how="inner").toArrow().to_pandas()
print(f"the number says {cell['retained']}, and these are {len(who)} people of the cohort of {cell['cohort']}")
who[["entity_id", "kind", "n_identifiers", "first_seen_at", "last_seen_at"]].head(10)

# %% [markdown]
# ## The same with your own data
#
# Write the names of what you want to see into your configuration; each run then fills their tables, and the report
# draws them:
#
# ```yaml
# product:
#   lifecycle: {weekly: {unit: week, zone: Europe/London}}
#   stickiness: {L28: {zone: Europe/London}}
#   funnels: {third_order: {steps: [Order Completed, Order Completed, Order Completed], window_days: 90}}
#   lifetime_value: {orders: {conversions: [order], currency: GBP}}
# ```
