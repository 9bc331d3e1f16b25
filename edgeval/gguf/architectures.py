"""Architectures: which of them predict the next token, as far as a GGUF says.

The names are those of llama.cpp's ``src/llama-arch.cpp``, and what is said of them is what its
``src/models`` and ``llama_model::create_memory`` do. Whatever is not named here is asked of
llama.cpp: see ``vocabulary`` and ``session``.
"""

from __future__ import annotations

from edgeval.gguf.header import Header

ARCHITECTURE = "general.architecture"

ENCODER = "an encoder, which gives a vector for a text"
DIFFUSION = "a diffusion model, which fills in all tokens of a text at once"
ENCODER_DECODER = "an encoder-decoder, which predicts a text from another one"
_DRAFTS = "the draft head of another model, which works with that one alone"
_AUDIO = "a model of audio, whose tokens are no text"

NOT_PREDICTING = {
    "t5": ENCODER_DECODER,
    **dict.fromkeys(
        (
            "bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2",
            "jina-bert-v3", "eurobert", "t5encoder", "gemma-embedding", "llama-embed",
        ),
        ENCODER,
    ),
    **dict.fromkeys(("dream", "llada", "llada-moe", "rnd1"), DIFFUSION),
    **dict.fromkeys(("eagle3", "dflash", "gemma4-assistant"), _DRAFTS),
    **dict.fromkeys(("wavtokenizer-dec", "pockettts", "qwen3tts"), _AUDIO),
    "clip": "the part of a model that reads images or audio (mmproj)",
}  # fmt: skip
"""Architectures that give no log-probabilities of a next token, and what they are."""

PREDICTING = frozenset(
    (
        "afmoe", "apertus", "arcee", "arctic", "arwkv7", "baichuan", "bailingmoe", "bailingmoe2",
        "bailingmoe3", "bitnet", "bloom", "chameleon", "chatglm", "codeshell", "cogvlm", "cohere2",
        "cohere2moe", "command-r", "dbrx", "deci", "deepseek", "deepseek2", "deepseek2-ocr",
        "deepseek32", "deepseek4", "dots1", "dots3note", "ernie4_5", "ernie4_5-moe", "exaone",
        "exaone-moe", "exaone4", "falcon", "falcon-h1", "gemma", "gemma2", "gemma3", "gemma3n",
        "gemma4", "glm-dsa", "glm4", "glm4moe", "glm5-next", "gpt-oss", "gpt2", "gptneox",
        "granite", "granite_swa", "granitehybrid", "granitemoe", "graniteswitch", "grok",
        "grovemoe", "hrm_text", "hunyuan-dense", "hunyuan-moe", "hunyuan_vl", "hy_v3", "hy_v4",
        "internlm2", "jais", "jais2", "jamba", "kimi-k3", "kimi-linear", "laguna", "lfm2",
        "lfm2moe", "llama", "llama4", "maincoder", "mamba", "mamba2", "maple", "mellum", "mimo2",
        "minicpm", "minicpm3", "minimax-01", "minimax-m2", "minimax-m3", "mistral3", "mistral4",
        "mpt", "muse-glimmer", "nanbeige", "nemotron", "nemotron_h", "nemotron_h_moe", "olmo",
        "olmo2", "olmoe", "openelm", "orion", "paddleocr", "pangu-embedded", "phi2", "phi3",
        "phimoe", "plamo", "plamo2", "plamo3", "plm", "qwen", "qwen2", "qwen2moe", "qwen2vl",
        "qwen3", "qwen35", "qwen35moe", "qwen3moe", "qwen3next", "qwen3vl", "qwen3vlmoe",
        "qwen4exp", "refact", "rwkv6", "rwkv6qwen2", "rwkv7", "seed_oss", "smallthinker",
        "smollm3", "spark2_5", "stablelm", "starcoder", "starcoder2", "step35", "talkie", "xverse",
    )
)  # fmt: skip
"""Architectures that do. What is in neither list came later: llama.cpp is asked, and its logits are
not believed before they are seen to be computed."""

ALL_ROWS = ("cogvlm",)
"""Architectures whose graph has the logits of every token (no ``build_inp_out_ids``), of which
llama.cpp copies as many as were asked for, from the first: only all of them are the right ones."""

