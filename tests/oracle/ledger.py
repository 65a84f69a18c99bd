"""The ledger as page 01, section 4, says it: one world at a time, no groups, no care for speed.

Written from the page alone, to be compared with the real thing. Everything is a plain dictionary:

* an identifier: `component`, `key`, `priority`, `known`, `seen`, `owners` (of the intervals, if contested);
* an ID: `status`, `target`, `present` (anchor, the one it stood on last where it stands nowhere), `stands` (whether it
  stands on it), `anchors` (in the order taken), `order` (of publication).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

Thing = dict[str, Any]


def carry_over(
    graph: dict[int, Thing],
    ledger: dict[str, Thing],
    previous: dict[int, str],
    run: int,
    survivor: str,
    deployment: str,
    secret: bytes,
) -> tuple[dict[str, Thing], dict[int, str]]:
    """One run: the new ledger, and the owner of each component."""
    before = {name: dict(row, anchors=list(row["anchors"])) for name, row in ledger.items()}
    while True:
        ids = {name: dict(row, anchors=list(row["anchors"])) for name, row in before.items()}
        anchor_of = take_anchors(graph, ids, previous)
        components = {row["component"] for row in graph.values()}
        owner: dict[int, str] = {}
        for component in components:
            here = {name for name, anchor in anchor_of.items() if home(graph, anchor) == component}
            if here:
                owner[component] = min(here, key=lambda name: rule_3(graph, ids[name], anchor_of[name], survivor))
        settle(graph, ids, anchor_of, owner)
        follow(ids)
        upgrades = {
            name: best["number"]
            for component, name in owner.items()
            if (best := best_at_home(graph, component)) is not None
            and best["known"]
            and all(
                strength(best) < strength(graph[anchor])
                for anchor in anchor_of.values()
                if home(graph, anchor) == component
            )
            and not any(best["number"] in [*row["anchors"], row["present"]] for row in ids.values())
        }
        # the second run of the same input must change nothing: what an upgrade leaves is there for others at once
        afterwards = {**anchor_of, **upgrades}
        if not any(would_move(graph, row, name, afterwards) for name, row in ids.items() if name not in upgrades):
            break
        for name, anchor in upgrades.items():
            taken = [anchor_of[name]] if anchor_of[name] not in before[name]["anchors"] else []
            before[name] |= {"present": anchor, "stands": True, "anchors": [*before[name]["anchors"], *taken, anchor]}
    for component in components - set(owner):
        best = best_at_home(graph, component)
        assert best is not None
        name = new_id(best["key"], run, deployment, secret)
        assert name not in ids
        ids[name] = {"status": "live", "target": None, "present": best["number"], "stands": True,
                     "anchors": [best["number"]], "order": (run, *best["seen"], best["key"])}  # fmt: skip
        owner[component] = name
    for name, row in ids.items():
        # an anchor taken by rule 1 stays one, even if rule 6 moves on at once
        for anchor in (row["present"] if row["stands"] else None, upgrades.get(name)):
            if anchor is not None:
                row["present"] = anchor
                row["anchors"] += [] if anchor in row["anchors"] else [anchor]
    return ids, owner


def would_move(graph: dict[int, Thing], row: Thing, name: str, anchor_of: dict[str, int]) -> bool:
    """Whether the next run of the same input would have an ID stand elsewhere."""
    mine = anchor_of.get(name)
    anchors = [*row["anchors"], *([mine] if mine is not None and mine not in row["anchors"] else [])]
    free = [a for a in anchors if a in graph and (a == mine or a not in anchor_of.values())]
    best = min(free, key=lambda a: (strength(graph[a]), anchors.index(a)), default=None)
    return row["status"] != "erased" and best != mine


def take_anchors(graph: dict[int, Thing], ids: dict[str, Thing], previous: dict[int, str]) -> dict[str, int]:
    """Rule 1: which anchor each ID has, in the order in which they get it."""
    anchor_of: dict[str, int] = {}
    able = {name: row for name, row in ids.items() if row["status"] != "erased"}

    def strongest_free(row: Thing) -> int | None:
        free = [a for a in row["anchors"] if a in graph and a not in anchor_of.values()]
        return min(free, key=lambda a: (strength(graph[a]), row["anchors"].index(a)), default=None)

    # who stands on an anchor comes before those that stood on it once
    in_turn = sorted(able, key=lambda n: (not able[n]["stands"], able[n]["order"]))
    while True:
        stays = [n for n in in_turn if n not in anchor_of and able[n]["present"] is not None
                 and strongest_free(able[n]) == able[n]["present"]]  # fmt: skip
        if not stays:
            break
        anchor_of[stays[0]] = able[stays[0]]["present"]

    movers = sorted(set(able) - set(anchor_of), key=lambda n: (able[n]["present"] not in graph, able[n]["order"]))
    for name in movers:
        anchor = strongest_free(able[name])
        if anchor is None and able[name]["status"] == "live":
            mine = [n for n, owner in previous.items() if owner == name and n in graph and n not in anchor_of.values()]
            stronger = [
                n
                for n in mine
                if all(
                    strength(graph[n]) < strength(graph[other])
                    for other in anchor_of.values()
                    if home(graph, other) == home(graph, n)
                )
            ]
            anchor = min(stronger, key=lambda n: goodness(graph[n]), default=None)
        if anchor is not None:
            anchor_of[name] = anchor
    return anchor_of


def settle(graph: dict[int, Thing], ids: dict[str, Thing], anchor_of: dict[str, int], owner: dict[int, str]) -> None:
    """Rules 3 and 4 as they show in the ledger; who has no anchor counts as vacant until `follow`."""
    for name, row in ids.items():
        if row["status"] == "erased":
            continue
        row["stands"] = name in anchor_of
        row["present"] = anchor_of.get(name, row["present"])
        if name in owner.values():
            row["status"], row["target"] = "live", None
        elif name in anchor_of:
            row["status"], row["target"] = "retired", owner[home(graph, anchor_of[name])]
        else:
            row["status"] = "vacant"


def follow(ids: dict[str, Thing]) -> None:
    """A retired ID without an anchor follows its target, to the end of the chain."""
    for row in ids.values():
        if row["status"] != "vacant" or row["target"] is None:
            continue
        target = row["target"]
        while ids[target]["status"] == "retired" or (ids[target]["status"] == "vacant" and ids[target]["target"]):
            target = ids[target]["target"]
        row["target"] = target
    for row in ids.values():
        if row["status"] == "vacant" and row["target"] is not None and ids[row["target"]]["status"] == "live":
            row["status"] = "retired"


def home(graph: dict[int, Thing], number: int) -> int:
    """Rule 2: the component in which an anchor counts."""
    component = graph[number]["component"]
    everybody = [n for n, row in graph.items() if row["component"] == component]
    if all(literal_home(graph[n]) != component for n in everybody):
        return component  # nothing else could carry the ID of this component
    return literal_home(graph[number])


def literal_home(row: Thing) -> int:
    if len(set(row["owners"])) >= 2 and row["component"] in row["owners"]:
        return row["owners"][0]
    return row["component"]


def best_at_home(graph: dict[int, Thing], component: int) -> Thing | None:
    here = [n for n, row in graph.items() if row["component"] == component and home(graph, n) == component]
    best = min(here, key=lambda n: goodness(graph[n]), default=None)
    return None if best is None else dict(graph[best], number=best)


def strength(row: Thing) -> float:
    return row["priority"] if row["known"] else float("inf")


def goodness(row: Thing) -> tuple[Any, ...]:
    return (0 if row["known"] else 1, row["priority"], row["seen"], row["key"])


def rule_3(graph: dict[int, Thing], row: Thing, anchor: int, survivor: str) -> tuple[Any, ...]:
    return row["order"] if survivor == "oldest" else (strength(graph[anchor]), *row["order"])


def end(ids: dict[str, Thing], name: str) -> dict[str, Thing]:
    """Erasure: the live ID and all that redirect to it, for ever, without re-anchoring."""
    live = ids[name]["target"] or name
    gone = {n for n, row in ids.items() if n == live or row["target"] == live}
    return {
        n: dict(row, status="erased", target=None, present=None, stands=False) if n in gone else row
        for n, row in ids.items()
    }


def new_id(key: bytes, run: int, deployment: str, secret: bytes) -> str:
    """128 bits of a keyed hash of deployment, run and the anchor's key, as a TypeID."""
    text = len(deployment).to_bytes(4, "big") + deployment.encode() + run.to_bytes(8, "big") + key
    number = int.from_bytes(blake2b(text, digest_size=16, key=secret, person=b"oneuser user_id").digest(), "big")
    letters = ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        letters = "0123456789abcdefghjkmnpqrstvwxyz"[digit] + letters
    return "usr_" + letters
