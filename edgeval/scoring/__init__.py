"""Scoring: requests become batches, and logits become log-probabilities."""
