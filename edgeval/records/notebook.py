"""Records in a notebook: a table where they are drawn, and rows for a data frame.

Records lie below the package that draws them and cannot load it, so that package tells ``html`` how
it draws them; until it is loaded, a notebook shows the text of a record.
"""

from __future__ import annotations

import functools
from typing import Any


class Shown:
    """A record that a notebook shows as a table, and a terminal in a line."""

    def rows(self) -> list[dict[str, Any]]:
        """Return rows of plain values, all with the same names: ``pandas.DataFrame(x.rows())``."""
        raise NotImplementedError

    def _repr_html_(self) -> str | None:
        return html(self)

    def __repr__(self) -> str:
        names = dict.fromkeys(str(row["type"]) for row in self.rows())
        return f"<{type(self).__name__}: {', '.join(names)}>"

    __str__ = __repr__


@functools.singledispatch
def html(record: Shown) -> str | None:
    """Return a record as HTML; None where nothing is loaded that draws it."""
    return None
