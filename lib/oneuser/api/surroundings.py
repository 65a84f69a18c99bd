"""What the surroundings are like. Looks only: starts no Spark, fetches nothing, makes no file that stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from oneuser.config.base import local_path
from oneuser.config.input_paths import names_s3a
from oneuser.core.errors import OneUserError
from oneuser.inspection.open_erasures import read_open_erasures
from oneuser.privacy.key_references import describe_reference, split_reference
from oneuser.privacy.keys import load_versions
from oneuser.spark import jars
from oneuser.spark.class_archive import find_archive
from oneuser.spark.java import OLDEST_JAVA, find_java
from oneuser.spark.memory import default_driver_memory
from oneuser.storage.layout import Layout
from oneuser.storage.local_files import LocalFiles
from oneuser.storage.owner import open_to_others

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.privacy.key_versions import KeyVersion

_SPARK = "4.2.0"
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
# what the rest of the machine and the Python workers need beside the driver
_BESIDE_DRIVER = 1 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    `meaning` says what follows from it, or what to do; empty where it is as it should be.
    """

    name: str
    state: Literal["ok", "note", "problem"]
    found: str
    meaning: str = ""


def examine(config: Config | None) -> list[Finding]:
    """All findings. Without a configuration, what it would say is left out."""
    folder = config.spark.jars if config else None
    findings = [_python(), _worker_python(), _java(), _spark(), *_jars(folder), _memory(config)]
    if config is not None and names_s3a(config):
        findings.append(_s3a(config))
    if config is None:
        meaning = "`oneuser init` writes one; warehouse and key were not looked at"
        return [*findings, Finding("Configuration", "note", "none here", meaning)]
    return [*findings, _warehouse(config.warehouse), _raw_zone(config), _key(config), *_erasures(config)]


def _python() -> Finding:
    return Finding("Python", "ok", f"{sys.version.split()[0]} ({sys.executable})")


