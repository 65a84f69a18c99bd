"""The views that `export sql duckdb` writes of a warehouse on S3, as DuckDB reads them with its `httpfs` extension."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from oneuser.api.quick_answers import QuickAnswers
from oneuser.contracts.control import PUBLICATIONS
from oneuser.contracts.identity import DIM_USER, LINEAGE
from oneuser.inspection.published_rows import require_warehouse
from oneuser.storage.layout import Layout
from oneuser.storage.s3_tables import S3Tables
from tests.environments.separate import separate_python
from tests.integration import small_warehouse as small
from tests.integration.emulated_s3 import ACCESS, EmulatedS3, emulated_s3
from tests.unit.api.published_folder import publish_folder

# what the README says to do before; the extension is a file of its package, signed, and fetched from nowhere
SCRIPT = """
import json, sys
from pathlib import Path
import duckdb, duckdb_extension_httpfs
views, host, access = Path(sys.argv[1]).read_text(), sys.argv[2], json.loads(sys.argv[3])
(extension,) = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
connection = duckdb.connect()
connection.execute(f"LOAD '{extension}'")
connection.execute(
    f"CREATE SECRET (TYPE s3, KEY_ID '{access['AWS_ACCESS_KEY_ID']}', SECRET '{access['AWS_SECRET_ACCESS_KEY']}', "
    f"REGION '{access['AWS_REGION']}', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)"
)
connection.execute(views)
asked = "SELECT user_id, n_identifiers FROM dim_user ORDER BY user_id", "SELECT count(*) FROM lineage"
print(json.dumps([connection.execute(one).fetchall() for one in asked]))
"""


def test_views_of_a_warehouse_on_s3_are_read_with_httpfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = separate_python("duckdb")
    root = tmp_path / "warehouse"
    publish_folder(root)
    for name, value in ACCESS.items():
        monkeypatch.setenv(name, value)
    with emulated_s3(tmp_path) as store:
        store.make_bucket("people")
        store.put_folder("people/warehouse", root)
        views = tmp_path / "views.sql"
        views.write_text(views_on_s3(store))

        command = [str(python), "-c", SCRIPT, str(views), store.endpoint.removeprefix("http://"), json.dumps(ACCESS)]
        answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    people = [[row["user_id"], row["n_identifiers"]] for row in small.ROWS[DIM_USER]]
    assert answer == [sorted(people), [[len(small.ROWS[LINEAGE])]]]
    assert PUBLICATIONS.name not in views.read_text()


def views_on_s3(store: EmulatedS3) -> str:
    tables = S3Tables(Layout.of("s3a://people/warehouse"), {"spark.hadoop.fs.s3a.endpoint": store.endpoint})
    return QuickAnswers(tables, require_warehouse(tables)).views("duckdb")
