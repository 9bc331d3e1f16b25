"""The parts of ``gpu_check.py``: what it needs, and one module a section."""
