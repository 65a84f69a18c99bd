# %% [markdown]
# # What came out of my event log?
#
# Who are the people in it, what did one of them do, which channels earned the sales, and who came back?
#
# This notebook only reads what a run has published. It opens the demo of `make demo`, whose people are made up; for a
# warehouse of your own, set `ONEUSER_CONFIG` to its configuration before you start Jupyter.

# %%
import os
from pathlib import Path

import altair as alt
import pandas as pd
from pyspark.sql import Row
from pyspark.sql import functions as F

import oneuser
from oneuser.core.money import exponent_of

# Relative paths in a configuration begin where the program is started: for the demo, that is the project's folder.
if Path.cwd().name == "notebooks":
    os.chdir("..")

colours = oneuser.use_chart_theme()
warehouse = oneuser.open_warehouse(config=os.environ.get("ONEUSER_CONFIG", "demo/oneuser.yaml"))

# %% [markdown]
# ## The figures of the report
#
# The same as on the page that `oneuser report` writes. *Identifiers* are log-ins, addresses, cookies and device ids;
# *people* are what they amount to.

# %%
headline = warehouse.headline()
counts = ("events", "identifiers", "people", "people_known", "people_anonymous", "accounts", "sessions", "conversions")
pd.Series({name.replace("_", " "): headline[name] for name in counts}, name="number").to_frame()

# %% [markdown]
# ## People
#
# Somebody is *known* who has logged in or left an address. Counted by cookies, whoever uses two devices would be two
# people.

# %%
sizes = warehouse.users().groupBy("n_identifiers", "kind").agg(F.count(F.lit(1)).alias("people")).toArrow()
columns = (
    alt.Chart(sizes)
    .mark_bar(size=44)
    .encode(
        x=alt.X("n_identifiers:O", title="identifiers per person", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("sum(people):Q", title="people"),
        color=alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(domain=["known", "anonymous"], range=[colours.main, colours.second]),
        ),
        order=alt.Order("kind:N", sort="descending"),
    )
)
totals = (
    alt.Chart(sizes)
    .mark_text(dy=-9, color=colours.ink)
    .encode(x="n_identifiers:O", y="sum(people):Q", text="sum(people):Q")
)
(columns + totals).properties(
    title=alt.Title(
        f"{headline['people']:,} people behind {headline['identifiers']:,} identifiers",
        subtitle="people by number of identifiers",
    )
)

# %% [markdown]
# ## One journey
#
# Of those with a conversion of the commonest kind, such as an order, the person with most identifiers. Values are
# masked unless you ask for them.

# %%
of_people = warehouse.table("conversions").where("user_id IS NOT NULL AND value_minor IS NOT NULL")
commonest = of_people.groupBy("conversion", "currency").count().orderBy(F.desc("count"), "conversion").head(1)
if not commonest:
    raise SystemExit("No conversion with a value belongs to a person here: what follows has nothing to show.")
kind, currency = commonest[0]["conversion"], commonest[0]["currency"]
# minor units in one of the currency
minor = 10 ** exponent_of(currency)
of_kind = (F.col("conversion") == kind) & (F.col("currency") == currency)
orders = of_people.where(of_kind)
buyers = warehouse.users().join(orders, on="user_id", how="left_semi").orderBy(F.desc("n_identifiers"), "user_id")
person = warehouse.lookup(user_id=buyers.head(1)[0]["user_id"])
known_by = pd.DataFrame(
    {
        "row": f"{one.id_type}: {one.value} ({number})",
        "from": one.first_seen_at,
        "to": one.last_seen_at,
        "events": one.n_events,
    }
    for number, one in enumerate(person.identifiers, start=1)
)
known_by

# %% [markdown]
# Each line is the time in which an identifier was seen, each dot the start of a visit with the channel it came from,
# each diamond a conversion of that kind. What reaches over from one device to the next is what a cookie cannot see.

# %%
of_person = f"user_id = '{person.user_id}'"
visits = warehouse.table("touches").where(of_person).select("touched_at", "channel", F.lit("visits").alias("row"))
in_words = F.format_string(
    f"{kind.replace('%', '%%')} of %.{exponent_of(currency)}f %s", F.col("value_minor") / minor, "currency"
)
bought = orders.where(of_person).orderBy("converted_at").select("converted_at", in_words.alias("row")).toArrow()
rows = [*known_by["row"], "visits", *bought["row"].to_pylist()]
row = alt.Y("row:N", sort=rows, title=None, scale=alt.Scale(domain=rows), axis=alt.Axis(grid=True))
days = alt.Axis(format="%-d %b", labelAngle=0, tickCount=8, grid=False)
in_utc = alt.Scale(type="utc")
seen = (
    alt.Chart(known_by)
    .mark_bar(size=8, cornerRadius=4)
    .encode(x=alt.X("from:T", title=None, axis=days, scale=in_utc), x2="to:T", y=row)
)
arrivals = (
    alt.Chart(visits.toArrow())
    .mark_point(size=80, opacity=0.9)
    .encode(x="touched_at:T", y=row, color=alt.Color("channel:N", title=None))
)
diamonds = alt.Chart(bought).mark_point(shape="diamond", size=140, color=colours.ink).encode(x="converted_at:T", y=row)
(seen + arrivals + diamonds).properties(
    height=alt.Step(30),
    title=alt.Title(
        f"{len(person.identifiers)} identifiers, {visits.count()} visits, {len(bought)} of '{kind}': one person",
        subtitle=f"{person.user_id}, {person.first_seen_at:%-d %B %Y} to {person.last_seen_at:%-d %B %Y}, UTC",
    ),
)

