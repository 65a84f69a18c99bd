"""Stage product of a run, for schedulers that want a task per stage.

spark-submit --py-files oneuser.zip jobs/product.py --config conf/cluster.yaml
"""

from __future__ import annotations

import sys

from oneuser.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", "--stages", "product", *sys.argv[1:]]))
