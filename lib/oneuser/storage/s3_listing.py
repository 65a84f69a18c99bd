"""The listing of input files on `s3a://` without Spark: what S3A lists there, or no answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from oneuser.storage.input_listing import InputFile
from oneuser.storage.input_tree import Status, split_pattern, walk
from oneuser.storage.name_patterns import PlainPatterns
from oneuser.storage.s3_tables import is_plain, reach, store_options
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pyarrow.fs import FileInfo


def list_s3_files(source: str, pattern: str, conf: Mapping[str, str]) -> list[InputFile]:
    """The files that a path or pattern of `s3a://` matches, exactly as `list_files` gives them.

    One request for each folder in which a wildcard is looked for or that is matched, and for a thousand files of it.

    Args:
        source: Whose they are.
        pattern: The path.
        conf: What a session would be started with: it says where the store is.

    Raises:
        UncertainError: where S3A might list others: for another store, patterns beyond the plain ones, names that are
            written with escapes, and where nothing matches.
    """
    _, bucket, place = split_pattern(pattern)
    if not bucket or ".." in place.split("/"):
        raise UncertainError(f"the path of {source} goes upwards, or names no bucket")
    files, _ = walk(_Bucket(source, bucket, store_options(conf)), place)
    if not files:
        raise UncertainError(f"{source} has no files")
    inputs = {InputFile(source, file.uri, file.n_bytes, file.modified_ms) for file in files}
    return sorted(inputs, key=lambda file: file.path)


class _Bucket(PlainPatterns):
    """A bucket as S3A sees it: a folder is there where something is below it."""

    def __init__(self, source: str, bucket: str, options: dict[str, str]) -> None:
        super().__init__(source)
        self._root = f"s3a://{bucket}"
        with self._readable():
            self._store = reach(self._root, options)

    def there(self, places: Sequence[str]) -> list[Status]:
        """The places at which something is."""
        folders = {place.rpartition("/")[0] or "/" for place in places}
        wanted = set(places)
        return [found for found in self.children(sorted(folders)) if found.place in wanted]

    def children(self, places: Sequence[str]) -> list[Status]:
        """What lies in folders; nothing in files and in places where nothing is."""
        from pyarrow.fs import FileSelector

        with self._readable():
            return [
                status
                for place in places
                for status in self._statuses(
                    self._store.get_file_info_selector(FileSelector(place.strip("/"), allow_not_found=True))
                )
            ]

    def below(self, folders: Sequence[Status]) -> list[Status]:
        """What lies in folders, folder by folder."""
        return self.children([folder.place for folder in folders])

    def _statuses(self, listed: Iterable[FileInfo]) -> Iterator[Status]:
        for one in listed:
            place = f"/{one.path.strip('/')}"
            uri = f"{self._root}{place}"
            # a name that ends in a slash is an empty folder to S3A
            if not is_plain(uri) or one.path.endswith("/"):
                raise UncertainError(f"a file of {self.source} is oddly named")
            if one.is_file and one.mtime_ns is not None:
                yield Status(uri, place, is_file=True, n_bytes=one.size, modified_ms=one.mtime_ns // 1_000_000)
            else:
                yield Status(uri, place, is_file=False, n_bytes=0, modified_ms=0)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            raise UncertainError(f"the files of {self.source} cannot be listed") from None
