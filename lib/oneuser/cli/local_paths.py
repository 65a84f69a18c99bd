"""Whether local paths are there: looked at in Python, at once, before Spark takes its time to start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oneuser.api.validation import NEXT_STEP, inputs_without_files, local_inputs
from oneuser.config.base import local_path
from oneuser.core.errors import EnvironmentProblem
from oneuser.spark.default_storage import is_this_disk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.cli.output import Output
    from oneuser.config import Config

# where files go in, and what one of them is called
INPUTS = {
    "sources": "source",
    "links": "link table",
    "accounts.files": "account file",
    "fx_rates": "rates file",
    "spend": "spend file",
    "opportunities": "opportunities file",
    "subscriptions": "subscriptions file",
    "seats": "seats file",
}


def require_local_paths(config: Config, file: Path, overrides: Sequence[str], *, reads_input: bool = True) -> None:
    """Look at what a run on this machine reads, and at where it writes.

    Args:
        config: The configuration.
        file: Where it is.
        overrides: What replaces some of its keys.
        reads_input: Whether the run lists its input files.

    Raises:
        EnvironmentProblem: naming every input without files, or the file that is where the warehouse should be.
    """
    if not is_this_disk(config):
        return
    require_folder(config.warehouse)
    problems = inputs_without_files(local_inputs(config), file, overrides) if reads_input else []
    if problems:
        raise EnvironmentProblem(
            found="\n".join(str(problem) for problem in problems), expected="at least one file", next_step=NEXT_STEP
        )


def require_folder(warehouse: str) -> None:
    """Look at whether a local warehouse can be a folder.

    Raises:
        EnvironmentProblem: naming the file that is in its place, or in that of a folder above it.
    """
    local = local_path(warehouse)
    if local is None:
        return
    folder = Path(local).absolute()
    place = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    if place.exists() and not place.is_dir():
        raise EnvironmentProblem(
            found=f"{place} is a file",
            expected="a folder for the warehouse, or a place where one can be made",
            where=warehouse,
            next_step="move the file away, or set `warehouse` to another folder",
        )


def folder_to_make(file: Path) -> Path | None:
    """The folder that writing a file would make, the topmost of several; null where its folder is there."""
    missing = [folder for folder in file.absolute().parents if not folder.exists()]
    return missing[-1] if missing else None


def say_made(output: Output, folder: Path | None) -> None:
    """Say that a folder was made on the way to a file: its name may be a slip of the pen."""
    if folder is not None:
        output.note(f"made the folder {folder}")
