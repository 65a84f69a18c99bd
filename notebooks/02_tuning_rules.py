# %% [markdown]
# # Why are these strangers one person, and how do I take them apart again?
#
# Sooner or later some value joins people who have nothing to do with each other: a tablet at a trade fair, the address
# of a reception desk, a test account. This notebook makes that happen, finds the value, and undoes it.
#
# It works on a copy of the demo of `make demo`, so the demo stays as it is; or on a copy of the warehouse whose
# configuration `ONEUSER_CONFIG` names, on this machine's disk, where people have an `email` and an `anonymous_id`.

# %%
import json
import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import altair as alt
import networkx as nx
import pandas as pd

import oneuser
from oneuser.api import read_config

# Relative paths in a configuration begin where the program is started: for the demo, that is the project's folder.
if Path.cwd().name == "notebooks":
    os.chdir("..")

colours = oneuser.use_chart_theme()
demo = read_config(os.environ.get("ONEUSER_CONFIG", "demo/oneuser.yaml"))
roots = {
    name: path.removeprefix("file:").removeprefix("//")
    for name, path in (("warehouse", demo.warehouse), ("raw_root", demo.raw_root))
    if path is not None
}
if not all(path.startswith("/") for path in roots.values()):
    raise SystemExit(
        "The warehouse is not on this machine's disk alone, and only folders are copied here: try the demo."
    )
if not {"email", "anonymous_id"} <= demo.identity.id_types.keys():
    raise SystemExit("No email and anonymous_id among the types of this configuration: what follows needs both.")

# %% [markdown]
# ## What would a rule do? Ask before there is any data
#
# `simulate` resolves a few lines of text by the rules of a configuration, at once and without Spark. `---` begins the
# next run. Two people type their addresses into the same tablet; then the tablet is blocked.

# %%
what_if = """
email: ann@example.com, anonymous_id: phone-of-ann
email: bob@example.com, anonymous_id: phone-of-bob
---
email: ann@example.com, anonymous_id: tablet
email: bob@example.com, anonymous_id: tablet
---
block anonymous_id: tablet
"""
print(oneuser.simulate(what_if, demo))

# %% [markdown]
# Ann and Bob become one person, and get their own User IDs back once the tablet counts no more. Now the same with more
# people, in a warehouse.
#
# ## A day at the fair
#
# Four subscribers of the demo, each known by one address, sign up for a raffle on the same tablet.

# %%
before = oneuser.open_warehouse(config=demo)
n_subscribers = 4
one_address = "array_sort(map_keys(identifiers_by_type)) = array('anonymous_id', 'email') AND n_identifiers = 2"
subscribers = before.users().where(one_address).orderBy("user_id").limit(n_subscribers).select("user_id")
theirs = before.identities().join(subscribers, on="user_id", how="left_semi").where("id_type = 'email'")
addresses = [row["id_value"] for row in theirs.orderBy("id_value").collect()]
if len(addresses) < n_subscribers:
    raise SystemExit("Fewer than four people here have one address and one device alone: nobody to send to the fair.")
fair_ends = before.run_records()[-1].as_of + timedelta(days=1)


def sign_up(number: int, address: str) -> dict[str, object]:
    """A message of the tablet: somebody types an address into it."""
    at = (fair_ends - timedelta(hours=2) + timedelta(minutes=number)).isoformat()
    who = {"anonymousId": "fair-tablet", "traits": {"email": address}}
    return {"messageId": f"fair-{number}", "type": "identify", "timestamp": at, "receivedAt": at, **who}


copy = Path(tempfile.mkdtemp(prefix="oneuser-fair-"))
for name, path in roots.items():
    shutil.copytree(path, copy / name)
messages = [json.dumps(sign_up(number, address)) for number, address in enumerate(addresses)]
(copy / "fair.jsonl").write_text("\n".join(messages) + "\n", encoding="utf-8")

