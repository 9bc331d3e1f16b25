"""Changes of log-likelihoods between two models, over the same requests."""

from __future__ import annotations

import numpy as np

from edgeval.records.paired_samples import LoglikelihoodChange
from edgeval.report.samples.sample_set import Pairs, SampleSet


def changes_of(ours: SampleSet, theirs: SampleSet, pairs: Pairs) -> LoglikelihoodChange | None:
    """Return how far the log-likelihoods of the same requests are apart; None without any."""
    changes, greedy = [], []
    ours_of, theirs_of = ours.items, theirs.items
    for doc_id in pairs.doc_ids:
        before, after = ours_of[doc_id].answers, theirs_of[doc_id].answers
        if len(before.loglikelihoods) != len(after.loglikelihoods):
            continue
        changes += np.subtract(after.loglikelihoods, before.loglikelihoods).tolist()
        greedy += [a != b for a, b in zip(before.greedy, after.greedy, strict=False)]
    every = np.array(changes, dtype=np.float64)
    finite = every[np.isfinite(every)]
    if not finite.size:
        return None
    sizes = np.abs(finite)
    return LoglikelihoodChange(
        n_requests=len(finite),
        n_not_finite=len(every) - len(finite),
        mean=float(finite.mean()),
        mean_abs=float(sizes.mean()),
        rms=float(np.sqrt(np.square(finite).mean())),
        p99_abs=float(np.quantile(sizes, 0.99)),
        max_abs=float(sizes.max()),
        n_greedy_changed=sum(greedy) if greedy else None,
    )
