"""Tokenizer of a GGUF, and its metadata, read without its weights."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from edgeval.errors import EngineError
from edgeval.gguf import architectures, pre_tokenizers
from edgeval.gguf.header import Header
from edgeval.gguf.parts import model_files, read_header
from edgeval.gguf.preflight import require_safe
from edgeval.llama.info import GgufInfo
from edgeval.llama.library import Owner, engine, llama_cpp
from edgeval.llama.numbers import require_same_numbers
from edgeval.llama.overrides import overrides
from edgeval.llama.refusals import not_loaded
from edgeval.tasks.requests import Int32

_LONGEST_VALUE = 1024
_SPACE = "\u2581"
_TOKENIZER = "tokenizer.ggml.model"
_TOKENS, _TOKEN_TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"


def load(path: Path, params: Any, pre: str | None = None) -> Any:
    """Return llama.cpp's pointer to a model loaded with the given parameters.

    Args:
        path: The file.
        params: llama.cpp's parameters.
        pre: The pre-tokenizer to use instead of the file's own.

    Raises:
        GgufError: If the file is missing, not a GGUF or damaged.
        EngineError: If llama.cpp refuses it, for example for an unknown architecture.
    """
    require_safe(path)
    log = engine()
    require_same_numbers()
    log.errors.clear()
    # What the struct borrows must outlive the call.
    replaced = overrides({} if pre is None else {pre_tokenizers.KEY: pre})
    if pre is not None:
        params.kv_overrides = replaced
    # It finds the other files of a split model itself, by the name of the first.
    first = model_files(path)[0]
    model = llama_cpp.llama_model_load_from_file(os.fsencode(first), params)
    if not model:
        raise EngineError(not_loaded(path, log.reason(), pre))
    return model


class Tokenizer(Owner):
    """A GGUF's tokenizer and metadata; a context manager that frees it.

    Attributes:
        path: The file.
        info: All that is said of it without its weights.
        file_type: llama.cpp's name for how it is quantized, for example ``Q4_K_M``; see
            ``gguf_header.Header.file_type``.
        n_vocab: Number of token ids.
        n_context_train: The model's window in tokens.
        bos: The id that the tokenizer puts before every text by its own default, if any.
        eos: Likewise the one that it puts after every text.
        first: The id of BOS, or of EOS without one, whether it is put anywhere or not.
        mark: The text of that one.
        end: The id of EOS, whether it is put anywhere or not.
        end_mark: The text of that one.
        controls: Of a SentencePiece vocabulary, the texts of its control tokens by their ids. How
            text is split after one differs between tools; bytes are split alike everywhere.
    """

    def __init__(self, path: Path, pre: str | None = None) -> None:
        """Read a GGUF's header; the weights are not touched.

        Args:
            path: The file.
            pre: The pre-tokenizer to use instead of the file's own, a name of llama.cpp's.

        Raises:
            GgufError: If the file is missing, not a GGUF or damaged.
            EngineError: If it is no model, llama.cpp refuses it, for example for an unknown
                architecture, or it has no pre-tokenizer that could be replaced.
        """
        header = read_header(path)
        if found := architectures.no_model(header):
            raise EngineError(f"{path} {architectures.refusal(found)}")
        if pre is not None:
            pre_tokenizers.require_name(header, pre)
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        super().__init__(load(path, params, pre), llama_cpp.llama_model_free)
        self.path = path
        self._spellable = require_safe(path)
        self._vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.file_type = header.file_type
        self.n_vocab = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self.bos = self._added(llama_cpp.llama_vocab_get_add_bos, llama_cpp.llama_vocab_bos)
        self.eos = self._added(llama_cpp.llama_vocab_get_add_eos, llama_cpp.llama_vocab_eos)
        self.info = GgufInfo(
            path,
            self.file_type,
            self.n_vocab,
            sum(each.stat().st_size for each in model_files(path)),
            self._values() | _of_layers(header),
            wants_bos=self.bos is not None,
            is_recurrent=bool(llama_cpp.llama_model_is_recurrent(self.handle)),
            is_hybrid=bool(llama_cpp.llama_model_is_hybrid(self.handle)),
            other_kind=self._other_kind(header),
            pre=pre,
            pre_tokenizer=pre_tokenizers.pre_tokenizer(header, pre),
        )
        self.n_context_train = self.dimension("context_length")
        self.end = _token(llama_cpp.llama_vocab_eos(self._vocab))
        bos = _token(llama_cpp.llama_vocab_bos(self._vocab))
        self.first = self.end if bos is None else bos
        self.mark, self.end_mark = self._text(self.first), self._text(self.end)
        self.controls: Mapping[int, str] = _controls(header)

    def metadata(self, key: str) -> str | None:
        """Return the value of a key as llama.cpp prints it, or None if there is none."""
        return self.info.metadata(key)

    def dimension(self, name: str, default: int = 0) -> int:
        """Return a number of the architecture; see ``GgufInfo.dimension``."""
        return self.info.dimension(name, default)

    def _other_kind(self, header: Header) -> str | None:
        """Return what the model is if it does not predict the next token, or None."""
        if found := architectures.not_predicting(header):
            return found
        # Of an architecture that came later, llama.cpp itself is asked.
        if not llama_cpp.llama_model_has_decoder(self.handle):
            return architectures.ENCODER
        if llama_cpp.llama_model_has_encoder(self.handle):
            return architectures.ENCODER_DECODER
        if llama_cpp.llama_model_is_diffusion(self.handle):
            return architectures.DIFFUSION
        return None

    def _values(self) -> dict[str, str]:
        """Return the metadata as llama.cpp prints it."""
        key = ctypes.create_string_buffer(_LONGEST_VALUE)
        value = ctypes.create_string_buffer(_LONGEST_VALUE)
        found = {}
        for index in range(llama_cpp.llama_model_meta_count(self.handle)):
            llama_cpp.llama_model_meta_key_by_index(self.handle, index, key, len(key))
            llama_cpp.llama_model_meta_val_str_by_index(self.handle, index, value, len(value))
            name = key.value.decode("utf-8", "replace")
            found[name] = value.value.decode("utf-8", "replace")
        return found

    def _added(self, is_added: Callable[[Any], bool], token: Callable[[Any], int]) -> int | None:
        return _token(token(self._vocab)) if is_added(self._vocab) else None

    def _text(self, token: int | None) -> str | None:
        """Return the text of a token, as special ones are written."""
        if token is None:
            return None
        text = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return text.decode("utf-8", "replace") if text else None

    def is_end(self, token: int) -> bool:
        """Return whether a model that writes a token says with it that its text has ended."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))

    def piece(self, token: int) -> bytes:
        """Return what a token is of a text, in UTF-8; special ones are spelled out."""
        return _filled(
            lambda buffer, size: llama_cpp.llama_token_to_piece(
                self._vocab, token, buffer, size, 0, True
            )
        )

    def detokenize(self, tokens: Int32) -> str:
        """Return the text of tokens, without special ones and without a space put in front.

        Args:
            tokens: Token ids, shape (n,), int32.
        """
        ids = np.ascontiguousarray(tokens, dtype=np.int32)
        pointer = ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        data = _filled(
            lambda buffer, size: llama_cpp.llama_detokenize(
                self._vocab, pointer, len(ids), buffer, size, False, False
            )
        )
        return data.decode("utf-8", "replace")

    def tokenize(self, text: str, *, parse_special: bool = False, adds_ends: bool = False) -> Int32:
        """Return the token ids of a text.

        Args:
            text: Any text; the vocabulary's own normalization is applied.
            parse_special: Whether text like ``<s>`` becomes the control token, as Hugging Face
                tokenizers do, or is spelled out.
            adds_ends: Whether the text gets the BOS and EOS tokens that the vocabulary adds by its
                own default.

        Returns:
            Shape (n_tokens,), int32.

        Raises:
            EngineError: If the vocabulary has no token for a character of the text.
        """
        self._require_spellable(text)
        data = text.encode("utf-8")
        # A byte is at most one token; some vocabularies add one for a space in front.
        tokens: Int32 = np.empty(len(data) + 8, dtype=np.int32)
        pointer = tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        n = llama_cpp.llama_tokenize(
            self._vocab, data, len(data), pointer, len(tokens), adds_ends, parse_special
        )
        if n < 0:
            raise EngineError(f"llama.cpp cannot tokenize {text[:60]!r} with {self.path.name}")
        return np.array(tokens[:n], dtype=np.int32)

    def _require_spellable(self, text: str) -> None:
        """Refuse a text that would end the process: a character without a token or bytes."""
        known = self._spellable
        if known is None:
            return
        # llama.cpp writes a space so, and puts one in front.
        for character in dict.fromkeys(_SPACE + text.replace(" ", _SPACE)):
            data = character.encode("utf-8")
            is_spelled = data in known or all(bytes([byte]) in known for byte in data)
            if not is_spelled:
                raise EngineError(
                    f"{self.path.name} has no token for {character!r} and none for its bytes, so "
                    f"it cannot spell {text[:60]!r}; use a model with a complete vocabulary"
                )


