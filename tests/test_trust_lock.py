"""The lock of the page: unlocking, auto-lock, a child with the key, and a browser in which nothing is left on the screen."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import psutil  # type: ignore[import-untyped]
import pytest

from app import locking, privacy_panel, use, worker
from app import sentences as say
from app.edge import PageError, explained, store
from benchmarks.browser import CHROMIUM, HOW_TO_GET_IT, new_screen, open_browser, serve_page
from memory import vector_index
from memory.errors import StoreLocked, WrongPassphrase
from memory.store import (
    NewFact,
    add_facts,
    create_profile,
    engine,
    forget_fact,
    is_encrypted,
    is_locked,
    load_profile,
    open_store,
    save_adapter,
)

pytestmark = pytest.mark.skipif(engine.cipher is None, reason="sqlcipher3 is not installed: pip install sqlcipher3")
PASSPHRASE = "two green kettles"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(engine, "ROUNDS", 1000)
    yield
    engine._keys.clear()
    use.last_used.clear()


def new_profile() -> None:
    db = open_store()
    create_profile(db, "ana")
    db.close()


def test_the_page_encrypts_locks_and_unlocks(home: Path) -> None:
    new_profile()
    shown = privacy_panel.render_storage()
    assert privacy_panel.state_of_lock() == "plain" and str(home) in shown
    # On a narrow screen each cell says what it is: the columns that tell what is encrypted and how to remove it had scrolled out of sight.
    assert all(shown.count(f'data-head="{heading}"') == len(say.STORAGE) for heading in say.STORAGE_HEAD)
    with pytest.raises(PageError):
        privacy_panel.lock_store()
    with pytest.raises(PageError, match="differ"):
        privacy_panel.encrypt_store("", PASSPHRASE, PASSPHRASE + "x")
    with pytest.raises(WrongPassphrase, match="at least"):
        privacy_panel.encrypt_store("", "short", "short")
    assert say.ENCRYPTED in privacy_panel.encrypt_store("", PASSPHRASE, PASSPHRASE)
    privacy_panel.lock_store()
    assert privacy_panel.state_of_lock() == "locked"
    with pytest.raises(StoreLocked), store():
        pass
    with pytest.raises(WrongPassphrase):
        privacy_panel.unlock_store("wrong passphrase")
    privacy_panel.unlock_store(PASSPHRASE)
    assert say.PASSPHRASE_CHANGED in privacy_panel.encrypt_store(PASSPHRASE, "three blue kettles", "three blue kettles")
    assert say.DECRYPTED in privacy_panel.decrypt_store("three blue kettles")
    assert privacy_panel.state_of_lock() == "plain"


def test_a_store_nobody_uses_locks_and_ticks_of_a_timer_are_no_use(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_profile()
    privacy_panel.encrypt_store("", PASSPHRASE, PASSPHRASE)

    def look() -> str:
        with store() as db:
            return load_profile(db, "ana").name

    assert explained(look)() == "ana" and home in use.last_used
    use.last_used[home] = time.monotonic() - 14 * 60
    assert locking.lock_idle() == [] and explained(look, idle=True)() == "ana"
    use.last_used[home] -= 2 * 60
    vector_index._kept[("x", 1, "fact", "m")] = vector_index.VectorIndex()
    assert locking.lock_idle() == [home] and is_locked(home) and vector_index._kept == {}
    assert explained(look, idle=True)() == gr.skip()  # no notice each second
    with pytest.warns(UserWarning, match="locked"):
        explained(look)()
    monkeypatch.setenv("KEEPSAKE_LOCK_MINUTES", "0")
    use.last_used[home] = 0.0
    assert locking.lock_idle() == []


def test_a_child_process_works_on_the_encrypted_store_without_the_key_on_its_command_line(home: Path) -> None:
    db = open_store()
    profile = create_profile(db, "ana")
    db.close()
    privacy_panel.encrypt_store("", PASSPHRASE, PASSPHRASE)
    worker.start_evaluate(profile)
    child = psutil.Process(json.loads((home / "jobs" / "evaluate-1.json").read_text())["pid"])
    key = engine.hand_over(home / "keepsake.db").split()[1]
    assert key and not any(key in text for text in (*child.cmdline(), *child.environ().values()))
    assert child.environ()[engine.PIPE] == "1" and PASSPHRASE not in str(child.environ())
    child.terminate()
    privacy_panel.lock_store()
    with pytest.raises(StoreLocked):
        worker.start_evaluate(profile)


def test_the_panel_shows_certificates_and_lets_a_stale_adapter_be_used(home: Path) -> None:
    db = open_store()
    profile = create_profile(db, "ana").id
    fact = add_facts(db, profile, [NewFact("Your locker's code is 7719.")])[0]
    save_adapter(db, profile, None, b"w", {"r": 8}, "base", "rev", "1", [fact], {})
    assert privacy_panel.has_stale("ana") == (False, False)
    forget_fact(db, profile, fact)
    shown = privacy_panel.render_forgotten("ana")
    assert say.STALE in shown and f"fact {fact}" in shown and "7719" not in shown
    assert privacy_panel.has_stale("ana") == (True, False)
    assert say.STALE_ALLOWED in privacy_panel.use_stale("ana", True) and privacy_panel.has_stale("ana") == (True, True)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason=HOW_TO_GET_IT)
def test_a_person_encrypts_changes_and_decrypts_with_the_buttons_that_fit(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serve_page(home) as address, open_browser() as browser:
        screen = new_screen(browser)
        screen.goto(address)
        screen.locator("#privacy button").first.click()
        screen.locator("#storage table").wait_for()
        assert not screen.locator("#lock, #decrypt, #present-passphrase").locator("visible=true").count()
        for present, new in (("", PASSPHRASE), (PASSPHRASE, "three blue kettles")):
            for field, text in (("present", present), ("new", new), ("again", new)):
                if text:
                    screen.fill(f"#{field}-passphrase input", text)
            screen.click("#encrypt")
            screen.locator("#encryption-said", has_text=say.PASSPHRASE_CHANGED if present else say.ENCRYPTED).wait_for()
            assert is_encrypted(home) and screen.input_value("#new-passphrase input") == ""
            screen.locator("#lock").wait_for()
        screen.fill("#present-passphrase input", "three blue kettles")
        screen.click("#decrypt")
        screen.locator("#encryption-said", has_text=say.DECRYPTED).wait_for()
        screen.locator("#lock").wait_for(state="hidden")
        assert not is_encrypted(home)
