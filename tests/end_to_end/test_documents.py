"""Documents: they are short and plain, and what they name exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "edgeval" / "docs"
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
PROSE = [*TOP, *sorted(DOCS.glob("*.md"))]
ALL = [*PROSE, ROOT / "BENCHMARKS.md", ROOT / "CHANGELOG.md"]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)]*)\)")

pages = pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
prose = pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def n_words(text: str) -> int:
    """Count words; code is one, and the text of a link counts, not its address."""
    plain = LINK.sub(r"\1", CODE.sub("code", text))
    return sum(bool(re.search(r"\w", word)) for word in plain.split())


def sentences(markdown: str) -> Iterator[str]:
    """Yield the sentences of paragraphs and lists; tables, headings and code have none."""
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:-|\d+\.) )", FENCE.sub("", markdown)):
        lines = [line for line in paragraph.splitlines() if not re.match(r"\s*[|#<]", line)]
        text = LINK.sub(lambda link: "" if link[0][0] == "!" else link[1], " ".join(lines))
        for sentence in re.split(r"(?<=[.!?])[\"')*_]*\s+", CODE.sub("code", text)):
            if n_words(sentence):
                yield sentence.strip()


def anchors(markdown: str) -> set[str]:
    """Return the fragments of a page's headings, as GitHub makes them."""
    made: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", markdown), re.MULTILINE):
        text = re.sub(r"[^\w\- ]", "", LINK.sub(r"\1", heading).lower()).replace(" ", "-")
        names.add(f"{text}-{made[text]}" if made[text] else text)
        made[text] += 1
    return names


def code(markdown: str) -> Iterator[str]:
    """Yield the lines of code blocks, and code within sentences."""
    for block in FENCE.findall(markdown):
        yield from block.replace("\\\n", " ").splitlines()[1:-1]
    yield from CODE.findall(FENCE.sub("", markdown))


# Plain English


@prose
def test_the_longest_sentence_has_thirty_words(page: Path) -> None:
    assert [each for each in sentences(read(page)) if n_words(each) > 30] == []


@prose
def test_the_mean_sentence_has_fifteen_words(page: Path) -> None:
    lengths = [n_words(each) for each in sentences(read(page))]
    assert sum(lengths) / len(lengths) <= 15


def test_an_entry_of_the_changelog_has_less_than_twenty_words() -> None:
    entries = re.split(r"\n(?=- |#|\n)", read(ROOT / "CHANGELOG.md"))
    entries = [entry.removeprefix("- ") for entry in entries if entry.startswith("- ")]
    assert len(entries) > 100
    assert [entry for entry in entries if n_words(entry) >= 20] == []


def test_words_are_counted() -> None:
    text = "# A title\n\nOne `code here` [a link](x.md#y). Two!\n\n| no | row |\n\n- 0.3.36 it is\n"
    assert [n_words(each) for each in sentences(text)] == [4, 1, 3]


# What they name


@pages
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for _, address in LINK.findall(FENCE.sub("", read(page))):
        if re.match(r"https?://", address):
            continue
        name, _, fragment = address.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.is_file() or (fragment and fragment not in anchors(read(target))):
            dead.append(address)
    assert dead == []


def test_anchors_are_githubs() -> None:
    text = "# One\n## `lm_eval --model gguf` over llama-cpp-python's server\n## A, b?\n## One\n"
    assert anchors(text) == {
        "one",
        "lm_eval---model-gguf-over-llama-cpp-pythons-server",
        "a-b",
        "one-1",
    }


def test_each_page_is_reached_from_the_readme() -> None:
    linked = {(ROOT / address.partition("#")[0]).resolve() for _, address in LINK.findall(README)}
    assert {*DOCS.glob("*.md"), *ALL} - {ROOT / "README.md"} <= linked


@pages
def test_files_and_modules_that_are_named_exist(page: Path) -> None:
    text = read(page)
    files = re.findall(r"(?<![\w/.])(?:tests|scripts|edgeval|models)/[\w/]+\.\w+", text)
    modules = re.findall(r"python -m ((?:scripts|tests)[\w.]+)", text)
    named = {*files, *(f"{module.replace('.', '/')}.py" for module in modules)}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pages
def test_tests_that_are_named_exist(page: Path) -> None:
    missing = []
    for name, function in re.findall(r"\b(test_\w+\.py)(?:::(\w+))?", read(page)):
        files = [read(path) for path in (ROOT / "tests").rglob(name)]
        if not any(not function or f"def {function}(" in text for text in files):
            missing.append(f"{name}::{function}")
    assert missing == []


# The command line


README = read(ROOT / "README.md")
COMMANDS = re.split(r"^## ", read(DOCS / "commands.md"), flags=re.MULTILINE)[2:]
OPTIONS = {
    section.splitlines()[0]: {
        option
        for cell in re.findall(r"^\| (`-[^|]*)", section, re.MULTILINE)
        for option in re.findall(r"--[\w-]+", cell)
    }
    for section in COMMANDS
}
"""Options by command, of the page that is made from the command line."""


def test_the_page_of_commands_is_that_of_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.docs.commands", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def options_of_the_harness() -> set[str]:
    """Return the options that ``edgeval lm-eval`` hands on."""
    harness = pytest.importorskip("lm_eval._cli").HarnessCLI()
    return set(harness._subparsers.choices["run"]._option_string_actions)


def command_of(words: list[str]) -> str | None:
    """Return the longest command that a line begins with."""
    known = [name for name in OPTIONS if words[: len(name.split())] == name.split()]
    return max(known, key=len, default=None)


@pages
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    unknown = []
    for line in code(read(page)):
        words = shlex.split(line.partition(" #")[0].replace("'", ""))
        if words[:1] == ["edgeval"] and words[1:2] not in ([], ["COMMAND"]):
            command = command_of(words)
            options = OPTIONS.get(command or "", set()) | {"--help", "--debug", "--version"}
            if command == "edgeval lm-eval":
                options |= options_of_the_harness()
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            is_general = set(words[1:]) <= {"--help", "--version"}
            if not is_general and (command is None or not given <= options):
                unknown.append(line)
    assert unknown == []


@prose
def test_options_within_sentences_exist(page: Path) -> None:
    known = set().union(*OPTIONS.values()) | {"--help", "--debug", "--version"}
    elsewhere = {"--check", "--hellaswag"} | options_of_the_harness()  # A script's, llama.cpp's.
    named = {
        word
        for span in CODE.findall(FENCE.sub("", read(page)))
        if span.startswith("--")
        for word in re.findall(r"^--[\w-]+", span)
    }
    assert named <= known | elsewhere


# Benchmarks


NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"


def mean(cell: str) -> float:
    values = [float(number.replace(",", "")) for number in re.findall(NUMBER, cell)]
    return sum(values) / len(values)


def test_the_benchmarks_begin_with_ratios_that_follow_from_the_tables_below() -> None:
    text = read(ROOT / "BENCHMARKS.md")
    first, _, below = text.partition("## Contents")
    sections = {next(iter(anchors(part))): part for part in re.split(r"\n(?=##+ )", below)[1:]}
    rows = [line.strip("|").split("|") for line in first.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    for _, what, own, other, ratio, section, _ in rows:
        shown = ratio.strip().strip("*")
        decimals = len(shown.partition(".")[2])
        assert round(mean(own) / mean(other), decimals) == float(shown), what
        anchor = re.search(r"#([\w-]+)\)", section)
        assert anchor is not None
        for number in re.findall(NUMBER, f"{own} {other}"):
            assert number in sections[anchor[1]], (what, number)
