"""Gate: conditions that a saved record is held to, and what follows from each of them."""
