"""Makes the README's picture of the local server's page.

    python tools/photograph_gallery.py --saved_model=models/autogan

Starts `python -m autogan_tf.serve` on an exported model, opens its page in headless Chromium and writes
docs/gallery.png.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDTH, HEIGHT = 1120, 980
HALF_WAY = "8"  # of the slider's 16


def photograph(url: str, browser: str, path: pathlib.Path) -> None:
    """Writes the page at `url`, with the slider half way, as a PNG file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=QUIET)
        page = started.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(url)
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        page.fill("#slider", HALF_WAY)
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=path)
        started.close()


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--saved_model", type=pathlib.Path, required=True, help="a folder that export has written")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "gallery.png", help="the picture")
    arguments = parser.parse_args(argv)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        parser.error(f"needs one of {', '.join(BROWSERS)} on the PATH")
    flags = [f"--saved_model={arguments.saved_model.absolute()}", "--rest_port=0", "--grpc_port=0"]
    server = subprocess.Popen(
        [sys.executable, "-m", "autogan_tf.serve", *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = next((line.split()[1] for line in server.stdout if line.startswith("page:")), None)
        if url is None:
            parser.error(f"the server ended with {server.wait()}")
        photograph(url, browser, arguments.output)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
