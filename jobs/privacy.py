"""What people ask about their data, for schedulers: requests are erased, suppressed, packaged or looked up.

spark-submit --py-files oneuser.zip jobs/privacy.py erase requests/ --yes --config conf/cluster.yaml
"""

from __future__ import annotations

import sys

from oneuser.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["privacy", *sys.argv[1:]]))
