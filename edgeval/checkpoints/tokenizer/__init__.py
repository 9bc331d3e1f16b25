"""Tokenizer of a checkpoint as GGUF metadata."""
