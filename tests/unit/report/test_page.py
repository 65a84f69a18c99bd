"""The report's page: complete, self-contained, escaped, and silent about small numbers."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from oneuser.report.data import (
    Accounts,
    Attribution,
    Credit,
    Disposition,
    Funnel,
    Protection,
    ReportData,
    SizeBucket,
    Stability,
)
from oneuser.report.page import render_page
from tests.unit.report.reading import SECTIONS, loads, read_page
from tests.unit.report.sample_data import made_up_data, made_up_head, made_up_retention

HOSTILE = "</script><script>alert(1)</script><img src=http://evil.example/x>&'\""


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(made_up_data())


def nothing_known() -> ReportData:
    return ReportData(made_up_head(previous=None, engine=None), 5, Funnel(None, 0, 0, None), None)


def test_every_section_is_there_with_a_heading(page: str) -> None:
    found = read_page(page)

    assert set(SECTIONS) <= set(found.ids)
    assert set(found.labelled_by) <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert found.tags.count("h1") == 1
    assert found.tags.count("h2") == len(SECTIONS)


def test_nothing_is_loaded_from_elsewhere_and_no_script_runs(page: str) -> None:
    assert loads(page) == []
    assert set(re.findall(r"<script([^>]*)>", page)) == {
        f' type="application/json" id="vega-lite-{name}"'
        for name in (
            "funnel",
            "quarantine",
            "sizes",
            "protection",
            "consent",
            "attribution-0",
            "lengths",
            "removal-1",
            "paths",
            "moved-person",
            "retention",
            "timings",
            "curves-month",
            "lifecycle-0",
            "power-0",
            "steps-0",
            "actives-0",
            "activation-0",
            "adoption-0",
            "adoption-1",
            "worth-0",
        )
    }
    assert "default-src 'none'" in page
    assert len(page.encode()) < 5_000_000


def test_every_picture_has_a_title_a_table_and_its_chart(page: str) -> None:
    pictures = re.findall(r'<svg role="img"[^>]*><title>([^<]+)</title>', page)

    assert len(pictures) == 21
    assert all(title.endswith("The table below has the same numbers.") for title in pictures)
    for spec in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
        assert json.loads(spec)["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert read_page(page).tags.count("table") >= 6


def test_the_same_data_gives_the_same_page_however_often_it_was_drawn(page: str) -> None:
    assert render_page(made_up_data()) == page
    # what a picture refers to is in the page, once
    referred = set(re.findall(r"url\(#([^)]+)\)", page))
    assert referred
    assert referred <= set(read_page(page).ids)


def test_text_of_the_data_is_escaped_everywhere() -> None:
    credits_ = tuple(Credit("linear", name, 10.0, 1000) for name in (HOSTILE, "(unattributed)"))
    data = made_up_data(
        head=made_up_head(deployment=HOSTILE, engine_reason=HOSTILE),
        quarantined=(Disposition(HOSTILE, 9, 9),),
        attribution=(Attribution(HOSTILE, "GBP", 30, 20.0, 2000, credits_),),
    )

    html = render_page(data)

    assert loads(html) == []
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_pictures_are_themed_by_the_style_sheet(page: str) -> None:
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{3,8})"', page.split("<main", 1)[1]))
    themed = set(re.findall(r'\.chart \[fill="(#[0-9a-f]+)"\]', page))
    # the frame of a plot is drawn with no opacity
    assert drawn - {"#ddd"} <= themed


def test_cells_not_observed_are_hatched_and_zero_is_not(page: str) -> None:
    retention = made_up_retention()
    unobserved = sum(cell.state == "unobserved" for cohort in retention.cohorts for cell in cohort.cells)

    assert page.count('fill="url(#hatch)"') == unobserved
    assert ">0.0%</text>" in page
    assert page.count(">not observed</td>") == unobserved


def test_hidden_numbers_say_so_in_the_table_and_are_not_in_the_charts(page: str) -> None:
    affiliate = page.split('<th scope="row">affiliate</th>', 1)[1].split("</tr>", 1)[0]

    assert affiliate.count("hidden") == 5
    for name in ("removal-1", "moved-person"):
        assert f'id="vega-lite-{name}"' in page
        assert "affiliate" not in page.split(f'id="vega-lite-{name}">', 1)[1].split("</script>", 1)[0]
    assert "affiliate" not in re.search(r'id="vega-lite-attribution-0">(.*?)</script>', page, re.DOTALL).group(1)  # type: ignore[union-attr]


def test_consent_is_told_by_purpose_source_and_what_is_withheld(page: str) -> None:
    section = page.split('<section id="consent"', 1)[1].split("</section>", 1)[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", section)
    told = [re.sub(r"(<[^>]*>)+", " | ", row) for row in rows]

    assert "88.3 % of 1,009,871 messages say something about consent." in section
    assert "sale | hidden | hidden | 12,466 | " in told
    assert "crm | 97,421 | 97,421 | 100 % | " in told
    assert any(
        row.startswith("attribution | Analytics, Advertising | 41,306 | 90,212 | touches get no") for row in told
    )
    assert any(row.startswith("export | Advertising | hidden | 38,412 | ") for row in told)
    drawn = json.loads(re.search(r'id="vega-lite-consent">(.*?)</script>', section, re.DOTALL).group(1))  # type: ignore[union-attr]
    values = [value for rows in drawn["datasets"].values() for value in rows]
    assert [(one["state"], one["people"]) for one in values if one["purpose"] == "sale"] == [("nothing said", 12_466)]


def test_what_is_kept_apart_is_told_by_rule_with_masked_values(page: str) -> None:
    section = page.split('<section id="protection"', 1)[1].split("</section>", 1)[0]
    bridges = page.split('<h3 id="bridges"', 1)[1].split("</section>", 1)[0]

    assert "Rules keep 19,700 edges from joining people; 842 identifiers are contested between people." in section
    assert re.findall(r'<th scope="row"><code>(\w+)</code></th>', section) == [
        "over_shared",
        "unique",
        "limit",
        "exclude",
    ]
    assert 'class="say warn">9 values are shared by more people' in section
    assert re.findall(r"<code>([^<]+)</code></th><td[^>]*>([^<]+)", bridges) == [
        ("email: r***@e***.com", "23"), ("phone: +4***", "6"), ("anonymous_id: 7f***", "hidden"),
    ]  # fmt: skip


def test_values_that_many_people_share_are_listed_masked(page: str) -> None:
    section = page.split('<section id="protection"', 1)[1].split("</section>", 1)[0]

    assert re.findall(
        r"<code>([^<]+)</code></th><td[^>]*>([^<]+)</td><td[^>]*>([^<]+)</td><td>([^<]+)</td>", section
    ) == [
        ("email: n***@s***.com", "31", "10", "over-shared: it links nobody"),
        ("phone: +4***", "hidden", "4", "near its bound"),
    ]


def test_without_refusals_there_is_no_picture_of_them() -> None:
    html = render_page(made_up_data(protection=Protection(contested=0, over_shared=0, nearly_over_shared=0)))

    assert "No rule refuses an edge" in html
    assert "No value is shared by nearly as many people" in html
    assert "None of the largest people hangs together by a single value." in html
    assert "vega-lite-protection" not in html


def test_unattributed_comes_last_and_money_is_in_major_units(page: str) -> None:
    table = page.split("Credited value, and credited conversions below it", 1)[1].split("</table>", 1)[0]

    assert re.findall(r'<th scope="row">([^<]+)', table)[-1] == "(unattributed)"
    assert "38,271.67 GBP" in table
    assert "123,457 GBP" in page


def test_accounts_have_places_and_no_names(page: str) -> None:
    assert '<th scope="row">No. 10</th>' in page
    assert "31 accounts with fewer than 5 members are not listed." in page


def test_an_empty_run_still_has_every_section() -> None:
    html = render_page(nothing_known())

    assert set(SECTIONS) <= set(read_page(html).ids)
    for sentence in (
        "There are no people yet.",
        "There are no conversions to attribute.",
        "No event names an account.",
    ):
        assert sentence in html


def test_a_first_run_is_not_compared_with_anything() -> None:
    html = render_page(made_up_data(head=made_up_head(previous=None), stability=Stability(kept=0, minted=12_684)))

    assert "This is the first published run: it minted 12,684 User IDs." in html
    assert "of User IDs kept" not in html


def test_more_channels_than_colours_are_drawn_together() -> None:
    names = [f"channel {number:02}" for number in range(12)]
    credits_ = tuple(Credit("last", name, 20.0 + place, None) for place, name in enumerate(names))

    html = render_page(made_up_data(attribution=(Attribution("signup", None, 30, 300.0, None, credits_),)))

    assert ">other channels</text>" in html
    assert all(f'<th scope="row">{name}</th>' in html for name in names)


def test_many_narrow_cohorts_leave_the_page_small() -> None:
    data = replace(made_up_data(), retention=made_up_retention(24), accounts=Accounts(3, None, 3, ()))

    assert len(render_page(data).encode()) < 1_000_000


def test_credit_that_is_all_hidden_has_a_table_and_no_picture() -> None:
    hidden = (Credit("first", "Direct", None, None), Credit("last", "Email", None, None))

    html = render_page(made_up_data(attribution=(Attribution("order", "GBP", 30, None, None, hidden),)))

    assert '<th scope="row">Direct</th>' in html
    assert "vega-lite-attribution-0" not in html


def test_sizes_that_are_all_hidden_are_drawn_without_a_legend() -> None:
    hidden = replace(made_up_data(), sizes=(SizeBucket("1", None, None), SizeBucket("2", None, None)))

    page = render_page(hidden)

    assert 'id="vega-lite-sizes"' in page
