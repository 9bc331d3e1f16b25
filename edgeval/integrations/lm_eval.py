"""EdgevalLM: a GGUF as a model of lm-evaluation-harness 0.4.13, which calls it ``edgeval``.

Texts become tokens as its ``hf`` makes them (``TemplateLM._encode_pair``, ``HFLM.tok_encode``), and
all requests of a kind are one prefix tree.
"""

from __future__ import annotations

import hashlib
import logging
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.models.utils import postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from edgeval.errors import EdgevalError, NoRoomError
from edgeval.integrations.arguments import ModelArguments
from edgeval.integrations.chat_template import ChatTemplate
from edgeval.integrations.generation_rules import GenerationRules, sequences_of
from edgeval.integrations.gguf_model import GgufModel
from edgeval.integrations.logged_progress import LoggedProgress
from edgeval.integrations.response_cache import bind
from edgeval.integrations.text_encoder import TextEncoder, progress_bar, request_of
from edgeval.llama.prompt import Prompt
from edgeval.tasks.requests import Int32, Request

_log = logging.getLogger("lm_eval.models.edgeval")

_MOST_GENERATED = 256
"""Tokens of a text where a task does not say it, as in ``HFLM``."""


@register_model("edgeval")
class EdgevalLM(TemplateLM):  # type: ignore[misc]
    """A GGUF as a model of lm-evaluation-harness: ``simple_evaluate(model=EdgevalLM("a.gguf"))``.

    Attributes:
        backend: What the harness calls a model that predicts the next token.
    """

    backend = "causal"

    def __init__(
        self,
        pretrained: str,
        *,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
        trust_remote_code: bool = False,
        **arguments: Any,
    ) -> None:
        """Find a model, and how it is computed.

        Args:
            pretrained: A GGUF, any file of a split one, or its name on the hub.
            batch_size: From 2 on, texts that are written at once; what is scored has batches of
                ``batch_tokens``.
            max_batch_size: Not used.
            device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, for ``backend`` and ``devices``; the
                harness says ``cuda:0`` where nobody does, which stands for any.
            trust_remote_code: Not used: a GGUF has no code.
            arguments: See ``ModelArguments``.

        Raises:
            EdgevalError: If an argument or the file cannot be used.
        """
        super().__init__()
        self._arguments = ModelArguments.of(pretrained, arguments, device)
        self._n_sequences = sequences_of(batch_size)
        self._model = GgufModel(self._arguments, LoggedProgress(_log))
        weakref.finalize(self, self._model.close)
        self._encoder = TextEncoder(self._model, self._arguments.add_bos_token, _log)
        self._template: ChatTemplate | None = None

    @property
    def eot_token_id(self) -> int | None:
        """The EOS token."""
        return self._model.vocabulary.end

    @property
    def prefix_token_id(self) -> int | None:
        """What stands before a text without context: BOS or, without one, EOS."""
        return self._model.vocabulary.first

    @property
    def max_length(self) -> int:
        """Most tokens of a text."""
        return self._model.window

    @property
    def max_gen_toks(self) -> int:
        """Tokens that are written at most where a task does not say it."""
        return _MOST_GENERATED

    @property
    def tokenizer_name(self) -> str:
        """Name of the tokenizer and the chat template, with a hash of both."""
        template = self._chosen().text
        digest = hashlib.sha256(f"{self._model.tokenizer_fingerprint}\n{template}".encode())
        return f"{self._model.path.stem}-{digest.hexdigest()[:16]}"

    def close(self) -> None:
        """End the process that llama.cpp runs in."""
        self._model.close()

    def get_model_info(self) -> dict[str, Any]:
        """Return what the harness writes into its results beside the arguments."""
        facts = self._model.facts()
        return {
            "model_num_parameters": facts.pop("n_params"),
            "model_dtype": facts["gguf_type"],
            "model_sha": facts["gguf_sha256"],
            **facts,
        }

    def set_cache_hook(self, cache_hook: Any) -> None:
        """Take the harness's cache, in which only this file's answers are looked up."""
        if cache_hook.dbdict is not None:
            bind(cache_hook.dbdict, self._model.identity)
        super().set_cache_hook(cache_hook)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the text of the chat template that is applied; None if none is.

        Raises:
            GgufError: If the GGUF has none, or none of that name.
        """
        if not chat_template:
            return None
        name = chat_template if isinstance(chat_template, str) else None
        self._template = ChatTemplate(self._model.header, name)
        return self._template.text

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return messages as one text.

        Raises:
            GgufError: If the GGUF has no chat template, or it refuses the messages.
        """
        return self._chosen().render(chat_history, is_answered=not add_generation_prompt)

    def _chosen(self) -> ChatTemplate:
        if self._template is None:
            self._template = ChatTemplate(self._model.header)
        return self._template

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Return the tokens of a text.

        Args:
            string: The text.
            add_special_tokens: Whether it gets BOS and EOS; None for what ``add_bos_token`` or the
                GGUF says, unless it begins with BOS already.
        """
        return list(self._encoder.tokens(string, add_special_tokens).tolist())

    def tok_decode(self, tokens: Sequence[int], **_: Any) -> str:
        """Return the text of tokens, without special ones."""
        return self._model.decode(np.array(tokens, dtype=np.int32))

    def loglikelihood(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """Return the log-probability of each continuation, and whether it is the likeliest.

        Raises:
            EdgevalError: If a request cannot be scored, or llama.cpp fails.
        """
        texts = [text for each in requests for text in _texts(*each.args)]
        with self._encoder.remembering(texts, disable_tqdm):
            found = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        return list(found)

    def _encode_pair(self, context: str, continuation: str) -> tuple[Int32, Int32]:
        """Return the tokens of a context, and those of the whole text after as many."""
        before = self._encoder.tokens(context.rstrip())
        return before, self._encoder.tokens(context + continuation)[len(before) :]

    def _loglikelihood_tokens(
        self, requests: Sequence[Any], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        made = [
            request_of(pair or (), before, after, self.max_length)
            for pair, before, after in requests
        ]
        found: dict[int, tuple[float, bool]] = {}
        with progress_bar("Running loglikelihood requests", len(made), disable_tqdm) as bar:
            for index, answer in self._scored(made):
                found[index] = answer
                pair = requests[index][0]
                if pair is not None:
                    self.cache_hook.add_partial("loglikelihood", pair, answer)
                bar.update()
        return [found[index] for index in range(len(made))]

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Return the log-probability of each whole text, in windows as ``hf`` makes them.

        Raises:
            EdgevalError: If llama.cpp fails.
        """
        texts = [each.args[0] for each in requests]
        windows, owners = [], []
        with self._encoder.remembering(texts, disable_tqdm):
            for owner, text in enumerate(texts):
                pairs = get_rolling_token_windows(
                    token_list=self.tok_encode(text),
                    prefix_token=self.prefix_token_id,
                    max_seq_len=self.max_length,
                    context_len=1,
                )
                for before, after in map(make_disjoint_window, pairs):
                    windows.append(request_of((text,), before, after, self.max_length))
                    owners.append(owner)
        sums, left = [0.0] * len(texts), [owners.count(each) for each in range(len(texts))]
        with progress_bar(
            "Running loglikelihood_rolling requests", len(windows), disable_tqdm
        ) as bar:
            for index, (logprob, _) in self._scored(windows):
                owner = owners[index]
                sums[owner] += logprob
                left[owner] -= 1
                if not left[owner]:
                    whole = (texts[owner],)
                    self.cache_hook.add_partial("loglikelihood_rolling", whole, sums[owner])
                bar.update()
        return sums

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return a text written behind each context, up to what ends it.

        Raises:
            EdgevalError: If a rule of the task is unknown, or llama.cpp fails.
        """
        end_mark, rules = self._model.vocabulary.end_mark, []
        for each in requests:
            rules.append(GenerationRules.of(each.args[1], self.max_gen_toks, end_mark))
        with self._encoder.remembering([each.args[0] for each in requests], disable_tqdm):
            prompts = [
                self._prompt(index, each.args[0], rule)
                for index, (each, rule) in enumerate(zip(requests, rules, strict=True))
            ]
        found: dict[int, str] = {}
        with progress_bar("Running generate_until requests", len(prompts), disable_tqdm) as bar:
            for answer in self._model.write(prompts, self._n_sequences) if prompts else ():
                rule, arguments = rules[answer.index], requests[answer.index].args
                text = postprocess_generated_text(answer.text, list(rule.stops), None)
                found[answer.index] = text
                if rule.temperature is None:
                    self.cache_hook.add_partial("generate_until", arguments, text)
                bar.update()
        return [found[index] for index in range(len(prompts))]

    def _prompt(self, index: int, context: str, rules: GenerationRules) -> Prompt:
        room = self.max_length - rules.most
        if room < 1:
            raise EdgevalError(
                f"max_gen_toks={rules.most} leaves no room for a prompt in {self.max_length} "
                "tokens; say a smaller max_gen_toks in --gen_kwargs"
            )
        tokens = self._encoder.tokens(context)[-room:]
        if not len(tokens):
            tokens = np.array([self.prefix_token_id], dtype=np.int32)
        seed = self._arguments.seed if rules.seed is None else rules.seed
        return Prompt(tokens, rules.most, rules.stops, rules.sampling(seed, index))

    def _scored(self, requests: Sequence[Request]) -> Iterator[tuple[int, tuple[float, bool]]]:
        """Yield the log-probability of each request, and whether it is the likeliest."""
        if not requests:
            return
        try:
            for batch in self._model.score(requests):
                for index, each in batch.items():
                    yield index, (each.logprob, each.is_greedy)
        except NoRoomError as error:
            longest = max(len(each.tokens) for each in requests)
            raise NoRoomError(
                f"{error}; the longest request has {longest:,} tokens, and max_length=N in "
                "--model_args makes it shorter"
            ) from error


def _texts(context: str, continuation: str) -> tuple[str, ...]:
    """Return the texts that are encoded for a pair."""
    return (context.rstrip(), context + continuation) if context else (continuation,)
