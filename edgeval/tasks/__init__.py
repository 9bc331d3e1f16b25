"""One module a task: raw records become items."""

from edgeval.tasks.item import Item, ItemScore

__all__ = ["Item", "ItemScore"]
