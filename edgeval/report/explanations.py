"""Explanations: how to read the report, a paragraph a subject with its source."""

from __future__ import annotations

from edgeval.errors import counted
from edgeval.records import Report
from edgeval.records.suite import N_POOLED
from edgeval.report import explanations_of_new_items as new_items
from edgeval.report.explanations_of_new_items import Explanation
from edgeval.report.machines import gpu_runs
from edgeval.report.record_view import RecordView

_View = RecordView[Report]

_UNITS = {
    "acc": "nats",
    "acc_norm": "nats a character",
    "acc_bytes": "nats a byte",
    "acc_token": "nats a token",
}


def explanations(view: RecordView[Report]) -> list[Explanation]:
    """Return the paragraphs that a report needs."""
    paragraphs = [_population()]
    if not view.is_sample:
        paragraphs.append(_file_order())
    elif view.is_slice:
        paragraphs.append(_every_look(view) if view.stopping is not None else _split())
    paragraphs += _of_drifts(view) if view.drifts else []
    paragraphs += new_items.explanations(view)
    if any(drift.divergence for drift in view.drifts):
        paragraphs += [_divergence(view), _displacement()]
    if gpu_runs(view.record.runs):
        paragraphs.append(_gpu(view.record.engine.backend))
    return paragraphs


def _of_drifts(view: _View) -> list[Explanation]:
    paragraphs = [_outcomes(view)]
    if view.is_slice and view.is_sample and view.stopping is None:
        n_types, n_together = len(view.sampled), view.record.n_together
        several = [_together(n_types, n_together)] if n_types * n_together > 1 else []
        paragraphs += [_exact_test(), *several]
    if view.is_weighted:
        paragraphs.append(_weighted())
    if view.is_estimated:
        paragraphs.append(_estimator(view))
    flips = _flips(has_agreement=view.has_agreement)
    return [*paragraphs, flips, _logprobs(view.record.protocol.metric)]


def _population() -> Explanation:
    return Explanation(
        "Split and new items",
        "The split is the data set, the number that papers print: scored whole, it leaves nothing "
        "to sampling, and what is said of it is counted. New items are others of the same kind, "
        "of which the split is a sample; of these an interval is given beside it.",
    )


def _outcomes(view: _View) -> Explanation:
    reference, within = view.runs[0].run.label, view.margin
    together = (
        " What is said of all types holds together, so that choosing among them makes it no less "
        "sure."
    )
    is_chosen = len(view.drifts) > 1 and view.are_together
    return Explanation(
        f"Difference to {reference}",
        f"On the split a type is equivalent if its accuracy is no further than {within} from "
        f"{reference}'s, on either side, and worse if it is further below. It is different if it "
        "is not the same and neither of these is shown, and open if nothing is. A type above the "
        "reference is no worse, however far: the recommendation is the smallest file that is shown "
        f"to be at most {within} worse.{together if is_chosen else ''}",
        "Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657",
        "https://doi.org/10.1007/BF01068419",
    )


def _exact_test() -> Explanation:
    return Explanation(
        "From a slice to the split",
        "Both models answer the same items, so only those on which they differ count. A difference "
        "is excluded if a slice that speaks as much against it is too improbable, whatever the "
        "number of flips in the split: by exact probabilities, so that no number of items and no "
        "share of flips makes it wrong more often than is said.",
        "Berger and Boos 1994, Journal of the American Statistical Association 89:1012; Tango "
        "1998, Statistics in Medicine 17:891",
    )


def _together(n_types: int, n_together: int) -> Explanation:
    k = n_types * n_together
    tasks = (
        f" The 5% are divided among the {n_together - N_POOLED} tasks of the run and the two "
        "differences over all of them."
    )
    return Explanation(
        "All types together",
        f"What is said of the {counted(n_types, 'type')} is right in all with 95%, and so are "
        f"their intervals, which have a {k}-th of the 5% each.{tasks if n_together > 1 else ''} "
        "Types are shown to be no worse from the largest file down, each handing its "
        "share of the error to the next; they are shown to be worse by "
        "Holm's step-down, in which those that are shown are set aside. An interval that ends just "
        "at the margin was cut there by such a test.",
        "Wiens 2003, Pharmaceutical Statistics 2:211; Holm 1979, Scandinavian Journal of "
        "Statistics 6:65",
    )


