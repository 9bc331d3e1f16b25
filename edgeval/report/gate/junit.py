"""JUnit file: what a gate shows, in the XML that build servers read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final
from xml.etree import ElementTree

from edgeval.records import Report, Suite
from edgeval.report.gate.gate import Check, Gate, Outcome
from edgeval.system.escapes import visible

_ELEMENTS: Final[dict[Outcome, str]] = {"broken": "failure", "failed": "error", "open": "skipped"}
_COUNTS: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def junit(report: Report | Suite, found: Gate) -> str:
    """Return what a gate shows as a JUnit file: a suite for each condition, a case for each type.

    A broken one is a ``failure``, what could not be evaluated an ``error``, and an open one is
    ``skipped``, or a ``failure`` if what is open counts as broken. The elements and attributes are
    those that Jenkins' xUnit plugin describes in its ``junit-10.xsd``.

    Args:
        report: The record.
        found: What it shows.
    """
    root = ElementTree.Element("testsuites", name="edgeval")
    for condition, checks in groupby(found.checks, key=lambda each: str(each.condition)):
        _add_suite(root, condition, list(checks), report, found.is_strict)
    _count(root)
    # The description has it of a suite alone.
    del root.attrib["skipped"]
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _add_suite(
    root: ElementTree.Element,
    condition: str,
    checks: Sequence[Check],
    report: Report | Suite,
    is_strict: bool,
) -> None:
    model = (report.reports[0] if isinstance(report, Suite) else report).model
    created = report.created_at.replace(microsecond=0, tzinfo=None).isoformat()
    suite = ElementTree.SubElement(root, "testsuite", name=visible(condition), timestamp=created)
    for check in checks:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            name=visible(check.about),
            classname=f"edgeval.{visible(model.name)}",
            time="0",
        )
        outcome: Outcome = "broken" if is_strict and check.outcome == "open" else check.outcome
        if outcome in _ELEMENTS:
            told = ElementTree.SubElement(case, _ELEMENTS[outcome], message=visible(check.reason))
            told.set("type", check.outcome)
            told.text = visible(str(check))
        else:
            ElementTree.SubElement(case, "system-out").text = visible(str(check))
    _count(suite)


def _count(element: ElementTree.Element) -> None:
    """Say of an element how many cases it has, and how many of each kind."""
    element.set("tests", str(sum(1 for _ in element.iter("testcase"))))
    for name, attribute in _COUNTS.items():
        element.set(attribute, str(sum(1 for _ in element.iter(name))))
