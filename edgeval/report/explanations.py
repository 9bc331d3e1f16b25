"""How to read the report: one short paragraph a subject, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.records import Report
from edgeval.report import formatting as fmt
from edgeval.report.comparison import MARGIN_POINTS, compared_runs, is_slice, primary


@dataclass(frozen=True)
class Explanation:
    """One subject, with its citation where it has one."""

    subject: str
    text: str
    citation: str = ""
    url: str = ""


def explanations(report: Report) -> list[Explanation]:
    """Return the paragraphs that this report needs."""
    found = [_new_items(report), _split(report)]
    if len(report.runs) > 1:
        found += [_paired(report), _mcnemar(), _flips()]
    return found


def _new_items(report: Report) -> Explanation:
    level = fmt.level(primary(report, compared_runs(report)[0][0]).interval)
    return Explanation(
        "Interval for new items",
        f"The {level} score interval of the accuracy. It speaks about other items of the same "
        "kind, as if these had been drawn from an endless supply.",
        "Wilson 1927, Journal of the American Statistical Association 22:209",
        "https://doi.org/10.1080/01621459.1927.10502953",
    )


def _split(report: Report) -> Explanation:
    here = (
        "This report is of a slice, so the interval has a width."
        if is_slice(report)
        else "Every item was scored here, so it is exact."
    )
    return Explanation(
        "Interval for the split",
        "The same interval with the finite-population correction. It speaks about the accuracy on "
        "exactly this data set, the number that papers print, and shrinks to nothing when every "
        f"item is scored. {here}",
        "Cochran 1977, Sampling Techniques, section 2.6",
    )


def _paired(report: Report) -> Explanation:
    reference = report.runs[0].label
    return Explanation(
        f"Difference to {reference}",
        "Both models answer the same items, so only the items on which they differ count, and the "
        "interval of the difference is much narrower than those of the two accuracies. It speaks "
        f"about new items. A type is equivalent if the interval lies within ±{MARGIN_POINTS:g} "
        "point, has drifted if it excludes zero, and is undecided if neither holds. Each interval "
        "is for one type by itself.",
        "Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37:479",
        "https://doi.org/10.3102/1076998611411915",
    )


def _mcnemar() -> Explanation:
    return Explanation(
        "McNemar p",
        "How often a fair coin, thrown once for each flip, would fall as unevenly as lost and "
        "gained did (exact, two-sided). A large p does not show that two models are equal; the "
        "interval does, if it is narrow.",
        "McNemar 1947, Psychometrika 12:153",
        "https://doi.org/10.1007/BF02295996",
    )


def _flips() -> Explanation:
    return Explanation(
        "Flips and agreement",
        "Lost: right by the reference and wrong by the quantized model; gained: the reverse. Two "
        "models of equal accuracy can still differ on many items. Agreement counts the items with "
        "the same pick, right or wrong.",
    )
