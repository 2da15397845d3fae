"""The page in a real browser, from the demo click to the results, on pocket: one test, as a person would go through it.

It needs Debian's chromium (or CHROMIUM=/path/to/it) and the embedded weights, and skips with a sentence without them.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory.store import ABOUT_ME, delete_messages, list_messages, load_profile, open_store

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# Without a GPU or QUIC, and without the services of its maker: nothing but the page is to be reached.
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
).split()

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium here: apt-get install -y chromium, or set CHROMIUM to its path"),
    pytest.mark.skipif(not list((ROOT / "pocket" / "weights").glob("*.safetensors")), reason="pocket/weights is empty: run make pocket"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The page, started as a person starts it; its injections are cut to one trial of a fraction of a minute."""
    port = free_port()
    short = {"KEEPSAKE_HOME": str(tmp_path / "home"), "KEEPSAKE_MINUTES": "0.3", "KEEPSAKE_TRIALS": "1"}
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env={**os.environ, **short}, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + 120
        while "Keepsake is on" not in (tmp_path / "out").read_text(encoding="utf-8"):
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "out").read_text(encoding="utf-8")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture
def screen() -> Iterator[Any]:
    """A page of the browser whose actions wait for a busy machine."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -r requirements-dev.txt")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        screen = browser.new_page(viewport={"width": 1280, "height": 850})
        screen.set_default_timeout(120_000)
        yield screen
        browser.close()


def shorten_demo(home: Path, kept: int = 8) -> None:
    """Cuts the demo's chats to their newest messages, so that studying them takes seconds; form and free text stay."""
    db = open_store(home)
    try:
        profile = load_profile(db, "demo")
        chats = [message.id for message in list_messages(db, profile.id) if message.conversation != ABOUT_ME]
        delete_messages(db, profile.id, chats[:-kept])
    finally:
        db.close()


def open_tab(screen: Any, name: str) -> None:
    screen.get_by_role("tab", name=name).click()


def test_the_demo_goes_from_one_click_to_a_vote_and_its_results(address: str, screen: Any, tmp_path: Path) -> None:
    reached: set[str] = set()
    troubles: list[str] = []
    answers: list[str] = []
    screen.on("request", lambda request: reached.add(request.url))
    screen.on("pageerror", lambda error: troubles.append(str(error)))

    screen.goto(address)
    screen.click("#demo")
    screen.locator("#summary", has_text="messages").wait_for()
    shorten_demo(tmp_path / "home")
    screen.locator("#start:not([disabled])").click()
    # A reload in the middle finds the run again, for its state is in the store.
    screen.locator("#cancel").wait_for()
    screen.reload()
    open_tab(screen, "Inject")
    screen.locator("#run .card.good, #run .card.bad").wait_for(timeout=600_000)
    done = screen.inner_text("#run")
    assert "Your adapter is ready" in done and "held-out questions" in done and "chosen" in done

    open_tab(screen, "Chat")
    screen.fill("#question textarea", "What is my <b>cat</b> called? ${7*7}")
    screen.click("#ask")
    vote = screen.locator("#vote-left:not([disabled])")
    for _ in range(1200):
        answers.append(screen.inner_html("#current"))
        if vote.count():
            break
        screen.wait_for_timeout(100)
    # Nothing in the page says which side is which before the vote, and what was typed is text.
    assert "Answer A" in answers[-1] and "&lt;b&gt;cat&lt;/b&gt; called? ${7*7}" in answers[-1]
    assert not any(side in answer for answer in answers for side in ("Adapter", "Retrieval", "rag"))
    vote.click()
    screen.locator("#current .reveal").first.wait_for()
    assert {"Adapter", "Retrieval"} <= set(screen.inner_text("#current").replace(":", " ").split())

    open_tab(screen, "Results")
    screen.locator("#results .card").first.wait_for()
    assert "1 decided votes against retrieval" in screen.inner_text("#results")
    assert all(url.startswith((address, "data:", "blob:")) for url in reached), reached
    assert troubles == []


def test_a_file_is_read_reported_imported_as_the_right_person_and_undone(address: str, screen: Any, tmp_path: Path) -> None:
    troubles: list[str] = []
    screen.on("pageerror", lambda error: troubles.append(str(error)))
    chat = tmp_path / "WhatsApp Chat with Ben.txt"
    lines = ("Ben: my dog is <b>Rex</b>", "Ana Ruiz: mine is Pepper, mail ana@example.org", "Ana Ruiz: <Media omitted>", "Ben: see you")
    chat.write_text("\n".join(f"0{day}/04/2024, 10:00 - {line}" for day, line in enumerate(lines, 1)))

    screen.goto(address)
    screen.fill("#new-profile textarea, #new-profile input", "Ana")
    screen.click("#create")
    screen.locator("#summary", has_text="0 messages").wait_for()
    screen.set_input_files("#files input[type=file]", str(chat))
    # Nothing is stored by looking.
    screen.locator("#import-result", has_text="3 messages of whatsapp would be imported").wait_for()
    report = screen.inner_text("#import-result")
    assert "pictures, sounds and files" in report and "e-mail addresses" in report and "ana@example.org" not in report
    assert "<b>Rex</b>" in report  # what was said is text
    screen.locator("#date-order", has_text="which way").or_(screen.locator("#date-order")).wait_for()
    screen.get_by_label("3/5 is 3 May").check()
    screen.locator("#who").get_by_label("Ana Ruiz").check()
    screen.locator("#import:not([disabled])", has_text="Import 3 messages").click()
    screen.locator("#import-result", has_text="3 imported").wait_for()
    db = open_store(tmp_path / "home")
    try:
        profile = load_profile(db, "Ana")
        assert [(m.me, m.timestamp) for m in list_messages(db, profile.id)][:2] == [
            (False, "2024-04-01T10:00:00"),
            (True, "2024-04-02T10:00:00"),
        ]
        screen.click("#undo-import")
        screen.locator("#import-result", has_text="Undone: 3 messages").wait_for()
        assert list_messages(db, profile.id) == []
    finally:
        db.close()
    assert troubles == []
