"""Verb demo: made-up events with a known truth, the whole job on them, and how well it did."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
