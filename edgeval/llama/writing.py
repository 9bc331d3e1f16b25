"""Writing: texts that a model generates behind prompts, several at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError
from edgeval.llama.defaults import SessionSettings, attention_of
from edgeval.llama.library import llama_cpp
from edgeval.llama.prompt import Chooser, Prompt
from edgeval.llama.session import Session, decode_tokens
from edgeval.llama.tokenizer import Tokenizer
from edgeval.tasks.requests import Int32, n_shared

_LEAST_SHARED = 16
"""Fewer tokens cost no more to decode twice than a batch of their own."""


def writing_settings(
    prompts: Sequence[Prompt], n_sequences: int, file_type: str, threads: int, ubatch_tokens: int
) -> SessionSettings:
    """Return the settings in which texts are written, of the same kind as those of scoring.

    Args:
        prompts: What they are written behind.
        n_sequences: Most of them at once.
        file_type: The model's type.
        threads: CPU threads.
        ubatch_tokens: Most tokens computed at once.
    """
    cache_type, flash_attention = attention_of(file_type)
    # Whichever come together, there is room for them.
    largest = sorted((prompt.n_cells for prompt in prompts), reverse=True)[:n_sequences]
    n_cells = sum(largest)
    return SessionSettings(
        n_batch=n_cells,
        n_ubatch=min(n_cells, ubatch_tokens),
        n_sequences=len(largest),
        threads=threads,
        cache_type=cache_type,
        flash_attention=flash_attention,
    )


@dataclass(eq=False)
class _Text:
    """A text that is being written."""

    index: int
    prompt: Prompt
    sequence: int
    chooser: Chooser
    written: list[int] = field(default_factory=list)
    spelled: bytes = b""

    @property
    def n_decoded(self) -> int:
        """Tokens in the cache: all but the last one that was written."""
        return len(self.prompt.tokens) + max(0, len(self.written) - 1)


class Writer:
    """Writes texts behind prompts: as soon as one has ended, the next one takes its place."""

    def __init__(self, session: Session, vocabulary: Tokenizer, prompts: Sequence[Prompt]) -> None:
        """Prepare to write.

        Args:
            session: A session with the settings of ``writing_settings``.
            vocabulary: The tokenizer of its model.
            prompts: What texts are written behind.
        """
        self._session = session
        self._vocabulary = vocabulary
        self._memory = llama_cpp.llama_get_memory(session.handle)
        # Neighbours begin alike.
        order = sorted(range(len(prompts)), key=lambda index: prompts[index].tokens.tobytes())
        self._waiting = deque((index, prompts[index]) for index in order)
        self._free = list(reversed(range(session.settings.n_sequences)))
        self._shares = not (vocabulary.info.is_recurrent or vocabulary.info.is_hybrid)
        self._active: list[_Text] = []

    def write(self) -> Iterator[tuple[int, Int32]]:
        """Yield each text when it is complete: the index of its prompt, and its tokens.

        Raises:
            EngineError: If llama.cpp refuses a batch, or computes no finite logits.
        """
        llama_cpp.llama_memory_clear(self._memory, False)
        while self._waiting or self._active:
            rows = self._step() if self._active else []
            ended = [text for text, row in rows if self._continue(text, row)]
            while self._waiting and self._free:
                ended += [text for text, row in self._admit() if self._continue(text, row)]
            for text in ended:
                yield text.index, np.array(text.written, dtype=np.int32)

    def _continue(self, text: _Text, logits: npt.NDArray[np.float32]) -> bool:
        """Write a token; if it is the last one, make room and return True."""
        if not np.isfinite(logits.max()):
            raise EngineError(
                f"{self._session.model.path.name} computes logits that are not finite behind a "
                "prompt; the model file is damaged or this backend computes it wrongly, so make "
                "the file again or compute it on the CPU"
            )
        token = text.chooser.choose(logits)
        text.written.append(token)
        if not self._is_over(text, token):
            return False
        llama_cpp.llama_memory_seq_rm(self._memory, text.sequence, -1, -1)
        self._free.append(text.sequence)
        if text in self._active:
            self._active.remove(text)
        return True

    def _is_over(self, text: _Text, token: int) -> bool:
        if len(text.written) == text.prompt.most or self._vocabulary.is_end(token):
            return True
        piece = self._vocabulary.piece(token)
        stops = [stop.encode() for stop in text.prompt.stops]
        # A text that ends it may have begun in the tokens before.
        n_before = max(map(len, stops), default=1) - 1
        tail = text.spelled[len(text.spelled) - min(n_before, len(text.spelled)) :] + piece
        text.spelled = tail
        return any(stop in tail for stop in stops)

    def _step(self) -> list[tuple[_Text, npt.NDArray[np.float32]]]:
        """Decode the last token of each text, and return the logits after it."""
        texts = list(self._active)
        tokens = np.array([text.written[-1] for text in texts], dtype=np.int32)
        positions = np.array([text.n_decoded for text in texts], dtype=np.int32)
        sequences = np.array([text.sequence for text in texts], dtype=np.int32)
        # That of the token that was just written is not decoded yet.
        self._decode(tokens, positions, sequences, np.ones(len(texts), dtype=np.int8))
        return list(zip(texts, self._rows(range(len(texts))), strict=True))

    def _admit(self) -> list[tuple[_Text, npt.NDArray[np.float32]]]:
        """Read waiting prompts, and return the logits after them.

        A prompt that begins like one which is read now waits until the next call, and takes what
        they share from there.
        """
        texts: list[_Text] = []
        starts: list[int] = []
        while self._waiting and self._free:
            index, prompt = self._waiting[0]
            source, shared = self._longest(prompt)
            if texts and self._shares:
                alike = n_shared(texts[-1].prompt.tokens, prompt.tokens)
                if alike >= shared + _LEAST_SHARED:
                    break
            self._waiting.popleft()
            text = _Text(index, prompt, self._free.pop(), Chooser(prompt.sampling))
            if source is not None:
                llama_cpp.llama_memory_seq_cp(
                    self._memory, source.sequence, text.sequence, 0, shared
                )
            texts.append(text)
            starts.append(shared)
        rows = self._read(texts, starts)
        self._active += texts
        return list(zip(texts, rows, strict=True))

    def _longest(self, prompt: Prompt) -> tuple[_Text | None, int]:
        """Return the text in the cache that begins most like a prompt, and how much of it."""
        if not self._shares or not self._active:
            return None, 0
        # The logits after a prompt's last token have to be computed.
        most = len(prompt.tokens) - 1
        found = max(self._active, key=lambda text: n_shared(text.prompt.tokens, prompt.tokens))
        shared = min(most, n_shared(found.prompt.tokens, prompt.tokens))
        return (found, shared) if shared >= _LEAST_SHARED else (None, 0)

    def _read(self, texts: Sequence[_Text], starts: Sequence[int]) -> list[npt.NDArray[np.float32]]:
        """Decode prompts, each from a place on, and return the logits after them."""
        parts = [text.prompt.tokens[start:] for text, start in zip(texts, starts, strict=True)]
        lengths = np.array([len(part) for part in parts])
        tokens = np.concatenate(parts).astype(np.int32)
        positions = np.concatenate(
            [
                np.arange(start, start + length, dtype=np.int32)
                for start, length in zip(starts, lengths, strict=True)
            ]
        )
        sequences = np.repeat(np.array([text.sequence for text in texts], dtype=np.int32), lengths)
        last = np.zeros(len(tokens), dtype=np.int8)
        last[np.cumsum(lengths) - 1] = 1
        rows: list[npt.NDArray[np.float32]] = []
        step = self._session.settings.n_ubatch
        for begin in range(0, len(tokens), step):
            part = slice(begin, begin + step)
            self._decode(tokens[part], positions[part], sequences[part], last[part])
            rows += [row.copy() for row in self._rows(np.flatnonzero(last[part]).tolist())]
        return rows

    def _decode(
        self, tokens: Int32, positions: Int32, sequences: Int32, reads: npt.NDArray[np.int8]
    ) -> None:
        """Decode tokens, each of one sequence."""
        counts = np.ones(len(tokens), dtype=np.int32)
        if not self._session.model.selects_rows:
            reads = np.ones_like(reads)
        status = decode_tokens(
            self._session.handle, tokens, positions, counts, sequences, np.ascontiguousarray(reads)
        )
        if status != 0:
            raise self._session.refused(len(tokens), status)

    def _rows(self, places: Sequence[int]) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the logits after tokens of the last batch: views, valid until the next one."""
        n_vocab = self._session.model.n_vocab
        for place in places:
            pointer = llama_cpp.llama_get_logits_ith(self._session.handle, place)
            yield np.ctypeslib.as_array(pointer, shape=(n_vocab,))
