from __future__ import annotations

import json
from pathlib import Path

import pytest

from oneuser.cli.exports import export_identities
from oneuser.cli.output import Output
from oneuser.cli.verbs import Call
from oneuser.storage.uncertain import UncertainError


class Answers:
    """A warehouse that tells how many identities there are, and may not tell how many are withheld."""

    def __init__(self, n_withheld: int | None) -> None:
        self._n_withheld = n_withheld

    def export_identities(self, _: Path) -> int:
        return 3

    def count_withheld_identities(self) -> int:
        if self._n_withheld is None:
            raise UncertainError("too large to be held")
        return self._n_withheld


def test_what_is_withheld_is_counted_through_a_session_where_it_has_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Call, "ask", lambda _: Answers(None))
    monkeypatch.setattr(Call, "open", lambda _: Answers(2))

    export_identities(Call(None, (), Output(as_json=True)), tmp_path / "identities.csv")

    shown = capsys.readouterr().out
    assert {"rows": 3, "withheld": 2}.items() <= json.loads(shown[shown.index("{") :]).items()
