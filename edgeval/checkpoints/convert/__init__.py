"""Conversion of a checkpoint to GGUF, as llama.cpp's script does it, without torch."""
