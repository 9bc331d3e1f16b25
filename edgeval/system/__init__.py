"""System below: files, memory, terminal, progress, and text that others wrote."""
