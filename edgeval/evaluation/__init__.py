"""Evaluation: what is measured of a GGUF, of a ladder, and of a whole run."""
