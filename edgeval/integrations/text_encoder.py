"""Text encoder: the tokens that lm-evaluation-harness's ``hf`` makes of texts, by a GGUF."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from edgeval.errors import DataError
from edgeval.integrations.gguf_model import GgufModel
from edgeval.system.untrusted import printable
from edgeval.tasks.requests import Int32, Request


class TextEncoder:
    """Makes tokens of texts, as ``HFLM.tok_encode`` does."""

    def __init__(self, model: GgufModel, adds_bos: bool | None, log: logging.Logger) -> None:
        """Take a model.

        Args:
            model: What tokenizes.
            adds_bos: Whether texts begin with BOS; None for what the GGUF says.
            log: Where doubts about texts are said.
        """
        self._model, self._adds_bos, self._log = model, adds_bos, log
        self._known: dict[str, Int32] = {}

    @contextlib.contextmanager
    def remembering(self, texts: Iterable[str], disable_tqdm: bool) -> Iterator[None]:
        """Know the tokens of texts while the context lasts: one by one, asking takes much longer.

        Args:
            texts: The texts.
            disable_tqdm: Whether no progress is shown.
        """
        wanted = list(dict.fromkeys(texts))
        with progress_bar("Tokenizing inputs", len(wanted), disable_tqdm) as bar:
            for some in self._model.encode(wanted):
                first = len(self._known)
                self._known |= zip(wanted[first : first + len(some)], some, strict=True)
                bar.update(len(some))
        self._warn_of_specials()
        try:
            yield
        finally:
            self._known = {}

    def tokens(self, text: str, adds: bool | None = None) -> Int32:
        """Return the tokens of a text, shape (n,), int32.

        Args:
            text: The text.
            adds: Whether it gets BOS and EOS; None for what was said at the beginning, unless it
                begins with BOS already.
        """
        tokens, known = self._known.get(text), self._model.vocabulary
        if tokens is None:
            ((tokens,),) = self._model.encode([text])
        is_begun = known.mark is not None and text.startswith(known.mark)
        if adds is False or (adds is None and (is_begun or self._adds_bos is False)):
            return tokens
        bos = known.first if self._adds_bos else known.bos
        before, after = ([] if each is None else [each] for each in (bos, known.eos))
        return np.concatenate([before, tokens, after]).astype(np.int32)

    def _warn_of_specials(self) -> None:
        """Say where texts hold tokens after which tokenizers do not agree."""
        controls = list(self._model.vocabulary.controls)
        texts = self._known.values() if controls else ()
        n_odd = sum(bool(np.isin(each[:-1], controls).any()) for each in texts)
        if n_odd:
            self._log.warning(
                "%d texts hold special tokens of a SentencePiece vocabulary; what follows them is "
                "split as llama.cpp does, which transformers does in more than one way",
                n_odd,
            )


def request_of(pair: tuple[str, ...], before: Any, after: Any, window: int) -> Request:
    """Return a request, truncated on the left as ``HFLM._loglikelihood_tokens`` truncates it.

    The last token is never an input, so one more than the window fits.

    Args:
        pair: The texts, for a sentence about them.
        before: Tokens of the context, shape (n,).
        after: Tokens of the continuation, shape (m,).
        window: Most tokens that the model reads.

    Raises:
        DataError: If nothing is scored, nothing stands before it, or it is too long.
    """
    if not len(before) or not len(after):
        what = "continuation" if len(before) else "context"
        raise DataError(
            f"the {what} of the request {printable(repr(pair), 120)} has no tokens, so it has no "
            "log-probability; correct the task"
        )
    if len(after) > window:
        raise DataError(
            f"the continuation of the request {printable(repr(pair), 120)} has {len(after):,} "
            f"tokens, more than the model's {window:,}; leave out its item, or use a model with a "
            "larger window"
        )
    tokens = np.concatenate([before, after]).astype(np.int32)
    excess = max(0, len(tokens) - (window + 1))
    return Request(tokens[excess:], len(before) - excess)


def progress_bar(what: str, total: int, disable_tqdm: bool) -> Any:
    """Return a bar such as the harness's own models show."""
    return tqdm(total=total, desc=what, disable=disable_tqdm)
