"""Commands that record files of tests/golden."""
