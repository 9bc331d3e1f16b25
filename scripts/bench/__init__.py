"""Commands that take the numbers of BENCHMARKS.md."""
