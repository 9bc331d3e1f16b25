"""Hub: repositories in its own cache, resumable, verified, usable offline."""
