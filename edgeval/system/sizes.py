"""Sizes in bytes, as people type them."""

from __future__ import annotations

import math
import re
from typing import Final

from edgeval.errors import EdgevalError
from edgeval.system.untrusted import printable

_SIZE: Final = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*(?:([KMGT])(i?B)?|B)?", re.IGNORECASE)
_MOST_BYTES: Final = 2**60


def n_bytes(text: str) -> int:
    """Return the bytes that a size means: ``2G``, ``1.5GiB``, ``700M``, ``2GB`` or ``1000000``.

    K, M, G and T are powers of 1,024, with or without ``iB``; with ``B`` alone, of 1,000. So GNU's
    tools read them (https://www.gnu.org/software/coreutils/manual/html_node/Block-size.html).

    Raises:
        EdgevalError: If it is no size, or none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is not None:
        base = 1000 if (found[3] or "").upper() == "B" else 1024
        power = "KMGT".index(found[2].upper()) + 1 if found[2] else 0
        size = math.floor(float(found[1]) * math.pow(base, power))
        if 0 < size <= _MOST_BYTES:
            return size
    raise EdgevalError(f"{printable(text, 60)} is no size; write it like 2G, 1.5GiB or 700M")
