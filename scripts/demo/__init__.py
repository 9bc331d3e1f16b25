"""Commands that made the demo checkpoint, its items and its claim."""
