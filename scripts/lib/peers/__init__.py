"""Parts of ``scripts.bench.peers``: building the peers, running them, and one module a section."""
