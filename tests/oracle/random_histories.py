"""Random histories: small enough to be read, dense enough that every rule of page 01 fires in a good share of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.oracle.history import Erasure, History, Identifier, IdType, Link, Message, Rules, Run, pair

PURPOSES = ("linking", "ads")
LATEST_TIME = 12  # few distinct times, so that ties occur
LATEST_RECEIPT = 3  # and ties of receipt
IDS_OF_A_MESSAGE = (1, 2, 2, 2, 2, 3, 3, 4)


def random_history(chance: Random) -> History:
    """Two to five runs over the identifiers of two to six people."""
    return Author(chance).history()


@dataclass
class Author:
    """Writes one history."""

    chance: Random
    people: list[list[Identifier]] = field(default_factory=list)
    shared: list[Identifier] = field(default_factory=list)
    written: list[Message] = field(default_factory=list)
    is_consent_asked: bool = False

    def begin(self) -> None:
        """Who there is."""
        self.people = [self.person(n) for n in range(self.chance.randint(2, 6))]
        self.shared = [("anonymous_id", "kiosk"), ("cookie", "kiosk"), ("email", "info"), ("phone", "555")]
        self.is_consent_asked = self.chance.random() < 0.3

    def history(self) -> History:
        chance = self.chance
        self.begin()
        rules = self.rules()
        runs: list[Run] = []
        for n in range(chance.choice((2, 3, 4, 5, 5))):
            if n > 0:
                # back to what held before: evidence comes and goes, and former IDs return
                rules = chance.choice(runs).rules if chance.random() < 0.35 else rules
                for _ in range(chance.choice((0, 0, 1, 1, 2))):
                    rules = self.changed(rules)
            erased = tuple(self.erasure() for _ in range(n > 0 and chance.random() < 0.12))
            # a run may bring nothing new, and what it brings may be old
            arrived = self.messages(chance.choice((0, 0, 2, 4, 6)) if n > 0 else chance.randint(3, 12))
            if self.written and chance.random() < 0.2:
                arrived += tuple(chance.sample(self.written, min(2, len(self.written))))
            runs.append(Run(rules, erased, arrived))
        return tuple(runs)

    def messages(self, n: int) -> tuple[Message, ...]:
        """New messages."""
        arrived = []
        for _ in range(n):
            arrived.append(self.message())
            self.written.append(arrived[-1])
        return tuple(arrived)

    def person(self, n: int) -> list[Identifier]:
        chance = self.chance
        own = [("user_id", f"u{n}")] if chance.random() < 0.9 else []
        own += [("user_id", f"v{n}")] if chance.random() < 0.15 else []
        own += [("email", f"e{n}.{k}") for k in range(chance.choice((0, 1, 1, 1, 2)))]
        own += [("phone", f"p{n}")] if chance.random() < 0.3 else []
        own += [("anonymous_id", f"a{n}.{k}") for k in range(chance.choice((1, 1, 1, 2)))]
        own += [("cookie", f"c{n}")] if chance.random() < 0.4 else []
        return own

    def message(self) -> Message:
        """Mostly one person's identifiers, at times somebody else's or a shared one among them."""
        chance = self.chance
        own = chance.choice(self.people)
        ids = chance.sample(own, min(len(own), chance.choice(IDS_OF_A_MESSAGE)))
        if chance.random() < 0.3:
            ids[chance.randrange(len(ids))] = self.identifier()
        if chance.random() < 0.1:
            ids.append(self.identifier())
        ids = [i for n, i in enumerate(ids) if i not in ids[:n]]
        name, at = f"m{len(self.written)}.{chance.randrange(10**6)}", chance.randint(0, LATEST_TIME)
        message = Message(name, at, tuple(ids), consent=self.consent(), received=self.receipt())
        named = [i for i in ids if i[0] in {"user_id", "anonymous_id"}]
        if len({i[0] for i in named}) == len(named) > 0 and chance.random() < 0.3:
            return replace(message, kind="alias", previous=self.previous(own))
        return message

    def receipt(self) -> int | None:
        """Later and earlier than the event, and often unknown: what a clock says is no order."""
        return self.chance.randint(0, LATEST_RECEIPT) if self.chance.random() < 0.6 else None

    def previous(self, own: list[Identifier]) -> str:
        chance = self.chance
        pool = own if chance.random() < 0.6 else chance.choice(self.people)
        values = [value for id_type, value in pool if id_type in {"user_id", "anonymous_id"}]
        return chance.choice(values or ["kiosk"]) if chance.random() < 0.9 else "kiosk"

    def consent(self) -> dict[str, bool] | None:
        chance = self.chance
        if chance.random() < (0.2 if self.is_consent_asked else 0.85):
            return None
        return {purpose: chance.random() < 0.85 for purpose in PURPOSES if chance.random() < 0.95}

    def identifier(self) -> Identifier:
        chance = self.chance
        return chance.choice(self.shared) if chance.random() < 0.55 else chance.choice(chance.choice(self.people))

    def erasure(self) -> Erasure:
        return Erasure(self.identifier(), self.chance.choice(("connected", "connected", "exact")))

    def rules(self) -> Rules:
        chance = self.chance
        types = {
            "user_id": IdType(1, known=True, unique=chance.random() < 0.75),
            "email": IdType(2, known=True, unique=chance.random() < 0.3),
            "phone": IdType(3, known=True, limit=self.at_times(0.2)),
            "anonymous_id": IdType(4, known=False, limit=self.at_times(0.1)),
            "cookie": IdType(5, known=False, unique=chance.random() < 0.05),
        }
        for name in ("email", "phone", "anonymous_id"):
            types[name] = replace(types[name], max_persons_per_value=self.at_times(0.25))
        if chance.random() < 0.1:  # nothing says that known types come first
            order = chance.sample(range(1, 6), 5)
            types = {name: replace(t, priority=p) for (name, t), p in zip(types.items(), order, strict=True)}
        rules = Rules(
            types,
            conflict=chance.choice(("latest", "latest", "earliest")),
            shared_device=chance.choice(("time_sliced", "time_sliced", "time_sliced", "last_owner", "quarantine")),
            survivor=chance.choice(("strongest", "strongest", "oldest")),
            may_join_unique=chance.random() < 0.8,
            previous_id_type=chance.choice(("auto", "auto", "auto", "anonymous_id", "user_id")),
            required_for_linking=frozenset({"linking"} if self.is_consent_asked else ()),
        )
        for _ in range(chance.choice((0, 1, 2, 3))):
            rules = self.changed(rules)
        return rules

    def at_times(self, share: float) -> int | None:
        return self.chance.choice((1, 1, 2)) if self.chance.random() < share else None

    def changed(self, rules: Rules) -> Rules:
        """One thing put in or taken away."""
        change = self.chance.choice((
            self.change_block, self.change_block, self.change_limit, self.change_size, self.change_bound,
            self.change_unique, self.change_manual, self.change_manual, self.change_links, self.change_policy,
        ))  # fmt: skip
        return change(rules)

    def change_block(self, rules: Rules) -> Rules:
        observed = [i for message in self.written for i in message.ids]
        return replace(rules, blocked=self.toggled(rules.blocked, self.chance.choice(observed or self.shared)))

    def change_limit(self, rules: Rules) -> Rules:
        return self.with_type(rules, self.chance.choice(list(rules.types)), limit=self.chance.choice((None, 1, 1, 2)))

    def change_size(self, rules: Rules) -> Rules:
        return replace(rules, max_identifiers_per_user=self.chance.choice((1000, 3, 4, 5, 6)))

    def change_bound(self, rules: Rules) -> Rules:
        name = self.chance.choice(("email", "phone", "anonymous_id", "cookie"))
        return self.with_type(rules, name, max_persons_per_value=self.chance.choice((None, 1, 1, 2)))

    def change_unique(self, rules: Rules) -> Rules:
        name = self.chance.choice(("user_id", "user_id", "email", "anonymous_id"))
        return self.with_type(rules, name, unique=not rules.types[name].unique)

    def change_manual(self, rules: Rules) -> Rules:
        one, other = self.two()
        if self.chance.random() < 0.5:
            return replace(rules, included=self.toggled(rules.included, pair(one, other)))
        return replace(rules, excluded=self.toggled(rules.excluded, pair(one, other)))

    def change_links(self, rules: Rules) -> Rules:
        one, other = self.two()
        source, priority = self.chance.choice((("crm", None), ("splink", 2), ("resolver", 9)))
        return replace(rules, links=self.toggled(rules.links, Link(source, pair(one, other), priority)))

    def change_policy(self, rules: Rules) -> Rules:
        return replace(
            rules,
            conflict=self.chance.choice(("latest", "earliest")),
            shared_device=self.chance.choice(("time_sliced", "last_owner", "quarantine")),
            may_join_unique=not rules.may_join_unique,
        )

    def two(self) -> tuple[Identifier, Identifier]:
        """Of one person or of two, or the two ends of an alias."""
        renames = [(m.new_id, (m.new_id[0], m.previous)) for m in self.written if m.new_id and m.previous]
        renames = [(new, old) for new, old in renames if new != old]
        if renames and self.chance.random() < 0.2:
            return self.chance.choice(renames)
        if self.chance.random() < 0.5:
            own = self.chance.choice([p for p in self.people if len(p) > 1] or [self.shared])
            one, other = self.chance.sample(own, 2)
            return one, other
        one = other = self.identifier()
        while other == one:
            other = self.identifier()
        return one, other

    def toggled(self, entries: frozenset[Any], new: Any) -> frozenset[Any]:
        """With a new entry, or without an old one."""
        if entries and self.chance.random() < 0.5:
            return entries - {self.chance.choice(sorted(entries, key=repr))}
        return entries | {new}

    def with_type(self, rules: Rules, name: str, **changes: Any) -> Rules:
        return replace(rules, types={**rules.types, name: replace(rules.types[name], **changes)})
