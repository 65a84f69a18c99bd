"""Calls verbs in the world of canaries, one after another in this process, and keeps all that each of them says.

`python canary_script.py FOLDER {quick,all}` writes `said/NUMBER.out`, `.err`, the exit codes, and what Spark's user
interface shows at the end.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING
from urllib.request import urlopen

from oneuser.cli.main import main
from oneuser.spark.session import running_session
from tests.integration.canary_cases import CASES
from tests.integration.canary_world import make

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_STREAMS = (1, 2)
_PAGES = ("jobs", "stages?details=true", "environment", "executors", "storage/rdd")


@contextmanager
def _kept(out: Path, err: Path) -> Iterator[None]:
    """Send what this process and Java write to files."""
    before = [os.dup(number) for number in _OWN_STREAMS]
    try:
        for number, path in zip(_OWN_STREAMS, (out, err), strict=True):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, number)
            os.close(file)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in zip(_OWN_STREAMS, before, strict=True):
            os.dup2(kept, number)
            os.close(kept)


def _keep_user_interface(said: Path) -> None:
    """What Spark's user interface knows of all jobs, stages, plans and settings."""
    session = running_session()
    assert session is not None
    context = session.sparkContext
    place = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}"
    # by its name, this machine may not be found
    place = re.sub(r"//[^:/]+", "//127.0.0.1", place)
    for number, page in enumerate((*_PAGES, "sql?details=true&planDescription=true&length=100000")):
        with urlopen(f"{place}/{page}", timeout=60) as answer:  # noqa: S310 - Spark's own
            (said / f"ui-{number}.json").write_bytes(answer.read())


def call_verbs(world: Path, *, soak: bool) -> None:
    """Make the world, and ask everything."""
    make(world, in_part=soak)
    said = world / "said"
    said.mkdir()
    codes: dict[int, int] = {}
    for number, case in enumerate(CASES):
        if case.is_soak and not soak:
            continue
        if case.before is not None:
            case.before(world)
        arguments = [
            one.format(world=world) if "{world}" in one else one for one in (*case.verb.split(), *case.arguments)
        ]
        if "--config" not in arguments and case.verb != "simulate":
            arguments += ["--config", str(world / "oneuser.yaml")]
        started = monotonic()
        with _kept(said / f"{number}.out", said / f"{number}.err"):
            codes[number] = main(arguments)
        sys.stderr.write(f"{monotonic() - started:6.1f} s  {codes[number]}  {case.verb}\n")
    _keep_user_interface(said)
    # what it has set aside goes with it
    session = running_session()
    assert session is not None
    session.stop()
    (world / "codes.json").write_text(json.dumps(codes))


if __name__ == "__main__":
    call_verbs(Path(sys.argv[1]), soak=sys.argv[2] == "all")
