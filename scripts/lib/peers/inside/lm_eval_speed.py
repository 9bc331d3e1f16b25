"""Time lm-evaluation-harness's requests to a model, in the interpreter of whoever has the model.

Called with two JSON files. The first has the kind of the model and its arguments, the folder of the
tasks, and for each task its shots and its most items; the items, seconds and metrics of each are
written to the second. Loading is not timed, nor is what the harness does before and after.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["HF_DATASETS_OFFLINE"] = "1"
logging.disable(logging.WARNING)

import lm_eval  # noqa: E402
from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402


def load(kind: str, arguments: dict[str, Any]) -> Any:
    """Return a model of the harness."""
    if kind == "edgeval":
        from edgeval.integrations.lm_eval import EdgevalLM

        return EdgevalLM(**arguments)
    if kind == "gguf":
        from lm_eval.models.gguf import GGUFLM

        return GGUFLM(**arguments)
    import torch
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(arguments.pop("threads"))
    return HFLM(**arguments)


def measure(model: Any, name: str, shots: int, limit: int | None, manager: Any) -> dict[str, Any]:
    """Run a task, and return its items, the seconds of its requests and its metrics."""
    answer, seconds = model.loglikelihood, 0.0

    def timed(requests: list[Any], *rest: Any, **named: Any) -> Any:
        nonlocal seconds
        began = time.perf_counter()
        found = answer(requests, *rest, **named)
        seconds += time.perf_counter() - began
        return found

    model.loglikelihood = timed
    output = lm_eval.simple_evaluate(
        model=model,
        tasks=[name],
        num_fewshot=shots,
        limit=limit,
        task_manager=manager,
        bootstrap_iters=0,
        log_samples=False,
    )
    model.loglikelihood = answer
    scores = (output.get("groups") or output["results"])[name]
    return {
        "items": sum(each["effective"] for each in output["n-samples"].values()),
        "seconds": seconds,
        "metrics": {
            metric.removesuffix(",none"): value
            for metric, value in scores.items()
            if metric.startswith("acc") and "stderr" not in metric
        },
    }


job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
model = load(job["kind"], job["arguments"])
# Whoever loads weights with the first request has loaded them then.
model.loglikelihood([Instance("loglikelihood", {}, ("A cat sat", " on a mat"), 0)])
manager = TaskManager(include_path=job["tasks"])
found = {
    name: measure(model, name, shots, limit, manager)
    for name, (shots, limit) in job["measured"].items()
}
if job["kind"] == "edgeval":
    facts = model.get_model_info()
    found["facts"] = {key: facts[key] for key in ("tokens_decoded", "tokens_lower_bound")}
Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