def _worker_python() -> Finding:
    name = "Worker Python"
    program = os.environ.get("PYSPARK_PYTHON", sys.executable)
    if program == sys.executable:
        return Finding(name, "ok", f"the same ({program})")
    command = [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        answer = ""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if answer != own:
        meaning = f"unset PYSPARK_PYTHON, or set it to a Python {own} that has oneuser's packages"
        return Finding(name, "problem", f"{answer or 'does not run'} ({program})", meaning)
    return Finding(name, "ok", f"{answer} ({program})")


def _java() -> Finding:
    java = find_java()
    if java is None:
        meaning = f"install Java {OLDEST_JAVA} so that `java -version` shows it, or set JAVA_HOME"
        return Finding("Java", "problem", "none that runs", meaning)
    if java.major < OLDEST_JAVA:
        return Finding("Java", "problem", f"{java.major} ({java.program})", f"install Java {OLDEST_JAVA} or newer")
    return Finding("Java", "ok", f"{java.major} ({java.program})")


def _spark() -> Finding:
    found = metadata.version("pyspark")
    if found != _SPARK:
        return Finding("Spark", "problem", found, f"install pyspark=={_SPARK}: Delta is compiled against exactly that")
    return Finding("Spark", "ok", found)


def _jars(folder: str | None) -> list[Finding]:
    found = jars.look_for_jars(folder)
    without = "graph.engine graphframes is not to be had; everything else works, the other engines included"
    if found is None:
        meaning = "fetched once when the first session starts; offline, set ONEUSER_JARS to a folder that has them"
        return [
            Finding("Delta", "note", "not here yet", meaning),
            Finding("GraphFrames", "note", "not here yet", without),
        ]
    version = metadata.version("delta-spark")
    if not found:
        return [
            Finding("Delta", "ok", f"{version}, in Spark's own folder of JARs"),
            Finding("GraphFrames", "note", "known once a session runs", "ask for it with graph.engine: graphframes"),
        ]
    delta = Finding("Delta", "ok", f"{version} ({found[0].parent})")
    return [delta, _graphframes(found, without), _class_archive(found)]


def _graphframes(found: list[Path], without: str) -> Finding:
    """Two JARs: the library, and its part for GraphX, without which it does not start."""
    name, folder = "GraphFrames", found[0].parent
    library = [jar.name for jar in found if "graphframes-spark" in jar.name]
    graphx = [jar.name for jar in found if "graphframes-graphx" in jar.name]
    if not library and not graphx:
        return Finding(name, "note", f"no JAR in {folder}", without)
    if library and graphx:
        return Finding(name, "ok", f"{library[0]}, {graphx[0]}")
    lacking = "graphframes-graphx" if library else "graphframes-spark"
    expected = next(one for one in jars.GRAPHFRAMES.coordinates if lacking in one)
    return Finding(
        name, "problem", f"{(library or graphx)[0]} alone in {folder}", f"put {expected} beside it; {without}"
    )


def _s3a(config: Config) -> Finding:
    """The JARs for paths of `s3a://`."""
    name, found = "S3A", jars.look_for_s3a_jars(config.spark.jars)
    if found:
        return Finding(name, "ok", f"{len(found)} JARs ({found[0].parent})")
    if found is not None:
        return Finding(name, "ok", "in Spark's own folder of JARs")
    own = sorted({"spark.jars", "spark.jars.packages"} & config.spark.conf.keys())
    if own:
        meaning = "`oneuser doctor --online` looks whether S3A is among them"
        return Finding(name, "note", f"left to {' and '.join(own)} of `spark.conf`", meaning)
    meaning = "`python -m oneuser.spark.jars FOLDER --with s3` fetches them; FOLDER is `spark.jars` or ONEUSER_JARS"
    return Finding(name, "problem", "no JARs for paths of s3a://", meaning)


def _class_archive(found: list[Path]) -> Finding:
    archive = find_archive(found)
    if archive is None:
        meaning = "each start takes some seconds more; `python -m oneuser.spark.quick_start` makes one in a minute"
        return Finding("Class archive", "note", "none", meaning)
    return Finding("Class archive", "ok", f"{_size(archive.stat().st_size)} ({archive})")


def _memory(config: Config | None) -> Finding:
    machine = psutil.virtual_memory()
    found = f"{_size(machine.available)} free of {_size(machine.total)}"
    driver = _bytes((config.spark.driver_memory if config else None) or default_driver_memory())
    if driver + _BESIDE_DRIVER > machine.total:
        meaning = f"spark.driver_memory is {_size(driver)}: lower it, or runs may be killed"
        return Finding("Memory", "note", found, meaning)
    return Finding("Memory", "ok", f"{found}; the driver may use {_size(driver)}")


def _warehouse(root: str) -> Finding:
    name = "Warehouse"
    if "://" in root and not root.startswith("file://"):
        return Finding(name, "note", root, "not a local folder: `oneuser doctor --online` tries to write there")
    folder = Path(root.removeprefix("file://"))
    place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as problem:
        meaning = "mend the permissions, or set `warehouse` to a folder that can be written"
        return Finding(name, "problem", f"{place}: {problem.strerror}", meaning)
    made = "" if place == folder.absolute() else "; made at the first run"
    return Finding(name, "ok", f"{folder} can be written, {_size(free)} free{made}")


def _raw_zone(config: Config) -> Finding:
    """The folder of tables with personal data as received, and whether others than its owner get in."""
    name = "Raw zone"
    folder = Layout.of(config.warehouse, config.raw_root).zones["raw"]
    local = local_path(folder)
    if local is None:
        return Finding(name, "note", folder, "not a local folder: who may read it is for the storage to say")
    if not Path(local).is_dir():
        return Finding(name, "ok", f"{local} is made at the first run, for its owner only")
    mode = open_to_others(folder)
    if mode is not None:
        meaning = f"it holds personal data as received: chmod 700 {local}, unless a group is meant to read it"
        return Finding(name, "note", f"{local} can be entered by others (mode {mode})", meaning)
    return Finding(name, "ok", f"{local}, for its owner only")


def _key(config: Config) -> Finding:
    name, reference = "Key", config.keys.identifiers
    kind, place = split_reference(reference)
    path = Path(place)
    if kind == "file" and not path.exists():
        if (Path(config.warehouse) / "published.json").exists():
            meaning = "put it back: without it no stored identifier can be recognised"
            return Finding(name, "problem", f"no key file {path}", meaning)
        return Finding(name, "ok", f"{path} is generated at the first run")
    try:
        versions = load_versions(reference)
    except OneUserError as problem:
        return Finding(name, "problem", problem.found, problem.next_step)
    except OSError as problem:
        meaning = "let the user that runs oneuser read it, and nobody else"
        return Finding(name, "problem", f"{place}: {problem.strerror}", meaning)
    found = f"{describe_reference(reference)}, {_versions(versions)}"
    if kind == "file" and open_to_others(place) is not None:
        return Finding(name, "note", f"{found}; it can be read by others", f"chmod 600 {path}")
    return Finding(name, "ok", f"{found}; for its owner only" if kind == "file" else found)


def _erasures(config: Config) -> list[Finding]:
    """Who waits to be erased; nothing where nobody does, or where that is told on another storage.

    No problem, however late: nothing here keeps the run from starting that erases.
    """
    files = LocalFiles()
    layout = Layout.of(config.warehouse, config.raw_root)
    waiting = read_open_erasures(layout, files.names, lambda name: files.read_text(f"{layout.root}/{name}"))
    if waiting is None:
        return []
    meaning = "`oneuser run` erases, `oneuser maintain` completes: schedule both"
    return [Finding("Erasures", "note", str(waiting), meaning)]


def _versions(versions: list[KeyVersion]) -> str:
    """Versions of the key in words."""
    newest = versions[-1]
    made = f", made on {newest.created}" if newest.created else ""
    if len(versions) == 1:
        return f"one version, {newest.key_id}{made}"
    return f"{len(versions)} versions, the newest is {newest.key_id}{made}"


def _bytes(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1].lower()]


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
