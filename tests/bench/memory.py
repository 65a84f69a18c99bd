"""What a job takes: the resident sets of its processes and their time on a processor, sampled while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import psutil

DRIVER_JVM, WORKERS, DRIVER_PYTHON, OTHER = "driver_jvm", "python_workers", "driver_python", "other"
_SECONDS = 0.2


@dataclass(frozen=True)
class ProcessFact:
    """One process of a job at one moment.

    `n_bytes` is its resident set, pages it shares with others included; `seconds` its time on a processor so far.
    """

    pid: int
    parent: int
    name: str
    n_bytes: int
    seconds: float = 0.0


def bytes_by_role(root: int, facts: Iterable[ProcessFact]) -> dict[str, int]:
    """Resident bytes by role. Python below a JVM is a worker; other Python, the root above all, is the driver's."""
    by_pid = {fact.pid: fact for fact in facts}
    found = dict.fromkeys((DRIVER_JVM, WORKERS, DRIVER_PYTHON, OTHER), 0)
    for fact in by_pid.values():
        found[_role(fact, by_pid, root)] += fact.n_bytes
    return found


def _role(fact: ProcessFact, by_pid: dict[int, ProcessFact], root: int) -> str:
    if fact.name.startswith("java"):
        return DRIVER_JVM
    if fact.pid != root and not fact.name.startswith("python"):
        return OTHER
    above = by_pid.get(fact.parent)
    while fact.pid != root and above is not None:
        if above.name.startswith("java"):
            return WORKERS
        above = None if above.pid == root else by_pid.get(above.parent)
    return DRIVER_PYTHON


class MemorySampler:
    """Samples a process and all below it on a thread, from `with` to its end.

    `peaks` has the peak in bytes of each role, and `total`: the peak of their sum, which is less than the sum of the
    peaks unless all come at once. `cpu_seconds` is what all of them have had of a processor when they were last seen.
    """

    def __init__(self, pid: int, *, seconds: float = _SECONDS) -> None:
        self.pid = pid
        self.seconds = seconds
        self.n_samples = 0
        self.peaks: dict[str, int] = {}
        self._seconds: dict[int, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_stopped, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def cpu_seconds(self) -> float:
        """Seconds of a processor, of all processes together."""
        return sum(self._seconds.values())

    def add(self, sample: dict[str, int]) -> None:
        """Let one sample raise the peaks."""
        self.n_samples += 1
        for role, n_bytes in {**sample, "total": sum(sample.values())}.items():
            self.peaks[role] = max(self.peaks.get(role, 0), n_bytes)

    def _sample_until_stopped(self) -> None:
        while True:
            facts = process_tree(self.pid)
            self.add(bytes_by_role(self.pid, facts))
            self._seconds |= {fact.pid: fact.seconds for fact in facts}
            if self._stopped.wait(self.seconds):
                return


def process_tree(pid: int) -> list[ProcessFact]:
    """A process and all below it. Those that end meanwhile are left out."""
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    found = []
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                n_bytes, seconds = process.memory_info().rss, times.user + times.system
                found.append(ProcessFact(process.pid, process.ppid(), process.name(), n_bytes, seconds))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found
