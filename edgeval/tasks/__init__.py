"""Tasks: raw rows become items, and items become requests under a protocol."""
