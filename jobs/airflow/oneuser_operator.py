"""oneuser as a task of Airflow: its own program as a process, whose exit code decides what becomes of the task.

Airflow and oneuser never share an environment. This needs Airflow and the standard library, nothing of oneuser's,
and a Python that Airflow runs on, be it older than what oneuser wants.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from airflow.sdk import Asset, AssetAlias, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

# what a worker has in its environment
COMMAND = "ONEUSER_COMMAND"
CONFIG = "ONEUSER_CONFIG"

# The end of the interval that a run is for. Runs that somebody starts without a date have no interval.
AS_OF = "{{ (dag_run.data_interval_end or dag_run.run_after).isoformat() }}"

# A task that ends well makes an event of each asset that is its outlet, whether there is anything new to read or not.
# Through an alias it makes those that it adds, and none otherwise.
PUBLISHED = AssetAlias("oneuser_published")

MEANINGS = {
    0: "and no answer in JSON",
    1: "failed, nothing published",
    2: "usage or configuration",
    3: "a gate stopped publication",
    4: "locked by another run",
    5: "environment or storage",
    130: "interrupted",
}
# by its own status, and by that of a shell in between
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
MEANINGS |= dict.fromkeys(KILLED, "killed, as by a system that is short of memory")
RETRIED = {4, 5, *KILLED}
KILL_AFTER_SECONDS = 60

# Kills a process group that has not ended in time. A process by itself: Airflow gives the one that a task runs in five
# seconds to end, and then kills it.
KILL_LATER = """
for second in $(seq "$2"); do kill -s 0 -- "-$1" 2>/dev/null || exit 0; sleep 1; done
kill -s KILL -- "-$1"
"""


class OneUserProcess(BaseOperator):
    """A task that is one call of oneuser's program. What it says on the way is the task's log.

    Its exit code is what becomes of the task: 0 is a success, 4 and 5 pass and are tried again, and so is a process
    that something else has killed. Everything else fails at once, whatever `retries` says.

    Args:
        config: Configuration file; the worker's `ONEUSER_CONFIG` where null. A template.
        **kwargs: What every operator takes.
    """

    template_fields: Sequence[str] = ("config",)

    def __init__(self, *, config: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self._process: subprocess.Popen[str] | None = None
        self._is_ended = False

    def on_kill(self) -> None:
        """End oneuser: it cancels its jobs and gives the lease back, for which it needs the Java that it has started.

        So only it is told. What is left of its process group after a minute is killed. Does not wait: the task reads on
        until oneuser ends.
        """
        if self._process is None:
            return
        self._is_ended = True
        self.log.warning("ending process %s; it is killed in %s s", self._process.pid, KILL_AFTER_SECONDS)
        self._process.terminate()
        subprocess.Popen(
            ["sh", "-c", KILL_LATER, "sh", str(self._process.pid), str(KILL_AFTER_SECONDS)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def _command(self, verb: str, *options: str) -> list[str]:
        config = self.config or os.environ.get(CONFIG)
        named = ["--config", config] if config else []
        return [os.environ.get(COMMAND, "oneuser"), verb, "--json", "-v", *options, *named]

    def _answer(self, command: list[str]) -> dict[str, Any]:
        """What it says on standard output; standard error goes line by line into the log."""
        self.log.info("starting %s", shlex.join(command))
        # a file: nobody reads a pipe while the other one is read
        with tempfile.TemporaryFile("w+", encoding="utf-8") as written:
            self._is_ended = False
            self._process = self._start(command, written)
            for line in self._process.stderr or ():
                self.log.info("%s", line.rstrip())
            code = self._process.wait()
            written.seek(0)
            answer = _document(written.read())
        if code or not answer:
            problem = _problem(code, answer)
            passes = code in RETRIED and not self._is_ended
            raise AirflowException(problem) if passes else AirflowFailException(problem)
        return answer

    def _start(self, command: list[str], written: Any) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.PIPE, encoding="utf-8",
                errors="replace", start_new_session=True,
            )  # fmt: skip
        except OSError as problem:
            raise AirflowFailException(
                f"{command[0]} cannot be started ({problem.strerror}): let {COMMAND} name oneuser's program"
            ) from problem


class OneUserOperator(OneUserProcess):
    """One `oneuser run`.

    A task that publishes makes an event of the asset `x-oneuser://DEPLOYMENT/published` with the run, its time and the
    version of each table; one that finds nothing new makes none, unless a try before has published that and told
    nobody. Its result has the same facts.

    Args:
        stages: Do only these; all where there are none.
        finish_open: Whether a run that is open as of another time is finished first; else it is continued in the place
            of this one, whose interval then waits for the next.
        as_of: The run's own time in ISO 8601. A template.
        **kwargs: What every operator takes, and `config`.
    """

    template_fields: Sequence[str] = ("as_of", *OneUserProcess.template_fields)

    def __init__(
        self,
        *,
        stages: Sequence[str] = (),
        finish_open: bool = False,
        as_of: str = AS_OF,
        **kwargs: Any,
    ) -> None:
        super().__init__(outlets=[PUBLISHED], **kwargs)
        self.stages = stages
        self.finish_open = finish_open
        self.as_of = as_of

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run it to its end.

        Raises:
            AirflowException: where trying again later may help.
            AirflowFailException: where it will not.
        """
        command = self._command("run", "--as-of", self.as_of)
        command += ["--stages", ",".join(self.stages)] if self.stages else []
        answer = self._answer([*command, *(["--finish-open"] if self.finish_open else [])])
        # the run that had to be finished first may be the one that had something to publish
        runs = [run for run in (answer, answer["finished"]) if run]
        published = next((run for run in runs if run["published"]), None)
        if published is None and answer["nothing_new"] and self._is_owed(answer, context):
            published = answer
        if published is not None:
            asset = Asset(f"x-oneuser://{answer['deployment']}/published")
            context["outlet_events"][PUBLISHED].add(asset, extra=_facts(published, "run", "as_of", "tables"))
        return _facts(answer, "run", "as_of", "is_continued", "published", "nothing_new", "tables")

    def _is_owed(self, answer: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        """Whether a try before this one has published what there is, and failed after: a task that fails tells nobody.

        In a chain, only the last task publishes. What is older than the run of the DAG was told by an earlier one. That
        run is younger than its publication where somebody has cleared it: then it counts what the tables are as of.
        """
        if context["ti"].try_number == 1 or any(isinstance(one, OneUserOperator) for one in self.downstream_list):
            return False
        begun = context["dag_run"].start_date
        if begun is not None and _moment(answer["published_at"]) >= begun:
            return True
        return bool(context["dag_run"].clear_number) and _moment(answer["as_of"]) == _moment(self.as_of)


class OneUserMaintainOperator(OneUserProcess):
    """One `oneuser maintain`. It publishes nothing that is new, so it makes no event.

    Its result has the runs that are kept and those that are withdrawn.
    """

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's
        """Maintain to the end.

        Raises:
            AirflowException: where trying again later may help.
            AirflowFailException: where it will not.
        """
        return _facts(self._answer(self._command("maintain")), "kept_runs", "withdrawn_runs")


def _document(text: str) -> dict[str, Any]:
    """The answer; empty where it was killed before it had one."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _problem(code: int, answer: Mapping[str, Any]) -> str:
    meaning = MEANINGS.get(code, f"killed by signal {-code}" if code < 0 else "no code of oneuser's")
    said = answer.get("error", {})
    parts = [
        f"exit code {code}, {meaning}",
        said.get("found"),
        said.get("expected"),
        said.get("where"),
        said.get("next"),
    ]
    return "; ".join(part for part in parts if part)


def _moment(text: str) -> datetime:
    """An instant in ISO 8601; UTC where it names no zone, as oneuser takes it."""
    # Python 3.10 reads no Z
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _facts(answer: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: answer[name] for name in names}
