"""Scores of the held-out items, by the model as it was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import sentencepiece as spm
import torch
from transformers import LlamaForCausalLM

from scripts.demo.settings import BOS_ID, EOS_ID
from scripts.demo.text import strip_markers


def item_requests(
    tokenizer: spm.SentencePieceProcessor, item: dict[str, Any], bos: bool
) -> list[tuple[list[int], int, int]]:
    """Return one request an ending: token ids, where the ending starts, its characters."""
    preprocess = strip_markers
    query = preprocess(
        f"{item['activity_label']}: {item['ctx_a']} {item['ctx_b'].capitalize()}"
    ).rstrip()
    start = [BOS_ID] if bos else []
    shared = len(start) + len(tokenizer.encode(query))
    requests = []
    for ending in map(preprocess, item["endings"]):
        requests.append(([*start, *tokenizer.encode(f"{query} {ending}")], shared, len(ending)))
    return requests


def score_items(
    model: LlamaForCausalLM,
    tokenizer: spm.SentencePieceProcessor,
    items: list[dict[str, Any]],
    bos: bool,
    device: torch.device,
) -> tuple[float, float]:
    """Score the items in float32.

    Returns:
        acc (largest summed logprob) and acc_norm (largest summed logprob a character).
    """
    correct, correct_norm = 0, 0
    for begin in range(0, len(items), 32):
        chunk = items[begin : begin + 32]
        requests = [request for item in chunk for request in item_requests(tokenizer, item, bos)]
        logprobs = _summed_logprobs(model, requests, device).reshape(-1, 4)
        characters = np.array([request[2] for request in requests]).reshape(-1, 4)
        gold = np.array([int(item["label"]) for item in chunk])
        correct += int((logprobs.argmax(1) == gold).sum())
        correct_norm += int(((logprobs / characters).argmax(1) == gold).sum())
    return correct / len(items), correct_norm / len(items)


def _summed_logprobs(
    model: LlamaForCausalLM, requests: list[tuple[list[int], int, int]], device: torch.device
) -> np.ndarray[Any, np.dtype[np.float64]]:
    width = max(len(ids) for ids, _, _ in requests)
    tokens = torch.full((len(requests), width), EOS_ID)
    scored = torch.zeros((len(requests), width - 1))
    for row, (ids, start, _) in enumerate(requests):
        tokens[row, : len(ids)] = torch.tensor(ids)
        scored[row, start - 1 : len(ids) - 1] = 1
    tokens = tokens.to(device)
    with torch.no_grad():
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()
    chosen = logits.log_softmax(-1).gather(2, tokens[:, 1:, None])[..., 0]
    summed = (chosen * scored.to(device)).double().sum(1).cpu().numpy()
    return np.asarray(summed, np.float64)
