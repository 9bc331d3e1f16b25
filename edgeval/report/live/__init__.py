"""Live page of a run: what it knows so far, served to a browser of this machine."""
