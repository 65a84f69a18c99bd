"""Files, lines, overrides and blocked files."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from oneuser.config import Config, load_config, show_config
from oneuser.core.errors import ConfigError
from tests.unit.config.config_samples import SMALL


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my.yaml"


def written(file: Path, text: str = SMALL) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def lines_of(file: Path, text: str, overrides: tuple[str, ...] = ()) -> list[str]:
    """Problems as they are shown, with the file's name shortened."""
    with pytest.raises(ConfigError) as caught:
        load_config(written(file, text), overrides)
    assert caught.value.exit_code == 2
    return [str(problem).replace(str(file), file.name) for problem in caught.value.problems]


def test_a_file_is_loaded(file: Path) -> None:
    config = load_config(written(file))

    assert isinstance(config, Config)
    assert config.deployment == "acme"
    assert list(config.identity.id_types) == ["user_id", "anonymous_id"]


def test_all_problems_are_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    text = SMALL.replace("warehouse:", "warehous:").replace("priority: 9", "priority: 1").replace("const:", "cnst:")
    text += "sessions:\n  gap_minutes: -5\nidentity2: {}\n"

    assert [line.split(": ")[:2] for line in lines_of(file, text, ("lease.ttl_minutes=x",))] == [
        ["my.yaml:1", "warehouse"],
        ["my.yaml:2", "warehous"],
        ["my.yaml:10", "sources.shop.mapping.type"],
        ["my.yaml:16", "identity.id_types.anonymous_id.priority"],
        ["my.yaml:18", "sessions.gap_minutes"],
        ["my.yaml:19", "identity2"],
        ["--set lease.ttl_minutes", "expected a whole number, found a text"],
    ]


def test_a_key_written_twice_is_refused_with_both_lines(file: Path) -> None:
    assert lines_of(file, SMALL + "deployment: other\n") == ["my.yaml:17: deployment: is there twice, first in line 1"]


def test_a_key_written_twice_below_is_found_beside_other_problems(file: Path) -> None:
    text = SMALL + "sessions:\n  gap_minutes: 1\n  gap_minutes: -1\nlease: {ttl_minutes: 0}\n"

    assert lines_of(file, text) == [
        "my.yaml:19: sessions.gap_minutes: is there twice, first in line 18",
        "my.yaml:20: lease.ttl_minutes: must be greater than 0",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "my.yaml: the file is empty"),
        ("# nothing\n", "my.yaml: the file is empty"),
        ("just a text", "my.yaml:1: expected keys and values"),
        ("- a\n- b\n", "my.yaml:1: expected keys and values"),
        ("a: 1\nb: [1, 2\nc: 3\n", "my.yaml:3: not YAML: "),
        ("a: 1\n\tb: 2\n", "my.yaml:2: not YAML: "),
        ("a: 1\n---\nb: 2\n", "my.yaml:2: not YAML: "),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(file: Path, text: str, line: str) -> None:
    found = lines_of(file, text)

    assert len(found) == 1
    assert found[0].startswith(line)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("sources:\n  web:\n    path: a\n   format: b\n", 4, "indented like those beside it?"),
        ("sources:\n  web: {path: a, format: b\n\n\n", 2, "is the bracket closed?"),
        ('sources:\n  web: {path: "a, format: b}\n\n', 2, "is the quote closed?"),
        ("sessions: gap: 3\n", 1, "a value with a `:` in quotes?"),
        ("sessions:\n  zone:UTC\n  gap: 1\n", 3, "a space after each key's `:`"),
        ("sessions:\n\tgap: 1\n", 2, "indent by spaces"),
        ("zone: @utc\n", 1, "begins with this character into quotes"),
        ("path: *.jsonl\n", 1, "begins with * into quotes"),
    ],
)
def test_the_parsers_words_come_with_what_they_mean_where_it_is_mended(
    file: Path, text: str, line: int, hint: str
) -> None:
    (found,) = lines_of(file, text)

    assert found.startswith(f"my.yaml:{line}: not YAML: ")
    assert hint in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alias: {}\n", "alias: unknown key; did you mean `identity.alias`?"),
        ("max_share: 1\n", "max_share: unknown key; did you mean `quarantine.max_share`?"),
        ("sessions:\n", "sessions: expected keys and values, found nothing; leave the key out to take its defaults"),
        ("quarantine: {max_share: 5%}\n", "a text; a share is written as a number, such as 0.05"),
        ("retention: {mode: strek}\n", "found 'strek'; did you mean streak?"),
        ("retention: {weekly: {unit: wek}}\n", "found 'wek'; did you mean week?"),
        ("retention: {start: {evnt: A}}\n", "retention.start.evnt: unknown key; did you mean `event`?"),
    ],
)
def test_a_mistake_says_what_to_write_instead(file: Path, text: str, said: str) -> None:
    (found,) = lines_of(file, SMALL + text)

    assert found.startswith("my.yaml:17: ")
    assert found.endswith(said)


