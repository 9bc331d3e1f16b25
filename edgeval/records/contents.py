"""Contents of a GGUF that have to be known beside its numbers."""

from __future__ import annotations

from edgeval.records.base import Record


class PreTokenizer(Record):
    """How the text of a model was split before its tokenizer merged, where that needs a word.

    Attributes:
        own: The name in the file; None if it says none, so that llama.cpp takes its default.
        given: The name that was used instead, of ``--pre``; None if none was given.
    """

    own: str | None
    given: str | None = None


class TensorMix(Record):
    """Of what tensors a file is, beside what its type says.

    Attributes:
        own: ggml's type that the file's type is named after, for example ``Q4_K`` of ``Q4_K_M``.
        shares: Shares of the weights by ggml's types, the largest first.
        fallen_back: Share of the weights whose rows are no multiple of that type's blocks, so that
            they are of another type.
        said: What the file says that it is, where that is another type than it is called by.
    """

    own: str
    shares: dict[str, float]
    fallen_back: float
    said: str | None = None

    @property
    def is_as_named(self) -> bool:
        """Whether the file is what its type says, but for a twentieth of its weights at most."""
        return self.fallen_back <= 0.05 and self.own in self.shares and self.said is None


class SameFile(Record):
    """A type, or a file, of a ladder that was not evaluated, since its tensors are another one's.

    Attributes:
        type: llama.cpp's name of the file type.
        has_imatrix: Whether it would have been made with the importance matrix.
        file: Its file name, where it is a ready file; None of one that would have been made.
        same_as: What reports call the other one.
    """

    type: str
    has_imatrix: bool = False
    file: str | None = None
    same_as: str
