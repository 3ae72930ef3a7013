"""Makes the README's picture of the local server's page.

    python tools/photograph_gallery.py --saved_model=models/autogan

Starts `python -m autogan_tf.serve` on an exported model, opens its page in headless Chromium and writes
docs/gallery.png.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import headless  # beside this file

ROOT = pathlib.Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1120, 980
HALF_WAY = "8"  # of the slider's 16


def photograph(url: str, path: pathlib.Path) -> None:
    """Writes the page at `url`, with the slider half way, as a PNG file."""
    with headless.opened(url, width=WIDTH, height=HEIGHT) as page:
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        page.fill("#slider", HALF_WAY)
        page.locator("#slider").blur()
        page.screenshot(path=path)


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--saved_model", type=pathlib.Path, required=True, help="a folder that export has written")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "gallery.png", help="the picture")
    arguments = parser.parse_args(argv)
    try:
        headless.browser()
    except FileNotFoundError as error:
        parser.error(str(error))
    flags = [f"--saved_model={arguments.saved_model.absolute()}", "--rest_port=0", "--grpc_port=0"]
    server = subprocess.Popen(
        [sys.executable, "-m", "autogan_tf.serve", *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = next((line.split()[1] for line in server.stdout if line.startswith("page:")), None)
        if url is None:
            parser.error(f"the server ended with {server.wait()}")
        photograph(url, arguments.output)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
