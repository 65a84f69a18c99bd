from __future__ import annotations

from pathlib import Path

from oneuser.config import make_config
from oneuser.demo.settings import demo_config


def test_the_demo_runs_by_a_valid_configuration(tmp_path: Path) -> None:
    config = make_config(demo_config(tmp_path / "demo", tmp_path / "warehouse"))

    assert config.sources["web"].path == f"{tmp_path}/demo/events/day=*/*.jsonl"
    assert config.identity.id_types["email"].blocked_values == {"test@example.com"}
    assert config.identity.id_types["email"].blocked_patterns == ("^noreply@",)
    assert set(config.conversions) == {"order", "sign_up"}
