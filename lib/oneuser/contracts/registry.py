"""Every table there is, by name. A table that is not here can be neither written nor read."""

from __future__ import annotations

from oneuser.contracts import changes, control, graph, identity, marts, raw, reference
from oneuser.contracts.table import TableContract

TABLES: dict[str, TableContract] = {
    contract.name: contract
    for module in (raw, reference, graph, identity, marts, changes, control)
    for contract in vars(module).values()
    if isinstance(contract, TableContract)
}
