"""How to read the report: one short paragraph a subject, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.records import Report
from edgeval.report import formatting as fmt
from edgeval.report.comparison import compared_runs, is_slice, margin, primary

_UNITS = {
    "acc": "nats",
    "acc_norm": "nats a character",
    "acc_bytes": "nats a byte",
    "acc_token": "nats a token",
}


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
    if report.drift:
        found += [_paired(report), _paired_split(report), _mcnemar(), _holm(report), _flips()]
        found += [_logprobs(report)]
    return found


def _new_items(report: Report) -> Explanation:
    level = fmt.level(primary(report, compared_runs(report)[0][0]).stated_interval)
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
        "interval of the difference is much narrower than those of the two accuracies. In the "
        f"ladder it speaks about new items. A type is equivalent if the interval lies within "
        f"±{margin(report)}, has drifted if it excludes zero, and is undecided if neither holds. "
        "It is non-inferior if the interval reaches no further down than that. Each interval is "
        "for one type by itself.",
        "Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37:479",
        "https://doi.org/10.3102/1076998611411915",
    )


def _paired_split(report: Report) -> Explanation:
    here = (
        "In a slice it is narrower than that for new items, by the share of the split that was "
        "scored."
        if is_slice(report)
        else "Every item was scored here, so it is the difference itself."
    )
    return Explanation(
        "Difference on the split",
        "The same interval with the finite-population correction, and each end moved out by half "
        "an item of the split, because its flips are whole. It speaks about the difference on "
        f"exactly this data set. {here}",
        "Cochran 1977, Sampling Techniques, section 2.6",
    )


def _holm(report: Report) -> Explanation:
    return Explanation(
        "Holm p",
        f"McNemar's p adjusted for the number of types compared, here {len(report.drift)}. If no "
        "type differed, one ladder in twenty at most would have any below 0.05.",
        "Holm 1979, Scandinavian Journal of Statistics 6:65",
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


def _logprobs(report: Report) -> Explanation:
    metric = report.protocol.metric
    return Explanation(
        "Changes of the log-probabilities",
        "Of every choice of every item: the mean says whether a type finds them less likely, the "
        "mean of the sizes, the root mean square (RMS) and the 99th percentile how far they moved. "
        "The lead is what picks the gold choice: its value less that of the best other choice, in "
        f"the unit of {metric} ({_UNITS[metric]}).",
    )
