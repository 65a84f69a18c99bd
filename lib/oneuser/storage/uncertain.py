"""How what is told without Spark says that it cannot be told so."""

from __future__ import annotations


class UncertainError(Exception):
    """What cannot be told without Spark. No failure: whoever asked goes on with a session; the text says why."""