@pytest.mark.parametrize("written", ["  path: x.csv\n  format: csv\n", "  - {path: x.csv, format: csv}\n"])
def test_a_source_without_a_name_is_told_once(file: Path, written: str) -> None:
    (found,) = lines_of(file, f"deployment: a\nwarehouse: ./wh\nsources:\n{written}")

    assert found.startswith("my.yaml:3: sources: each source stands below a name of its own")


def test_yaml_cannot_make_python_objects(file: Path) -> None:
    text = SMALL + "report: !!python/object/apply:os.system ['true']\nlease: {ttl_minutes: !!python/name:os.nice ''}\n"

    assert lines_of(file, text) == [
        "my.yaml:17: report: tags are not supported",
        "my.yaml:18: lease.ttl_minutes: cannot be read as a YAML value: put it into quotes",
    ]


def test_aliases_are_refused(file: Path) -> None:
    text = SMALL + "sessions: &here {gap_minutes: 5}\nlease: *here\n"

    assert lines_of(file, text) == ["my.yaml:18: lease: anchors and aliases are not supported: write the values out"]


def test_a_bomb_of_aliases_ends_quickly(file: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

    assert len(lines_of(file, SMALL + bomb)) > 11


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file") as caught:
        load_config(tmp_path / "none.yaml")

    assert "oneuser init" in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused(file: Path) -> None:
    file.write_bytes(b"deployment: caf\xe9\n")

    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(file)


def test_a_byte_order_mark_is_no_key(file: Path) -> None:
    file.write_text(SMALL, encoding="utf-8-sig")

    assert load_config(file).deployment == "acme"


@pytest.mark.parametrize("word", ["on", "on_or_after"])
def test_on_is_a_text_without_quotes(file: Path, word: str) -> None:
    assert load_config(written(file, SMALL + f"retention: {{mode: {word}}}\n")).retentions["default"].mode == word


# --- overrides ---------------------------------------------------------------------------------------------------


def test_overrides_replace_values_and_make_sections(file: Path) -> None:
    overrides = (
        "warehouse=/data/wh",
        "retention.interval=week",
        "attribution.models=[first, last]",
        "identity.id_types.user_id.priority=3",
        "spark.conf.spark.sql.shuffle.partitions=8",
        "sources.web.path=a=b.jsonl",
        "gates.max_largest_component=null",
    )

    config = load_config(written(file), overrides)

    assert config.warehouse == "/data/wh"
    assert config.retentions["default"].unit == "week"
    assert config.attribution.models == ("first", "last")
    assert config.identity.id_types["user_id"].priority == 3
    assert config.spark.conf == {"spark.sql.shuffle.partitions": "8"}
    assert config.sources["web"].path.endswith("/a=b.jsonl")
    assert config.gates.max_largest_component is None


def test_an_override_may_reach_into_a_list(file: Path) -> None:
    text = SMALL + "channels: [{name: a, channel: b}, {name: c, channel: d}]\n"

    config = load_config(written(file, text), ("channels.1.channel=e",))

    assert config.channels is not None
    assert [rule.channel for rule in config.channels] == ["b", "e"]


def test_the_last_override_of_a_key_counts(file: Path) -> None:
    assert load_config(written(file), ("deployment=a", "deployment=b")).deployment == "b"


def test_an_override_mends_what_is_missing(file: Path) -> None:
    assert load_config(written(file, SMALL.replace("deployment: acme\n", "")), ("deployment=x",)).deployment == "x"


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("retention.interval=wek", "--set retention.interval: expected one of hour, day, week, month, quarter, found"),
        ("retention.unitt=week", "--set retention.unitt: unknown key; did you mean `unit`?"),
        ("retention.weekly.unit=wek", "--set retention.weekly.unit: expected one of hour, day, week, month, quarter"),
        ("sessions.gap_minutes=-1", "--set sessions.gap_minutes: must be greater than 0"),
        ("sessions={gap_minutes: -1}", "--set sessions: sessions.gap_minutes: must be greater than 0"),
        ("retention.membership=recuring", "--set retention.membership: expected one of first_ever"),
        ("deployment", "--set deployment: expected KEY=VALUE"),
        ("=x", "--set : expected KEY=VALUE"),
        ("a..b=x", "--set a..b: expected KEY=VALUE"),
        ("deployment=[1", "--set deployment: the value is not YAML"),
    ],
)
def test_problems_of_overrides_name_the_override(file: Path, override: str, line: str) -> None:
    found = lines_of(file, SMALL, (override,))

    assert len(found) == 1
    assert found[0].startswith(line)


