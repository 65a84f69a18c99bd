"""An archive of Java's classes beside the JARs: a third of a local session's start is loading and checking them.

The archive is a file of Java's own (application class-data sharing). It holds for one Java, one Spark and one set of
JARs. Java checks that itself and loads classes as ever where it does not hold, so a stale archive costs nothing but
the time it would have saved. What it does not survive is half an archive: the file's name says its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_NAMES = "classes-*.jsa"
# what Java has to say about an archive that does not hold, or a class that cannot be archived, is nothing to act on
_QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off"


def find_archive(jars: Sequence[Path]) -> Path | None:
    """The archive in the folder of these JARs; null where there is none that is whole."""
    folders = dict.fromkeys(jar.parent for jar in jars)
    return next((one for folder in folders for one in _archives(folder) if _is_whole(one)), None)


def place_archive(written: Path, folder: Path) -> Path:
    """Move an archive to where it is found, and remove those that were there."""
    archive = folder / _name(written)
    for old in _archives(folder):
        if old != archive:
            old.unlink(missing_ok=True)
    return written.replace(archive)


def use_archive(archive: Path | None) -> str:
    """The options of a JVM that starts from an archive; none without one."""
    return "" if archive is None else f"-XX:SharedArchiveFile={archive} {_QUIET}"


def write_archive(archive: Path) -> str:
    """The options of a JVM that writes the classes it has loaded into an archive when it ends."""
    return f"-XX:ArchiveClassesAtExit={archive} {_QUIET}"


def _archives(folder: Path) -> Iterable[Path]:
    return sorted(folder.glob(_NAMES))


def _is_whole(archive: Path) -> bool:
    try:
        return archive.name == _name(archive)
    except FileNotFoundError:
        # another one has just taken its place, which this start does without
        return False


def _name(archive: Path) -> str:
    return _NAMES.replace("*", str(archive.stat().st_size))
