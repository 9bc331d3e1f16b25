"""Commands that fetch what is too large for the repository."""
