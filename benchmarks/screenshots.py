"""Pictures of every step of the page, light and dark, wide and 390 px: `make screenshots` or `python -m benchmarks.screenshots [FOLDER]`.

The demo person, cut short so that it takes minutes, is imported, injected (as one trial) and asked; each step is looked at in four ways.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.browser import ask as ask_page
from benchmarks.browser import await_injection, begin_demo, new_screen, open_browser, open_tab, serve_page

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


def walk(screen: Any, home: Path, folder: Path) -> None:
    """The journey, a picture at each step."""
    screen.add_style_tag(content=STILL)
    screen.locator("#machine-welcome", has_text="processor cores").or_(screen.locator("#machine-welcome", has_text="GPU")).first.wait_for()
    take(screen, folder, "welcome")
    begin_demo(screen, home)
    open_tab(screen, "import")
    screen.locator("#messages li").first.wait_for()
    take(screen, folder, "import")
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
    screen.locator("#results .card").first.wait_for()
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
    parser.add_argument("--minutes", default="0.5", help="time of the injection (default: 0.5)")
    parser.add_argument("--trials", default="2", help="its trials (default: 2)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="keepsake-") as scratch:
        home = Path(scratch) / "home"
        with serve_page(home, KEEPSAKE_MINUTES=options.minutes, KEEPSAKE_TRIALS=options.trials) as address, open_browser() as browser:
            screen = new_screen(browser)
            screen.goto(address)
            walk(screen, home, options.folder)


if __name__ == "__main__":
    main()
