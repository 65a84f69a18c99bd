"""The report in a real browser, without network."""

from __future__ import annotations

import re
import subprocess
import zlib
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
    assert dom.count('<svg role="img"') == 21


def test_the_browser_finds_nothing_to_load(dom: str, report: Path) -> None:
    assert loads(dom) == []
    assert report.stat().st_size < 5_000_000


# Writes down every text of a picture that reaches out of it, in the widest of the usual fonts; then what opens nothing
# when it is clicked, and what leads to a place that is not in view then.
TRIED = """
<style>.chart text{font-family:"DejaVu Sans",Verdana,sans-serif!important}</style>
<script>addEventListener("load", () => {
  const clipped = [...document.querySelectorAll("svg text")].filter(text => {
    const inner = text.getBoundingClientRect(), outer = text.closest("svg").getBoundingClientRect();
    return inner.left < outer.left - 1 || inner.right > outer.right + 1;
  });
  const summaries = [...document.querySelectorAll("summary")], links = [...document.querySelectorAll("nav a")];
  const shut = summaries.filter(summary => {
    const before = document.body.scrollHeight;
    summary.click();
    return !summary.parentElement.open || document.body.scrollHeight <= before;
  });
  const astray = links.filter(link => {
    link.click();
    const target = document.querySelector(link.hash).getBoundingClientRect();
    return target.top < 0 || target.top > innerHeight / 2;
  });
  document.body.dataset.clicked = summaries.length + " " + links.length;
  for (const [name, found] of Object.entries({clipped, shut, astray}))
    document.body.dataset[name] = JSON.stringify(found.map(one => one.textContent));
})</script></body>"""


@pytest.fixture(scope="module")
def tried(browser: str, report: Path) -> str:
    page = report.with_name("tried.html")
    # the page itself lets no script run
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report.read_text(encoding="utf-8"))
    page.write_text(text.replace("</body>", TRIED), encoding="utf-8")
    how = ("--force-prefers-reduced-motion", "--window-size=1200,900", "--dump-dom")
    return open_in(browser, report.parent / "profile", *how, page.as_uri())


@pytest.mark.parametrize("what", ["clipped", "shut", "astray"])
def test_no_text_is_clipped_and_whatever_is_clicked_opens_or_leads_somewhere(tried: str, what: str) -> None:
    assert f'data-{what}="[]"' in tried, tried[tried.find(f"data-{what}") :][:500]


def test_everything_that_can_be_clicked_was(tried: str, report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    n_summaries, n_links = (
        text.count("<summary>"),
        len(re.findall("<a ", text.partition("<nav")[2].partition("</nav")[0])),
    )

    assert f'data-clicked="{n_summaries} {n_links}"' in tried
    assert n_summaries > 10
    assert n_links == len(SECTIONS) - 1


def test_the_page_prints_with_the_tables_that_are_folded_away(browser: str, report: Path, tmp_path: Path) -> None:
    printed = tmp_path / "report.pdf"
    page = report.read_text(encoding="utf-8")
    folded = "".join(re.findall(r"<details>.*?</details>", page, re.DOTALL))
    shown = re.sub(r"<details>.*?</details>|<script.*?</script>", "", page, flags=re.DOTALL)
    alone = {number for number in re.findall(r'<td class="n">([\d,]{4,})</td>', folded) if number not in shown}
    assert alone

    open_in(browser, tmp_path / "profile", f"--print-to-pdf={printed}", "--no-pdf-header-footer", report.as_uri())

    assert alone <= texts_of(printed.read_bytes())


def texts_of(pdf: bytes) -> set[str]:
    """The pieces of text of a document that Chromium has printed, whose fonts number letters in their own ways."""
    objects = {int(n): body for n, body in re.findall(rb"\n(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)}
    letters = {
        font: letters_of(stream_of(objects[int(named[1])]))
        for font, body in objects.items()
        if (named := re.search(rb"/ToUnicode (\d+) 0 R", body))
    }
    found: set[str] = set()
    for body in objects.values():
        if b" stream\n" not in body or not (pieces := re.findall(rb"\nBT\n(.*?)\nET\n", stream_of(body), re.DOTALL)):
            continue
        for piece in pieces:
            text, font = "", 0
            for name, glyphs in re.findall(rb"/F(\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj", piece):
                font = int(name or font)
                codes = (int(glyphs[n : n + 4], 16) for n in range(0, len(glyphs), 4))
                text += "".join(letters[font].get(code, "?") for code in codes)
            found.add(text.strip())
    return found


def stream_of(body: bytes) -> bytes:
    data = body.partition(b" stream\n")[2].rpartition(b"\nendstream")[0]
    return zlib.decompress(data) if b"/FlateDecode" in body else data


def letters_of(table: bytes) -> dict[int, str]:
    """Letters by their numbers in a font."""
    found: dict[int, str] = {}
    for numbers in re.findall(rb"^((?:<[0-9A-F]+> ?){2,3})$", table, re.MULTILINE):
        first, *last, letter = (int(one, 16) for one in re.findall(rb"<([0-9A-F]{1,4})>", numbers))
        found |= {first + n: chr(letter + n) for n in range(last[0] - first + 1 if last else 1)}
    return found
