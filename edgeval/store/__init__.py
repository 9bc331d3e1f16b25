"""Store: scores on disk, reference files, and runs that go from machine to machine."""
