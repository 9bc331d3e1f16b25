"""How to read the report: one short paragraph a subject, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.records import Report
from edgeval.report import formatting as fmt
from edgeval.report.comparison import compared_runs, margin, primary
from edgeval.report.items import is_slice, stopping_of
from edgeval.report.selfchecks import gpu_runs

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
    is_stopped = stopping_of(report) is not None
    found = _of_accuracies(report, is_stopped=is_stopped)
    if report.drift:
        if is_stopped:
            found += [_stopped_difference(report), _no_p_value()]
        else:
            found += [_paired(report), _paired_split(report), _mcnemar(), _holm(report)]
        has_agreement = any(drift.pick_agreement is not None for drift in report.drift)
        found += [_flips(has_agreement=has_agreement), _logprobs(report)]
    if any(drift.divergence for drift in report.drift):
        found.append(_divergence(report))
    if gpu_runs(report.runs):
        found.append(_gpu(report))
    return found


def _of_accuracies(report: Report, *, is_stopped: bool) -> list[Explanation]:
    is_estimated = any(drift.split_accuracy for drift in report.drift)
    found = []
    if is_stopped:
        found.append(_every_look())
    elif is_estimated:
        found.append(_split(report))
    else:
        found += [_new_items(report), _split(report)]
    if any(run.stopping and run.stopping.design == "weighted" for run in report.runs):
        found.append(_weighted())
    if is_estimated:
        found.append(_estimator(report))
    return found


def _every_look() -> Explanation:
    return Explanation(
        "Interval that is valid at every look",
        "Each evaluation stopped as soon as what was asked of it was decided. An ordinary interval "
        "assumes that the number of items was fixed before, and is wrong too often if it is looked "
        "at again and again. These are confidence sequences: with the stated probability none of "
        "the intervals, after any number of items, misses the value for the split. They know that "
        "no item is drawn twice, and shrink to nothing when every item is scored; at the same "
        "number of items they are wider than an ordinary interval.",
        "Waudby-Smith and Ramdas 2024, Journal of the Royal Statistical Society B 86:1; without "
        "replacement: 2020, Advances in Neural Information Processing Systems 33",
        "https://doi.org/10.1093/jrsssb/qkad009",
    )


def _weighted() -> Explanation:
    return Explanation(
        "Items drawn by what they can tell",
        "The reference's lead on each item is known, and an item that it decides by a hair is more "
        "likely to flip than one that it decides by far. Items are drawn in proportion to how "
        "uncertain their flip is, and each counts by the inverse of its probability, so that the "
        "estimated difference is that of the whole split. The items drawn are no sample of it: "
        "what is counted on them (flips, changes of the log-probabilities) says nothing about the "
        "share of all items. They are worth as many items in random order as would give an "
        "estimate of the same variance.",
        "Neyman 1934, Journal of the Royal Statistical Society 97:558; Shekhar, Xu, Lipton, Liang "
        "and Ramdas 2023, Uncertainty in Artificial Intelligence, PMLR 216",
        "https://doi.org/10.2307/2342192",
    )


def _estimator(report: Report) -> Explanation:
    reference = report.runs[0].label
    return Explanation(
        "Accuracy by difference",
        f"{reference} is known of every item of the split. The accuracy of a type that was "
        f"evaluated on a part of it is that of {reference} on the split plus the difference "
        "estimated on the part, and its interval is the difference's: most items are answered "
        "alike by both, and what these add to the accuracy is known.",
        "Cochran 1977, Sampling Techniques, section 7.2",
    )


def _stopped_difference(report: Report) -> Explanation:
    reference = report.runs[0].label
    return Explanation(
        f"Difference to {reference}",
        "Both models answer the same items, so only the items on which they differ count. The "
        "interval is for the whole split and valid at every look. A type is equivalent if it lies "
        f"within ±{margin(report)}, has drifted if it lies beyond, and is undecided if the items "
        "ran out before either. It is non-inferior if the interval reaches no further down than "
        "that. Each interval is for one type by itself.",
    )


def _no_p_value() -> Explanation:
    return Explanation(
        "No p-values",
        "McNemar's p is not given: it takes the number of items as fixed before, and here the "
        "flips themselves decided it.",
    )


def _divergence(report: Report) -> Explanation:
    return Explanation(
        "KL divergence",
        f"How far the next-token distributions are from those of {report.runs[0].label}, as the "
        "mean over the scored positions of some items, in nats. At each position the 32 tokens "
        "that the reference finds most likely are told apart, and all others count as one. Merging "
        "outcomes never increases a divergence (data processing inequality), so this is a lower "
        "bound of the KL divergence of the whole distributions. The standard error is clustered by "
        "item. Same top token: the positions at which both find the same token most likely.",
        "Cover and Thomas 2006, Elements of Information Theory, section 2.8",
    )


def _gpu(report: Report) -> Explanation:
    backend = report.engine.backend
    is_cuda = backend == "cuda"
    theirs = (
        "CUDA in blocks of 32 (Q8_1), or of 64 for Q2_K; F16 weights it multiplies in F16, and F32 "
        "weights in TF32 (10 of 23 bits of the fraction) on GPUs that have it"
        if is_cuda
        else f"{backend} has kernels of its own"
    )
    return Explanation(
        "Self-check of a GPU",
        "Before a GPU is trusted with a model, some items are scored by it and by the CPU. The "
        "mean change of a choice's log-probability, a token, has to stay within a share of what "
        "quantization does to the same items (twice that for 8 and 6 bits, 1.6 times for 5, and "
        "half as much for each bit fewer or for Q4_0 and its like; without quantization, 0.015 "
        "nats, and 0.005 for F32). A shift that all items have in common must make no drift in "
        "accuracy beyond 0.1 points and chance. The two are hardly ever equal, because they round "
        "differently. Before they meet "
        "quantized weights, the CPU rounds activations to 8 bits in blocks that share a scale: of "
        "256 values for the K types (Q8_K), of 32 for Q8_0 and Q4_0 (Q8_0); "
        f"{theirs}. That decides near ties, so types are compared as computed in one place.",
        "llama.cpp, ggml/src: ggml-common.h and ggml-cpu/ggml-cpu.c"
        + ("; ggml-cuda/mmq.cuh, quantize.cu, ggml-cuda.cu and common.cuh" if is_cuda else ""),
        "https://github.com/ggml-org/llama.cpp/tree/master/ggml/src",
    )


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


def _flips(*, has_agreement: bool) -> Explanation:
    agreement = " Agreement counts the items with the same pick, right or wrong."
    return Explanation(
        "Flips and agreement" if has_agreement else "Flips",
        "Lost: right by the reference and wrong by the quantized model; gained: the reverse. Two "
        "models of equal accuracy can still differ on many items."
        f"{agreement if has_agreement else ''}",
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
