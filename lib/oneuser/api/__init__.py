"""What the command line does, from Python: `plan`, `run` or `maintain`, `open_warehouse` to read what is published.

Each works beside the Spark session that is running, or builds one; any number of them may follow each other.
"""

from oneuser.api.jobs import maintain, plan, read_config, run, start_session
from oneuser.api.warehouse import OpenWarehouse, open_warehouse

__all__ = ["OpenWarehouse", "maintain", "open_warehouse", "plan", "read_config", "run", "start_session"]
