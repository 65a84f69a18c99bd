"""The version of this package, which is part of the fingerprint of every stage."""

from __future__ import annotations

__version__ = "0.1.0"
