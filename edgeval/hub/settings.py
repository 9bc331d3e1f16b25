"""Settings of the hub's client, which it makes of the environment."""

from __future__ import annotations

from typing import Any

from edgeval.errors import HubError
from edgeval.hub.names import redacted


def settings() -> Any:
    """Return the client's constants, which it reads from the environment when it is imported.

    Raises:
        HubError: If a variable is none that it can read.
    """
    try:
        from huggingface_hub import constants
    except ValueError as error:
        raise HubError(
            f"The hub's client cannot be used ({redacted(str(error))}): correct the variables "
            "that begin with HF_, such as HF_ENDPOINT and HF_HUB_ETAG_TIMEOUT."
        ) from error
    return constants
