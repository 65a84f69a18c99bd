"""Requests that a run cannot take in stop it, and are answered by nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from oneuser.core.errors import ConfigError
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Request
from oneuser.stages.ingest.spelled_out import spell_out


def test_a_request_of_a_type_that_is_declared_no_longer_is_not_unknown() -> None:
    asked = [
        Request(name, "erase", "exact", (NamedIdentifier(id_type, "ann@example.com"),))
        for name, id_type in (("4711", "email"), ("4712", "login"))
    ]
    context: Any = SimpleNamespace(config=SimpleNamespace(identity=SimpleNamespace(id_types={"email": None})))

    with pytest.raises(ConfigError, match="request '4712': names a login, which is declared no longer") as refused:
        spell_out(context, asked)

    assert len(refused.value.problems) == 1
    assert "privacy cancel" in str(refused.value)
