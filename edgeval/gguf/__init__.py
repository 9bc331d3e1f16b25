"""GGUF files: header, values, parts, checks, types, importance matrices. None loads llama.cpp."""
