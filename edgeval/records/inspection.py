"""Schemas of what a GGUF says of itself."""

from __future__ import annotations

from edgeval.records import Record, TensorMix

Scalar = bool | int | float | str


class MetadataValue(Record):
    """One value of the metadata.

    Attributes:
        type: The format's name, for example ``uint32`` or ``array of string``.
        length: Number of elements of an array, else None.
        value: The value; of an array its first elements, at most eight, as text if they are arrays.
            Numbers that are not finite, and strings that are not UTF-8, are text that says so.
    """

    type: str
    length: int | None = None
    value: Scalar | list[Scalar]


class TypeSum(Record):
    """The tensors of one type, in sum.

    Attributes:
        type: ggml's name, for example ``Q4_K``.
        n_tensors: Number of tensors.
        n_params: Number of their elements.
        n_bytes: Number of their bytes.
    """

    type: str
    n_tensors: int
    n_params: int
    n_bytes: int


class TensorEntry(Record):
    """One tensor.

    Attributes:
        name: Its name.
        shape: Its shape, outermost dimension first.
        type: ggml's name, for example ``Q4_K``.
        n_bytes: Number of its bytes.
    """

    name: str
    shape: list[int]
    type: str
    n_bytes: int


class SpecialToken(Record):
    """A token with a role.

    Attributes:
        id: Its id.
        text: Its text; None if the vocabulary has no such id.
    """

    id: int
    text: str | None


class TokenizerInfo(Record):
    """The vocabulary, in sum; None where the file leaves it to llama.cpp's default.

    Attributes:
        model: llama.cpp's name of the algorithm, for example ``llama`` (SentencePiece) or ``gpt2``.
        pre: Its name of the pre-tokenizer.
        lacks_pre: Whether the algorithm has need of one that the file does not name.
        n_tokens: Number of token ids.
        types: Number of tokens of each type.
        special: Tokens with a role, by its name: ``bos``, ``eos``, ``unknown``, ...
        adds_bos: Whether a text gets the ``bos`` token in front.
        adds_eos: Whether it gets the ``eos`` token behind.
        adds_space_prefix: Whether it gets a space in front.
        n_merges: Number of merges of byte pairs.
        has_chat_template: Whether there is a template of conversations.
    """

    model: str
    pre: str | None
    lacks_pre: bool = False
    n_tokens: int
    types: dict[str, int] | None
    special: dict[str, SpecialToken]
    adds_bos: bool | None
    adds_eos: bool | None
    adds_space_prefix: bool | None
    n_merges: int
    has_chat_template: bool


class Inspection(Record):
    """What ``edgeval inspect --json`` prints of one GGUF.

    Attributes:
        file: File name.
        n_files: Number of its files; a split model has several, and ``file`` is the first.
        file_bytes: Size of its files.
        sha256: Hash of the file; of several, the SHA-256 over the digits of each and a line break.
        gguf_version: Version of the format.
        alignment: What each tensor's place in the file is a multiple of, in bytes.
        architecture: llama.cpp's name of the architecture; None if the file does not say it.
        name: The model's name, if the file says it.
        file_type: llama.cpp's name for how it is quantized, as the file says it or, where it does
            not or none of its tensors is so, as they are; ``unknown`` where nothing tells.
        said_file_type: What the file says of that; None if it does not.
        mix: Of what tensors it is; None if it has none, or is called by no type of them.
        n_params: Number of elements of all tensors.
        tensor_bytes: Bytes of all tensors.
        bits_per_weight: Tensor bits over parameters; None without tensors.
        tokenizer: The vocabulary; None if there is none.
        metadata: All values by key, in the file's order.
        types: The tensors in sum, by type, the one with the most bytes first.
        tensors: All tensors, in the file's order.
    """

    file: str
    n_files: int = 1
    file_bytes: int
    sha256: str
    gguf_version: int
    alignment: int
    architecture: str | None
    name: str | None
    file_type: str
    said_file_type: str | None = None
    mix: TensorMix | None = None
    n_params: int
    tensor_bytes: int
    bits_per_weight: float | None
    tokenizer: TokenizerInfo | None
    metadata: dict[str, MetadataValue]
    types: list[TypeSum]
    tensors: list[TensorEntry]
