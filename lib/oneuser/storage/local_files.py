"""Small files on this machine's disk, read and written without Spark."""

from __future__ import annotations

from pathlib import Path

from oneuser.config.base import local_path
from oneuser.storage.new_file import new_file


class LocalFiles:
    """What `Files` does on this machine's disk; paths of another storage are not there."""

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        local = local_path(path)
        return local is not None and Path(local).exists()

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted; none where the folder is not there."""
        local = local_path(folder)
        return sorted(one.name for one in Path(local).iterdir()) if local and Path(local).is_dir() else []

    def read_text(self, path: str) -> str:
        """A small UTF-8 file as text."""
        return Path(local_path(path) or path).read_text(encoding="utf-8")

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        Path(local_path(path) or path).mkdir(parents=True, exist_ok=True)

    def write_text(self, path: str, text: str) -> None:
        """Replace a small file; a reader sees the old text or the new one, never half."""
        with new_file(Path(local_path(path) or path)) as file:
            file.write(text.encode())
