"""The page in a real browser, from the demo click to a profile that was deleted and came back, on pocket: one journey, as a person would go it.

It needs Debian's chromium (or CHROMIUM=/path/to/it) and the embedded weights, and skips with a sentence without them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.browser import (
    CHROMIUM,
    HOW_TO_GET_IT,
    ROOT,
    ask,
    await_injection,
    begin_demo,
    new_screen,
    open_browser,
    open_tab,
    serve_page,
)
from memory.store import count_rows, list_facts, list_judgements, list_messages, list_votes, load_profile, open_store

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CHROMIUM, reason=HOW_TO_GET_IT),
    pytest.mark.skipif(not list((ROOT / "pocket" / "weights").glob("*.safetensors")), reason="pocket/weights is empty: run make pocket"),
]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The page, started as a person starts it; its injections are cut to one trial of a fraction of a minute."""
    with serve_page(tmp_path / "home", KEEPSAKE_MINUTES="0.3", KEEPSAKE_TRIALS="1") as address:
        yield address


@pytest.fixture
def screen() -> Iterator[Any]:
    """A page of the browser whose actions wait for a busy machine."""
    pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -r requirements-dev.txt")
    with open_browser() as browser:
        yield new_screen(browser, accept_downloads=True)


def repeated_ids(screen: Any) -> list[str]:
    """The ids that more than one element of the page bears: a label or a script that names one would find the wrong element.

    Style sheets are left out: plotly gives each plot's the same id, and no label points at one.
    """
    ids: list[str] = screen.evaluate("() => [...document.querySelectorAll('[id]:not(style)')].map(element => element.id).filter(Boolean)")
    return sorted({name for name in ids if ids.count(name) > 1})


def test_the_whole_journey_on_the_demo_profile(address: str, screen: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    reached: set[str] = set()
    troubles: list[str] = []
    screen.on("request", lambda request: reached.add(request.url))
    screen.on("pageerror", lambda error: troubles.append(str(error)))
    screen.on("console", lambda message: troubles.append(message.text) if "Content Security Policy" in message.text else None)

    # Import, and a memory put right by hand.
    screen.goto(address)
    begin_demo(screen, home)
    open_tab(screen, "memories")
    screen.fill("#memory-new textarea, #memory-new input", "Your cat is called Biscuit.")
    screen.click("#memory-add")
    screen.locator("#memories label", has_text="Biscuit").click()
    screen.locator("#memory-one").wait_for()
    assert repeated_ids(screen) == []
    screen.fill("#memory-text textarea, #memory-text input", "Your cat is called Crumb.")
    screen.click("#memory-save")
    screen.locator("#memories label", has_text="Crumb").wait_for()

    # The injection, paused, reloaded in the middle, and watched to its end.
    open_tab(screen, "inject")
    screen.locator("#start:not([disabled])").click()
    screen.locator("#pause").click()
    screen.locator("#resume").wait_for()
    screen.reload()
    open_tab(screen, "inject")
    screen.locator("#resume").click()
    done = await_injection(screen)
    assert "Your adapter is ready" in done and "things about you" in done and "chosen" in done, done
    screen.locator("#plots button").first.click()
    screen.wait_for_function(
        "() => (document.querySelector('#plot-history .main-svg')?.clientWidth ?? 0) > .9 * document.querySelector('#plots').clientWidth"
    )

    # Blind: nothing says which side is which before the vote, and what was typed is text. The vote is a key.
    open_tab(screen, "chat")
    answers = ask(screen, "What is my <b>cat</b> called? ${7*7}")
    assert "Answer A" in answers[-1] and "&lt;b&gt;cat&lt;/b&gt; called? ${7*7}" in answers[-1]
    assert not any(side in answer for answer in answers for side in ("Adapter", "Retrieval", "rag"))
    screen.locator("#current").click()
    screen.keyboard.press("a")
    screen.locator("#current .reveal").first.wait_for()
    assert {"Adapter", "Retrieval"} <= set(screen.inner_text("#current").replace(":", " ").split())
    screen.locator("#relevant-left").get_by_label("Yes").check()
    screen.locator("#judge-note", has_text="Noted").wait_for()
    assert repeated_ids(screen) == []

    open_tab(screen, "results")
    screen.locator("#results .card").first.wait_for()
    assert "1 decided votes against retrieval" in screen.inner_text("#results")

    # The profile goes out as a file, is deleted for good, and comes back.
    db = open_store(home)
    before = count_rows(db, load_profile(db, "demo").id)
    open_tab(screen, "profiles")
    with screen.expect_download() as saved:
        screen.click("#profiles-export")
    file = tmp_path / "demo.keepsake"
    saved.value.save_as(file)
    screen.locator("#profiles-gone button").first.click()
    screen.fill("#profiles-typed textarea, #profiles-typed input", "demo")
    screen.click("#profiles-delete")
    screen.locator("#profiles-note", has_text="gone for good").wait_for()
    screen.locator("#profiles-back button").first.click()
    screen.set_input_files("#profiles-upload input[type=file]", str(file))
    screen.locator("#profiles-upload", has_text="demo.keepsake").wait_for()
    screen.click("#profiles-import")
    screen.locator("#profiles-note", has_text="demo is back").wait_for()
    profile = load_profile(db, "demo")
    assert count_rows(db, profile.id) == before and before["votes"] == 1
    assert [vote.choice for vote in list_votes(db, profile.id)] == ["left"] and list_judgements(db, profile.id)[0].relevant
    assert "Your cat is called Crumb." in [fact.text for fact in list_facts(db, profile.id)]
    db.close()

    # The same page in German, and nothing but the page was ever reached.
    screen.goto(f"{address}/de")
    screen.locator("#tab-chat-button", has_text="Chat").wait_for()
    assert "Beispiel ausprobieren" in screen.inner_text("#demo")
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
    open_tab(screen, "welcome")  # where a person who comes back is told what is next
    screen.locator("#onward:visible", has_text="Ana").wait_for()
    assert troubles == []
