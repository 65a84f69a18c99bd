from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from oneuser.core.log import configure_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("oneuser")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])
    structlog.reset_defaults()


def test_off_a_terminal_each_fact_is_one_json_object() -> None:
    stream = io.StringIO()
    configure_logging(logging.INFO, stream=stream)

    structlog.get_logger("oneuser.run").info("table written", table="edges", rows=3)
    logging.getLogger("oneuser.spark.jars").warning("resolved %d", 2)

    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["event"], first["table"], first["rows"], first["level"]) == ("table written", "edges", 3, "info")
    assert (second["event"], second["logger"]) == ("resolved 2", "oneuser.spark.jars")
    assert first["timestamp"].endswith("Z")


def test_on_a_terminal_a_fact_is_a_line_for_people() -> None:
    stream = Terminal()
    configure_logging(logging.INFO, stream=stream, color=False)

    structlog.get_logger("oneuser.run").info("table written", table="edges")

    assert "table written" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_it_is_quiet_unless_told_otherwise() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)

    structlog.get_logger("oneuser.run").info("table written", table="edges")

    assert stream.getvalue() == ""


def test_a_logged_problem_shows_no_locals() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    address = "ann" + "@example.com"

    try:
        int(f"{address!r}"[:0] or "x")
    except ValueError:
        structlog.get_logger("oneuser.run").exception("it broke")

    assert "ValueError" in stream.getvalue()
    assert address not in stream.getvalue()
