"""Tasks of an installed lm-evaluation-harness: their items, and their scores."""

from __future__ import annotations

import builtins
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval import llama
from edgeval.cli import main
from edgeval.errors import EdgevalError
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.evaluation.pipeline import run
from edgeval.records import Report
from edgeval.stats.drift import drift
from edgeval.stats.metrics import ANOTHER_TEXT, margin
from edgeval.tasks import harness
from edgeval.tasks.item import Item, ItemScore
from tests.helpers.tiny import make_items, write_items

lm_eval = pytest.importorskip("lm_eval")

from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

from edgeval.integrations.lm_eval import EdgevalLM  # noqa: E402

QUESTIONS = [{"q": f"Is {n} even?", "options": ["no", "yes"], "right": 1 - n % 2} for n in range(6)]
BLANKS = [{"left": ["The cat", "The dog"], "right": "sat down.", "gold": n % 2} for n in range(4)]
MEAN = {"aggregation": "mean", "higher_is_better": True}
ACC = [{"metric": "acc", **MEAN}]
LASTS = [
    {"text": f"number {n} is", "last": last}
    for n in range(12)
    for last in (" one", " the", " a number")
]


def write_task(folder: Path, name: str, rows: list[dict[str, Any]], **config: Any) -> None:
    """Write a task as YAML, of which JSON is a part."""
    data = write_items(folder / f"{name}.jsonl", rows)
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"validation": str(data)}},
        "validation_split": "validation",
        "output_type": "multiple_choice",
        "metadata": {"version": 2.0},
        "metric_list": ACC,
    }
    (folder / f"{name}.yaml").write_text(json.dumps(task | config), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tasks")
    own = Path(lm_eval.__file__).parent / "tasks" / "hellaswag" / "hellaswag.yaml"
    items = str(write_items(made / "items.jsonl", make_items(24)))
    files = {"train": items, "validation": items}
    hellaswag = {
        "include": str(own),
        "task": "own_hellaswag",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
    }
    (made / "hellaswag.yaml").write_text(json.dumps(hellaswag), encoding="utf-8")
    asked = {
        "doc_to_text": "Q: {{q}}\nA:",
        "doc_to_choice": "options",
        "doc_to_target": "right",
        "target_delimiter": "\n",
    }
    write_task(made, "own_asked", QUESTIONS, **asked)
    write_task(made, "own_more", QUESTIONS[:2], **asked)
    write_task(
        made,
        "own_blanks",
        BLANKS,
        doc_to_text="gold",
        doc_to_choice="left",
        doc_to_target="right",
        metric_list=[*ACC, {"metric": "acc_norm", **MEAN}],
    )
    group = {"group": "own_group", "task": ["own_asked", "own_more"]}
    (made / "group.yaml").write_text(json.dumps(group), encoding="utf-8")
    write_task(made, "own_several", QUESTIONS, **asked | {"doc_to_target": "[0, 1]"})
    write_task(made, "own_two_shots", QUESTIONS, **asked, num_fewshot=2)
    write_task(made, "own_no_shots", QUESTIONS, **asked, num_fewshot=0)
    write_task(made, "own_f1", QUESTIONS, **asked | {"metric_list": [{"metric": "f1"}]})
    for kind in ("generate_until", "loglikelihood_rolling"):
        plain = {"doc_to_text": "{{q}}", "doc_to_target": "{{q}}", "output_type": kind}
        write_task(made, f"own_{kind}", QUESTIONS, **plain, metric_list=None)
    one = {"doc_to_text": "{{text}}", "doc_to_target": "{{last}}", "output_type": "loglikelihood"}
    perplexity = {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False}
    write_task(made, "own_last", LASTS, **one, metric_list=[perplexity, *ACC])
    write_task(made, "own_perplexity", LASTS, **one, metric_list=[perplexity])
    return made


def task(name: str, folder: Path, shots: int = 0) -> harness.HarnessTask:
    return harness.harness_task(name, folder, shots, True)


def items(name: str, folder: Path, shots: int = 0) -> list[Item]:
    return task(name, folder, shots).load().items("lm-eval")


@pytest.mark.parametrize("shots", [0, 3])
def test_scores_are_bit_for_bit_those_of_the_own_task(
    shots: int, folder: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    """The same items, shots and window; no score may differ in any digit."""
    found = []
    given: dict[str, Any]
    for name, given in {
        "harness": {"lm_eval_task": "own_hellaswag", "lm_eval_include": folder},
        "own": {"data": folder / "items.jsonl", "shots_data": folder / "items.jsonl"},
    }.items():
        if not shots:
            given.pop("shots_data", None)
        path = tmp_path / f"{name}.jsonl"
        # In random order the groups of the one data set are strata.
        options = Options(offline=True, kernels="plain", shots=shots, order="file")
        options = replace(options, **given)
        result = evaluate([tiny_f32], options, samples=path, progress=None)
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        found.append([(row["logprobs"], row["n_chars"], row["correct"]) for row in rows])
        assert result.data.task == {"harness": "lm-eval:own_hellaswag"}.get(name, "hellaswag")
    assert found[0] == found[1]
    assert len(found[0]) == 24


def test_items_are_what_the_harness_renders(folder: Path) -> None:
    found = task("own_asked", folder)
    first = items("own_asked", folder)[0]
    assert (first.contexts, first.choices, first.gold) == (("Q: Is 0 even?\nA:",), ("no", "yes"), 1)
    assert (first.delimiter, first.texts[1]) == ("\n", "Q: Is 0 even?\nA:\nyes")
    assert (found.name, found.version, found.metrics) == ("lm-eval:own_asked", 2, ("acc",))


def test_contexts_may_differ_before_one_continuation(folder: Path) -> None:
    """As in WinoGrande. The harness's acc_norm divides by the lengths of contexts: it is none."""
    first = items("own_blanks", folder)[0]
    assert first.pairs == (("The cat", "sat down."), ("The dog", "sat down."))
    assert task("own_blanks", folder).metrics == ("acc",)


def test_one_text_is_right_if_the_model_generates_it(
    folder: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    """As in LAMBADA; the harness's own accuracy and log-probabilities are those of its model."""
    rows = _told(tiny_f32)
    one = {"doc_to_text": "{{text}}", "doc_to_target": "{{last}}", "output_type": "loglikelihood"}
    write_task(tmp_path, "told", rows, **one, metric_list=ACC)
    model = EdgevalLM(str(tiny_f32), kernels="plain")
    theirs = lm_eval.simple_evaluate(
        model=model,
        tasks=["told"],
        task_manager=TaskManager(include_path=str(tmp_path)),
        bootstrap_iters=0,
    )
    samples = tmp_path / "samples.jsonl"
    options = Options(lm_eval_task="told", lm_eval_include=tmp_path, kernels="plain", order="file")
    ours = evaluate([tiny_f32], options, samples=samples, progress=None)
    metric = ours.runs[0].metrics["acc"]
    assert metric.value == theirs["results"]["told"]["acc,none"] == 0.5
    assert list(ours.runs[0].metrics) == ["acc"]
    asked = sorted(theirs["samples"]["told"], key=lambda each: each["doc_id"])
    found = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    for their, our in zip(asked, found, strict=True):
        ((logprob, is_greedy),) = their["filtered_resps"]
        assert our["logprobs"] == [pytest.approx(logprob, abs=1e-4)]
        assert (our["pick"] == our["gold"]) == our["correct"] == is_greedy
    # Who picks blindly has nothing to pick from.
    assert ours.data.chance is None


def _told(gguf: Path) -> list[dict[str, str]]:
    """Return texts with what the model says next, and with what it does not, in turn."""
    with llama.Tokenizer(gguf) as vocabulary:
        words = [f" {chr(letter)}" for letter in range(ord("A"), ord("z"))]
        words += [vocabulary.detokenize(np.array([token])) for token in range(3, 300)]
    words = [word for word in dict.fromkeys(words) if word.strip() and word.isprintable()]
    model, rows = EdgevalLM(str(gguf), kernels="plain"), []
    for number in range(12):
        text = f"A person says {number} and then"
        asked = [Instance("loglikelihood", {}, (text, word), 0) for word in words]
        is_said = [said for _, said in model.loglikelihood(asked, disable_tqdm=True)]
        if True in is_said:
            rows += [{"text": text, "last": words[is_said.index(each)]} for each in (True, False)]
    assert len(rows) >= 4
    return rows


def test_drift_of_one_text_counts_what_is_no_longer_generated() -> None:
    item = Item("0", "all", ("A",), (" b",), gold=0, delimiter="")
    said, unsaid = (
        ItemScore(item, (logprob,), (1,), (logprob,), (is_greedy,))
        for logprob, is_greedy in ((-0.1, True), (-2.0, False))
    )
    found = drift("Q2_K", [said, unsaid, unsaid], "F16", [said, said, unsaid], "acc")
    assert (found.right_to_wrong, found.wrong_to_right) == (1, 0)
    (flip,) = found.flips
    assert (flip.gold, flip.reference_pick, flip.pick) == (0, 0, ANOTHER_TEXT)
    odds = [math.log(math.exp(each) / (1 - math.exp(each))) for each in (-0.1, -2.0)]
    assert found.mean_margin_shift == pytest.approx((odds[1] - odds[0]) / 3)
    certain = ItemScore(item, (0.0,), (1,), (0.0,), (True,))
    assert 30 < margin(certain, "acc") < math.inf


@pytest.mark.parametrize("name", ["own_asked", "own_last"])
def test_a_ladder_drifts_on_them(
    name: str, folder: Path, tiny_f32: Path, tiny_f16: Path, tmp_path: Path
) -> None:
    """Whatever is published of a model's own tasks is not of these."""
    options = Options(lm_eval_task=name, lm_eval_include=folder, store=tmp_path / "a.db")
    claim = "hellaswag acc 50 https://example.org"
    files = [str(tiny_f32), str(tiny_f16)]
    record, _ = run(files, options, out=tmp_path / "out", claims=[claim], progress=None)
    assert isinstance(record, Report)
    (found,) = record.drift
    assert (record.data.task, found.type) == (f"lm-eval:{name}", "F16")
    assert (record.claims, len(record.other_claims)) == ([], 1)
    again, _ = run(files, options, out=tmp_path / "again", progress=None)
    assert isinstance(again, Report)
    assert [each.metrics for each in again.runs] == [each.metrics for each in record.runs]
    assert f"lm-eval {name}" in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_subtasks_are_groups_of_items(folder: Path) -> None:
    found = items("own_group", folder)
    assert [item.group for item in found] == ["own_asked"] * 6 + ["own_more"] * 2
    assert [item.id for item in found][-1] == "own_more/1"


def test_shots_stand_before_the_item(folder: Path) -> None:
    (context,) = items("own_asked", folder, 2)[3].contexts
    assert context.count("Q: ") == 3
    assert context.endswith("\n\nQ: Is 3 even?\nA:")


@pytest.mark.parametrize(
    ("name", "shots", "says"),
    [
        (
            "own_generate_until",
            0,
            "kind generate_until, not multiple_choice or loglikelihood; .*edgeval lm-eval",
        ),
        ("own_loglikelihood_rolling", 0, "of the kind loglikelihood_rolling, not"),
        ("own_perplexity", 0, "none of the metrics acc, acc_norm, acc_bytes"),
        ("own_askd", 0, "no task 'own_askd' .*did you mean 'own_asked'"),
        ("own_several", 0, "item own_several/0 .*has several right choices"),
        ("own_two_shots", 0, "shows 2 solved items .*--shots 2"),
        ("own_no_shots", 1, "no shots by its own configuration"),
        ("own_f1", 0, "none of the metrics acc, acc_norm, acc_bytes"),
    ],
)
def test_what_cannot_be_scored_is_refused(name: str, shots: int, says: str, folder: Path) -> None:
    with pytest.raises(EdgevalError, match=says):
        task(name, folder, shots)


def test_options_that_are_not_for_it_are_refused(folder: Path) -> None:
    for given, says in (
        (Options(lm_eval_task="x", data=folder), "leave out --data"),
        (Options(lm_eval_include=folder), "name one with --lm-eval-task"),
        (Options(lm_eval_task="x", task="piqa"), "--task piqa and --lm-eval-task x name two tasks"),
        (Options(lm_eval_task="own_asked", lm_eval_include=folder / "no"), "no folder of tasks"),
        (
            Options(lm_eval_task="own_asked", lm_eval_include=folder, protocol="llama.cpp"),
            "has no llama.cpp protocol",
        ),
    ):
        with pytest.raises(EdgevalError, match=says):
            given.require_usable()


def test_without_the_harness_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tiny_f32: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("lm_eval"):
            raise ImportError(name)
        return real(name, *rest)

    harness._manager.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SystemExit) as stopped:
        main(["eval", str(tiny_f32), "--lm-eval-task", "hellaswag"])
    assert stopped.value.code == 1
    assert "pip install 'edgeval[lm-eval]'" in capsys.readouterr().err
    harness._manager.cache_clear()
