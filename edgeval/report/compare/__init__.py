"""Comparison of saved records of several machines. Nothing here runs a model."""
