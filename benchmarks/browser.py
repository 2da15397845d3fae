"""The page in a real browser, for pictures and measurements: a data folder comes in, the running page and a Chromium that looks at it come out.

It needs playwright (requirements-dev.txt) and Debian's chromium, or CHROMIUM=/path/to/it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memory.store import ABOUT_ME, delete_messages, list_messages, load_profile, open_store

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
HOW_TO_GET_IT = "no chromium here: apt-get install -y chromium, or set CHROMIUM to its path"
# Without a GPU or QUIC, and without the services of its maker: nothing but the page is to be reached.
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
).split()
PATIENCE_MS = 240_000  # a busy machine takes its time


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve_page(home: Path, *options: str, **environment: str) -> Iterator[str]:
    """The page as a person starts it, on the data of a folder; gives its address, and ends it as Ctrl-C does."""
    port, log = free_port(), home.parent / f"{home.name}.log"
    home.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        command = [sys.executable, "app.py", "--port", str(port), *options]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "KEEPSAKE_HOME": str(home), **environment}, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 240
        while "Keepsake is on" not in log.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The page did not start: {log.read_text(encoding='utf-8')}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def open_browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        raise RuntimeError(HOW_TO_GET_IT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def new_screen(browser: Any, width: int = 1280, height: int = 850, dark: bool = False, **options: Any) -> Any:
    """A tab of a person of their own (own cookies), light or dark."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", **options)
    screen = context.new_page()
    screen.set_default_timeout(PATIENCE_MS)
    return screen


def open_tab(screen: Any, key: str) -> None:
    """Goes to a tab by its key, such as chat, in whatever language."""
    screen.locator(f"#tab-{key}-button").click()


def shorten_demo(home: Path, kept: int = 8) -> None:
    """Cuts the demo's chats to their newest messages, so that studying them takes seconds; form and free text stay."""
    db = open_store(home)
    try:
        profile = load_profile(db, "demo")
        chats = [message.id for message in list_messages(db, profile.id) if message.conversation != ABOUT_ME]
        delete_messages(db, profile.id, chats[:-kept])
    finally:
        db.close()


def begin_demo(screen: Any, home: Path, shorten: bool = True) -> None:
    """One click imports the demo person, which is then cut short."""
    screen.click("#demo")
    screen.locator("#summary b", has_text="demo").wait_for()
    if shorten:
        shorten_demo(home)


def await_injection(screen: Any) -> str:
    """Waits until the injection has ended; returns what its card says."""
    screen.locator("#run .card.good, #run .card.bad").wait_for(timeout=2_400_000)
    return str(screen.inner_text("#run"))


def ask(screen: Any, question: str) -> list[str]:
    """Asks in the blind test; returns every state of the panes on the way, the last with both answers finished."""
    screen.fill("#question textarea, #question input", question)
    screen.click("#ask")
    seen = []
    for _ in range(3000):
        seen.append(screen.inner_html("#current"))
        if screen.locator("#vote-left:not([disabled])").count() and "writing" not in seen[-1]:
            break
        screen.wait_for_timeout(80)
    return seen
