"""Stage consent of a run, for schedulers that want a task per stage.

spark-submit --py-files oneuser.zip jobs/consent.py --config conf/cluster.yaml
"""

from __future__ import annotations

import sys

from oneuser.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", "--stages", "consent", *sys.argv[1:]]))
