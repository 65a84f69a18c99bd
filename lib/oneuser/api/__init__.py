"""What the command line does, from Python: `run` a configuration, `open_warehouse` to read what was published.

Both use the Spark session that is running, or build one; several of either may follow each other in one session.
"""

from oneuser.api.jobs import read_config, run, start_session
from oneuser.api.warehouse import OpenWarehouse, open_warehouse

__all__ = ["OpenWarehouse", "open_warehouse", "read_config", "run", "start_session"]
