"""Record what the real lm-evaluation-harness asks and hears in each of edgeval's tasks.

Its own tasks run over the items of ``tests/data/tasks``: only where their rows come from is
changed. The result is what the tests hold edgeval's prompts, log-probabilities and accuracies to::

    python -m scripts.golden.task_scores tests/golden/demo_task_scores.json
    python -m scripts.golden.task_scores smollm2.json --checkpoint DIR

``hf`` computes in float32 on the CPU. Needs lm_eval[hf] and typer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.demo.claim import PACKAGES, check_policy, load_model, sha256
from scripts.lib.paths import DEMO, TASK_ITEMS

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

POLICIES = {"lm-eval": False, "lm-eval-bos": True}
BATCH_SIZE = 16
PARTS = "mmlu"
"""The task that the harness runs by subject, as a group."""


@dataclass(frozen=True)
class Source:
    """Where the harness has a task, and which of its splits the two files are."""

    yaml: str
    split: str
    shots_split: str | None
    shots: tuple[int, ...] = (0, 2)


SOURCES = {
    "hellaswag": Source("hellaswag/hellaswag.yaml", "validation", "train"),
    "openbookqa": Source("openbookqa/openbookqa.yaml", "test", "train"),
    "winogrande": Source("winogrande/default.yaml", "validation", "train"),
    "arc_challenge": Source("arc/arc_challenge.yaml", "test", "train"),
    "arc_easy": Source("arc/arc_easy.yaml", "test", "train"),
    "boolq": Source("super_glue/boolq/default.yaml", "validation", "train"),
    "piqa": Source("piqa/piqa.yaml", "validation", "train"),
    "mmlu": Source("mmlu/default/mmlu_{}.yaml", "test", "dev", (0, 2, 5)),
    "truthfulqa_mc1": Source("truthfulqa/truthfulqa_mc1.yaml", "validation", None, (0,)),
}


def write_tasks(name: str, folder: Path) -> None:
    """Write the harness's own task over the two files; JSON is YAML."""
    source = SOURCES[name]
    files = {source.split: TASK_ITEMS / f"{name}.jsonl"}
    if source.shots_split:
        files[source.shots_split] = TASK_ITEMS / f"{name}.shots.jsonl"
    if name != PARTS:
        _write_task(name, source.yaml, files, folder)
        return
    parts = []
    for subject, split_files in _by_subject(files, folder):
        _write_task(f"{name}_{subject}", source.yaml.format(subject), split_files, folder)
        parts.append(f"local_{name}_{subject}")
    means = [{"metric": "acc", "weight_by_size": True}]
    group = {"group": f"local_{name}", "task": parts, "aggregate_metric_list": means}
    (folder / f"{name}.yaml").write_text(json.dumps(group), encoding="utf-8")


def _write_task(name: str, yaml: str, files: dict[str, Path], folder: Path) -> None:
    import lm_eval

    config = {
        "include": str(Path(lm_eval.__file__).parent / "tasks" / yaml),
        "task": f"local_{name}",
        "tag": None,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {split: str(path) for split, path in files.items()}},
    }
    (folder / f"{name}.yaml").write_text(json.dumps(config), encoding="utf-8")


def _by_subject(files: dict[str, Path], folder: Path) -> Iterator[tuple[str, dict[str, Path]]]:
    """Yield each subject with files of its rows alone, in their order."""
    found: dict[str, dict[str, Path]] = {}
    for split, path in files.items():
        rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for subject, lines in groupby(rows, key=lambda line: str(json.loads(line)["subject"])):
            part = folder / f"{subject}.{split}.jsonl"
            part.write_text("".join(lines), encoding="utf-8")
            found.setdefault(subject, {})[split] = part
    yield from found.items()


def measure(name: str, shots: int, model: Any, manager: TaskManager) -> dict[str, Any]:
    """Run one task.

    Returns:
        Its metrics, by name; for each item the hash of what was asked, and each choice's
        log-probability in nats; and what was asked of the first item.
    """
    import lm_eval

    output = lm_eval.simple_evaluate(
        model=model,
        tasks=[f"local_{name}"],
        num_fewshot=shots,
        task_manager=manager,
        bootstrap_iters=0,
        log_samples=True,
    )
    samples = [
        sample
        for part in sorted(output["samples"])
        for sample in sorted(output["samples"][part], key=lambda sample: sample["doc_id"])
    ]
    scores = (output.get("groups") or output["results"])[f"local_{name}"]
    asked = [[list(pair) for pair in _pairs(sample)] for sample in samples]
    return {
        "metrics": {
            metric.removesuffix(",none"): value
            for metric, value in scores.items()
            if metric.endswith(",none") and "stderr" not in metric
        },
        "asked_sha256": [digest(each) for each in asked],
        "first_asked": asked[0],
        "logprobs": [
            [round(float(logprob), 5) for logprob, _ in sample["filtered_resps"]]
            for sample in samples
        ],
    }


def _pairs(sample: dict[str, Any]) -> Sequence[Sequence[str]]:
    arguments = sample["arguments"]
    if isinstance(arguments, dict):
        return [tuple(each.values()) for each in arguments.values()]
    return [pair[:2] for pair in arguments]


def digest(pairs: Sequence[Sequence[str]]) -> str:
    """Return the SHA-256 of contexts and continuations."""
    return hashlib.sha256(json.dumps([list(pair) for pair in pairs]).encode()).hexdigest()


def main(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="JSON file to write.")],
    checkpoint: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Hugging Face checkpoint.")
    ] = DEMO,
) -> None:
    """Runs every task, with and without BOS."""
    from lm_eval.tasks import TaskManager

    if out.exists():
        raise typer.BadParameter(f"{out} exists already; name another file")
    found: dict[str, Any] = {
        name: {str(shots): {} for shots in source.shots} for name, source in SOURCES.items()
    }
    with TemporaryDirectory() as folder:
        for name in SOURCES:
            write_tasks(name, Path(folder))
        manager = TaskManager(include_path=folder)
        for policy, add_bos_token in POLICIES.items():
            model = load_model(checkpoint, None, add_bos_token, BATCH_SIZE)
            check_policy(model, add_bos_token)
            for name, source in SOURCES.items():
                for shots in source.shots:
                    result = measure(name, shots, model, manager)
                    typer.echo(f"{policy} {name} {shots}-shot {result['metrics']}")
                    one = found[name][str(shots)]
                    # What is asked does not depend on BOS.
                    one |= {key: result.pop(key) for key in ("asked_sha256", "first_asked")}
                    one[policy] = result
    content = {
        "source": "scripts/golden/task_scores.py",
        "versions": {name: version(name) for name in PACKAGES},
        "dtype": "float32",
        "device": "cpu",
        "checkpoint_sha256": {
            path.name: sha256(path) for path in sorted(checkpoint.glob("*.safetensors"))
        },
        "tasks": found,
    }
    out.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
