"""Results for the terminal, one module a command."""
