"""Tables and small files of a warehouse on `s3a://`, without Spark where it is certain whom Spark would ask."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from oneuser.storage.delta_rs_tables import DeltaRsTables
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deltalake.fs import DeltaStorageHandler

    from oneuser.storage.layout import Layout

# no name that one of the two clients would write otherwise
_PLAIN = re.compile(r"s3a://[a-z0-9][a-z0-9.-]+(/[\w=-][\w.=-]*)*", re.ASCII)
# delta-rs breaks down over an address or a key that no request can have, instead of telling
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::([0-9]{1,5}))?/?")
_N_PORTS = 1 << 16
_SENDABLE = re.compile(r"[!-~]+")
_S3A = "spark.hadoop.fs.s3a."
# settings of S3A that say where the store is; whether the bucket is in the path or the host is the same to readers
_PLACE = {f"{_S3A}{name}" for name in ("endpoint", "endpoint.region", "path.style.access", "connection.ssl.enabled")}
# settings of S3A that say how long it is tried
_PATIENCE = {f"{_S3A}{name}" for name in ("attempts.maximum", "retry.limit", "connection.establish.timeout")}
# files of settings that Spark's client or delta-rs would follow, and a table of commits beside the store
_SAY_OTHERWISE = (
    "SPARK_HOME",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_S3_LOCKING_PROVIDER",
)
# Spark tries a store that does not answer for longer, and says what is wrong with it
_GIVEN_UP = {"max_retries": "1", "retry_timeout": "5s", "connect_timeout": "5s"}


class S3Tables(DeltaRsTables):
    """The tables below a path of `s3a://`, and a way to put small files beside them.

    Raises `UncertainError`, too, where settings may mean another store.
    """

    def __init__(self, layout: Layout, conf: Mapping[str, str], *, most_bytes: int | None = None) -> None:
        """Reads nothing yet.

        Args:
            layout: The warehouse.
            conf: What a session would be started with. The rest is told by the environment, as it is to Spark.
            most_bytes: As of `DeltaRsTables`.
        """
        if not all(is_plain(root) for root in {layout.root, *layout.zones.values()}):
            raise UncertainError("the warehouse is not on s3a://, or oddly named")
        super().__init__(layout, most_bytes=most_bytes)
        self._options = store_options(conf)

    def exists(self) -> bool:
        """Whether the root is a warehouse: a missing file may be a missing bucket, which Spark tells apart."""
        if not super().exists():
            raise UncertainError("there is no warehouse, or no bucket")
        return True

    def make_folder(self, path: str) -> None:
        """Nothing: a store has none."""

    def write_text(self, path: str, text: str) -> None:
        """Write a small file whole."""
        folder, name = path.rsplit("/", 1)
        # what it would give to Arrow takes bytes, and Arrow writes buffers
        handler: Any = self._folder(folder)._handler  # noqa: SLF001
        file = handler.open_output_stream(name, None)
        file.write(text.encode())
        # the put: not where it was cut short before
        file.close()

    def _place(self, path: str) -> str:
        return path.replace("s3a://", "s3://", 1)

    def _read(self, path: str) -> str:
        folder, name = path.rsplit("/", 1)
        with self._folder(folder).open_input_file(name) as file:
            return file.read().decode()

    def _names(self, folder: str) -> list[str]:
        from pyarrow.fs import FileSelector

        below, name = folder.rsplit("/", 1)
        found = self._folder(below).get_file_info_selector(FileSelector(name, allow_not_found=True))
        return [PurePosixPath(file.path).name for file in found]

    def _folder(self, folder: str) -> DeltaStorageHandler:
        """What reads and lists below a folder."""
        return reach(folder, self._options or {})


def is_plain(path: str) -> bool:
    """Whether both clients write a path of `s3a://` alike."""
    return _PLAIN.fullmatch(path) is not None


def reach(folder: str, options: dict[str, str]) -> DeltaStorageHandler:
    """What reads and lists below a folder. Raises `UncertainError` where it cannot be made."""
    try:
        from deltalake.exceptions import DeltaError
        from deltalake.fs import DeltaStorageHandler
    except ImportError:
        raise UncertainError("there is no delta-rs here") from None
    try:
        return DeltaStorageHandler(folder.replace("s3a://", "s3://", 1), options)
    except DeltaError as problem:
        raise UncertainError(f"the store cannot be asked ({type(problem).__name__})") from None


def store_options(conf: Mapping[str, str]) -> dict[str, str]:
    """The store for delta-rs. All of it is said: what is not, delta-rs would look for in places of its own.

    Raises:
        UncertainError: where Spark may be told of another store, or what is said can be in no request.
    """
    unknown = [key for key in conf if key.startswith(_S3A) and key not in _PLACE | _PATIENCE]
    if unknown or any(key.startswith("spark.delta.logStore.") for key in conf):
        raise UncertainError("Spark is told more of the store than is known here")
    if any(name in os.environ for name in _SAY_OTHERWISE):
        raise UncertainError("the settings of the store may be elsewhere")
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        raise UncertainError("the environment has no keys of the store")
    region = conf.get(f"{_S3A}endpoint.region") or os.environ.get("AWS_REGION")
    if not region:
        raise UncertainError("the region of the store is not said")
    endpoint = _endpoint(conf) or f"https://s3.{region}.amazonaws.com"
    token = os.environ.get("AWS_SESSION_TOKEN")
    options = {
        "aws_access_key_id": key,
        "aws_secret_access_key": secret,
        **({"aws_session_token": token} if token else {}),
        "aws_region": region,
        "aws_endpoint": endpoint,
        "aws_allow_http": str(endpoint.startswith("http://")).lower(),
        "aws_virtual_hosted_style_request": "false",
        **_GIVEN_UP,
    }
    if not _is_address(endpoint) or not all(map(_SENDABLE.fullmatch, options.values())):
        raise UncertainError("what is said of the store can be in no request")
    return options


def _is_address(text: str) -> bool:
    found = _ADDRESS.fullmatch(text)
    return found is not None and int(found[1] or 0) < _N_PORTS


def _endpoint(conf: Mapping[str, str]) -> str | None:
    """Where the store is; null for S3 itself. Of the environment, what Spark's client follows."""
    endpoint = conf.get(f"{_S3A}endpoint")
    # S3A takes the one of all regions for none
    if not endpoint or endpoint.endswith("s3.amazonaws.com"):
        return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if "://" in endpoint:
        return endpoint
    is_secure = conf.get(f"{_S3A}connection.ssl.enabled") != "false"
    return f"{'https' if is_secure else 'http'}://{endpoint}"
