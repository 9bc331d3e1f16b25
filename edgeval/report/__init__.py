"""Report: views of a saved record. Nothing here runs a model."""
