"""Ask lm-evaluation-harness for log-probabilities, in the peers' interpreter.

Called with a JSON file: checkpoints by name, and pairs of a context and a continuation. Writes the
log-probabilities of each checkpoint, or why there are none, to standard output as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

logging.disable(logging.WARNING)

import torch  # noqa: E402
from huggingface_hub.errors import StrictDataclassFieldValidationError  # noqa: E402
from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402

torch.set_num_threads(2)


def answers(checkpoint: str, pairs: list[tuple[str, str]]) -> list[float] | str:
    """Return a checkpoint's log-probability of each continuation, or the error."""
    try:
        model = HFLM(pretrained=checkpoint, dtype="float32", device="cpu", batch_size=4)
    except (KeyError, TypeError, ValueError, StrictDataclassFieldValidationError) as error:
        # It refuses some of them, too.
        return f"{type(error).__name__}: {error}"[:200]
    requests = [Instance("loglikelihood", {}, tuple(pair), 0) for pair in pairs]
    found: list[Any] = model.loglikelihood(requests, disable_tqdm=True)
    return [float(logprob) for logprob, _ in found]


job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
found = {name: answers(path, job["pairs"]) for name, path in job["checkpoints"].items()}
Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
