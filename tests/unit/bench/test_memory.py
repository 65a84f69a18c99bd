from __future__ import annotations

import subprocess
import sys
import time

from tests.bench.memory import (
    DRIVER_JVM,
    DRIVER_PYTHON,
    OTHER,
    WORKERS,
    MemorySampler,
    ProcessFact,
    bytes_by_role,
    process_tree,
)

MEBIBYTE = 1024**2


def test_python_below_a_jvm_is_a_worker_and_the_root_is_the_driver() -> None:
    facts = [
        ProcessFact(10, 1, "python3", 1),
        ProcessFact(11, 10, "bash", 2),
        ProcessFact(12, 11, "java", 4),
        ProcessFact(13, 12, "python3.11", 8),
        ProcessFact(14, 13, "python3.11", 16),
        ProcessFact(15, 10, "python3", 32),
    ]

    assert bytes_by_role(10, facts) == {DRIVER_JVM: 4, WORKERS: 24, DRIVER_PYTHON: 33, OTHER: 2}


def test_a_worker_whose_parent_has_gone_is_counted_all_the_same() -> None:
    facts = [ProcessFact(10, 1, "python3", 1), ProcessFact(14, 13, "python3", 16)]

    assert sum(bytes_by_role(10, facts).values()) == 17


def test_the_peak_of_the_total_is_that_of_one_moment() -> None:
    sampler = MemorySampler(0)

    sampler.add({DRIVER_JVM: 5, WORKERS: 1})
    sampler.add({DRIVER_JVM: 2, WORKERS: 3})

    assert sampler.peaks == {DRIVER_JVM: 5, WORKERS: 3, "total": 6}


def test_the_sampler_sees_what_a_process_holds() -> None:
    holds = "import sys; held = bytearray(b'x') * (64 << 20); print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with MemorySampler(process.pid, seconds=0.01) as sampler:
            time.sleep(0.05)
        process.communicate()

    assert sampler.n_samples >= 1
    assert sampler.peaks[DRIVER_PYTHON] > 64 * MEBIBYTE
    assert sampler.peaks["total"] >= sampler.peaks[DRIVER_PYTHON]


def test_a_process_that_has_ended_has_no_tree() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert process_tree(process.pid) == []
