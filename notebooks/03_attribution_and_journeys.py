# %% [markdown]
# # Which channels earn their sales, and how sure is that?
#
# Models, look-backs and chance, each of which changes the answer: this notebook shows by how much, on the way from
# single journeys to what would be lost without a channel.
#
# The visits are those of the demo of `make demo`, or of the warehouse whose configuration `ONEUSER_CONFIG` names. Where
# `ONEUSER_SESSIONS` names a folder with the data set ecom-sessions, they are those of that simulated shop: the
# functions of `oneuser.marts.attribution` take anybody's frames. Nothing is written.

# %%
import os
from pathlib import Path

import altair as alt
import pandas as pd
from pyspark.sql import functions as F

import oneuser
from oneuser.marts.attribution import (
    attribute,
    bootstrap_intervals,
    count_paths,
    lookback_sensitivity,
    model_agreement,
)

# Relative paths in a configuration begin where the program is started: for the demo, that is the project's folder.
if Path.cwd().name == "notebooks":
    os.chdir("..")

colours = oneuser.use_chart_theme()
warehouse = oneuser.open_warehouse(config=os.environ.get("ONEUSER_CONFIG", "demo/oneuser.yaml"))
sessions = os.environ.get("ONEUSER_SESSIONS")

# %% [markdown]
# ## Touches and conversions
#
# A *touch* is a visit with its channel, a *conversion* a sale. In ecom-sessions nobody ever comes by another channel
# than the first time, so there it is the page on which a visit begins that is asked about.

# %%
if sessions:
    shop, what = "a simulated shop", "way in"
    ways = {
        "catalog": ["catalog", "filter_results"],
        "product": ["product_view", "compare", "review_page", "wishlist_add"],
        "promotion": ["promo_page"],
        "home": ["home"],
        "search": ["search"],
    }
    names = {page: way for way, pages in ways.items() for page in pages}
    events = warehouse.spark.read.csv(str(Path(sessions).resolve() / "ecom.csv.gz"), header=True).select(
        F.col("user_id").alias("entity_id"),
        "session_id",
        "event",
        F.to_timestamp(F.concat(F.col("timestamp").cast("timestamp_ntz").cast("string"), F.lit(" UTC"))).alias("at"),
    )
    way = F.coalesce(*[F.when(F.col("event") == page, F.lit(way)) for page, way in names.items()], F.lit("elsewhere"))
    touches = events.groupBy("entity_id", F.col("session_id").alias("touch_id")).agg(
        F.min("at").alias("touched_at"), F.min_by(way, F.struct("at", "event")).alias("channel")
    )
    conversions = events.where("event = 'purchase'").select(
        F.concat_ws(" ", "session_id", "at").alias("conversion_id"),
        "entity_id",
        F.col("at").alias("converted_at"),
        F.lit(None).cast("bigint").alias("value_minor"),
        F.lit(None).cast("string").alias("currency"),
    )
else:
    shop, what = "the made-up shop of the demo", "channel"
    touches = warehouse.table("touches").withColumnRenamed("user_id", "entity_id")
    conversions = warehouse.table("conversions").where("conversion = 'order'").withColumnRenamed("user_id", "entity_id")

# a few thousand rows: read once
touches = touches.select("entity_id", "touch_id", "touched_at", "channel").cache()
conversions = conversions.select("conversion_id", "entity_id", "converted_at", "value_minor", "currency").cache()
numbers = {
    "touches": touches.count(),
    "people": touches.select("entity_id").distinct().count(),
    "conversions": conversions.count(),
}
if not all(numbers.values()):
    raise SystemExit("No visits here, or no conversion called order: what follows has nothing to count.")
pd.Series(numbers, name=shop).to_frame()

# %% [markdown]
# ## One answer per model
#
# Each conversion counts 1 in every model, so that the models differ in whom they give it to and never in how much there
# is. What no visit of the 30 days before explains is *(unattributed)*.

# %%
MODELS = ["first", "last", "linear", "u_shaped", "time_decay", "markov_global"]
by_model = (
    attribute(touches, conversions, models=MODELS)
    .groupBy("model", "channel")
    .agg(F.sum("weight").cast("double").alias("weight"))
    .cache()
)
credited = by_model.toArrow().to_pandas()
by_size = credited.groupby("channel")["weight"].max().sort_values(ascending=False).index
channels = [*[one for one in by_size if one != "(unattributed)"], "(unattributed)"]
# as many colours as can be told apart: the smallest channels share one
named = channels[:-1][: len(colours.series) - 1]
hues = {**dict(zip(named, colours.series, strict=False)), "others": colours.grey, "(unattributed)": colours.soft}


def by_name(drawn: pd.Series) -> alt.Scale:
    """Colours of the channels that a chart has."""
    found = [one for one in hues if one in set(drawn)]
    return alt.Scale(domain=found, range=[hues[one] for one in found])


credited["kind"] = credited["channel"].eq("(unattributed)").map({True: "without a visit", False: "credited"})
(
    alt.Chart(credited)
    .mark_bar(size=13)
    .encode(
        x=alt.X("weight:Q", title="credited conversions"),
        y=alt.Y("model:N", title=None, sort=MODELS),
        # the row's name says what is without a visit
        color=alt.condition("datum.kind === 'credited'", alt.value(colours.main), alt.value(colours.grey)),
        row=alt.Row("channel:N", title=None, sort=channels, header=alt.Header(labelAngle=0, labelAlign="left")),
    )
    .properties(
        height=alt.Step(17),
        title=alt.Title(
            f"{numbers['conversions']:,} conversions by {what} and model", subtitle=f"a bar for each model; {shop}"
        ),
    )
)

# %% [markdown]
# How far do they agree? 1 means that two models give each channel the same part; the rest is what they would have to
# move.