_OTHER_FILES = {
    "adapter": "an adapter (LoRA), which is of use with its model alone",
    "mmproj": "the part of a model that reads images or audio (mmproj)",
    "imatrix": "an importance matrix",
    "controlvector": "a control vector, which is of use with its model alone",
}
"""Values of ``general.type``, or of the architecture, for files that are no models."""

_LORA = (".lora_a", ".lora_b")
_OF_A_MATRIX = "imatrix.chunk_count"
_VOCABULARY = "a vocabulary without weights"

_IMAGES = "a model of images or video, as stable-diffusion.cpp and ComfyUI run it"
_SPEECH = "a model of speech, as whisper.cpp and TTS.cpp run it"
_OTHER_PROGRAMS = {
    **dict.fromkeys(
        (
            "aura", "chroma", "cosmos", "diffusion", "flux", "flux2", "hidream", "hyvid", "ltxv",
            "lumina2", "pig", "pixart", "qwen_image", "sd", "sd1", "sd2", "sd3", "sdxl", "unet",
            "vae", "wan", "z_image",
        ),
        _IMAGES,
    ),
    **dict.fromkeys(
        (
            "bark", "cosyvoice", "csm", "dac", "dia", "encodec", "kokoro", "moshi", "orpheus",
            "parakeet", "parler-tts", "snac", "whisper",
        ),
        _SPEECH,
    ),
}  # fmt: skip
"""Architectures in GGUFs of other programs than llama.cpp, where it does not know them."""

_POOLED = {
    1: "an embedding model (its texts' vectors are means)",
    2: "an embedding model (its texts' vectors are those of the first token)",
    3: "an embedding model (its texts' vectors are those of the last token)",
    4: "a reranker, which gives a score for a pair of texts",
}
"""llama.h's enum llama_pooling_type, but for none; converters write it for such models alone."""


def no_model(header: Header) -> str | None:
    """Return what a GGUF is that is no model at all; None if nothing says that it is not one."""
    for key in ("general.type", ARCHITECTURE):
        if found := _OTHER_FILES.get(header.text(key) or ""):
            return found
    names = [tensor.name for tensor in header.tensors]
    if "adapter.type" in header.metadata or (names and all(each.endswith(_LORA) for each in names)):
        return _OTHER_FILES["adapter"]
    if _OF_A_MATRIX in header.metadata:
        return _OTHER_FILES["imatrix"]
    if header.text(ARCHITECTURE) == "clip":
        return NOT_PREDICTING["clip"]
    if not header.text(ARCHITECTURE):
        return f"no file for llama.cpp: it does not say its architecture ({ARCHITECTURE})"
    return None


def not_quantized(header: Header) -> str | None:
    """Return what a GGUF is that has no weights to quantize; None if nothing says so.

    llama.cpp quantizes the part that reads images or audio too.
    """
    found = no_model(header)
    if found in (NOT_PREDICTING["clip"], _OTHER_FILES["mmproj"]):
        return None
    return found or (None if header.tensors else _VOCABULARY)


def of_another_program(name: str) -> str | None:
    """Return what a GGUF of an architecture is that llama.cpp does not know, if it is known."""
    return _OTHER_PROGRAMS.get(name.lower())


def not_predicting(header: Header) -> str | None:
    """Return what a GGUF is that does not predict the next token; None if it says nothing such."""
    architecture = header.text(ARCHITECTURE) or ""
    found = no_model(header) or NOT_PREDICTING.get(architecture)
    if found is not None:
        return found
    if not header.tensors:
        return _VOCABULARY
    own = {
        name: header.metadata.get(f"{architecture}.{name}")
        for name in ("attention.causal", "pooling_type", "classifier.output_labels")
    }
    if own["attention.causal"] is False:
        return "no causal language model"
    if own["classifier.output_labels"] is not None:
        return "a classifier, which gives a label for a text"
    pooling = own["pooling_type"]
    return _POOLED.get(pooling) if isinstance(pooling, int) else None


def refusal(what: str) -> str:
    """Return the end of a sentence that begins with the name of a file that is not evaluated."""
    return (
        f"is {what}, so it gives no log-probabilities of a next token; evaluate a model that "
        "generates text"
    )
