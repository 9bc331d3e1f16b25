"""JUnit files: XML that any parser reads, in the form that build servers know."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.records import Report
from edgeval.report.gate.conditions import Condition
from edgeval.report.gate.gate import Check, Gate, gate
from edgeval.report.gate.junit import junit
from edgeval.system.files import write_text
from tests.helpers.reports import HOSTILE, example_report, failed_report

WHOLE = example_report()
CONDITIONS = ["drift>1", "Q2_K:flips>9", "undecided", "verdict!=reproduced"]

# Of the description of Jenkins' xUnit plugin (junit-10.xsd): attributes that an element must have,
# others that it may have, and the elements in it.
FORM: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"skipped", "timestamp", "time", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"classname", "time", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}


def parsed(text: str) -> ElementTree.Element:
    """Parse a file, and hold it to its form."""
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        required, allowed, children = FORM[element.tag]
        assert required <= set(element.attrib) <= required | allowed
        assert {child.tag for child in element} <= children
        cases = list(element.iter("testcase"))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if name in element.attrib:
                assert int(element.attrib[name]) == sum(
                    case.find(tag) is not None for case in cases
                )
        if "tests" in element.attrib:
            assert int(element.attrib["tests"]) == len(cases)
    return root


@pytest.mark.parametrize(
    ("report", "strict", "counts"),
    [
        (WHOLE, False, (3, 0, 0)),
        (example_report(n_items=1000), False, (5, 0, 4)),
        (example_report(n_items=1000), True, (9, 0, 0)),
        (failed_report("Q4_0"), False, (3, 2, 0)),
        (failed_report("F16"), False, (0, 16, 0)),
    ],
)
def test_a_case_for_each_condition_and_type(
    report: Report, strict: bool, counts: tuple[int, int, int]
) -> None:
    found = gate(report, CONDITIONS, strict=strict)
    root = parsed(junit(report, found))
    assert root.attrib["tests"] == str(len(found.checks)) == "16"
    kinds = ("failure", "error", "skipped")
    assert tuple(sum(1 for _ in root.iter(kind)) for kind in kinds) == counts
    assert [suite.attrib["name"] for suite in root] == [
        "drift>1",
        "flips>9",
        "undecided",
        "verdict!=reproduced",
    ]


def test_what_is_known_is_in_each_case() -> None:
    report = example_report(n_items=1000)
    found = gate(report, ["drift>1"])
    suite = parsed(junit(report, found))[0]
    assert suite.attrib["timestamp"] == "2026-05-14T23:56:41"
    told = {case.attrib["name"]: case[0] for case in suite}
    assert [told[name].tag for name in ("Q8_0", "Q4_0", "Q2_K")] == [
        "system-out",
        "skipped",
        "failure",
    ]
    assert told["Q2_K"].attrib == {
        "message": "6.20 points lost, 3.20 to 9.32 together with 95%",
        "type": "broken",
    }
    assert [each.text for each in told.values()] == [str(each) for each in found.checks]
    assert {case.attrib["classname"] for case in suite} == {"edgeval.tinyllama-3t"}


def test_names_of_others_are_text() -> None:
    model = WHOLE.model.model_copy(update={"name": f"{HOSTILE}\x1b[2J\x00\ufffe]]>\r\n"})
    report = WHOLE.model_copy(update={"model": model})
    text = junit(report, gate(report, ["drift>1"]))
    (name,) = {case.attrib["classname"] for case in parsed(text).iter("testcase")}
    assert name == f"edgeval.{HOSTILE}\\x1b[2J\\x00\\ufffe]]>\\r\\n"


@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=30))
def test_any_text_makes_a_file_that_is_read(about: str, reason: str) -> None:
    condition = Condition("drift", ">", 1.0)
    checks = tuple(
        Check(condition, about, outcome, reason)  # type: ignore[arg-type]
        for outcome in ("broken", "failed", "open", "held")
    )
    root = parsed(junit(WHOLE, Gate((condition,), checks)))
    assert [len(list(root.iter(kind))) for kind in ("failure", "error", "skipped")] == [1, 1, 1]


def test_it_is_written_in_utf_8(tmp_path: Path) -> None:
    report = example_report(title="Größe 语言")
    path = tmp_path / "junit.xml"
    write_text(path, junit(report, gate(report, ["drift>1"])))
    assert ElementTree.parse(path).getroot().tag == "testsuites"