# %%
agreement = model_agreement(by_model).orderBy("agreement").toArrow().to_pandas()
agreement.head(8).style.format({"agreement": "{:.2f}"}).hide(axis="index")

# %% [markdown]
# ## What the look-back decides
#
# Visits longer ago than the look-back get nothing. A share that still moves at its right end says that people take
# longer to decide than is looked back.

# %%
lookbacks = lookback_sensitivity(touches, conversions, lookbacks=(1, 7, 30, 90), models=["linear"])
told = F.when(F.col("channel").isin("(unattributed)", *named), F.col("channel")).otherwise(F.lit("others"))
moved = (
    lookbacks.groupBy("lookback_days", told.alias("channel"))
    .agg(F.sum("conversions").cast("double").alias("conversions"))
    .toArrow()
    .to_pandas()
)
(
    alt.Chart(moved)
    .mark_line(point=True)
    .encode(
        x=alt.X("lookback_days:O", title="look-back, days", axis=alt.Axis(labelAngle=0, format="d")),
        y=alt.Y("conversions:Q", title="credited conversions"),
        color=alt.Color("channel:N", title=None, scale=by_name(moved["channel"])),
        strokeDash=alt.condition("datum.channel === '(unattributed)'", alt.value([4, 4]), alt.value([1, 0])),
    )
    .properties(
        title=alt.Title("Credit by look-back", subtitle=f"linear model; dashed: no visit is near enough; {shop}")
    )
)

# %% [markdown]
# ## What would be lost, and how sure that is
#
# Markov's answer: how many conversions would be lost if every journey ended where it comes to a channel. The line is
# the interval of 95 % over people drawn again and again from these: where lines overlap, chance may have decided.

# %%
drawn = bootstrap_intervals(touches, conversions, model="markov_global", samples=60).toArrow().to_pandas()
order = alt.Y("channel:N", title=None, sort=alt.EncodingSortField("share", order="descending"))
interval = (
    alt.Chart(drawn)
    .mark_rule(strokeWidth=3, color=colours.second)
    .encode(
        y=order,
        x=alt.X("share_low:Q", title="share of conversions", axis=alt.Axis(format=".0%", tickCount=6)),
        x2="share_high:Q",
    )
)
share = alt.Chart(drawn).mark_point(size=90, filled=True, opacity=1, color=colours.main).encode(y=order, x="share:Q")
(interval + share).properties(
    height=alt.Step(32),
    title=alt.Title(
        "Share of each channel by removal",
        subtitle=f"points; lines: 95 % of 60 samples of {numbers['people']:,} people",
    ),
)

# %% [markdown]
# ## The paths behind it
#
# Journeys that took the same way, repeats of a channel taken together, those that most took on top. A way that many
# take and few convert on is a question in itself.

# %%
paths = (
    count_paths(touches, conversions, transforms=["exposure"])
    .orderBy(F.desc("n_journeys"), "path")
    .limit(12)
    .toArrow()
    .to_pandas()
)
paths["way"] = [f"{place:02d}" for place in range(1, len(paths) + 1)]
paths["said"] = [
    f"{n:,} {'journey' if n == 1 else 'journeys'}, {100 * c / n:.0f} % convert"
    for n, c in paths[["n_journeys", "n_conversions"]].values
]
steps = paths.explode("path").assign(step=lambda rows: rows.groupby("way").cumcount() + 1)
steps["channel"] = steps["path"].where(steps["path"].isin(named), "others")
longest = int(steps["step"].max())
row = alt.Y("way:N", title=None, axis=None)
tiles = (
    alt.Chart(steps)
    .mark_rect(stroke=colours.paper, strokeWidth=3)
    .encode(
        x=alt.X(
            "step:O", title="visits, repeats taken together", scale=alt.Scale(domain=[*range(1, longest + 1)]),
            axis=alt.Axis(labelAngle=0),
        ),
        y=row,
        color=alt.Color("channel:N", title=None, scale=by_name(steps["channel"])),
    )
    .properties(width=alt.Step(60), height=alt.Step(30))
)  # fmt: skip
# beside the tiles, so that their axis is as wide as they are
told = alt.Chart(paths).mark_text(align="left", color=colours.ink).encode(x=alt.value(0), y=row, text="said:N")
alt.hconcat(tiles, told.properties(width=170, height=alt.Step(30)), spacing=8).resolve_scale(y="shared").properties(
    title=alt.Title("The ways that most journeys took", subtitle=f"a row each, from the first visit on; {shop}"),
)

# %% [markdown]
# ## One journey
#
# Whatever a run has published of a person, in order: visits, sales, and changes of their User ID. Here of the person
# with most visits before their first sale, of the warehouse that is open.

# %%
visits, sales = (warehouse.table(name).where("user_id IS NOT NULL") for name in ("touches", "conversions"))
first_sales = sales.groupBy("user_id").agg(F.min("converted_at").alias("converted_at"))
led_to_it = visits.join(first_sales, on="user_id", how="inner").where("touched_at < converted_at")
buyers = led_to_it.groupBy("user_id").count().orderBy(F.desc("count"), "user_id").head(1)
if not buyers:
    raise SystemExit("Nobody here has visited before a sale: there is no such journey to show.")
whose = buyers[0]["user_id"]
warehouse.journey(whose).limit(20).toArrow().to_pandas()

# %% [markdown]
# ## Where to go from here
#
# * `warehouse.attribution()` has what the last run credited, `warehouse.attribution(level="account")` accounts, and
#   `warehouse.attribution(spend=True)` what a conversion cost, where `spend` is configured.
# * Models and ways of counting, with what other tools call them: `lib/oneuser/marts/attribution/README.md`.
