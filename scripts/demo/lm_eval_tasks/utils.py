"""The preprocessing of lm-evaluation-harness's own HellaSwag task, for ``demo_hellaswag.yaml``."""

from __future__ import annotations

from lm_eval.tasks.hellaswag.utils import process_docs

__all__ = ["process_docs"]
