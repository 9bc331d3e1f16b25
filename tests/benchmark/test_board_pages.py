"""Pages of boards: what a row says, what is left out, and that texts of others are text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edgeval.benchmark.board_charts import board_chart
from edgeval.benchmark.board_columns import explanations, sentences
from edgeval.benchmark.board_pages import boards_html, boards_markdown
from edgeval.benchmark.boards import BoardTable, board_tables
from edgeval.benchmark.columns import UNKNOWN
from edgeval.records.bench import Bench, Price
from edgeval.records.sensors import Sensors
from edgeval.report.charts.chart import OF_IMAGE, still
from edgeval.report.page_files import file_names
from edgeval.system.escapes import visible
from tests.helpers.benches import board_bench, heated_load
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.hostile import TEXTS, UNSEEN
from tests.helpers.pages import Page, tables, without_library

NOT_PUBLISHED = {"sha256": "cd" * 32, "n_params": 7}
USD, EUR = Price(amount=80.0, currency="USD"), Price(amount=80.0, currency="EUR")


def saved(folder: Path, **benches: Bench) -> list[Path]:
    paths = [folder / f"{name}.json" for name in benches]
    for path, bench in zip(paths, benches.values(), strict=True):
        path.write_text(bench.model_dump_json(), encoding="utf-8")
    return paths


def tables_of(folder: Path, **benches: Bench) -> list[BoardTable]:
    return board_tables(saved(folder, **benches))


def full(cpu: str = "Mine") -> Bench:
    """Return a benchmark that has a value in each column."""
    sensors = Sensors(sources=["vcgencmd"], hottest_c=85.4, throttled=["hot"])
    return board_bench(
        cpu,
        {"typed in": 6.4},
        sensors=sensors,
        price=USD,
        sustained=heated_load(),
        peak_rss_bytes=700 * 2**20,
        **NOT_PUBLISHED,
    )


def test_a_row_has_all_that_is_known(tmp_path: Path) -> None:
    (table,) = tables(boards_markdown(tables_of(tmp_path, a=full())))
    assert table == [
        {
            "machine": "Mine",
            "pp512": "128 (4)",
            "tg128": "16.0 (4)",
            "tokens/s per watt": "2.50",
            "J/token": "0.400",
            "watts": "6.4",
            "watts by": "typed in",
            "items/s": "0.500",
            "items/J": "0.0625",
            "tokens/s per 100 USD": "20.0",
            "sustained": "80.0%",
            "hottest CPU": "85 °C",
            "throttled": "hot",
            "peak memory": "700 MiB",
            "cold load": "2.00 s",
            "source": "a.json",
        }
    ]


def test_the_page_has_the_same_cells_and_a_figure_of_the_load(tmp_path: Path) -> None:
    found = tables_of(tmp_path, a=full(), b=board_bench("Yours", **NOT_PUBLISHED))
    page, (shown,) = Page(boards_html(found)), tables(boards_markdown(found))
    for row in shown:
        for cell in (*row, *row.values()):
            assert cell in page.text
    assert page.tags.count("figure") == 2
    assert "Mine: 512 tokens again and again for 10 min 00 s; 100 tokens/s" in page.text


def test_what_nobody_measured_is_a_dash_and_a_column_of_dashes_is_left_out(tmp_path: Path) -> None:
    bare = board_bench("Bare", scoring=None, loading=[], **NOT_PUBLISHED)
    (alone,) = tables(boards_markdown(tables_of(tmp_path, a=bare)))
    assert alone == [
        {"machine": "Bare", "pp512": "128 (4)", "tg128": "16.0 (4)", "source": "a.json"}
    ]
    (both,) = tables(boards_markdown(tables_of(tmp_path, a=full(), b=bare)))
    assert set(both[1].values()) == {"Bare", "128 (4)", "16.0 (4)", UNKNOWN, "b.json"}


def test_published_rows_name_their_source(tmp_path: Path) -> None:
    found = tables_of(tmp_path, a=board_bench())
    markdown = boards_markdown(found)
    url = "https://github.com/geerlingguy/ai-benchmarks/issues/54"
    assert f"[geerlingguy/ai-benchmarks issue 54]({url})" in markdown
    assert url in Page(boards_html(found)).values("href")
    # 38.8 tokens/s at 23.7 W.
    row = next(line for line in markdown.splitlines() if "Radxa" in line)
    assert "| 1.64 | 0.611 | 23.7 | a meter |" in row


def test_unlike_powers_are_named_and_no_rank(tmp_path: Path) -> None:
    pmic = {"estimated from the PMIC": 4.0}
    found = tables_of(
        tmp_path, a=board_bench("Metered", {"typed in": 6.4}), b=board_bench("Pi", pmic)
    )
    said = " ".join(sentences(found[0]))
    assert "(a meter of the whole machine; estimated from the PMIC)" in said
    assert "only between rows of one kind" in said
    (shown,) = tables(boards_markdown(found))
    by = {row["machine"]: row["watts by"] for row in shown}
    assert (by["Metered"], by["Pi"]) == ("typed in", "estimated from the PMIC")
    # The rows are as they came: both generate 16 tokens a second.
    assert [row.device for row in found[0].rows][:2] == ["Metered", "Pi"]
    alike = tables_of(tmp_path, c=board_bench("A", {"command": 6.4}, **NOT_PUBLISHED))
    assert "unlike kinds" not in " ".join(sentences(alike[0]))


def test_prices_of_two_currencies_are_not_compared(tmp_path: Path) -> None:
    given = {"a": board_bench(price=USD), "b": board_bench(price=EUR)}
    found = tables_of(tmp_path, **given)
    assert "per 100" not in boards_markdown(found)
    assert "Prices are in USD and EUR" in " ".join(sentences(found[0]))
    one = tables_of(tmp_path, a=board_bench(price=USD), b=board_bench())
    rows = tables(boards_markdown(one))[0]
    assert [row["tokens/s per 100 USD"] for row in rows] == ["20.0", *[UNKNOWN] * (len(rows) - 1)]


def test_without_any_sensor_nothing_is_said_of_power(tmp_path: Path) -> None:
    found = tables_of(tmp_path, a=board_bench(**NOT_PUBLISHED))
    text = boards_markdown(found)
    assert "watt" not in text.casefold() and "°C" not in text
    assert "<figure" not in boards_html(found)
    assert not any("Watts" in each for each in explanations(found))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_of_others_are_text(text: str, tmp_path: Path) -> None:
    sensors = Sensors(sources=["Linux"], throttled=[text])
    mine = board_bench(
        text,
        {text: 6.4},
        sensors=sensors,
        sustained=heated_load(throttled=[text]),
        description=text,
        type=text,
        gpus=[text],
        **NOT_PUBLISHED,
    )
    found = tables_of(tmp_path, a=mine, b=board_bench(**NOT_PUBLISHED))
    html, markdown = without_library(boards_html(found)), boards_markdown(found)
    for content in (html, markdown, edgeval("compare", tmp_path / "a.json").stdout):
        assert UNSEEN.search(content) is None
    page = Page(html)
    assert not {"img", "iframe", "object"} & set(page.tags)
    # Data of charts, and nothing that runs.
    kinds = [value for tag, name, value in page.attributes if (tag, name) == ("script", "type")]
    assert kinds == ["application/json"] * page.tags.count("script") == ["application/json"] * 2
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert " ".join(visible(text).split()) in " ".join(page.text.split())
    assert not re.search(r"(?<!\\)<\w|(?<!\\)!\[|\]\(javascript", markdown)
    assert len(tables(markdown)[0]) == 2


def test_the_page_loads_nothing_and_is_accessible(tmp_path: Path) -> None:
    html = boards_html(tables_of(tmp_path, a=full(), b=full("Yours")))
    own = without_library(html)
    page = Page(own)
    assert not {"link", "img", "iframe"} & set(page.tags)
    (policy,) = [each for each in page.values("content") if "default-src" in each]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.endswith("; style-src 'unsafe-inline'")
    assert "url(" not in own and "@import" not in own
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert set(" ".join(page.values("aria-labelledby")).split()) <= set(ids)
    # Bars, and a chart of both loads.
    assert own.count('<figure class="drawn"') == own.count('role="img"') == 2
    for table in re.findall(r"<table.*?</table>", own, flags=re.DOTALL):
        assert "<caption" in table
        assert re.findall(r"<th(?![^>]*scope=)[^e>]*>", table) == []


def test_the_command_writes_both_pages(tmp_path: Path) -> None:
    (path,) = saved(tmp_path, a=full())
    out = tmp_path / "new" / "out"
    done = edgeval("compare", path, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{out}: boards.html, boards.md"
    assert (out / "boards.md").read_text("utf-8").startswith("# Boards side by side\n")
    before = (out / "boards.html").read_bytes()
    again = edgeval("compare", path, "--out", out)
    assert_one_sentence(again, ["boards.html exists already", "--overwrite"])
    done = edgeval("compare", path, "--out", out, "--overwrite", "--json")
    assert done.returncode == 0, done.stderr
    assert (out / "boards.html").read_bytes() == before
    (row,) = json.loads(done.stdout)[0]["rows"]
    assert row["efficiency"]["joules_per_token"] == pytest.approx(0.4)
    assert "load" not in row


def test_pages_are_of_records(tmp_path: Path) -> None:
    (path,) = saved(tmp_path, a=full())
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    out = tmp_path / "out"
    done = edgeval("compare", path, tmp_path, "--out", out)
    assert_one_sentence(done, ["cannot read", "a directory"])
    done = edgeval("compare", tmp_path / "report.json", path, "--out", out)
    assert_one_sentence(done, ["report.json"])
    assert not out.exists()
    done = edgeval("compare", tmp_path / "none.json", path, "--out", out)
    assert_one_sentence(done, ["no record at", "none.json"])
    done = edgeval("compare", "--lm-eval", tmp_path, tmp_path, "--out", out)
    assert (done.returncode, "--out" in done.stderr) == (2, True)
    assert not out.exists()


@pytest.mark.images
@pytest.mark.process
def test_the_command_writes_and_names_the_images_of_boards(tmp_path: Path) -> None:
    paths = saved(tmp_path, mine=board_bench("Mine"), yours=board_bench("Yours"))
    spec = still(board_chart(board_tables(paths)[0], 1, OF_IMAGE))
    assert spec is not None
    assert "var(" not in str(spec)
    out = tmp_path / "out"
    done = edgeval("compare", *paths, "--out", out)
    assert done.returncode == 0, done.stderr
    names = file_names("boards")
    assert done.stdout.splitlines()[-1] == f"{out}: {', '.join(names)}"
    assert f"![{spec['title']['text']}](boards.svg)" in (out / "boards.md").read_text("utf-8")
    text = (out / "boards.svg").read_text("utf-8")
    for row in spec["data"]["values"]:
        assert f">{row['name']}</text>" in text
        assert f">{row['told']}</text>" in text
    (out / "boards.html").unlink()
    (out / "boards.md").unlink()
    again = edgeval("compare", *paths, "--out", out)
    assert_one_sentence(again, ["boards.svg exists already", "--overwrite"])
