"""Integrations: edgeval as a part of other tools."""
