"""Numbers of a page, held to its record by code that shares nothing with what makes the page."""
