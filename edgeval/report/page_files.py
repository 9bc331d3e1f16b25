"""Files of pages: Markdown and HTML, and the image that Markdown shows, for it draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from edgeval.errors import EdgevalError
from edgeval.report.charts.chart import Spec
from edgeval.report.charts.images import PNG, SVG, images
from edgeval.system.files import write_files

_ENDS: Final = (".html", ".md", SVG, PNG)
"""How the names of pages end, and of their images."""


def file_names(name: str) -> list[str]:
    """Return what pages and their image are called, of which there may be none.

    Args:
        name: The same without their ends.
    """
    return [f"{name}{end}" for end in _ENDS]


def page_files(
    name: str,
    drawn: Mapping[str, bytes],
    markdown: Callable[[str | None], str],
    html: Callable[[], str],
) -> Iterator[tuple[str, str | bytes]]:
    """Yield two pages, and the image that one of them shows, with their file names.

    Args:
        name: What the files are called, without their ends.
        drawn: The files of the image by their ends; none without one.
        markdown: Makes the page that shows the image, from its file or from None without one.
        html: Makes the other one.
    """
    yield from ((f"{name}{end}", content) for end, content in drawn.items())
    yield f"{name}.md", markdown(f"{name}{SVG}" if drawn else None)
    yield f"{name}.html", html()


def write_pages(
    folder: Path,
    name: str,
    shown: Spec | None,
    markdown: Callable[[str | None], str],
    html: Callable[[], str],
) -> list[str]:
    """Write two pages and their image to a folder, which is made; return what they are called.

    Args:
        folder: The folder; an image that was there and is not made now is removed.
        name: What the files are called, without their ends.
        shown: What the image shows, as Vega-Lite has it; None without one.
        markdown: As for ``page_files``.
        html: As well.

    Raises:
        EdgevalError: If they cannot be written, all or none; or if an older image cannot go.
    """
    (drawn,) = images([shown])
    pages = dict(page_files(name, drawn, markdown, html))
    write_files({folder / each: content for each, content in pages.items()})
    for each in set(file_names(name)) - pages.keys():
        remove(folder / each)
    return [each for each in file_names(name) if each in pages]


def remove(path: Path) -> None:
    """Remove a file of an older record, if it is there.

    Raises:
        EdgevalError: If it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise EdgevalError(
            f"cannot remove {path} ({error.strerror}), which is of another report; remove it "
            "yourself"
        ) from error


def require_new(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder that has such pages already.

    Args:
        folder: The folder; it need not be there.
        names: What the pages are called.

    Raises:
        EdgevalError: If it has one.
    """
    for name in names:
        if (folder / name).exists():
            raise EdgevalError(
                f"{folder / name} exists already; name another folder, or add --overwrite"
            )
