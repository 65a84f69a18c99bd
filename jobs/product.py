"""Stage product of a run, for schedulers that want a task per stage.

spark-submit --py-files oneuser.zip jobs/product.py --config conf/cluster.yaml
"""

from __future__ import annotations

import sys

try:
    from oneuser.cli.main import main
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"error: Python cannot import {missing.name}\n"
        f"  where: {sys.executable}\n"
        "  next: pass oneuser with --py-files oneuser.zip, or start a Python that has it\n"
    )
    sys.exit(5)

if __name__ == "__main__":
    sys.exit(main(["run", "--stages", "product", *sys.argv[1:]]))