def _token(number: int) -> int | None:
    return int(number) if number >= 0 else None


def _filled(write: Callable[[Any, int], int]) -> bytes:
    """Return what llama.cpp writes into a buffer; it says how large that has to be."""
    buffer = ctypes.create_string_buffer(_LONGEST_VALUE)
    n_bytes = write(buffer, len(buffer))
    if n_bytes < 0:
        buffer = ctypes.create_string_buffer(-n_bytes)
        n_bytes = write(buffer, len(buffer))
    return buffer.raw[: max(0, n_bytes)]


def _controls(header: Header) -> dict[int, str]:
    kinds, texts = header.metadata.get(_TOKEN_TYPES), header.texts(_TOKENS)
    if header.text(_TOKENIZER) != "llama" or not isinstance(kinds, np.ndarray) or texts is None:
        return {}
    found = np.flatnonzero(kinds[: len(texts)] == int(gguf.TokenType.CONTROL))
    return {int(token): texts[token] for token in found}


def _of_layers(header: Header) -> dict[str, str]:
    """Return what each layer has of its own, as llama.cpp prints arrays, but not these."""
    prefix = f"{header.text(architectures.ARCHITECTURE)}."
    return {
        key: f"[{', '.join(map(str, value))}]"
        for key, value in header.metadata.items()
        if key.startswith(prefix) and isinstance(value, np.ndarray) and value.dtype.kind in "iu"
    }
