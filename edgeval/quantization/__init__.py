"""Quantization: GGUFs at other types, importance matrices, and the ladder of files."""
