"""edgeval: how far each quantized GGUF stays from the fp16 model and from the published number."""

__version__ = "0.1.0"
