"""Repository of GGUFs on the hub, shown without downloading them."""

from __future__ import annotations

from dataclasses import replace

from edgeval.cli.app import progress_bars
from edgeval.errors import HubError
from edgeval.system.console import print_json


def show(model: str, *, as_json: bool, offline: bool) -> None:
    """Print which GGUFs a repository holds.

    Args:
        model: ``OWNER/NAME``, with ``@REVISION`` and ``:TYPE`` if one is meant.
        as_json: Print JSON instead of a table.
        offline: Show what the cache has.

    Raises:
        HubError: If there is no such repository, or it holds no GGUF.
    """
    from edgeval.cli.terminal import ggufs as terminal
    from edgeval.hub.ggufs import chosen, list_ggufs
    from edgeval.hub.names import ModelName, parse_model

    repo, revision, gguf = parse_model(model) or ModelName(model)
    with progress_bars() as progress:
        found = list_ggufs(repo, revision, offline=offline, progress=progress)
    if found is None:
        raise HubError(
            f"{repo} holds no GGUF of a model: if it is a checkpoint, `edgeval run {repo}` "
            "converts and evaluates it."
        )
    if gguf is not None:
        found = replace(found, ggufs=tuple(chosen(found, [gguf])))
    if as_json:
        print_json(terminal.ggufs_json(found))
    else:
        terminal.print_ggufs(found)
