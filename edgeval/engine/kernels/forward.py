"""Forward pass of a Llama in NumPy, from the equations: what kernels are held to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeval.engine.kernels.small_model import Float64, Shape, SmallModel


def exact_logits(model: SmallModel, tokens: npt.NDArray[np.int32]) -> Float64:
    """Return the logits after each token, computed in float64 from the expanded weights.

    The equations are those of LLaMA (arXiv 2302.13971): RMSNorm before each part, rotary positions,
    grouped queries, SwiGLU. GGUFs of this architecture rotate neighbouring columns.

    Args:
        model: The model.
        tokens: Token ids, shape (n_tokens,), int32.

    Returns:
        Shape (n_tokens, n_vocab), float64.
    """
    weights, shape = model.expanded(), model.shape

    def times(hidden: Float64, name: str) -> Float64:
        product: Float64 = hidden @ weights[f"{name}.weight"].T
        return product

    def norm(hidden: Float64, name: str) -> Float64:
        mean_square = (hidden**2).mean(axis=-1, keepdims=True)
        normed: Float64 = hidden / np.sqrt(mean_square + shape.epsilon) * weights[f"{name}.weight"]
        return normed

    def heads(hidden: Float64, name: str, n_heads: int) -> Float64:
        return times(hidden, name).reshape(len(hidden), n_heads, -1).swapaxes(0, 1)

    hidden = weights["token_embd.weight"][tokens]
    normed = norm(hidden, "blk.0.attn_norm")
    query = _rotated(heads(normed, "blk.0.attn_q", shape.heads), shape)
    key = _rotated(heads(normed, "blk.0.attn_k", shape.kv_heads), shape)
    value = heads(normed, "blk.0.attn_v", shape.kv_heads)
    hidden = hidden + times(_attended(query, key, value), "blk.0.attn_output")
    normed = norm(hidden, "blk.0.ffn_norm")
    gate = times(normed, "blk.0.ffn_gate")
    gated = gate / (1 + np.exp(-gate)) * times(normed, "blk.0.ffn_up")
    hidden = hidden + times(gated, "blk.0.ffn_down")
    return times(norm(hidden, "output_norm"), "output")


def logprobs(logits: npt.NDArray[np.float32] | Float64) -> Float64:
    """Return log-probabilities of logits along the last axis, in nats, float64."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    normed: Float64 = wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))
    return normed


def _attended(query: Float64, key: Float64, value: Float64) -> Float64:
    """Return causal attention, shape (n_tokens, width); arguments (heads, n_tokens, columns)."""
    n_heads, n_tokens, columns = query.shape
    key, value = (np.repeat(each, n_heads // len(each), axis=0) for each in (key, value))
    scores = query @ key.swapaxes(1, 2) / np.sqrt(columns)
    scores = np.where(np.tri(n_tokens, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed: Float64 = (weights @ value).swapaxes(0, 1).reshape(n_tokens, -1)
    return mixed


def _rotated(states: Float64, shape: Shape) -> Float64:
    _, n_tokens, columns = states.shape
    frequencies = shape.theta ** -(np.arange(0, columns, 2) / columns)
    angles = np.outer(np.arange(n_tokens), frequencies)
    even, odd = states[..., ::2], states[..., 1::2]
    turned = [
        even * np.cos(angles) - odd * np.sin(angles),
        odd * np.cos(angles) + even * np.sin(angles),
    ]
    return np.stack(turned, axis=-1).reshape(states.shape)
