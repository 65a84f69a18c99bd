"""The folder of a demo: its log and truth, its configuration, and how well the people of its warehouse were found."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from oneuser.core.errors import ConfigError
from oneuser.demo.generate import DemoTruth, generate_demo
from oneuser.demo.measure import Agreement, measure
from oneuser.demo.settings import demo_config
from oneuser.storage.layout import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

_PEOPLE, _SUMMARY = "people.csv", "summary.json"


@dataclass(frozen=True)
class DemoFolder:
    """Where one demo lies: `events/`, `truth/`, a configuration and a report in `path`, its tables in `warehouse`."""

    path: Path
    warehouse: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.path / "oneuser.yaml"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def has_log(self) -> bool:
        """Whether a log has been generated."""
        return self._summary.exists()

    def prepare(self, *, events: int, seed: int) -> DemoTruth:
        """Generate the log and write the configuration, unless they are there already; returns what was planted.

        A configuration that somebody has edited stays. Of two that prepare one folder at once, the later one waits and
        takes up what the other has generated.

        Raises:
            ConfigError: where the folder holds another demo, which the warehouse may have been made from.
        """
        with self._alone():
            if not self.has_log:
                generate_demo(self.path, events=events, seed=seed)
            truth = DemoTruth(**json.loads(self._summary.read_text(encoding="utf-8")))
            if (truth.events, truth.seed) != (events, seed):
                raise ConfigError.single(
                    "--folder",
                    f"{self.path} holds a demo of {truth.events:,} events with seed {truth.seed}",
                    next_step="choose another --folder and --warehouse, or replace both with --fresh",
                )
            if not self.config.exists():
                self._write_config()
            return truth

    def agreement(self, identities: DataFrame) -> Agreement:
        """Agreement of people with the truth. Grows with the number of identifiers, a short row each.

        Args:
            identities: Published `id_type`, `id_value` and `user_id`.
        """
        columns = identities.toArrow()
        predicted = zip(*(columns.column(name).to_pylist() for name in ("id_type", "id_value", "user_id")), strict=True)
        return measure(self.path / "truth" / _PEOPLE, predicted)

    def delete(self) -> None:
        """Delete what was generated here, and the warehouse if it is a demo's.

        Raises:
            ConfigError: where the warehouse is somebody's own.
        """
        if self.warehouse.exists():
            marker = self.warehouse / MARKER
            is_demo = marker.is_file() and json.loads(marker.read_text(encoding="utf-8")).get("deployment") == "demo"
            if not is_demo:
                found = f"{self.warehouse} is not the warehouse of a demo; nothing was deleted"
                raise ConfigError.single("--fresh", found, next_step="choose another --warehouse")
            shutil.rmtree(self.warehouse)
        for part in ("events", "truth"):
            shutil.rmtree(self.path / part, ignore_errors=True)
        for file in (self.config, self.report):
            file.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder, which the kernel lets go of however this process ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @property
    def _summary(self) -> Path:
        return self.path / "truth" / _SUMMARY

    def _write_config(self) -> None:
        text = io.StringIO()
        yaml = YAML()
        yaml.default_flow_style = False
        yaml.dump(demo_config(self.path, self.warehouse), text)
        self.config.write_text(text.getvalue(), encoding="utf-8")