# %% [markdown]
# ## Which channels earned the sales?
#
# Every conversion is credited to the visits before it, as far back as the configuration says. *First* gives it to the
# first of them, *last* to the last, the others share it out. Where a line is long, the answer depends on the question.

# %%
credited = (
    warehouse.attribution()
    .where(of_kind & F.col("is_additive"))
    .select(
        F.replace("model", F.lit("_"), F.lit(" ")).alias("model"),
        "channel",
        (F.col("credit_minor").cast("double") / minor).alias("credit"),
        F.col("conversions").cast("double").alias("conversions"),
        "lookback_days",
    )
    .toArrow()
    .to_pandas()
)
if credited.empty:
    raise SystemExit("No model has credited these conversions: `attribution.models` in the configuration names models.")
of_one_model = credited[credited["model"] == credited["model"][0]]
channel = alt.Y("channel:N", title=None, sort=alt.EncodingSortField("credit", op="max", order="descending"))
spread = (
    alt.Chart(credited)
    .mark_rule(strokeWidth=3, color=colours.second)
    .encode(y=channel, x=alt.X("min(credit):Q", title=f"credited value, {currency}"), x2="max(credit):Q")
)
models = (
    alt.Chart(credited)
    .mark_point(size=90, opacity=1)
    .encode(
        y=channel,
        x=alt.X("credit:Q", axis=alt.Axis(format=",.0f", tickCount=6)),
        color=alt.Color("model:N", title=None),
        shape=alt.Shape("model:N", title=None),
    )
)
(spread + models).properties(
    height=alt.Step(32),
    title=alt.Title(
        f"{of_one_model['credit'].sum():,.2f} {currency} of {of_one_model['conversions'].sum():,.0f} conversions of "
        f"'{kind}', by channel and model",
        subtitle=f"visits of {credited['lookback_days'][0]} days; every model adds up to the same total; the line "
        "spans its answers",
    ),
)

# %% [markdown]
# ## Who came back?
#
# People by when they began, such as the month of their first event, and how many of them were there again later. An
# interval that is not over yet has no rate: it is *not yet known*, which is not the same as nobody.


# %%
def describe(cell: Row) -> dict[str, object]:
    """A cell of the triangle: its place, what stands in it, and its colours."""
    level = sum((cell["rate"] or 0) > step for step in colours.heat_steps)
    return {
        "cohort": f"{cell['cohort']:%-d %b %Y}, {cell['cohort_size']:,} people",
        "offset": cell["offset"],
        "label": f"{cell['retained']} ({cell['rate']:.0%})" if cell["is_observed"] else "not yet known",
        "fill": colours.heat[level] if cell["is_observed"] else colours.unobserved,
        "ink": colours.on_heat[level] if cell["is_observed"] else colours.soft,
    }


published = warehouse.retention().where("entity_level = 'person' AND breakdown IS NULL")
# of several retentions the first
first = published.agg(F.min("name")).head(1)[0][0]
drawn = published.where((F.col("name") == first) & (F.col("offset") > 0)).orderBy("cohort", "offset").collect()
if not drawn:
    raise SystemExit("This warehouse has no cohort yet to which an interval was added: come back after some runs.")
unit = drawn[0]["unit"]
triangle = pd.DataFrame(map(describe, drawn))
cells = alt.Chart(triangle).encode(
    x=alt.X("offset:O", title=f"{unit}s after the first", axis=alt.Axis(orient="top", labelAngle=0)),
    y=alt.Y("cohort:N", title=None, sort=None),
)
(
    cells.mark_rect(stroke=colours.paper, strokeWidth=3).encode(fill=alt.Fill("fill:N", scale=None))
    + cells.mark_text(fontSize=13).encode(text="label:N", color=alt.Color("ink:N", scale=None))
).properties(
    width=alt.Step(140),
    height=alt.Step(44),
    title=alt.Title(
        "People who came back", subtitle=f"retention '{first}': number of people, and their share of the cohort"
    ),
)

# %% [markdown]
# ## Where to go from here
#
# * `warehouse.report("report.html")` writes all this and more as one page to hand on.
# * `warehouse.table(name)` gives any published table as a Spark frame: the README lists them.
# * Two people look like one? `02_tuning_rules` finds the value that joins them, and takes them apart.
