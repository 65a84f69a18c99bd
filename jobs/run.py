"""The whole job: from input files to a publication.

spark-submit --py-files oneuser.zip jobs/run.py --config conf/cluster.yaml --as-of 2026-03-01
"""

from __future__ import annotations

import sys

from oneuser.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
