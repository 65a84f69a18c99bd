"""What a stage sees: tables as they are pinned for it, what was touched, and rows that it keeps on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pyspark import StorageLevel
from pyspark.sql import Observation
from pyspark.sql import functions as F

from oneuser.contracts.changes import CHANGES
from oneuser.spark.session import is_local
from oneuser.spark.temporarily import checkpoints_in
from oneuser.storage.few_rows import most_few

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.core.keyed import Keys
    from oneuser.storage.commit_tags import CommitTag
    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.warehouse import Warehouse

_T = TypeVar("_T")
# rows of some numbers and a text: 50 MB in each executor
_FEW = 500_000


class _FewFound(NamedTuple):
    """Rows of one column that stand by themselves, and how many."""

    rows: DataFrame
    n_rows: int


@dataclass
class StageView:
    """What one stage sees of its run.

    `tables` holds the version of each table that this run sees: what an earlier stage left, else the last completed
    run's. `as_of` is the run's own time, `begun_at` when its first attempt began; null means the former. `base` holds
    the versions of the last completed run: change sets of this one tell the difference from them. Where
    `is_incremental`, what the change sets that the stage takes do not touch is as it left it then. Where `is_small`,
    tables are read in one partition each, so that no step after it shuffles. `rules` is the hash of its configuration
    and code. `may_read` names the tables that the stage has declared, `takes` and `gives` the change sets; null means
    all. `found` is what stages of this process have found out about tables, by what it is and the versions it was read
    from.
    """

    spark: SparkSession
    config: Config
    warehouse: Warehouse
    keys: Keys
    tag: CommitTag
    as_of: datetime
    inputs: list[InputFile]
    tables: dict[str, int]
    log: Any
    base: dict[str, int] = field(default_factory=dict)
    stage: str = ""
    rules: str = ""
    is_incremental: bool = False
    is_small: bool = False
    takes: frozenset[str] | None = None
    gives: frozenset[str] | None = None
    may_read: frozenset[str] | None = None
    found: dict[tuple[object, ...], pa.Table] = field(default_factory=dict)
    begun_at: datetime | None = None
    _once: dict[str, Any] = field(default_factory=dict)
    _persisted: list[DataFrame] = field(default_factory=list)
    # few found rows by the frame's identity, which no other has as long as it is kept
    _few_found: dict[int, _FewFound] = field(default_factory=dict)
    _has_scratch: bool = False

    @property
    def run_seq(self) -> int:
        """Sequence number of the run."""
        return self.tag.run_seq

    @property
    def attempt(self) -> int:
        """Number of the attempt, from 1."""
        return self.tag.attempt

    # tables -------------------------------------------------------------------------------------------------------

    def read(self, contract: TableContract) -> DataFrame:
        """Rows of the version that this run sees; empty where there is none yet.

        Raises:
            ValueError: where the stage has not declared that it reads the table; others would not wait for it.
        """
        self._check_read(contract)
        return self._rows(contract, self.tables.get(contract.name))

    def _check_read(self, contract: TableContract) -> None:
        if self.may_read is not None and contract.name not in self.may_read:
            raise ValueError(
                f"stage {self.stage} reads table {contract.name}, which is not among the `reads` of its declaration: "
                "add it there, or the run neither waits for the stage that writes it nor notices that it has changed"
            )

    def read_located(self, contract: TableContract) -> DataFrame:
        """The same with where each row lies, so that it can be changed there without being looked for."""
        self._check_read(contract)
        rows = self.warehouse.read_located(contract, self.tables.get(contract.name))
        return rows.coalesce(1) if self.is_small else rows

    def read_among(self, contract: TableContract, among: DataFrame | None) -> DataFrame:
        """Rows of a table of which one column is among found ones (`found_rows.find`); all rows where that is null."""
        if among is None:
            return self.read(contract)
        located = self._read_located_among(contract, among)
        if located is not None:
            return located.select(*contract.columns)
        return self.read(contract).join(among, on=among.columns, how="left_semi")

    def _read_located_among(self, contract: TableContract, among: DataFrame) -> DataFrame | None:
        """The same with where each row lies, in the plan itself; null where that is not known to be few."""
        self._check_read(contract)
        version = self.tables.get(contract.name)
        # of small tables, a join in one task is as quick as bringing the values here
        most = most_few(contract)
        if version is None or self.is_small or id(among) not in self._few_found:
            return None
        # each value of a key has a row
        if (contract.key == tuple(among.columns)) and self._few_found[id(among)].n_rows > most:
            return None

        def values() -> pa.Table:
            return self.once(f"values of found rows {id(among)}", among.toArrow)

        return self.warehouse.read_few_among(contract, version, values, most=most)

    def note_found(self, rows: DataFrame, n_rows: int) -> None:
        """Take note, until the stage ends, of rows that stand by themselves, where they are few and of one column."""
        if n_rows <= _FEW and len(rows.columns) == 1:
            self._few_found[id(rows)] = _FewFound(rows, n_rows)

    def read_before(self, contract: TableContract) -> DataFrame:
        """Rows that the last completed run left of a table that this stage may read; empty where there were none."""
        self._check_read(contract)
        return self._rows(contract, self.base.get(contract.name))

    def _rows(self, contract: TableContract, version: int | None) -> DataFrame:
        few = None if version is None else self.warehouse.read_few(contract, version)
        if few is not None:
            return few
        rows = self.warehouse.read(contract, version)
        # no rows are better seen to be none
        return rows.coalesce(1) if self.is_small and version is not None else rows

    def read_last(self, contract: TableContract) -> DataFrame:
        """Rows that the last completed run left of any table: nothing of this run has a part in them.

        For the stage that takes in what is asked about all there is.
        """
        return self.warehouse.read(contract, self.base.get(contract.name))

    def at_most_rows(self, contract: TableContract) -> int | None:
        """More rows than the version that this run sees can have, without counting them; null where that is not known.

        These are its bytes: rows differ in their key, so none takes less than one of them.
        """
        return self.warehouse.n_bytes(contract, self.tables.get(contract.name))

    def changes(self, change_set: str) -> DataFrame:
        """Rows of `changes` of this run in one change set.

        Raises:
            ValueError: where the stage has not declared that it takes the change set.
        """
        if self.takes is not None and self.gives is not None and change_set not in self.takes | self.gives:
            raise ValueError(
                f"stage {self.stage} reads change set {change_set}, which is not among the `takes` of its declaration"
            )
        rows = self._rows(CHANGES, self.tables.get(CHANGES.name))
        return rows.where((F.col("run_seq") == self.run_seq) & (F.col("change_set") == change_set))

    # memory -------------------------------------------------------------------------------------------------------

    def persist(self, rows: DataFrame) -> DataFrame:
        """Keep a frame that several jobs of the stage read; released when the stage ends."""
        kept = rows.persist(StorageLevel.MEMORY_AND_DISK)
        self._persisted.append(kept)
        return kept

    def checkpoint(self, rows: DataFrame) -> DataFrame:
        """Compute a frame now, and go on from its rows instead of its plan.

        For what several later steps are made from: plans that contain each other's plans several times over grow
        beyond all bounds. Locally the rows stay with Spark until nothing refers to them; on a cluster they go to files
        that outlive a lost executor, and that the end of the stage removes.
        """
        if is_local(self.spark):
            return rows.localCheckpoint(eager=True, storageLevel=StorageLevel.MEMORY_AND_DISK)
        with checkpoints_in(self.spark, self.scratch("stage")):
            return rows.checkpoint(eager=True)

    def checkpoint_counted(self, rows: DataFrame, **counts: Column) -> tuple[DataFrame, dict[str, int]]:
        """The same, with what is counted on the way, which saves a look at the rows.

        A task that has to be done twice may count twice: good to tell none from some, few from many, and for the
        record of a run; nothing is decided by the number itself.

        Args:
            rows: Any rows.
            counts: Aggregates that count, by name.
        """
        observed = Observation()
        kept = self.checkpoint(rows.observe(observed, *[count.alias(name) for name, count in counts.items()]))
        return kept, {name: int(n) for name, n in observed.get.items()}

    def once(self, what: str, find: Callable[[], _T]) -> _T:
        """What `find` answers, asked once in a stage, however many of its steps need it. `what` names the question."""
        if what not in self._once:
            self._once[what] = find()
        answer: _T = self._once[what]
        return answer

    def few_rows(
        self, what: str, sources: Sequence[TableContract], find: Callable[[], DataFrame]
    ) -> tuple[DataFrame, int]:
        """Rows that are found in tables as they are, and their number; found once in a stage, however often asked for.

        Few rows come to this process, 8 MB of numbers or 20 MB with a text at most: other stages of the run that are
        done in it, and read the same versions, have them too, and each join with them knows how few they are. More stay
        on the cluster.

        Args:
            what: Names the question; the configuration is part of it, and the same throughout a run.
            sources: The tables that the answer depends on.
            find: Finds the rows: some numbers and a text at most.
        """
        return self._found(what, sources, find, most=_FEW)

    def few_whole_rows(
        self, what: str, sources: Sequence[TableContract], find: Callable[[], DataFrame]
    ) -> tuple[DataFrame, int]:
        """The same of rows with all columns of a table: fewer of them come to this process."""
        return self._found(what, sources, find, most=most_few(sources[0]))

    def _found(
        self, what: str, sources: Sequence[TableContract], find: Callable[[], DataFrame], *, most: int
    ) -> tuple[DataFrame, int]:
        key = (what, *(self.tables.get(one.name) for one in sources))
        return self.once(what, lambda: self._find_rows(key, find, most))

    def _find_rows(self, key: tuple[object, ...], find: Callable[[], DataFrame], most: int) -> tuple[DataFrame, int]:
        if key not in self.found:
            rows, counted = self.checkpoint_counted(find(), n_rows=F.count(F.lit(1)))
            if counted["n_rows"] > most:
                return rows, counted["n_rows"]
            # Spark takes back rows up to the first batch that has none
            self.found[key] = rows.toArrow().combine_chunks()
        few = self.found[key]
        return F.broadcast(self.spark.createDataFrame(few).coalesce(1)), few.num_rows

    def broadcast_if_few(self, rows: DataFrame, n_rows: int | None = None) -> DataFrame:
        """The rows, to be sent to every task that joins with them where they are few; else Spark joins as it likes.

        Spark cannot tell how few they are, and would move the other side of a join first. A row is some numbers and a
        text at most.

        Args:
            rows: What is checkpointed, or quickly computed again.
            n_rows: How many there are, where the caller knows; else they are counted.
        """
        return F.broadcast(rows) if self.is_few(rows.count() if n_rows is None else n_rows) else rows

    def is_few(self, n_rows: int) -> bool:
        """Whether so many rows of some numbers can be sent to every task."""
        return n_rows <= _FEW

    def scratch(self, name: str) -> str:
        """A folder of the raw zone for what need not outlive the stage; the end of the stage removes it.

        Whoever asks by a name of its own has the folder to itself.
        """
        self._has_scratch = True
        return f"{self._scratch_root}/{name}"

    @property
    def _scratch_root(self) -> str:
        return f"{self._checkpoints}/run-{self.run_seq}"

    @property
    def _checkpoints(self) -> str:
        # rows as they were received may be among them
        return f"{self.warehouse.layout.zones['raw']}/.checkpoints"

    def release(self) -> None:
        """Release what the stage persisted."""
        for kept in self._persisted:
            kept.unpersist()
        self._persisted.clear()
        self._once.clear()
        self._few_found.clear()
        if self._has_scratch:
            self.warehouse.files.remove(self._scratch_root)
            self.warehouse.files.remove_if_empty(self._checkpoints)
            self._has_scratch = False