def test_an_override_below_a_misspelt_section_is_told_which_one_is_there(file: Path) -> None:
    (found,) = lines_of(file, SMALL, ("identity.id_types.usr_id.priority=3",))

    assert found.endswith("usr_id.known: is missing; did you mean identity.id_types.user_id?")


def test_an_override_outside_a_list_is_refused(file: Path) -> None:
    found = lines_of(file, SMALL + "channels: [{name: a, channel: b}]\n", ("channels.3.name=x",))

    assert found == ["--set channels.3.name: channels[3] is not there: the list has 1 entries, counted from 0"]


def test_a_secret_in_an_override_is_not_repeated(file: Path) -> None:
    assert "canary" not in "".join(lines_of(file, SMALL, ("keys.identifiers=canary", "deployment={canary")))


# --- blocked files -----------------------------------------------------------------------------------------------


def with_blocked_file(path: Path) -> str:
    rules = f'{{priority: 2, known: true, normaliser: email, blocked: [A@x.org, "re:^no"], blocked_file: "{path}"}}'
    return SMALL.replace("    anonymous_id:", f"    email: {rules}\n    anonymous_id:")


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("email,people\nb@x.org,3\nc@x.org,1\n", {"b@x.org", "c@x.org"}),
        ("people,Email\n3,b@x.org\n", {"b@x.org"}),
        ("people,value\n3,b@x.org\n4\n", {"b@x.org"}),
        ("b@x.org,3\nc@x.org\n\n", {"b@x.org", "c@x.org"}),
        ('"b,@x.org"\r\n \r\n', {"b,@x.org"}),
        ("\ufeffvalue\nre:^literal\n", {"re:^literal"}),
        ("", set()),
        ("email\n", set()),
    ],
)
def test_a_blocked_file_gives_the_column_named_like_the_type_or_value_or_the_first(
    file: Path, tmp_path: Path, content: str, values: set[str]
) -> None:
    blocked = tmp_path / "blocked.csv"
    blocked.write_text(content, encoding="utf-8", newline="")

    rules = load_config(written(file, with_blocked_file(blocked))).identity.id_types["email"]

    assert rules.blocked_values == {"A@x.org"} | values
    assert rules.blocked_patterns == ("^no",)


def test_a_blocked_file_that_is_not_there_is_refused_at_its_line(file: Path, tmp_path: Path) -> None:
    found = lines_of(file, with_blocked_file(tmp_path / "none.csv"))

    assert len(found) == 1
    assert found[0].startswith("my.yaml:16: identity.id_types.email.blocked_file: there is no file")


def test_a_blocked_file_that_is_no_text_is_refused(file: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked.csv"
    blocked.write_bytes(b"value\n\xff\xfe\n")

    assert "cannot be read as CSV (UnicodeDecodeError)" in lines_of(file, with_blocked_file(blocked))[0]


# --- times -------------------------------------------------------------------------------------------------------


def test_a_pattern_that_cannot_be_meant_is_refused_at_its_line_with_what_to_write(file: Path) -> None:
    found = lines_of(file, SMALL.replace("yyyy-MM-dd HH:mm:ss", "yyyy-mm-dd hh:MM:ss"))

    assert len(found) == 1
    assert found[0].startswith("my.yaml:11: sources.shop.mapping.event_time.format: 'mm' is the minute")
    assert found[0].endswith(": write yyyy-MM-dd HH:mm:ss")


def test_the_first_credible_day_is_a_day_with_or_without_quotes(file: Path) -> None:
    for written_day in ("1995-06-07", '"1995-06-07"'):
        config = load_config(written(file, SMALL + f"ingest: {{earliest_time: {written_day}}}\n"))

        assert config.ingest.earliest_time == date(1995, 6, 7)
        assert load_config(written(file, show_config(config))) == config


@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 5_000, "a: " + "{b: " * 5_000, "- " * 20_000, "\n".join(" " * n + "a:" for n in range(2_000))],
)
def test_a_file_that_is_nested_without_end_is_refused_in_words(text: str, tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text(text)

    with pytest.raises(ConfigError, match="nested deeper than 50"):
        load_config(tmp_path / "deep.yaml")


def test_aliases_that_stand_for_each_other_are_not_written_out(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in pairwise("abcdefghijklm")]
    (tmp_path / "laughs.yaml").write_text("\n".join(lines))

    with pytest.raises(ConfigError, match="anchors and aliases are not supported"):
        load_config(tmp_path / "laughs.yaml")
