"""Commands that make, record, check and measure; none of them is part of the package.

Each is a module, run from the root of the repository: ``python -m scripts.bench.peers --help``.
``demo`` made the demo checkpoint, ``fetch`` brings real ones, ``golden`` records files of
tests/golden, ``check`` holds edgeval to a law or to another tool, ``bench`` takes the numbers of
BENCHMARKS.md. They share ``lib``.
"""
