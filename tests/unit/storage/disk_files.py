"""Small files of a warehouse on this machine's disk, read and written without Spark."""

from __future__ import annotations

from pathlib import Path

from oneuser.storage.local_files import LocalFiles


class DiskFiles(LocalFiles):
    """What `Files` does with small files, as far as requests need it."""

    def text_if_there(self, path: str) -> str | None:
        return self.read_text(path) if self.exists(path) else None

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def remove_if_empty(self, path: str) -> None:
        if Path(path).is_dir() and not list(Path(path).iterdir()):
            Path(path).rmdir()
