"""Pictures of every step of the page, light and dark, wide and 390 px: `make screenshots` or `python -m benchmarks.screenshots [FOLDER]`.

The demo person is imported, injected ("quick"), asked and measured, which takes about ten minutes on two cores; each step is looked at in four ways.
With --short the demo is cut to its newest messages and to a fraction of a minute, for whoever works on the page.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.browser import ask as ask_page
from benchmarks.browser import await_injection, begin_demo, new_screen, open_browser, open_tab, serve_page, shorten_demo

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
LOOKS = {"light": False, "dark": True}
WIDTHS = {"wide": 1280, "narrow": 390}
STILL = "*, *::before, *::after { animation: none !important; transition: none !important; caret-color: transparent !important; }"


def take(screen: Any, folder: Path, name: str) -> None:
    """The present state in all looks and widths."""
    for width_name, width in WIDTHS.items():
        screen.set_viewport_size({"width": width, "height": 850})
        for look, dark in LOOKS.items():
            screen.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
            screen.wait_for_timeout(400)
            screen.screenshot(path=folder / f"{name}-{width_name}-{look}.png", full_page=True)
            print(folder / f"{name}-{width_name}-{look}.png", flush=True)
    screen.set_viewport_size({"width": WIDTHS["wide"], "height": 850})
    screen.evaluate("document.body.classList.remove('dark')")


def walk(screen: Any, home: Path, folder: Path, short: bool) -> None:
    """The journey, a picture at each step."""
    screen.add_style_tag(content=STILL)
    screen.locator("#machine-welcome", has_text="processor cores").or_(screen.locator("#machine-welcome", has_text="GPU")).first.wait_for()
    take(screen, folder, "welcome")
    begin_demo(screen, home, shorten=False)
    screen.locator(".toast-wrap button").first.click()  # it would hide the header
    open_tab(screen, "import")
    screen.locator("#messages li").first.wait_for()
    take(screen, folder, "import")
    if short:
        shorten_demo(home)
    open_tab(screen, "inject")
    screen.locator("#start:not([disabled])").click()
    # A short run on a quick machine may end before its first curve is seen.
    screen.locator("#run .curve").or_(screen.locator("#run .card.good, #run .card.bad")).first.wait_for(timeout=2_400_000)
    take(screen, folder, "injecting")
    await_injection(screen)
    screen.locator("#start:not([disabled])").wait_for()  # its process ends a moment after the run
    if screen.locator("#plots button").first.is_visible():
        screen.locator("#plots button").first.click()
        screen.locator("#plot-history .plotly").first.wait_for()
    take(screen, folder, "inject")
    open_tab(screen, "memories")
    screen.locator("#memories label").nth(1).wait_for()
    screen.locator("#memories label").nth(1).click()
    screen.locator("#memory-one").wait_for()
    take(screen, folder, "memories")
    open_tab(screen, "chat")
    ask_page(screen, "Where do I live?")
    take(screen, folder, "chat")
    screen.click("#vote-left")
    screen.locator("#current .reveal").first.wait_for()
    take(screen, folder, "reveal")
    open_tab(screen, "results")
    screen.click("#measure")
    screen.locator("#results .questions").wait_for(timeout=2_400_000)
    screen.locator("#measure:not([disabled])").wait_for()
    take(screen, folder, "results")
    open_tab(screen, "profiles")
    screen.locator("#profiles-table table").wait_for()
    take(screen, folder, "profiles")
    screen.goto(screen.url.split("?")[0].rstrip("/") + "/de")
    screen.locator("#onward").wait_for()
    take(screen, folder, "german")


def main() -> None:
    """Takes the pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description="Pictures of every step of the page.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--short", action="store_true", help="the newest messages alone, two trials of half a minute in all")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="keepsake-") as scratch:
        home = Path(scratch) / "home"
        limits = {"KEEPSAKE_MINUTES": "0.5", "KEEPSAKE_TRIALS": "2"} if options.short else {}
        with serve_page(home, **limits) as address, open_browser() as browser:
            screen = new_screen(browser)
            screen.goto(address)
            walk(screen, home, options.folder, options.short)


if __name__ == "__main__":
    main()
