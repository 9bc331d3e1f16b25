"""The parts of ``bench_peers.py``: building the peers, running them, and one module a section."""
