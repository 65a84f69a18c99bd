from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

from oneuser.spark.gateway import pass_on


def test_what_java_says_is_passed_on_as_it_comes_but_for_one_warning(tmp_path: Path) -> None:
    heard = tmp_path / "stderr"
    reading, writing = os.pipe()
    target = os.open(heard, os.O_WRONLY | os.O_CREAT)
    copying = Thread(target=pass_on, args=(reading, target))
    copying.start()

    os.write(writing, b"WARNING: Using incubator modules: jdk.incubator.vector\nWARNING: no ")
    os.write(writing, b"memory\nError: half a line")
    os.close(writing)
    copying.join(timeout=10)

    assert not copying.is_alive()
    assert heard.read_bytes() == b"WARNING: no memory\nError: half a line"
