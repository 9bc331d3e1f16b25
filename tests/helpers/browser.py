"""A browser: Chromium opens a page as a reader does, and tells what a reader would see go wrong."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHONE, TABLET, DESKTOP = WIDTHS = (390, 820, 1440)
HEIGHT = 900
SCHEMES = ("light", "dark")
CHARTS = "svg:is(figure svg, .chart svg):not(figcaption svg, svg svg)"
"""A chart that is drawn; signs within a caption are none."""
ALIKE = {"exclude": ["tbody tr:nth-child(n+3):not(.failed)", "details:nth-of-type(n+2)"]}
"""What is like what stands before it; axe-core takes milliseconds for each cell."""


class NoBrowserError(Exception):
    """Nothing here can open a page."""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser without a window.

    Raises:
        NoBrowserError: If there is none, or nothing that drives it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowserError("playwright is not installed") from None
    with sync_playwright() as driver:
        path = next(filter(None, map(shutil.which, PROGRAMS)), driver.chromium.executable_path)
        if not Path(path).is_file():
            raise NoBrowserError(f"none of {', '.join(PROGRAMS)} is on the PATH")
        browser = driver.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page that is open.

    Attributes:
        page: Playwright's page.
        complaints: What the page said on the console, and what it threw.
        requests: What it asked for beside its own file; nothing of it was let through.
    """

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def show(self, width: int = DESKTOP, scheme: str = "light", *, forced: bool = False) -> None:
        """Show it in another width and scheme, with the colours that a system forces or without."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        forced_colors = "active" if forced else "none"
        self.page.emulate_media(color_scheme=scheme, forced_colors=forced_colors)
        # Charts may be drawn again for it, in the next frames.
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    @property
    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        found: int = self.page.evaluate(
            "() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    def open_details(self) -> None:
        """Open all that can be folded."""
        self.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")

    def violations(self, **options: Any) -> list[str]:
        """Return what keeps somebody from reading the page, as axe-core finds it.

        Args:
            options: Options of ``axe.run``, such as the rules to hold it to.
        """
        from axe_playwright_python.sync_playwright import Axe

        options = {"resultTypes": ["violations"], **options}
        found = Axe().run(self.page, context=ALIKE, options=options).response["violations"]
        return [
            f"{rule['id']}: {node['html'][:120]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]

    def faint_texts(self) -> list[str]:
        """Return the texts of charts that hardly stand out, which axe-core does not look at."""
        found: list[str] = self.page.evaluate(_FAINT, CHARTS)
        return found

    def cut_texts(self) -> list[str]:
        """Return the texts of charts that end beyond their chart."""
        found: list[str] = self.page.evaluate(_CUT, CHARTS)
        return found

    def moving(self) -> int:
        """Return how many elements move, or would when they change."""
        found: int = self.page.evaluate(_MOVING)
        return found

    def printed(self) -> tuple[int, list[str]]:
        """Print it on A4.

        Returns:
            The number of pages, and what is wrong with each chart that is not whole on one of them.
        """
        import io

        from pypdf import PdfReader

        n_charts = self.page.evaluate(_MARK, CHARTS)
        margin = dict.fromkeys(("top", "right", "bottom", "left"), "1cm")
        sheets = PdfReader(io.BytesIO(self.page.pdf(format="A4", margin=margin))).pages
        places: dict[str, int] = {}
        for number, sheet in enumerate(sheets):
            for annotation in sheet.get("/Annots", ()):
                link = annotation.get_object()
                left, bottom, right, top = map(float, link["/Rect"])
                is_within = 0 <= left <= right <= sheet.mediabox.width
                if is_within and 0 <= bottom <= top <= sheet.mediabox.height:
                    places[link.get("/A", {}).get("/URI")] = number
        faults = []
        for chart in range(n_charts):
            first, last = (places.get(f"https://chart.invalid/{chart}/{end}") for end in (0, 1))
            if first is None or last is None or first != last:
                faults.append(f"chart {chart} begins on sheet {first} and ends on sheet {last}")
        return len(sheets), faults


@contextlib.contextmanager
def visit(browser: Any, path: Path, **options: Any) -> Iterator[Visit]:
    """Open a file.

    Args:
        browser: The browser.
        path: The file.
        options: Options of Playwright's ``new_context``, such as ``reduced_motion``.
    """
    address = path.resolve().as_uri()
    options = {"viewport": {"width": DESKTOP, "height": HEIGHT}, **options}
    with contextlib.closing(browser.new_context(**options)) as context:
        context.set_default_timeout(10_000)
        page = context.new_page()
        found = Visit(page)

        def asked(route: Any) -> None:
            if route.request.url.partition("#")[0] == address:
                route.continue_()
            else:
                found.requests.append(route.request.url)
                route.abort()

        def said(message: Any) -> None:
            if message.type in ("error", "warning", "assert"):
                found.complaints.append(message.text)

        context.route("**/*", asked)
        page.on("console", said)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (found.complaints.append(dialog.type), dialog.dismiss()))
        page.goto(address)
        yield found


_MARK = """charts => {
  // A PDF tells the sheet and the place of each link: one in two corners of each chart.
  const drawn = [...document.querySelectorAll(charts)];
  drawn.forEach((svg, chart) => {
    // Shares of its size, for a chart may be drawn again for the width of the paper.
    [[0, "0%", "0%"], [1, "99%", "98%"]].forEach(
      ([end, left, top]) => {
        const link = document.createElementNS(svg.namespaceURI, "a");
        link.setAttribute("href", `https://chart.invalid/${chart}/${end}`);
        const spot = document.createElementNS(svg.namespaceURI, "rect");
        const sides = {x: left, y: top, width: 1, height: 1, "fill-opacity": 0};
        for (const [name, value] of Object.entries(sides)) spot.setAttribute(name, value);
        link.append(spot);
        svg.append(link);
      });
  });
  return drawn.length;
}"""

_FAINT = """charts => {
  const numbers = color => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = color => {
    const [r, g, b] = numbers(color).map(part => part / 255).map(
      part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.backgroundColor = "Canvas";
    const color = getComputedStyle(probe).backgroundColor;
    probe.remove();
    return color;
  };
  return [...document.querySelectorAll(charts)].flatMap(svg =>
    [...svg.querySelectorAll("text")].filter(text => text.textContent.trim()).flatMap(text => {
      const pair = [getComputedStyle(text).fill, behind(svg)].map(light);
      const contrast = Math.max(...pair) / Math.min(...pair);
      return contrast >= 4.5 ? [] : [`${text.textContent}: ${contrast.toFixed(2)}`];
    }));
}"""

_MOVING = """() => [...document.querySelectorAll("*")].filter(element => {
  const style = getComputedStyle(element);
  return [style.transitionDuration, style.animationDuration].some(
    times => times.split(",").some(time => parseFloat(time) > 0.001));
}).length"""

_CUT = """charts => [...document.querySelectorAll(charts)].flatMap(chart => {
  const room = chart.getBoundingClientRect();
  return [...chart.querySelectorAll("text")].filter(text => {
    const box = text.getBoundingClientRect();
    const overhangs = [room.left - box.left, box.right - room.right, room.top - box.top,
                       box.bottom - room.bottom];
    return box.width > 0 && Math.max(...overhangs) > 2;
  }).map(text => text.textContent);
})"""