def _file_order() -> Explanation:
    return Explanation(
        "The first items of a file",
        "A file has its items in an order of its own, so that the first are no sample of them: no "
        "probability says anything of the others, or of new items. The intervals hold whatever "
        "the others are, as if all were right, or all wrong.",
    )


def _every_look(view: _View) -> Explanation:
    shares = " The 5% are divided among the types that are compared."
    is_shared = len(view.drifts) > 1 and view.are_together
    return Explanation(
        "Interval that is valid at every look",
        "Each evaluation stopped as soon as what was asked of it was decided. An ordinary interval "
        "assumes that the number of items was fixed before, and is wrong too often if it is looked "
        "at again and again. These are confidence sequences: with the stated probability none of "
        "the intervals, after any number of items, misses the value for the split. They know that "
        "no item is drawn twice, and shrink to nothing when every item is scored; at the same "
        "number of items they are wider than an ordinary interval."
        f"{shares if is_shared else ''}",
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
        "share of all items.",
        "Neyman 1934, Journal of the Royal Statistical Society 97:558; Shekhar, Xu, Lipton, Liang "
        "and Ramdas 2023, Uncertainty in Artificial Intelligence, PMLR 216",
        "https://doi.org/10.2307/2342192",
    )


def _estimator(view: _View) -> Explanation:
    reference = view.runs[0].run.label
    return Explanation(
        "Accuracy by difference",
        f"{reference} is known of every item of the split. The accuracy of a type that was "
        f"evaluated on a part of it is that of {reference} on the split plus the difference "
        "estimated on the part, and its interval is the difference's: most items are answered "
        "alike by both, and what these add to the accuracy is known.",
        "Cochran 1977, Sampling Techniques, section 7.2",
    )


def _divergence(view: _View) -> Explanation:
    return Explanation(
        "KL divergence",
        f"How far the next-token distributions are from those of {view.runs[0].run.label}, as "
        "the mean over the scored positions of some items, in nats. At each position the 32 tokens "
        "that the reference finds most likely are told apart, and all others, the remainder, count "
        "as one. Merging outcomes never increases a divergence (data processing inequality), so "
        "these give a lower bound of the KL divergence of the whole distributions. What is missing "
        "is estimated without bias from four tokens drawn from the remainder at each position. The "
        "upper estimate is 97.5 % sure over these draws, and 96 % where there are few positions; "
        "both bounds are of these positions, and the standard error, clustered by item, is for "
        "other items of the same kind. Same top token: the positions at which both find the same "
        "token most likely. By position: tokens are counted from the first of their choice.",
        "Cover and Thomas 2006, Elements of Information Theory, sections 2.5 and 2.8; Schulman "
        "2020, Approximating KL Divergence",
    )


def _displacement() -> Explanation:
    return Explanation(
        "KL divergence and quality",
        "It tells how far answers moved, and not in which direction. Over all quantizations of a "
        "model it goes with the score of benchmarks, but among those near the reference it was "
        "found to rank nothing. So types whose divergences are small are told apart by the items "
        "they lost and gained, if at all.",
        "Nikolić, Hadi Zadeh, Torres Sanchez and Moshovos 2026, Displacement Is Not Direction, "
        "arXiv 2606.19558",
        "https://arxiv.org/abs/2606.19558",
    )


def _gpu(backend: str) -> Explanation:
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


def _split() -> Explanation:
    return Explanation(
        "Accuracy on the split",
        "The interval of the number of right items in the whole data set, from the exact "
        "probabilities of a slice without replacement. It shrinks to nothing when every item is "
        "scored.",
        "Clopper and Pearson 1934, Biometrika 26:404, with hypergeometric probabilities",
    )


def _flips(*, has_agreement: bool) -> Explanation:
    agreement = " Agreement counts the items with the same pick, right or wrong."
    return Explanation(
        "Flips and agreement" if has_agreement else "Flips",
        "Lost: right by the reference and wrong by the quantized model; gained: the reverse. Two "
        "models of equal accuracy can still differ on many items."
        f"{agreement if has_agreement else ''}",
    )


def _logprobs(metric: str) -> Explanation:
    return Explanation(
        "Changes of the log-probabilities",
        "Of every choice of every item: the mean says whether a type finds them less likely, the "
        "mean of the sizes, the root mean square (RMS) and the 99th percentile how far they moved. "
        "The lead is what picks the gold choice: its value less that of the best other choice, in "
        f"the unit of {metric} ({_UNITS[metric]}).",
    )
