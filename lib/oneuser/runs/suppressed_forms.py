"""Whether whoever is suppressed is still recognised: by the rules that bring values of their types to one form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from oneuser.contracts.privacy import SUPPRESSIONS
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.events.normalise import NORMALISER_VERSIONS
from oneuser.privacy.erasure import bare_type

if TYPE_CHECKING:
    from collections.abc import Collection

    from oneuser.config import Config
    from oneuser.runs.records import RunRecord
    from oneuser.storage.warehouse import Warehouse

# where the record of the stage that reads input keeps how values of each type are brought to one form
FORMS = "normalisers"

# by type: the normaliser, its options, and its version
Forms = dict[str, list[Any]]

_log = structlog.get_logger("oneuser.run")


def forms_of(config: Config, completed: RunRecord | None) -> Forms:
    """How values of each type are brought to one form; of types that are declared no longer, as they last were."""
    now = {
        name: [rules.normaliser, rules.default_region, rules.gmail, NORMALISER_VERSIONS[rules.normaliser]]
        for name, rules in config.identity.id_types.items()
    }
    return _recorded(completed) | now


def require_recognised(warehouse: Warehouse, config: Config, completed: RunRecord | None) -> None:
    """Check that what is suppressed still meets what is read. Runs a job only where a rule is another than before.

    Args:
        warehouse: Where the tables are.
        config: The rules now.
        completed: The last completed run; null before the first publication.

    Raises:
        ConfigError: naming every type of which identifiers are suppressed, and whose values get another form now: all
            that is kept of these is a hash, so that nothing could tell that they come again.
    """
    version = completed.tables.get(SUPPRESSIONS.name) if completed else None
    before, now = _recorded(completed), forms_of(config, None)
    others = [name for name, form in now.items() if form != before.get(name, form)]
    if version is None or not others:
        return
    counted = warehouse.read(SUPPRESSIONS, version).groupBy(bare_type()).count().collect()
    suppressed = {row["id_type"]: row["count"] for row in counted}
    differing = changed_forms(before, now, suppressed)
    problems = [
        ConfigProblem(
            f"identity.id_types.{name}",
            f"values get another form than in the last run ({_said(before[name])}), by which {suppressed[name]} "
            "suppressed identifiers would be recognised no longer",
        )
        for name in differing
    ]
    if problems:
        raise ConfigError(
            problems,
            next_step="put normaliser, default_region and gmail back as they were; whoever is suppressed by them would "
            "have to be let in again first, by `oneuser privacy unsuppress`",
        )
    newer = sorted(set(others) & suppressed.keys())
    if newer:
        _log.warning("a newer normaliser may read suppressed identifiers otherwise", id_types=newer)


def changed_forms(before: Forms, now: Forms, suppressed: Collection[str]) -> list[str]:
    """Types of which something is suppressed and whose rule is another; the version of the code is no rule."""
    return [
        name for name in sorted(suppressed) if name in before and name in now and before[name][:-1] != now[name][:-1]
    ]


def _recorded(completed: RunRecord | None) -> Forms:
    return dict(completed.of_reading(FORMS) or {}) if completed else {}


def _said(form: list[Any]) -> str:
    normaliser, region, gmail, _ = form
    return ", ".join([normaliser, *([f"default_region {region}"] if region else []), *(["gmail"] if gmail else [])])
