"""`simulate`: from a text and a configuration to people, run by run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.simulation.describe import describe_run, name_user_ids
from oneuser.simulation.play import Played, play
from oneuser.simulation.render import render
from oneuser.simulation.results import RolledBack, Run
from oneuser.simulation.rulebook import Rulebook, RulesSource, load_rules
from oneuser.simulation.simulation_text import read_text

if TYPE_CHECKING:
    from oneuser.simulation.results import Change, Contested, OwnedEvent, Person, PublishedId, Refusal


@dataclass(frozen=True, repr=False)
class Simulation:
    """All runs of a text, oldest first, with rollbacks between them.

    The methods answer for one run: the one whose number is given, else the one that readers see at the end.
    """

    steps: tuple[Run | RolledBack, ...]

    @property
    def runs(self) -> list[Run]:
        """The runs without the rollbacks."""
        return [step for step in self.steps if isinstance(step, Run)]

    def run(self, number: int | None = None) -> Run:
        """One run.

        Raises:
            ConfigError: where there is no such run.
        """
        last = self.steps[-1]
        if number is None:
            return last if isinstance(last, Run) else last.to
        if not 1 <= number <= len(self.runs):
            raise ConfigError.single("run", f"there is no run {number}: expected one of 1 to {len(self.runs)}")
        return self.runs[number - 1]

    def people(self, run: int | None = None) -> list[Person]:
        """One for each live User ID."""
        return list(self.run(run).people)

    def user_ids(self, run: int | None = None) -> list[PublishedId]:
        """Every User ID ever published, with its status."""
        return list(self.run(run).user_ids)

    def changes(self, run: int | None = None) -> list[Change]:
        """What the run did to User IDs."""
        return list(self.run(run).changes)

    def refused(self, run: int | None = None) -> list[Refusal]:
        """Pairs that a rule keeps apart."""
        return list(self.run(run).refused)

    def contested(self, run: int | None = None) -> list[Contested]:
        """Contested identifiers with their owners over time."""
        return list(self.run(run).contested)

    def events(self, run: int | None = None) -> list[OwnedEvent]:
        """Accepted events with their owners, in order of time."""
        return list(self.run(run).events)

    def text(self, *, events: bool = False) -> str:
        """Everything as text for people; with every event and its owner where `events` is set."""
        return "\n".join(render(self.steps, events=events))

    def document(self, *, events: bool = False) -> dict[str, Any]:
        """Everything as a JSON document."""
        steps = [
            {"rollback_to": step.to.run} if isinstance(step, RolledBack) else _without_events(step, keep=events)
            for step in self.steps
        ]
        return {"steps": steps}

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Simulation runs={len(self.runs)} people={len(self.people())}>"


def simulate(
    text_or_path: str | Path,
    config: RulesSource | None = None,
    *,
    overrides: Sequence[str] = (),
    file: str | None = None,
) -> Simulation:
    """Resolve a text of events and rules into people, without a warehouse and without Spark.

    The answers are those of a run over the same messages under the same rules. Only the sections `identity` and
    `consent` of a configuration matter; without one, built-in rules hold.

    Args:
        text_or_path: The text, or the path of a file. A str is a text where it has a colon or a line break.
        config: A configuration, loaded or as its file, or values in the shape of one.
        overrides: `KEY=VALUE`, as `--set` takes them.
        file: What problems call the text; by default its path.

    Raises:
        ConfigError: with every mistake in the text, or in the rules.
    """
    is_text = isinstance(text_or_path, str) and any(sign in text_or_path for sign in ":\n")
    name = file if is_text else str(text_or_path)
    text = str(text_or_path) if is_text else _read(Path(text_or_path))
    rulebook = Rulebook(load_rules(config, overrides), file=name)
    played = play(read_text(text, file=name), rulebook, file=name)
    names = name_user_ids(step for step in played if isinstance(step, Played))
    steps: list[Run | RolledBack] = []
    runs: list[Run] = []
    for step in played:
        if isinstance(step, Played):
            runs.append(describe_run(step, names, runs[-1] if runs else None))
            steps.append(runs[-1])
        else:
            steps.append(RolledBack(runs[step.run - 1]))
    return Simulation(tuple(steps))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "is not UTF-8 text"
        raise ConfigError(
            [ConfigProblem("", f"cannot be read: {reason}", file=str(path), code="config.usage")],
            next_step="name a text file, or - for standard input",
        ) from None


def _without_events(run: Run, *, keep: bool) -> dict[str, Any]:
    values = asdict(run)
    if not keep:
        del values["events"]
    return values
