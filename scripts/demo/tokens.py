"""Tokens of the training texts, and batches of them."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sentencepiece as spm

from scripts.demo.settings import BOS_ID, EOS_ID, UNK_ID, Settings

IGNORED_LABEL = -100


@dataclass(frozen=True)
class Rows:
    """A batch of packed documents.

    Attributes:
        tokens: token ids, shape (rows, row_tokens), int64.
        labels: the next token of the same document, else ``IGNORED_LABEL``; same shape.
        positions: position in the document; same shape.
        documents: document number in the row, -1 where the row is empty; same shape.
    """

    tokens: np.ndarray[Any, np.dtype[np.int64]]
    labels: np.ndarray[Any, np.dtype[np.int64]]
    positions: np.ndarray[Any, np.dtype[np.int64]]
    documents: np.ndarray[Any, np.dtype[np.int64]]


def train_tokenizer(texts: list[str], vocab_size: int) -> bytes:
    """Train a SentencePiece BPE model with the options of Llama 2's.

    Args:
        texts: training texts.
        vocab_size: number of pieces, the 256 byte pieces included.

    Returns:
        The serialized model.
    """
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        allow_whitespace_only_pieces=True,
        character_coverage=1.0,
        required_chars="".join(map(chr, range(0x21, 0x7F))),
        unk_id=UNK_ID,
        bos_id=BOS_ID,
        eos_id=EOS_ID,
        pad_id=-1,
        minloglevel=1,
    )
    return model.getvalue()


def token_documents(
    tokenizer: spm.SentencePieceProcessor, texts: Iterator[str], settings: Settings
) -> Iterator[list[int]]:
    """Encode texts; each ends with EOS and a share of them begins with BOS.

    Both kinds are needed: evaluation protocols differ in whether they add BOS.
    """
    rng = random.Random(f"bos-{settings.seed}")
    for text in texts:
        start = [BOS_ID] if rng.random() < settings.bos_share else []
        yield [*start, *tokenizer.encode(text), EOS_ID][: settings.row_tokens]


def pack(documents: Iterator[list[int]], rows: int, row_tokens: int) -> Iterator[Rows]:
    """Pack whole documents into batches of fixed shape, in order.

    Args:
        documents: token ids of each document, none longer than ``row_tokens``.
        rows: rows in a batch.
        row_tokens: tokens in a row.

    Yields:
        Full batches; what is left at the end is dropped.
    """
    batch: list[list[list[int]]] = [[]]
    used = 0
    for document in documents:
        if used + len(document) > row_tokens:
            if len(batch) == rows:
                yield _rows(batch, row_tokens)
                batch = []
            batch.append([])
            used = 0
        batch[-1].append(document)
        used += len(document)


def _rows(batch: list[list[list[int]]], row_tokens: int) -> Rows:
    shape = (len(batch), row_tokens)
    tokens = np.full(shape, EOS_ID, np.int64)
    labels = np.full(shape, IGNORED_LABEL, np.int64)
    positions = np.zeros(shape, np.int64)
    numbers = np.full(shape, -1, np.int64)
    for row, documents in enumerate(batch):
        begin = 0
        for number, document in enumerate(documents):
            end = begin + len(document)
            tokens[row, begin:end] = document
            labels[row, begin : end - 1] = document[1:]
            positions[row, begin:end] = np.arange(len(document))
            numbers[row, begin:end] = number
            begin = end
    return Rows(tokens, labels, positions, numbers)
