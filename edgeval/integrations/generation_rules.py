"""Generation rules: what a task of lm-evaluation-harness says about how a text is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

from edgeval.errors import EdgevalError, closest
from edgeval.llama.prompt import Sampling
from edgeval.system.untrusted import printable

_DEFAULT_TOP_K = 50
"""transformers' own, where nobody says another one."""

_SEQUENCES = 16
"""Texts written at once: on a CPU, more gain little."""

_KNOWN = (
    "until", "max_gen_toks", "do_sample", "temperature", "top_k", "top_p", "seed", "num_beams",
)  # fmt: skip


@dataclass(frozen=True)
class GenerationRules:
    """How a text is written.

    Attributes:
        most: Tokens that are written at most.
        stops: Texts that end it, the end of the model's own texts among them.
        temperature: What logits are divided by; None for the most likely token each time.
        top_k: Tokens are drawn from so many of the most likely ones; 0 for all.
        top_p: And from the fewest that have so much of the probability together.
        seed: Decides what is drawn; None for the model's.
    """

    most: int
    stops: tuple[str, ...]
    temperature: float | None
    top_k: int
    top_p: float
    seed: int | None

    @classmethod
    def of(cls, given: Mapping[str, Any], most: int, end_mark: str | None) -> GenerationRules:
        """Return rules as a task states them.

        Source: ``HFLM.generate_until`` and ``HFLM._model_generate`` of lm-evaluation-harness.

        Args:
            given: The task's ``generation_kwargs``.
            most: Tokens that are written at most where the task does not say it.
            end_mark: The text of the model's EOS token.

        Raises:
            EdgevalError: If edgeval does not know one, or cannot do what it says.
        """
        rules: dict[str, Any] = dict(normalize_gen_kwargs(dict(given), most))
        for name in rules:
            if name not in _KNOWN:
                raise EdgevalError(
                    f"unknown generation argument {printable(name)!r}{closest(name, _KNOWN)}; "
                    f"edgeval knows {', '.join(_KNOWN)}"
                )
        if rules.get("num_beams", 1) != 1:
            raise EdgevalError(
                f"num_beams={rules['num_beams']} asks for a beam search, which edgeval has not; "
                "set num_beams=1 in --gen_kwargs"
            )
        stops = handle_stop_sequences(rules["until"], eos=end_mark)
        if rules["max_gen_toks"] < 1:
            raise EdgevalError(
                f"max_gen_toks={rules['max_gen_toks']} writes nothing; say 1 or more"
            )
        temperature, seed = rules.get("temperature", 0.0), rules.get("seed")
        if rules["do_sample"] and not (_is_number(temperature) and temperature > 0):
            raise EdgevalError(
                f"do_sample=True draws tokens, which temperature={temperature} does not allow; say "
                "a temperature above 0, or do_sample=False"
            )
        top_k, top_p = rules.get("top_k", _DEFAULT_TOP_K), rules.get("top_p", 1.0)
        if not isinstance(top_k, int) or top_k < 0:
            raise EdgevalError(f"top_k={top_k} is no number of tokens; say 0 for all, or more")
        if not (_is_number(top_p) and 0 < top_p <= 1):
            raise EdgevalError(f"top_p={top_p} is no probability; say one above 0, up to 1")
        if seed is not None and (not isinstance(seed, int) or seed < 0):
            raise EdgevalError(f"seed={seed} is no seed; say a whole number from 0 on")
        return cls(
            most=rules["max_gen_toks"],
            # An empty text would end everything at once, and the harness leaves it out too.
            stops=tuple(stop for stop in stops if stop),
            temperature=float(temperature) if rules["do_sample"] else None,
            top_k=top_k,
            top_p=float(top_p),
            seed=seed,
        )

    def sampling(self, *seed: int) -> Sampling | None:
        """Return how tokens are drawn; None for the most likely one each time.

        Args:
            seed: Numbers that tell one text from another.
        """
        if self.temperature is None:
            return None
        return Sampling(self.temperature, self.top_k, self.top_p, seed)


def sequences_of(batch_size: int | str | None) -> int:
    """Return how many texts are written at once; 1 is what the harness says where nobody does.

    Raises:
        EdgevalError: If it is no number.
    """
    given = "auto" if batch_size is None else str(batch_size)
    if given.startswith("auto"):
        return _SEQUENCES
    if not given.isdecimal():
        raise EdgevalError(f"batch_size {given!r} is no number; say a whole one, or auto")
    return int(given) if int(given) > 1 else _SEQUENCES


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
