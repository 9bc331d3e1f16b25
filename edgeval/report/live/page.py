"""Page of a run that goes on: it draws what it is told, and the report takes its place."""

from __future__ import annotations

import functools

from markupsafe import Markup

from edgeval.report.pages import page_scripts, script_file, script_source, template


def live_page(title: str) -> str:
    """Return the page: one HTML file that asks its own address for news, and loads nothing else.

    Args:
        title: What runs.
    """
    return template("live.html.j2").render(title=title, script=Markup(_script()))


@functools.cache
def policy() -> str:
    """Return the content security policy of the page, and of the report that takes its place.

    The report's own policy, in its head, is as strict and does not let it ask for news.
    """
    scripts = " ".join(map(script_source, (_script(), *page_scripts())))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@functools.cache
def _script() -> str:
    return script_file("live.js")
