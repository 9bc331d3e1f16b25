from __future__ import annotations

import io
import itertools
import re

import pytest
import rich.cells

from edgeval.system.bars import TerminalProgress
from edgeval.system.console import stderr_console
from edgeval.system.listings import Listing
from edgeval.system.screen import Console, Lines, Styled
from edgeval.system.tables import Table
from tests.helpers.hostile import TEXTS, UNSEEN


def terminal() -> tuple[io.StringIO, Console]:
    """Return a terminal on which a second passes whenever the time is asked for."""
    file = io.StringIO()
    console = Console(
        file=file,
        force_terminal=True,
        width=150,
        color_system=None,
        get_time=itertools.count(1.0).__next__,
        _environ={},
    )
    return file, console


def plain(file: io.StringIO) -> str:
    """Return the output without cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())


def test_where_no_one_looks_there_are_lines_but_no_bars() -> None:
    file = io.StringIO()
    with TerminalProgress(stderr_console(file)) as progress:
        progress.log("converted")
        with progress.task("score F16", 4, "items") as task:
            task.advance(3, "acc_norm 33.3")
            task.resize(3)
        progress.log("scored")
    assert file.getvalue() == "converted\nscored\n"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("wrote " + "/".join(["a long folder name"] * 20), id="longer than 80 columns"),
        pytest.param("wrote [old]/model.gguf", id="square brackets"),
        pytest.param("wrote a[/b]/model.gguf", id="a closing tag"),
        pytest.param("wrote C:x:model.gguf", id="an emoji's name"),
    ],
)
def test_a_line_is_shown_as_it_is(message: str) -> None:
    file = io.StringIO()
    with TerminalProgress(stderr_console(file)) as progress:
        progress.log(message)
    assert file.getvalue() == f"{message}\n"


def test_a_terminal_shows_a_bar_with_count_rate_and_note() -> None:
    file, console = terminal()
    with TerminalProgress(console) as progress, progress.task("score F16", 8, "items") as task:
        task.advance(1, "acc_norm 0.0")
        task.advance(1, "acc_norm 50.0")
        task.advance(2)
    last = plain(file).rstrip().splitlines()[-1]
    assert "score F16" in last
    assert "4/8" in last
    assert re.search(r"[\d,.]+ items/s", last)
    assert last.endswith("acc_norm 50.0"), "a note stays until the next one"


def test_bytes_are_shown_in_megabytes() -> None:
    file, console = terminal()
    with TerminalProgress(console) as progress, progress.task("fetch", None, "bytes") as task:
        task.advance(1_000_000)
        task.resize(2_200_000_000)
        task.advance(200_000_000)
        task.advance(299_000_000)
    last = plain(file).rstrip().splitlines()[-1]
    assert "500.0/2,200.0 MB" in last
    assert re.search(r"[\d,.]+ MB/s", last)


def test_square_brackets_beside_the_bar_are_shown() -> None:
    file, console = terminal()
    with TerminalProgress(console) as progress, progress.task("[a] b", 2, "items") as task:
        task.advance(1, "c [d]")
    last = plain(file).rstrip().splitlines()[-1]
    assert "[a] b" in last
    assert last.endswith("c [d]")


def test_an_unknown_total_is_a_question_mark() -> None:
    file, console = terminal()
    with TerminalProgress(console) as progress, progress.task("fetch", None, "bytes") as task:
        task.advance(1_500_000)
    assert "1.5/? MB" in plain(file)


def test_lines_stay_above_the_bars() -> None:
    file, console = terminal()
    with TerminalProgress(console) as progress, progress.task("score F16", 2, "items") as task:
        task.advance(1)
        progress.log("a line that stays")
        task.advance(1)
    shown = plain(file)
    assert shown.index("a line that stays") < shown.rindex("score F16")
    assert "2/2" in shown


def test_an_error_inside_ends_the_bars_and_goes_on() -> None:
    file, console = terminal()
    with (
        pytest.raises(KeyboardInterrupt),
        TerminalProgress(console) as progress,
        progress.task("score F16", 2, "items"),
    ):
        raise KeyboardInterrupt
    assert file.getvalue().rstrip().endswith("\x1b[?25h"), "the cursor is shown again"


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress(stderr_console()) as progress:
        progress.log("a line")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "a line\n")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nothing_of_a_text_is_lost_or_obeyed(text: str) -> None:
    file, console = terminal()
    table = Table(f"title {text}")
    table.add_column(f"head {text}")
    table.add_column("number", right=True)
    table.add_row(text, Styled(text, "bold red"))
    table.add_row(Lines(text, "below"), [Styled("a: ", "bold"), text])
    for each in (table, Listing({text: text}), text, Styled(text, "bold"), [text, "end"]):
        console.print(each)
    with TerminalProgress(console) as progress:
        progress.log(text)
        with progress.task(f"score {text}", 2, "items") as task:
            task.advance(1, f"note {text}")
    shown = plain(file).replace("\r", "")
    assert not UNSEEN.search(shown)
    if text.isprintable():
        # Title, head, two cells of two rows, twice in the listing, three lines, a log, and bars.
        assert shown.count(text) >= 12


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_tables_and_cut_cells_keep_their_width(encoding: str) -> None:
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, encoding=encoding, errors="strict")
    table = Table("\N{MINUS SIGN}\N{MULTIPLICATION SIGN}")
    table.add_column("\N{MINUS SIGN}" * 10)
    table.add_column("value", is_cut=True)
    table.add_row("1\N{EN DASH}2\N{HORIZONTAL ELLIPSIS}", "x" * 200)
    table.add_row("\N{LESS-THAN OR EQUAL TO} \N{GREEK SMALL LETTER PI}", "\u4e2d" * 100)
    Console(file=file, width=60).print(table)
    file.flush()
    rows = buffer.getvalue().decode(encoding).splitlines()[1:]
    assert {rich.cells.cell_len(row) for row in rows} == {60}
    assert any(
        ("..." if encoding in {"ascii", "latin-1"} else "\N{HORIZONTAL ELLIPSIS}") in row
        for row in rows
    )


def test_a_stderr_that_fails_stops_no_run() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with TerminalProgress(stderr_console(Full())) as progress:
        progress.log("converted")


def test_a_table_leaves_out_what_a_narrow_screen_has_no_room_for() -> None:
    def shown(width: int) -> list[str]:
        numbers = (Lines("bits/", "weight"), "size")
        titles = ("type", "a longer description", *numbers)
        table = Table.of(None, titles, numbers=numbers, leaving=numbers)
        table.add_row("Q4_K_M", "medium-sized-blocks-of-four-bits-and-more", "4.85", "636 MiB")
        table.add_section()
        table.add_row("Q2_K", "small-blocks-of-two-bits", "3.13", "411 MiB")
        stream = io.StringIO()
        Console(file=stream, width=width, highlight=False).print(table)
        return stream.getvalue().splitlines()

    whole, narrow, narrower, lines = shown(80), shown(70), shown(62), shown(50)
    assert "4.85" in "".join(whole)
    assert "Left out" not in "".join(whole)
    assert narrow[-1] == "Left out of a screen this narrow: bits/weight."
    assert "636 MiB" in "".join(narrow)
    assert "4.85" not in "".join(narrow)
    assert narrower[-1] == "Left out of a screen this narrow: bits/weight, size."
    assert "636 MiB" not in "".join(narrower)
    assert lines == [
        "type    a longer description",
        "  bits/weight     size",
        "Q4_K_M  medium-sized-blocks-of-four-bits-and-more",
        "         4.85  636 MiB",
        "",
        "Q2_K    small-blocks-of-two-bits",
        "         3.13  411 MiB",
    ]
