"""Benchmarks: how fast, how hot and at which cost a machine computes models."""
