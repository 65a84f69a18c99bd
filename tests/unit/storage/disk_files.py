"""Small files of a warehouse on this machine's disk, read and written without Spark."""

from __future__ import annotations

from pathlib import Path

from oneuser.storage.local_files import LocalFiles


class DiskFiles(LocalFiles):
    """What `Files` does with small files, as far as requests need it."""

    def text_if_there(self, path: str) -> str | None:
        return self.read_text(path) if self.exists(path) else None

    def make_folder(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    def write_text(self, path: str, text: str) -> None:
        Path(path).write_text(text, encoding="utf-8")

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def remove_if_empty(self, path: str) -> None:
        if Path(path).is_dir() and not list(Path(path).iterdir()):
            Path(path).rmdir()
