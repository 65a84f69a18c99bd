"""What the page on Airflow shows and does not ship: Spark's own operator, made to tell exit codes apart."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.environments.separate import ROOT

PAGE = ROOT / "jobs" / "airflow" / "README.md"


class AirflowException(Exception):  # noqa: N818 - its name
    """As Airflow's: what raises it is tried again."""


class AirflowFailException(AirflowException):
    """As Airflow's: what raises it is not."""


class SparkSubmitOperator:
    """In the place of the provider's: it has one kind of exception for every code, and the code in its text."""

    code = 0

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def execute(self, _: object) -> None:
        if self.code:
            raise AirflowException(f"Cannot execute: spark-submit jobs/run.py. Error code is: {self.code}.")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's example defines, with the modules that it imports."""
    there = {
        "airflow.providers.apache.spark.operators.spark_submit": {"SparkSubmitOperator": SparkSubmitOperator},
        "airflow.sdk.exceptions": {"AirflowException": AirflowException, "AirflowFailException": AirflowFailException},
    }
    for name, members in there.items():
        module = ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(text, str(PAGE), "exec"), names)  # noqa: S102 - it is our own text
    return names


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (4, AirflowException),
        (5, AirflowException),
        (-9, AirflowException),
        (2, AirflowFailException),
        (45, AirflowFailException),
    ],
)
def test_only_what_passes_is_tried_again(shown: dict[str, Any], code: int, expected: type[Exception]) -> None:
    task = shown["OneUserSubmitOperator"](task_id="run")
    task.code = code

    with pytest.raises(AirflowException) as raised:
        task.execute({})

    assert type(raised.value) is expected


def test_what_ends_well_is_no_failure(shown: dict[str, Any]) -> None:
    shown["OneUserSubmitOperator"](task_id="run").execute({})
