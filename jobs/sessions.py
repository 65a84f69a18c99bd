"""Stage sessions of a run, for schedulers that want a task per stage.

spark-submit --py-files oneuser.zip jobs/sessions.py --config conf/cluster.yaml
"""

from __future__ import annotations

import sys

from oneuser.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", "--stages", "sessions", *sys.argv[1:]]))
