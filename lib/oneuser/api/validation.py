"""`validate`: whether a configuration can be run, and every local input is there. Starts no Spark."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.api.configured import read_config
from oneuser.config import Config
from oneuser.config.base import local_path
from oneuser.config.input_paths import SOURCES, input_paths
from oneuser.config.load import read_file, read_values
from oneuser.core.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from oneuser.config.document import Document
    from oneuser.config.input_paths import Input

NEXT_STEP = "put the files there or mend the path; relative paths start at this folder"


def validate(
    config: Config | Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()
) -> dict[Input, list[str] | None]:
    """Check a configuration and that everything it reads is there.

    Args:
        config: A configuration, or where it is.
        overrides: `KEY=VALUE`, as `--set` takes them, for a file.

    Returns:
        The files of each input, by its section and its name there; null for one that is not on this machine's disk.

    Raises:
        ConfigError: with every mistake, or with every input that no file matches.
    """
    # these take their time to load
    from oneuser.stages.graph.manual_pairs import check_manual_rules
    from oneuser.stages.ingest.local_headers import check_local_columns

    loaded = read_config(config, overrides)
    check_manual_rules(loaded)
    inputs = local_inputs(loaded)
    missing = inputs_without_files(inputs, config, overrides)
    if missing:
        raise ConfigError(missing, next_step=NEXT_STEP)
    for (section, name), files in inputs.items():
        if section == SOURCES and files:
            check_local_columns(loaded, name, files)
    return inputs


def local_inputs(config: Config) -> dict[Input, list[str] | None]:
    """The files that each input matches; null for one that only Hadoop can list."""
    return {place: find_inputs(path) for place, path in input_paths(config).items()}


def inputs_without_files(
    inputs: Mapping[Input, list[str] | None],
    config: Config | Mapping[str, Any] | str | Path,
    overrides: Sequence[str] = (),
) -> list[ConfigProblem]:
    """A problem for each input that no local file matches, at its line where the configuration is in a file."""
    without = [place for place, files in inputs.items() if files == []]
    if not without:
        return []
    if isinstance(config, Config):
        paths = input_paths(config)
        return [ConfigProblem(".".join((*place, "path")), f"no file matches {paths[place]}") for place in without]
    written = read_values(config) if isinstance(config, Mapping) else read_file(config, overrides)
    return [_problem(written, (*section.split("."), name, "path")) for section, name in without]


def _problem(written: Document, place: tuple[str, ...]) -> ConfigProblem:
    return written.problem(place, f"no file matches {written.value_at(place)}")


def find_inputs(path: str) -> list[str] | None:
    """Local files that a source's path matches; null where only Hadoop can tell: remote, or of its own patterns."""
    local = local_path(path)
    # what a backslash stands before is no wildcard
    plain = None if local is None else re.sub(r"\\(.)", lambda escaped: glob.escape(escaped[1]), local)
    if local is None or plain is None or any(sign in re.sub(r"\\.", "", local) for sign in ("{", "[^")):
        return None
    matches = set(glob.glob(plain))  # noqa: PTH207 - absolute patterns too
    # a file may be called as the pattern is written
    matches |= {name for name in (re.sub(r"\\(.)", r"\1", local),) if Path(name).exists()}
    found: list[str] = []
    for match in sorted(matches):
        place = Path(match)
        found += [str(file) for file in sorted(place.rglob("*")) if file.is_file()] if place.is_dir() else [match]
    return found
