"""Maintenance of a warehouse, for schedulers: once a day or a week, after a run.

spark-submit --py-files oneuser.zip jobs/maintain.py --config conf/cluster.yaml
"""

from __future__ import annotations

import sys

from oneuser.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["maintain", *sys.argv[1:]]))
