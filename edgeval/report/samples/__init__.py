"""Samples of lm-evaluation-harness: read within bounds, and compared in pairs."""
