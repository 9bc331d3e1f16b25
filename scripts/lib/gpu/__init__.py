"""Parts of ``scripts.bench.gpu``: what it needs, and one module a section."""
