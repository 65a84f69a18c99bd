"""Logging: structlog over the standard library, one line per fact, on standard error.

On a terminal the lines are for people; elsewhere each is a JSON object for machines, unless a caller says otherwise.
Quiet by default: warnings only.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

LOGGER = "oneuser"
# the locals of a frame could hold a raw value
_FRAMES = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure_logging(
    level: int = logging.WARNING, *, stream: TextIO | None = None, as_json: bool | None = None, color: bool = True
) -> None:
    """Send what oneuser logs to `stream`, replacing an earlier choice. Loggers of other packages are left alone.

    Args:
        level: Least level that is shown.
        stream: Standard error where null.
        as_json: One JSON object per line; where null, wherever the stream is no terminal.
        color: Whether lines for people may have colours.
    """
    target = stream or sys.stderr
    if as_json is None:
        as_json = not target.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [_FRAMES, structlog.processors.JSONRenderer(default=str)]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(
                colors=color and target.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logger = logging.getLogger(LOGGER)
    for old in list(logger.handlers):
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def ensure_logging() -> None:
    """Configure logging with its defaults, unless somebody has done so: for use from Python and notebooks."""
    if not structlog.is_configured():
        configure_logging()