# The configuration of the demo with other roots and one source more, said as `--set` says it on the command line.
with_fair = [
    *(f"{name}={copy / name}" for name in roots),
    f"sources.fair={{path: '{copy / 'fair.jsonl'}', format: jsonl, preset: segment}}",
]
fair = read_config(os.environ.get("ONEUSER_CONFIG", "demo/oneuser.yaml"), with_fair)
merged = oneuser.run(fair, as_of=fair_ends)
print(f"run {merged.run_seq}: {merged.metrics['ids_merged']:.0f} User IDs were merged into others")
if merged.metrics["ids_merged"] < n_subscribers - 1:
    shutil.rmtree(copy)
    raise SystemExit("The rules of this configuration keep the four apart: there is nothing to find, nor to undo.")

# %% [markdown]
# Nothing stopped it: four addresses are within the limit of five per person, and three merged User IDs are no reason
# for the gate `max_merged_ids_share` to close.
#
# ## Which value did it?
#
# `suspects` lists the values that hold a person together all alone. Each row says how many people, each with an address
# or a log-in of its own, the person would fall into without it.

# %%
warehouse = oneuser.open_warehouse(config=fair)
suspects = warehouse.suspects(limit=10).collect()
names = warehouse.values([row["identifier_id"] for row in suspects])
found = pd.DataFrame(
    {
        "value": "{}: {}".format(*names[row["identifier_id"]]),
        "people": row["n_people"],
        "identifiers": sum(row["part_sizes"]),
        "messages": row["n_events"],
    }
    for row in suspects
)
found

# %% [markdown]
# The tablet stands first. What does its person look like? Every dot is an identifier, every line a pair that messages
# carried together.

# %%
worst = suspects[0]
person = warehouse.explain(worst["user_id"])
graph = nx.Graph([(edge.a, edge.b) for edge in person.edges])
places = nx.kamada_kawai_layout(graph)
culprit = found["value"][0]
dots = pd.DataFrame(
    {"name": name, "x": x, "y": y, "kind": "holds them together" if name == culprit else name.partition(":")[0]}
    for name, (x, y) in places.items()
)
lines = pd.DataFrame(
    dict(zip(("x", "y", "x2", "y2"), (*places[one], *places[other]), strict=True)) for one, other in graph.edges
)
kinds = ["email", "anonymous_id", "holds them together"]
kind_colours = [colours.series[0], colours.series[7], colours.series[3]]
x = alt.X("x:Q", axis=None, scale=alt.Scale(padding=80))
y = alt.Y("y:Q", axis=None, scale=alt.Scale(padding=40))
pairs = alt.Chart(lines).mark_rule(strokeWidth=2, color=colours.grey).encode(x=x, y=y, x2="x2:Q", y2="y2:Q")
nodes = alt.Chart(dots).encode(x=x, y=y)
marks = nodes.mark_circle(size=420, opacity=1).encode(
    color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=kinds, range=kind_colours))
)
names_of_nodes = nodes.encode(text="name:N")
# so that a line behind a name does not cross it out
halo = names_of_nodes.mark_text(dy=24, color=colours.paper, stroke=colours.paper, strokeWidth=5)
(pairs + marks + halo + names_of_nodes.mark_text(dy=24, color=colours.ink)).properties(
    height=380,
    title=alt.Title(
        f"{worst['n_people']} people look like one, {worst['user_id'][:12]}…",
        subtitle=f"{len(dots)} identifiers, {len(lines)} pairs; values are masked",
    ),
)

# %% [markdown]
# Between two of the addresses, `explain` gives the shortest chain:

# %%
chain = warehouse.explain(f"email:{addresses[0]}", f"email:{addresses[1]}")
print(chain.verdict)
pd.DataFrame({"a": edge.a, "b": edge.b, "messages": edge.n_events, "source": edge.source} for edge in chain.edges)

# %% [markdown]
# ## Block it, and look before anybody else does
#
# `plan` does the next run up to its people and shows it to nobody. Here the tablet is among the blocked values of its
# type.

