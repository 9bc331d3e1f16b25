"""Texts on which two tokenizers would differ if they were not the same."""

from __future__ import annotations

import random
from collections.abc import Collection

from gguf import TokenType

from edgeval.checkpoints.tokenizer.vocabulary import Vocabulary, byte_letters

_WRITTEN = (
    "",
    " ",
    "  ",
    "a",
    " a",
    "a ",
    "The quick brown fox jumps over the lazy dog, doesn't it? He'd said: \"I'LL go!\"",
    "  two spaces in front,  two within,   three   here, and two at the end  ",
    "tabs\tand\t\ttabs, lines\nand\n\nlines\r\nand \n spaces \t\n around them\n",
    "\n\n\n \n  \n\t\n",
    "1 12 123 1234 12345 1234567890 3.14159 1,000,000 0x7f 2e-10 v1.2.3 007 \u00bd \u0663\u0664",
    "def f(x):\n    return x**2  # comment\n\nif (a[0] != b->c && d::e) { x += 1; }\n",
    "<html lang='en'> & http://example.org/a_b?c=d%20e#f {curly} [square] ~tilde~ `tick` \\back\\",
    "!!! ??? ... ,,, ;;; ::: --- ___ === +++ *** /// ||| @@@ ### $$$ %%% ^^^",
    "CamelCase snake_case kebab-case SCREAMING miXed x1y2z3 \u00e9t\u00e9 na\u00efve "
    "co\u00f6perate Stra\u00dfe",
    "\uff26\uff55\uff4c\uff4c \uff57\uff49\uff44\uff54\uff48 \uff11\uff12\uff13, \ufb01ne "
    "\ufb02uff, \u2460 \u00b2 \u2122 \u212b \u2126 \u017f\u1e9b",
    "e\u0301 o\u0308 n\u0303 (combined) and \u00e9 \u00f6 \u00f1 (one each), I\u0307 \u0130 \u0131",
    "\u00a0no break \u2009thin\u3000wide \u200bzero\u200d width\ufeff mark \u00ad soft \u2028 line",
    "\u2018single\u2019 \u201cdouble\u201d \u2013 \u2014 \u2026 \u00ab \u00bb \u20ac \u00a3 \u00a5",
    "\u043f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0393\u03b5\u03b9\u03ac "
    "\u03c3\u03bf\u03c5 \u03ba\u03cc\u03c3\u03bc\u03b5",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u6211\u6709100\u4e2a\u82f9\u679c\u3002 "
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c \u30c6\u30b9\u30c8 \uc548\ub155\ud558\uc138\uc694",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 "
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd \u0928\u092e\u0938\u094d\u0924\u0947",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u1780\u1798\u17d2\u1796\u17bb\u1787\u17b6 "
    "\u10d2\u10d0\u10db\u10d0\u10e0 \u1230\u120b\u121d \u0b95\u0bbe",
    "\U0001f680 \U0001f636\u200d\U0001f32b\ufe0f \u2705 \U0001f999\U0001f999 \U0001f1e9\U0001f1ea "
    "\U0001f469\U0001f3fd\u200d\U0001f4bb \U0001d54f \U00020000",
    "\u0001\u0007\u001b\u007f\u0085 control",
    "a" * 70,
    " " * 40 + "x",
    "ha" * 50 + "!" * 33,
)
_N_MADE = 300
_PIECES_OF_A_TEXT = 12
_SEED = 17


def sample(vocabulary: Vocabulary, without: Collection[str] = ()) -> list[str]:
    """Return texts of many kinds, and some made of the vocabulary's own tokens in any order.

    Such texts need merges that no other text needs.

    Args:
        vocabulary: The vocabulary.
        without: Texts of tokens of which none are made.
    """
    pieces = _texts_of_tokens(vocabulary, {text.replace(" ", "\u2581") for text in without})
    if not pieces:
        return list(_WRITTEN)
    chance = random.Random(_SEED)
    made = ["".join(chance.choices(pieces, k=_PIECES_OF_A_TEXT)) for _ in range(_N_MADE)]
    return [*_WRITTEN, *made]


def _texts_of_tokens(vocabulary: Vocabulary, without: Collection[str]) -> list[str]:
    bytes_of = {letter: bytes([byte]) for byte, letter in enumerate(byte_letters())}
    texts = []
    for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True):
        if kind != TokenType.NORMAL:
            continue
        text = token.decode("utf-8", "ignore")
        if text in without:
            continue
        if vocabulary.model == "llama":
            texts.append(text.replace("\u2581", " "))
        elif all(letter in bytes_of for letter in text):
            # Tokens that are a part of a character make no text of their own.
            data = b"".join(bytes_of[letter] for letter in text)
            texts.append(data.decode("utf-8", "ignore"))
    return [text for text in texts if text and "\0" not in text]
