"""Pages in an installed Chromium without a window, for the tools that photograph them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def browser() -> str:
    """The path of a browser; FileNotFoundError where none is installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise FileNotFoundError(f"needs one of {', '.join(BROWSERS)} on the PATH")
    return found


@contextlib.contextmanager
def opened(url: str, *, width: int, height: int) -> Iterator[Page]:
    """The page at `url` in a window of so many pixels."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=_QUIET)
        page = started.new_page(viewport={"width": width, "height": height})
        page.goto(url)
        yield page
        started.close()
