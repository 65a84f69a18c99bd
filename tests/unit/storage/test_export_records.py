"""Exports of raw identifiers, as receipts count them."""

from __future__ import annotations

from pathlib import Path

from oneuser.storage.export_records import exports_before, load_exports, record_export
from oneuser.storage.layout import Layout
from oneuser.storage.local_files import LocalFiles


def test_a_receipt_counts_what_was_exported_before_its_run(tmp_path: Path) -> None:
    files, layout = LocalFiles(), Layout.of(str(tmp_path))
    assert load_exports(files, layout) == []
    for run_seq in (1, 2, 3):
        record_export(files, layout, "identities", run_seq=run_seq)

    records = load_exports(files, layout)

    assert [exports_before(records, run_seq) is None for run_seq in (1, 2)] == [True, False]
    found = exports_before(records, 3)
    assert found is not None
    assert found["n"] == 2
