"""An S3 on this machine: moto's server in a process of its own environment, and what it was asked for."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import SparkSession

from oneuser.spark.session import S3A_CLASS, has_class
from tests.environments.separate import separate_python, skip_or_fail

# what moto takes; whatever else it takes as well
ACCESS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
# without one, it gives nothing out; it does not look whether it is right
_SIGNED = f"AWS {ACCESS['AWS_ACCESS_KEY_ID']}:0"
_LINE = re.compile(r'"(?:\x1b\[\d+m)*([A-Z]+ \S+) HTTP/1\.1(?:\x1b\[0m)*" (\d{3})')


class Answer(NamedTuple):
    """What the store answers to one request."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True)
class EmulatedS3:
    """Where it answers on the loopback, and where it writes down each request."""

    port: int
    log: Path

    @property
    def endpoint(self) -> str:
        """Its address, as S3's clients are given it."""
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[str]:
        """Method, path and status of each request so far."""
        return [" ".join(found) for found in _LINE.findall(self.log.read_text(encoding="utf-8"))]

    def make_bucket(self, bucket: str) -> None:
        """A bucket, whose name has three letters or more."""
        assert self.ask("PUT", bucket).status == 200

    def put(self, path: str, text: str) -> None:
        """An object by its bucket and key."""
        assert self.ask("PUT", path, text.encode()).status == 200

    def put_folder(self, path: str, folder: Path) -> None:
        """All files below a folder, each by its name there."""
        for file in folder.rglob("*"):
            if file.is_file():
                name = file.relative_to(folder).as_posix()
                assert self.ask("PUT", f"{path}/{name}", file.read_bytes()).status == 200

    def read(self, path: str) -> str:
        """The text of an object."""
        answer = self.ask("GET", path)
        assert answer.status == 200
        return answer.content.decode()

    def options(self, bucket: str, *, attempts: int = 5) -> dict[str, str]:
        """Hadoop's options for one bucket; no other is touched by them."""
        options = {
            "endpoint": self.endpoint,
            "endpoint.region": ACCESS["AWS_REGION"],
            "path.style.access": "true",
            "access.key": ACCESS["AWS_ACCESS_KEY_ID"],
            "secret.key": ACCESS["AWS_SECRET_ACCESS_KEY"],
            "attempts.maximum": str(attempts),
            "retry.limit": str(attempts),
        }
        return {f"fs.s3a.bucket.{bucket}.{name}": value for name, value in options.items()}

    def ask(self, method: str, path: str, data: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """What it answers: status, headers and content."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, f"/{path}", body=data, headers={"Authorization": _SIGNED, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())


@contextmanager
def emulated_s3(folder: Path) -> Iterator[EmulatedS3]:
    """A server with nothing in it, which ends with the block. Skips where its environment is missing."""
    program = separate_python("object_store").with_name("moto_server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = EmulatedS3(port, folder / "requests.log")
    with store.log.open("wb") as log:
        server = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        _wait_for(store)
        yield store
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def without_conditions(store: EmulatedS3) -> Iterator[EmulatedS3]:
    """The same objects behind an endpoint that pays no heed to conditions, as older stores do."""

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {key: value for key, value in self.headers.items() if key.lower() not in ("if-none-match", "expect")}
            answer = store.ask(self.command, self.path.removeprefix("/"), data, kept)
            length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(answer.content))
            self.send_response_only(answer.status)
            for key, value in (answer.headers | {"Content-Length": length}).items():
                if key not in ("Connection", "Transfer-Encoding"):
                    self.send_header(key, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield EmulatedS3(server.server_port, store.log)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def require_s3a(spark: SparkSession) -> None:
    """Skip where the session lacks S3A; under CI that is a failure, as with an environment."""
    if not has_class(spark, S3A_CLASS):
        skip_or_fail("the JARs for s3a:// are missing: `make environments` fetches them, which needs the network once")


def use_bucket(spark: SparkSession, options: dict[str, str]) -> None:
    """Let a running session reach a bucket, before it has looked for it."""
    hadoop = spark._jsc.hadoopConfiguration()
    for key, value in options.items():
        hadoop.set(key, value)


def _wait_for(store: EmulatedS3) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            store.ask("GET", "")
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
        else:
            return
