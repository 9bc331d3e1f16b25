"""Types in names of GGUFs, as publishers write them."""

from __future__ import annotations

import pytest

from edgeval.gguf.type_sizes import BITS_PER_WEIGHT
from edgeval.hub.gguf_names import is_model, label_of, type_called
from edgeval.hub.names import is_plain_path, parse_model

R1 = "DeepSeek-R1"

LABELS = {
    "Llama-3.2-1B-Instruct-Q4_K_M.gguf": "Q4_K_M",
    "Llama-3.2-1B-Instruct-f16.gguf": "F16",
    "Llama-3.2-1B-Instruct-Q4_0_4_4.gguf": "Q4_0_4_4",
    "Llama-3.2-1B-Instruct-Q6_K_L.gguf": "Q6_K_L",
    "Llama-3.2-1B-Instruct-IQ3_XXS.gguf": "IQ3_XXS",
    "google_gemma-3-4b-it-qat-bf16.gguf": "BF16",
    "gemma-3-4b-it-q4_0.gguf": "Q4_0",
    "gemma-3-270m-it-UD-Q4_K_XL.gguf": "UD-Q4_K_XL",
    "gemma-3-270m-it-UD-IQ1_S.gguf": "UD-IQ1_S",
    "Qwen3-0.6B-UD-TQ1_0.gguf": "UD-TQ1_0",
    "Qwen3-0.6B-ud-q2_k_xl.gguf": "UD-Q2_K_XL",
    "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf": "Q4_K_M",
    "tinyllama-1.1b-chat-v1.0.Q2_K.gguf": "Q2_K",
    "mistral-7b-instruct-v0.2.Q5_K_S.gguf": "Q5_K_S",
    "qwen2.5-0.5b-instruct-q4_k_m.gguf": "Q4_K_M",
    "qwen2.5-0.5b-instruct-fp16.gguf": "F16",
    "Qwen2.5-7B-Instruct-1M-Q8_0.gguf": "Q8_0",
    "smollm2-135m-instruct-q8_0.gguf": "Q8_0",
    "ggml-model-q4_0.gguf": "Q4_0",
    "ggml-model-i2_s.gguf": "ggml-model-i2_s",
    "model_q4_k_m.gguf": "Q4_K_M",
    "Meta-Llama-3-8B.i1-Q4_K_M.gguf": "i1-Q4_K_M",
    "Meta-Llama-3-8B.i1-IQ2_XXS.gguf": "i1-IQ2_XXS",
    "gpt-oss-20b-MXFP4_MOE.gguf": "MXFP4_MOE",
    "gpt-oss-20b-mxfp4.gguf": "MXFP4",
    "gpt-oss-20b-F32.gguf": "F32",
    "Nemotron-NVFP4.gguf": "NVFP4",
    "bitnet-TQ2_0.gguf": "TQ2_0",
    "Qwen3-30B-A3B-IQ4_KSS.gguf": "IQ4_KSS",
    "Qwen3-30B-A3B-IQ5_K_R4.gguf": "IQ5_K_R4",
    "Phi-3-mini-4k-instruct-q4.gguf": "Q4",
    "Mistral-Q8_0-q4_k_m.gguf": "Q4_K_M",
    "llama-Q4_K_M-imatrix.gguf": "Q4_K_M",
    "llama-Q4_K_M.v2-2024.gguf": "Q4_K_M",
    "gemma-2b.gguf": "gemma-2b",
    "model.gguf": "model",
    "model-XQ4_K_M.gguf": "model-XQ4_K_M",
    f"{R1}-Q4_K_M/{R1}-Q4_K_M-00001-of-00009.gguf": "Q4_K_M",
    f"UD-Q2_K_XL/{R1}-UD-Q2_K_XL-00002-of-00005.gguf": "UD-Q2_K_XL",
    "BF16/model-00001-of-00030.gguf": "BF16",
    "Q4_K_M/part/model.gguf": "Q4_K_M",
    "models/llama.gguf": "llama",
    "llama-2-70b-chat-00001-of-00002.gguf": "llama-2-70b-chat",
}


@pytest.mark.parametrize(("name", "label"), LABELS.items())
def test_the_label_is_the_type_in_the_name(name: str, label: str) -> None:
    assert is_plain_path(name)
    assert is_model(name)
    assert label_of(name) == label


@pytest.mark.parametrize("type_name", BITS_PER_WEIGHT)
def test_every_type_of_llama_cpp_is_found(type_name: str) -> None:
    for name in (f"a-1.5b-{type_name}.gguf", f"a.{type_name.lower()}.gguf", f"{type_name}/a.gguf"):
        assert label_of(name) == type_name
    assert type_called(type_name.lower()) == type_name


def test_only_a_type_alone_is_called_one() -> None:
    assert type_called("fp16") == "F16"
    assert type_called("ud-q4_k_xl") == "UD-Q4_K_XL"
    for text in ("model-Q4_K_M", "Q4_K_M.gguf", "", "q", "all"):
        assert type_called(text) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("mmproj-model-f16.gguf", "gemma-3-4b-it-mmproj-BF16.gguf", "llava.mmproj-f16.gguf"),
        *("imatrix.gguf", "imatrix_unsloth.gguf", "Qwen3-imatrix.gguf", "Qwen3-BF16-imatrix.gguf"),
        *("ggml-vocab-llama-bpe.gguf", "Llama-3-8B-vocab.gguf", "Llama-3-8B-F16-LoRA.gguf"),
        *("ggml-lora-f16.gguf", "mmproj/mmproj-F16.gguf"),
    ],
)
def test_what_is_no_language_model_by_its_name(name: str) -> None:
    assert not is_model(name)


@pytest.mark.parametrize("name", ["Lora-tuned-Q4_K_M.gguf", "explorer.gguf", "vocabulary-8b.gguf"])
def test_a_word_within_a_name_says_nothing(name: str) -> None:
    assert is_model(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o/n", ("o/n", "main", None)),
        ("o/n:Q4_K_M", ("o/n", "main", "Q4_K_M")),
        ("o/n-GGUF:UD-Q4_K_XL", ("o/n-GGUF", "main", "UD-Q4_K_XL")),
        (
            "o/n:Q4_K_M/model-00001-of-00003.gguf",
            ("o/n", "main", "Q4_K_M/model-00001-of-00003.gguf"),
        ),
        ("o/n@v1.0", ("o/n", "v1.0", None)),
        ("o/n@refs/pr/7:Q8_0", ("o/n", "refs/pr/7", "Q8_0")),
        *(
            (text, None)
            for text in (
                *(
                    "demo",
                    "o/n:",
                    "o/n@:Q8_0",
                    "o/n@",
                    "o/n:Q8_0:Q4_0",
                    "o/n:../x",
                    "o/n:a\\b",
                    "o/n/p",
                ),
                *("C:\\models\\a.gguf", "C:/models", "C:/models/a.gguf", "c:a/b", "/a/b:Q8_0"),
                *("~/a:Q8_0", "./a:Q8_0", "http://h/x", "o/n:\x1b[2J", "o/n@../..:Q8_0", ""),
            )
        ),
    ],
)
def test_what_names_a_model_of_the_hub(text: str, expected: tuple[str, str, str] | None) -> None:
    assert parse_model(text) == expected
