"""Model of the demo: made, trained and measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from scripts.demo.log import Log
from scripts.demo.settings import BOS_ID, EOS_ID, Settings
from scripts.demo.tokens import IGNORED_LABEL, Rows

LOG_EVERY_STEPS = 50


def build_model(settings: Settings) -> LlamaForCausalLM:
    """Make the untrained model."""
    config = LlamaConfig(
        vocab_size=settings.vocab_size,
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        max_position_embeddings=settings.window_tokens,
        rms_norm_eps=1e-5,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        tie_word_embeddings=False,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def batch_loss(model: LlamaForCausalLM, rows: Rows, device: torch.device) -> torch.Tensor:
    """Mean cross-entropy over a batch; no document sees another one."""
    documents = torch.from_numpy(rows.documents).to(device)
    same = documents[:, :, None] == documents[:, None, :]
    mask = (same & torch.ones_like(same[0]).tril())[:, None]
    logits = model(
        input_ids=torch.from_numpy(rows.tokens).to(device),
        attention_mask=mask,
        position_ids=torch.from_numpy(rows.positions).to(device),
        use_cache=False,
    ).logits
    labels = torch.from_numpy(rows.labels).to(device)
    return functional.cross_entropy(
        logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED_LABEL
    )


def rate_share(step: int, settings: Settings) -> float:
    """The learning rate's share of its peak: linear warm-up, then a cosine."""
    warmup = max(1, round(settings.steps * settings.warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, settings.steps - warmup)
    floor = settings.final_rate_share
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


def train(
    model: LlamaForCausalLM,
    batches: Iterator[Rows],
    settings: Settings,
    device: torch.device,
    half: bool,
    log: Log,
) -> None:
    """Train ``model`` in place for ``settings.steps`` batches."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95))
    model.train()
    for step, rows in enumerate(itertools.islice(batches, settings.steps)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate_share(step, settings)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            loss = batch_loss(model, rows, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % LOG_EVERY_STEPS == 0 or step + 1 == settings.steps:
            log(f"step {step + 1:5d}  loss {loss.item():.4f}  {log.elapsed_s():7.1f} s")


def round_weights(model: LlamaForCausalLM) -> None:
    """Round the weights to bfloat16, so that what is scored is what is saved."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(torch.bfloat16).to(parameter.dtype))


def held_out_loss(model: LlamaForCausalLM, batches: Iterator[Rows], device: torch.device) -> float:
    """Mean cross-entropy per token over fresh texts, in nats, float32."""
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for rows in batches:
            scored = int((rows.labels != IGNORED_LABEL).sum())
            total += batch_loss(model, rows, device).item() * scored
            count += scored
    return total / count
