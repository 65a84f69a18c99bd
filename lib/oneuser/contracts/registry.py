"""Every table there is, by name. A table that is not here can be neither written nor read."""

from __future__ import annotations

from difflib import get_close_matches

from oneuser.contracts import changes, control, graph, identity, marts, privacy, product, raw, reference
from oneuser.contracts.table import TableContract
from oneuser.core.errors import ConfigError

TABLES: dict[str, TableContract] = {
    contract.name: contract
    for module in (raw, reference, privacy, graph, identity, marts, product, changes, control)
    for contract in vars(module).values()
    if isinstance(contract, TableContract)
}


def find_contract(name: str) -> TableContract:
    """The table of a name.

    Raises:
        ConfigError: with the nearest name, where there is none.
    """
    if name not in TABLES:
        near = get_close_matches(name, TABLES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"tables are {', '.join(sorted(TABLES))}"
        raise ConfigError.single("table", f"there is no table {name!r}: {hint}")
    return TABLES[name]