# %%
without_tablet = read_config(
    os.environ.get("ONEUSER_CONFIG", "demo/oneuser.yaml"),
    [*with_fair, "identity.id_types.anonymous_id.blocked=[fair-tablet]"],
)
plan = oneuser.plan(without_tablet, as_of=fair_ends + timedelta(days=1))
print(f"{plan.n_splits} User IDs come back, {plan.n_minted} are new, {plan.n_moved} identifiers move")
print("every gate holds" if plan.holds else "a gate would stop it")
pd.DataFrame(
    {"change": split.change, "user": split.user_id, "from": split.other_user_id, "identifiers": split.n_identifiers}
    for split in plan.splits
)

# %% [markdown]
# *Restored* is the word to look for: nobody gets a new User ID, each gets back the one of before the fair. So publish
# it; `run` goes on from where the plan has stopped.

# %%
undone = oneuser.run(without_tablet)
difference = warehouse.refresh().diff_runs(merged.run_seq, undone.run_seq)
pd.Series(difference.counts, name="rows").to_frame()

# %% [markdown]
# ## What became of everybody
#
# The identifiers of the four, run by run, each with the User ID that it had in that run.

# %%
four = [row["user_id"] for row in subscribers.collect()]
first = before.rows.publication.run_seq
runs = {
    first: f"{first}, before the fair",
    merged.run_seq: f"{merged.run_seq}, with the tablet",
    undone.run_seq: f"{undone.run_seq}, tablet blocked",
}
owned = {
    number: {row["identifier_id"]: row["user_id"] for row in warehouse.as_of(run=number).identifiers().collect()}
    for number in runs
}
concerned = [number for number, user in owned[merged.run_seq].items() if user in four]
labels = {number: "{}: {}".format(*name) for number, name in warehouse.values(concerned).items()}
history = pd.DataFrame(
    {
        "identifier": f"{labels[number]} ({number})",
        "run": label,
        "user": owned[run].get(number, "nobody"),
        "short": owned[run].get(number, "nobody")[:9],
    }
    for number in sorted(concerned, key=lambda one: (owned[first].get(one, "z"), one))
    for run, label in runs.items()
)
owners = [*sorted(four), "nobody"]
cells = alt.Chart(history).encode(
    x=alt.X("run:O", title=None, sort=None, axis=alt.Axis(orient="top", labelAngle=0)),
    y=alt.Y("identifier:N", title=None, sort=None),
)
tiles = cells.mark_rect(stroke=colours.paper, strokeWidth=3, opacity=0.55).encode(
    color=alt.Color(
        "user:N",
        legend=None,
        scale=alt.Scale(domain=owners, range=[*colours.series[: len(four)], colours.unobserved]),
    )
)
(tiles + cells.mark_text(fontSize=12).encode(text="short:N")).properties(
    width=alt.Step(170),
    height=alt.Step(30),
    title=alt.Title("Four people, one, four again", subtitle="one row per identifier; a colour is a User ID"),
)

# %% [markdown]
# Every User ID that was ever published still resolves: the ones that were merged point nowhere else any more.

# %%
{user: warehouse.resolve_user_id(user) == user for user in four}

# %% [markdown]
# ## The same with your own data
#
# 1. `oneuser suspects` and `oneuser explain TYPE:VALUE` on the command line show what is shown here.
# 2. Write the value into your configuration, and every value like it. `identity.id_types` of a configuration stands in
#    the place of all types that oneuser knows by itself, so where yours has none yet, begin with what `oneuser config
#    show` prints of it, and add to the type:
#    ```yaml
#    blocked: ["fair-tablet", "re:^kiosk-"]
#    ```
# 3. `oneuser plan`, read it, `oneuser run`.
#
# Values that turn up again and again are better bounded than listed: `max_persons_per_value` takes whatever more people
# share, `unique: true` keeps two log-ins from ever being one person.

# %%
shutil.rmtree(copy)
