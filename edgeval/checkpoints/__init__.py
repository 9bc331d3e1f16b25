"""Checkpoints: cards, where a model is, its tensors, and the GGUF made of it."""
