"""Views of a record of several tasks."""
