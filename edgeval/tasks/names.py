"""Names of tasks and protocols, and what can be said of them without NumPy or pydantic."""

from __future__ import annotations

from typing import Final, Literal

DEFAULT_TASK: Final = "hellaswag"

TASK_NAMES: Final = (
    DEFAULT_TASK,
    "openbookqa",
    "winogrande",
    "arc_challenge",
    "arc_easy",
    "boolq",
    "piqa",
    "mmlu",
    "truthfulqa_mc1",
)
"""All tasks, in the order of the registry; a test holds the two together."""

UNNAMED_TASK: Final = "hellaswag"
"""The task of records and of keys of scores that name none: there was one when they began."""

UNNAMED_TASK_VERSION: Final = 1

HARNESS_PREFIX: Final = "lm-eval:"
"""What names of tasks begin with that lm-evaluation-harness renders."""

ACCURACIES: Final = ("acc", "acc_norm", "acc_bytes", "acc_token")
"""How a choice is picked: by the sum of its log-probabilities, or that for each of its characters,
its UTF-8 bytes or its own tokens."""

Family = Literal["lm-eval", "llama.cpp"]

ANY_LM_EVAL: Final = "lm-evaluation-harness"
"""What a published number is of that names the tool and not its version, which decides on BOS."""

FAMILIES: Final[dict[str, Family]] = {
    "lm-eval": "lm-eval",
    "lm-eval-bos": "lm-eval",
    ANY_LM_EVAL: "lm-eval",
    "llama.cpp": "llama.cpp",
}
"""By the names of protocols: numbers within a family may stand for each other, but for their BOS
policy."""


def family_of(protocol: str) -> str:
    """Return the family of a protocol by its name; one that is not known is a family of its own."""
    return FAMILIES.get(protocol, protocol)
