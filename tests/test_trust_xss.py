"""A corpus of payloads in messages, names, file names and profile fields, driven in a real browser: nothing of it is ever run or taken for markup."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import access, page
from app import sentences as say
from benchmarks.browser import CHROMIUM, HOW_TO_GET_IT, new_screen, open_browser, open_tab
from memory.importers import ParsedMessage
from memory.store import (
    NewFact,
    add_facts,
    create_profile,
    list_facts,
    open_store,
    save_adapter,
    save_form,
    save_messages,
    save_turn,
    save_vote,
)

PORT = 7947
MARK = "document.documentElement.dataset.hit"
PAYLOADS = (
    f"<script>{MARK}=1</script>", f"<img src=x onerror=\"{MARK}=2\">", f"<svg onload={MARK}=3>", f"<iframe srcdoc=\"<script>parent.{MARK}=4</script>\">",
    f"[click](javascript:{MARK}=5)", f"<a href=\"javascript:{MARK}=6\" id=bait>x</a>", f"\"><input autofocus onfocus={MARK}=7>",
    f"<details open ontoggle={MARK}=8>", "<style>@import 'http://127.0.0.1:9/x.css';</style>", "<img src='http://127.0.0.1:9/leak.png'>",
    "![x](http://127.0.0.1:9/y.png)", "<base href='http://127.0.0.1:9/'>", "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>", "</title></textarea></style><b id=bold>bold</b>", f"<math><mtext><script>{MARK}=9</script>",
    "<form action='http://127.0.0.1:9/'><button id=steal>x</button></form>", "&lt;img src=x onerror=alert(1)&gt;", f"\\u003cimg src=x onerror={MARK}=10\\u003e",
    f"<object data='data:text/html,<script>parent.{MARK}=11</script>'>", "\u202e<b>right to left</b>", "<!--<img src=--><img src=x onerror=alert(1)//>",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM, reason=HOW_TO_GET_IT),
]  # slow: a browser, minutes


@pytest.fixture
def address(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", tempfile.mkdtemp(prefix="keepsake-"))
    db = open_store()
    nasty = "<img src=x onerror=document.documentElement.dataset.hit=0>"[:50]
    profile = create_profile(db, nasty.replace("/", "")).id
    messages = [ParsedMessage(f"chat {text}", f"Bo {text}"[:80], "person", None, text) for text in PAYLOADS]
    save_messages(db, profile, [*messages, *(ParsedMessage("mine", "Ana", "person", None, text) for text in PAYLOADS)], "Ana")
    add_facts(db, profile, [NewFact(f"You said {text}") for text in PAYLOADS])
    save_form(db, profile, {field: PAYLOADS[place] for place, field in enumerate(("name", "city", "job"))}, " ".join(PAYLOADS)[:1500])
    facts = [fact.id for fact in list_facts(db, profile)]
    save_adapter(db, profile, None, b"w", {"adapters": {}}, "pocket", "rev", "1", facts, {})
    for text in PAYLOADS:
        save_vote(db, save_turn(db, profile, "c", text, "rag", "adapter", text, text, {"notes": [[text], [text]]}), "left")
    db.close()
    built = page.build_page()
    page.serve(built, "127.0.0.1", PORT)
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        built.close()
        access.remove()


def test_no_payload_is_run_loaded_or_taken_for_markup(address: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    record_property("payloads", len(PAYLOADS))
    pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -r requirements-dev.txt")
    asked: list[str] = []
    with open_browser() as browser:
        screen: Any = new_screen(browser)
        dialogs: list[str] = []
        screen.on("request", lambda request: asked.append(request.url))
        screen.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        screen.goto(address)
        screen.locator("#summary", has_text="messages").wait_for()
        for key in say.TABS:
            open_tab(screen, key)
            screen.wait_for_timeout(1200)
            assert screen.evaluate(f"{MARK} || ''") == "" and screen.locator("#bait, #bold, #steal").count() == 0, key
        # A file whose name and words are payloads.
        chat = tmp_path / "WhatsApp Chat with <img src=x onerror=document.documentElement.dataset.hit=20>.txt"
        chat.write_text("\n".join(f"01/04/2024, 10:{n:02d} - Ana: {text}" for n, text in enumerate(PAYLOADS)), encoding="utf-8")
        open_tab(screen, "import")
        screen.set_input_files("#files input[type=file]", str(chat))
        screen.locator("#import-result").get_by_text("would be imported").first.wait_for()
        screen.wait_for_timeout(800)
        assert screen.evaluate(f"{MARK} || ''") == "" and dialogs == []
        assert "onerror" in screen.inner_text("#import-result")  # shown as the text that it is
    assert [url for url in asked if ":9/" in url] == []
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
