"""What a table's folder may lose, against a reader that is written down step by step: it must find all it looks for."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from oneuser.storage.expiry import (
    SMALL_FILE,
    checkpoint_name,
    expendable_files,
    expendable_log,
    is_worth_a_checkpoint,
    is_worth_compacting,
)
from oneuser.storage.files import StoredFile

CLAIMED = 1_000


@dataclass(frozen=True)
class History:
    """A table as it came about: the data files of each version, all files ever written, and the files of its log."""

    versions: list[set[str]]
    stored: list[StoredFile]
    log: set[str]


def name_of(version: int, kind: str) -> str:
    return f"{version:020d}.{kind}"


def random_history(chance: random.Random) -> History:
    """Versions that add and take away files, restore earlier ones, or leave files of which nothing came."""
    versions: list[set[str]] = []
    stored: list[StoredFile] = []
    for version in range(chance.randint(1, 40)):
        new = {f"part-{version}-{n}.parquet" for n in range(chance.randint(0, 3))}
        before = versions[-1] if versions else set()
        kept = set(chance.choice(versions)) if versions and chance.random() < 0.2 else before
        versions.append({file for file in kept if chance.random() < 0.8} | new)
        lost = {f"part-{version}-lost.parquet"} if chance.random() < 0.2 else set()
        times = {file: chance.choice([CLAIMED - 1, CLAIMED - 1, CLAIMED, CLAIMED + 5]) for file in sorted(new | lost)}
        folder = chance.choice(["", "day=1/"])
        stored += [StoredFile(folder + file, 10, modified) for file, modified in times.items()]
    log = {name_of(v, kind) for v in range(len(versions)) for kind in ("json", "crc")}
    log |= {name_of(v, "checkpoint.parquet") for v in range(len(versions)) if v and chance.random() < 0.2}
    return History(versions, stored, log | {"_last_checkpoint", f"{0:020d}.checkpoint.0000000001.0000000002.parquet"})


def is_readable(version: int, needed: set[str], log: set[str], files: set[str]) -> bool:
    """As a reader does it: the last checkpoint up to the version, all commits from there on, and their data files."""
    starts = [v for v in range(version + 1) if name_of(v, "checkpoint.parquet") in log]
    first = starts[-1] + 1 if starts else 0
    has_log = all(name_of(v, "json") in log for v in range(first, version + 1))
    return has_log and name_of(version, "crc") in log and needed <= files


def alone(file: StoredFile) -> str:
    return file.name.rpartition("/")[2]


@pytest.mark.parametrize("seed", range(200))
def test_kept_versions_stay_readable_and_nothing_else_stays(seed: int) -> None:
    chance = random.Random(seed)
    history = random_history(chance)
    numbers = range(len(history.versions))
    kept = {*chance.sample(numbers, chance.randint(1, min(5, len(numbers)))), numbers[-1]}
    named = set[str]().union(*(history.versions[v] for v in kept))

    gone = expendable_files(history.stored, named, older_than_ms=CLAIMED)
    gone_log = expendable_log(history.log, oldest_kept=min(kept))

    files = {alone(file) for file in history.stored} - {alone(file) for file in gone}
    log = history.log - set(gone_log)
    assert all(is_readable(v, history.versions[v], log, files) for v in kept)
    # of the data, whatever is left is young, or some kept version cannot be read without it
    for file in history.stored:
        without = files - {alone(file)}
        is_needed = not all(history.versions[v] <= without for v in kept)
        assert (file in gone) == (not is_needed and file.modified_ms < CLAIMED)
    # of the log, with the next version gone too there is a kept one that cannot be read, or no checkpoint before it
    first_left = min(v for v in numbers if name_of(v, "json") in log)
    checkpoints = [v for v in range(first_left + 1, min(kept) + 1) if name_of(v, "checkpoint.parquet") in history.log]
    assert not checkpoints


@pytest.mark.parametrize("seed", range(50))
def test_a_log_that_is_removed_in_part_can_be_read_as_before(seed: int) -> None:
    chance = random.Random(seed)
    history = random_history(chance)
    kept = chance.randrange(len(history.versions))
    gone = expendable_log(history.log, oldest_kept=kept)
    everything = {alone(file) for file in history.stored} | history.versions[kept]
    assert gone == sorted(gone)

    for n_gone in range(len(gone) + 1):
        left = history.log - set(gone[:n_gone])
        assert is_readable(kept, history.versions[kept], left, everything), n_gone


@pytest.mark.parametrize("n_kept", [1, 2, 14])
def test_with_checkpoints_a_log_is_hardly_longer_than_what_is_kept(n_kept: int) -> None:
    chance = random.Random(n_kept)
    log: set[str] = set()
    for head in range(200):
        log |= {name_of(head, "json"), name_of(head, "crc")}
        if chance.random() < 0.3:
            continue
        oldest = max(0, head - n_kept + 1)

        if is_worth_a_checkpoint(log, oldest_kept=oldest):
            log.add(checkpoint_name(oldest))
        log -= set(expendable_log(log, oldest_kept=oldest))

        assert sum(name.endswith(".json") for name in log) < n_kept + 10
        assert sum(name.endswith(".checkpoint.parquet") for name in log) <= 1
        assert all(is_readable(version, set(), log, set()) for version in range(oldest, head + 1))


def test_what_is_neither_data_nor_a_version_of_the_log_stays() -> None:
    others = [StoredFile(name, 1, 0) for name in ("notes.txt", "part-0.parquet.tmp", "deletion_vector_1.bin")]
    log = {"_last_checkpoint", f"{0:020d}.json", f"{9:020d}.checkpoint.parquet", "00000000000000000001.tmp.json"}

    assert expendable_files(others, set(), older_than_ms=CLAIMED) == []
    assert expendable_log(log, oldest_kept=9) == [f"{0:020d}.json"]


def test_a_checkpoint_after_the_oldest_kept_version_lets_nothing_go() -> None:
    log = [name_of(v, kind) for v in range(12) for kind in ("json", "crc")] + [name_of(10, "checkpoint.parquet")]

    assert expendable_log(log, oldest_kept=9) == []
    assert len(expendable_log(log, oldest_kept=10)) == 20


@pytest.mark.parametrize(("n_small", "n_large", "expected"), [(15, 100, False), (16, 0, True), (0, 50, False)])
def test_small_files_are_put_together_where_there_are_many(n_small: int, n_large: int, *, expected: bool) -> None:
    assert is_worth_compacting([SMALL_FILE - 1] * n_small + [SMALL_FILE] * n_large) is expected
