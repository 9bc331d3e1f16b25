"""A Llama forward pass in NumPy float64, written from the paper's equations: the tests' truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

Floats = npt.NDArray[np.float64]


class ReferenceLlama:
    """Computes log-probabilities of a float32 checkpoint, without a cache or a batch."""

    def __init__(self, directory: Path) -> None:
        self.config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        weights = load_file(directory / "model.safetensors")
        self.weights = {name: value.astype(np.float64) for name, value in weights.items()}
        self.squares: dict[str, Floats] = {}

    def choice_logprobs(self, tokens: npt.NDArray[np.int32], start: int) -> Floats:
        """Return the log-probability of each of ``tokens[start:]``, in nats."""
        logits = self._forward(tokens[:-1])[start - 1 :]
        top = logits.max(axis=1, keepdims=True)
        logprobs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        return logprobs[np.arange(len(logprobs)), tokens[start:]]

    def input_squares(self, chunks: npt.NDArray[np.int32]) -> dict[str, Floats]:
        """Return the sum of squares of each column that each tensor is multiplied with.

        Args:
            chunks: Texts that know nothing of one another, shape (n_chunks, n_tokens).
        """
        self.squares = {}
        for tokens in chunks:
            self._forward(tokens)
        return self.squares

    def _times(self, hidden: Floats, name: str) -> Floats:
        name = f"{name}.weight"
        self.squares[name] = self.squares.get(name, 0) + (hidden**2).sum(axis=0)
        return hidden @ self.weights[name].T

    def _forward(self, tokens: npt.NDArray[np.int32]) -> Floats:
        hidden = self.weights["model.embed_tokens.weight"][tokens]
        for layer in range(self.config["num_hidden_layers"]):
            block = f"model.layers.{layer}"
            hidden = hidden + self._attention(self._norm(hidden, f"{block}.input_layernorm"), block)
            normed = self._norm(hidden, f"{block}.post_attention_layernorm")
            hidden = hidden + self._feed_forward(normed, block)
        return self._times(self._norm(hidden, "model.norm"), "lm_head")

    def _norm(self, hidden: Floats, name: str) -> Floats:
        mean_square = (hidden**2).mean(axis=-1, keepdims=True)
        scale = self.weights[f"{name}.weight"]
        return hidden / np.sqrt(mean_square + self.config["rms_norm_eps"]) * scale

    def _feed_forward(self, hidden: Floats, block: str) -> Floats:
        gated = self._times(hidden, f"{block}.mlp.gate_proj")
        up = self._times(hidden, f"{block}.mlp.up_proj")
        return self._times(gated / (1 + np.exp(-gated)) * up, f"{block}.mlp.down_proj")

    def _attention(self, hidden: Floats, block: str) -> Floats:
        heads, groups = (
            self.config["num_attention_heads"],
            self.config["num_key_value_heads"],
        )
        query, key, value = (
            self._times(hidden, f"{block}.self_attn.{name}_proj")
            .reshape(len(hidden), n, -1)
            .swapaxes(0, 1)
            for name, n in (("q", heads), ("k", groups), ("v", groups))
        )
        query, key = self._rotate(query), self._rotate(key)
        key, value = (np.repeat(each, heads // groups, axis=0) for each in (key, value))
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        scores = np.where(np.tri(len(hidden), dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = (weights @ value).swapaxes(0, 1).reshape(len(hidden), -1)
        return self._times(mixed, f"{block}.self_attn.o_proj")

    def _rotate(self, states: Floats) -> Floats:
        half = states.shape[-1] // 2
        frequencies = self.config["rope_theta"] ** -(np.arange(half) / half)
        angles = np.outer(np.arange(states.shape[1]), frequencies)
        left, right = states[..., :half], states[..., half:]
        return np.concatenate(
            [
                left * np.cos(angles) - right * np.sin(angles),
                right * np.cos(angles) + left * np.sin(angles),
            ],
            axis=-1,
        )
