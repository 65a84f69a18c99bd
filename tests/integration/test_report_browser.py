"""The report in a real browser, without network."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from oneuser.report.page import render_page
from tests.unit.report.reading import SECTIONS, loads
from tests.unit.report.sample_data import made_up_data

pytestmark = pytest.mark.browser
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def open_in(browser: str, profile: Path, *arguments: str) -> str:
    command = [browser, *QUIET, f"--user-data-dir={profile}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_page(made_up_data()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def dom(browser: str, report: Path) -> str:
    return open_in(browser, report.parent / "profile", "--dump-dom", report.as_uri())


def test_the_browser_shows_every_section(dom: str) -> None:
    assert all(f'<section id="{name}"' in dom for name in SECTIONS)
    assert dom.count('<svg role="img"') == 20


def test_the_browser_finds_nothing_to_load(dom: str, report: Path) -> None:
    assert loads(dom) == []
    assert report.stat().st_size < 5_000_000


# writes down every text of a picture that reaches out of it, in the widest of the usual fonts
CLIPPED = """
<style>.chart text{font-family:"DejaVu Sans",Verdana,sans-serif!important}</style>
<script>addEventListener("load", () => {
  const out = [...document.querySelectorAll("svg text")].filter(text => {
    const inner = text.getBoundingClientRect(), outer = text.closest("svg").getBoundingClientRect();
    return inner.left < outer.left - 1 || inner.right > outer.right + 1;
  });
  document.body.dataset.clipped = JSON.stringify(out.map(text => text.textContent));
})</script></body>"""


def test_no_text_of_a_picture_is_clipped(browser: str, report: Path, tmp_path: Path) -> None:
    page = tmp_path / "measured.html"
    # the page itself lets no script run
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report.read_text(encoding="utf-8"))
    page.write_text(text.replace("</body>", CLIPPED), encoding="utf-8")

    dom = open_in(browser, tmp_path / "profile", "--window-size=1200,4000", "--dump-dom", page.as_uri())

    assert 'data-clipped="[]"' in dom, dom[dom.find("data-clipped") :][:500]


def test_the_page_prints(browser: str, report: Path, tmp_path: Path) -> None:
    printed = tmp_path / "report.pdf"

    open_in(browser, tmp_path / "profile", f"--print-to-pdf={printed}", "--no-pdf-header-footer", report.as_uri())

    assert printed.read_bytes().startswith(b"%PDF")
