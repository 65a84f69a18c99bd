"""Everything that can go wrong on purpose: one branch per exit code.

0 done · 1 failed, nothing published · 2 usage or configuration · 3 a gate stopped publication · 4 locked, retry later ·
5 environment or storage · 130 interrupted.

Facts are attributes, and an error's text is made of them: what was found, what was expected, where, and what to do
next. No text carries a raw identifier or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class OneUserError(Exception):
    """Something failed and nothing was published. `exit_code` is what the process ends with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *, found: str, expected: str = "", where: str = "", next_step: str = "") -> None:
        super().__init__(found, expected, where, next_step)
        self.found = found
        self.expected = expected
        self.where = where
        self.next_step = next_step

    def __reduce__(self) -> tuple[object, ...]:
        # errors cross from Python workers to the driver; keyword arguments do not survive the default way
        return _rebuilt, (type(self), dict(self.__dict__))

    def __str__(self) -> str:
        parts = {"expected": self.expected, "where": self.where, "next": self.next_step}
        return "\n".join([self.found, *(f"  {label}: {text}" for label, text in parts.items() if text)])


class ContractError(OneUserError):
    """A table is not what its contract promises. `problems` names every column at fault."""

    def __init__(self, table: str, problems: Sequence[str]) -> None:
        super().__init__(
            found=f"table {table}: {'; '.join(problems)}",
            expected="the columns that the table's contract promises",
            where=table,
            next_step="nothing was published; report this with the run record",
        )
        self.table = table
        self.problems = tuple(problems)


class CheckError(OneUserError):
    """A run broke a promise about its own numbers, such as the accounting of lines."""


class CertificationError(OneUserError):
    """The components are not the connected components of the admitted edges."""


@dataclass(frozen=True)
class ConfigProblem:
    """One mistake in a configuration. `line` counts from 1 and is null where no line is to blame.

    `code` is one of `config.*`: unknown_key, type, value, pattern, missing, duplicate, not_yet, yaml, usage.
    """

    key: str
    message: str
    file: str | None = None
    line: int | None = None
    code: str = "config.value"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        is_named = bool(self.key) and self.file == f"--set {self.key}"
        return ": ".join(part for part in (place, "" if is_named else self.key, self.message) if part)


class ConfigError(OneUserError):
    """The configuration or the command line is wrong. `problems` holds every mistake, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[ConfigProblem], *, next_step: str = "") -> None:
        self.problems = tuple(problems)
        lines = "\n".join(str(problem) for problem in self.problems)
        n = len(self.problems)
        # what is given with a call is in no configuration
        where_from = "" if all(problem.code == "config.usage" for problem in problems) else " in the configuration"
        found = lines if n == 1 else f"{n} problems{where_from}\n{lines}"
        first = self.problems[0] if self.problems else None
        where = (first.file or "") if first else ""
        super().__init__(found=found, where="" if where in found else where, next_step=next_step)

    @classmethod
    def single(cls, key: str, message: str, *, next_step: str = "") -> ConfigError:
        """One mistake that is not in a file: an option, an argument, a value given from Python."""
        return cls([ConfigProblem(key, message, code="config.usage")], next_step=next_step)


class GateError(OneUserError):
    """A gate stopped publication. `gate` is its key in the configuration."""

    exit_code = 3

    def __init__(self, *, found: str, expected: str = "", where: str = "", next_step: str = "", gate: str = "") -> None:
        super().__init__(found=found, expected=expected, where=where, next_step=next_step)
        self.gate = gate


class LockedError(OneUserError):
    """Another run holds the warehouse. Trying again later is the right answer."""

    exit_code = 4

    def __init__(self, *, holder: str, run_seq: int | None = None, expires_at: datetime | None = None) -> None:
        run = f" for run {run_seq}" if run_seq else ""
        until = f" until {expires_at:%Y-%m-%d %H:%M:%S} UTC" if expires_at else ""
        super().__init__(
            found=f"the warehouse is locked by {holder}{run}{until}",
            expected="one writer at a time",
            next_step="wait for it and run the same command again; `oneuser status` shows the holder",
        )
        self.holder = holder
        self.run_seq = run_seq
        self.expires_at = expires_at


class EnvironmentProblem(OneUserError):  # noqa: N818 - the error is the environment's, not ours
    """Java, Spark, a JAR, a folder or a secret is missing or cannot be used. `oneuser doctor` looks at all of them."""

    exit_code = 5


def _rebuilt(kind: type[OneUserError], facts: dict[str, object]) -> OneUserError:
    error = kind.__new__(kind)
    error.__dict__.update(facts)
    return error
