"""Sensors of small machines: each source is a small module, and says its name."""
