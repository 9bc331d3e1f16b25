"""llama.cpp's kernels for the CPU: tried before they are trusted, and the faster are taken."""
