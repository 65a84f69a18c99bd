"""What a reader of a warehouse needs besides its tables: keys and the rules of identifier types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oneuser.core.errors import EnvironmentProblem
from oneuser.events.spec import IdTypeSpec
from oneuser.privacy.keys import load_keys

if TYPE_CHECKING:
    from oneuser.core.config import Config
    from oneuser.core.config.rules import RuleSections
    from oneuser.core.keyed import Keys
    from oneuser.storage.warehouse import Warehouse

LOCAL_KEY_FILE = ".secrets/identifiers"


def id_type_rules(config: Config | RuleSections) -> dict[str, IdTypeSpec]:
    """How values of each declared type are brought to one form."""
    return {
        name: IdTypeSpec(name, normaliser=rules.normaliser, default_region=rules.default_region, gmail=rules.gmail)
        for name, rules in config.identity.id_types.items()
    }


def load_reading_keys(warehouse: Warehouse, deployment: str, reference: str | None) -> Keys:
    """The keys of a warehouse; never makes any.

    Args:
        warehouse: Its own secrets file is read where there is no reference.
        deployment: What the warehouse belongs to.
        reference: `env:NAME` or `file:PATH`.

    Raises:
        EnvironmentProblem: where there is no secret.
    """
    if reference is None:
        local = Path(warehouse.root.removeprefix("file://")) / LOCAL_KEY_FILE
        if not local.is_file():
            raise EnvironmentProblem(
                found="no secret: identifiers cannot be looked up without the key they were hashed with",
                expected=f"a reference to it, or the file {LOCAL_KEY_FILE} in the warehouse",
                where=warehouse.root,
                next_step="give the configuration of the warehouse (--config), or keys='env:NAME' from Python",
            )
        reference = f"file:{local}"
    return load_keys(reference, deployment=deployment, may_create=False)
