"""Encryption at rest: after every kind of work no file of the data folder holds a planted word, and nothing opens without the passphrase."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from app import sentences as say
from benchmarks.browser import CHROMIUM, HOW_TO_GET_IT, new_screen, open_browser, open_tab, serve_page
from memory.__main__ import main
from memory.edge import run_command
from memory.errors import RunInProgress, StoreBusy, StoreLocked, WrongPassphrase
from memory.importers import ParsedMessage
from memory.store import (
    NewFact,
    add_facts,
    back_up,
    change_passphrase,
    check_store,
    create_profile,
    decrypt,
    duplicate_profile,
    embeddings,
    encrypt,
    engine,
    finish_run,
    forget_message,
    hand_over,
    is_encrypted,
    is_locked,
    list_messages,
    load_profile,
    lock,
    match_words,
    open_store,
    restore,
    save_adapter,
    save_messages,
    save_report,
    start_run,
    transaction,
    unlock,
)
from tuning.__main__ import build_parser

pytestmark = pytest.mark.skipif(engine.cipher is None, reason="sqlcipher3 is not installed: pip install sqlcipher3")

ROOT = Path(__file__).resolve().parents[1]
SECRET = "heliotrope"
PASSPHRASE = "two green kettles"
VECTOR = np.full((1, 64), 0.37, dtype=np.float16)


@pytest.fixture(autouse=True)
def quick_kdf(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The KDF takes half a second on purpose; the tests that do not look at it take fewer rounds."""
    monkeypatch.setattr(engine, "ROUNDS", 1000)
    yield
    engine._keys.clear()


def fill(home: Path) -> int:
    """A store with the planted word in every kind of row; returns the profile."""
    db = open_store(home)
    profile = create_profile(db, "ana").id
    save_messages(db, profile, [ParsedMessage("Walk", "Ana", "person", None, f"{SECRET} number {n}") for n in range(30)], "Ana")
    fact = add_facts(db, profile, [NewFact(f"Your word is {SECRET}.")])[0]
    embeddings.save(db, "fact", [fact], VECTOR, "m")
    weights = save({"lora": np.frombuffer(SECRET.encode() * 900, dtype=np.uint8)})
    save_adapter(db, profile, None, weights, {"r": 8}, "base", "rev", "1", [fact], {})
    save_report(db, profile, "evaluation", {"answers": [SECRET]})
    db.close()
    return profile


def holders(folder: Path) -> list[str]:
    planted = (SECRET.encode(), VECTOR.tobytes(), PASSPHRASE.encode())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(word in path.read_bytes().lower() for word in planted)]


def test_after_encryption_no_file_holds_a_planted_word_whatever_is_done(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    profile = fill(home)
    assert holders(home)
    done = encrypt(home, PASSPHRASE)
    assert done["encrypted"] and done["rows"]["messages"] == 30 and is_encrypted(home)
    db = open_store(home)
    assert [m.text for m in list_messages(db, profile)][0] == f"{SECRET} number 0"
    assert match_words(db, profile, "message", [SECRET], 3) and db.journal_mode == "wal"
    # Work with it: writing, searching, copying, forgetting, backing up, all with the log still open.
    save_messages(db, profile, [ParsedMessage("Walk", "Ana", "person", None, f"later {SECRET}")], "Ana")
    duplicate_profile(db, profile, "copy")
    forget_message(db, profile, 1)
    made = Path(back_up(home)["backup"])
    assert holders(home) == [] and holders(tmp_path / "tmp") == []
    db.close()
    assert check_store(home)["ok"] and check_store(home)["encrypted"]
    restore(home, made)
    assert holders(home) == [] and is_encrypted(home) and check_store(home)["ok"]
    record_property("files_searched", sum(path.is_file() for path in home.rglob("*")))
    record_property("plain_found", len(holders(home)))


def test_nothing_opens_without_the_passphrase_and_the_wrong_one_is_a_sentence(home: Path) -> None:
    fill(home)
    encrypt(home, PASSPHRASE)
    lock(home)
    assert is_locked(home)
    for touch in (open_store, back_up):
        with pytest.raises(StoreLocked, match="locked"):
            touch(home)
    for wrong in ("", "two green kettle", PASSPHRASE + " "):
        with pytest.raises(WrongPassphrase):
            unlock(home, wrong)
    assert is_locked(home)
    unlock(home, PASSPHRASE)
    assert load_profile(open_store(home), "ana").name == "ana"


def test_the_passphrase_can_be_changed_and_taken_off(home: Path) -> None:
    fill(home)
    encrypt(home, PASSPHRASE)
    before = (home / "keepsake.db").read_bytes()[:16]
    with pytest.raises(WrongPassphrase):
        change_passphrase(home, "another one", "long enough too")
    with pytest.raises(WrongPassphrase, match="at least"):
        change_passphrase(home, PASSPHRASE, "short")
    change_passphrase(home, PASSPHRASE, "long enough too")
    assert (home / "keepsake.db").read_bytes()[:16] != before and holders(home) == []
    lock(home)
    with pytest.raises(WrongPassphrase):
        unlock(home, PASSPHRASE)
    assert decrypt(home, "long enough too")["rows"]["messages"] == 30
    assert not is_encrypted(home) and len(list_messages(open_store(home), 1)) == 30


def test_encryption_waits_for_nobody_and_changes_nothing_under_another_or_a_run(home: Path) -> None:
    profile = fill(home)
    db = open_store(home)
    run = start_run(db, profile, "inject", {})
    with pytest.raises(RunInProgress):
        encrypt(home, PASSPHRASE)
    finish_run(db, run, "done")
    with transaction(db):
        db.execute("UPDATE profiles SET about = 'x'")
        with pytest.raises(StoreBusy, match="close the page"):
            encrypt(home, PASSPHRASE)
    assert not is_encrypted(home) and [path.name for path in home.glob(".*")] == []
    db.close()
    encrypt(home, PASSPHRASE)
    with pytest.raises(WrongPassphrase, match="already"):
        encrypt(home, PASSPHRASE)


def test_the_file_is_one_that_sqlcipher_opens_with_the_passphrase_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ROUNDS", 256_000)
    fill(home)
    encrypt(home, PASSPHRASE)
    connection = engine.cipher.connect(str(home / "keepsake.db"))
    connection.execute(f"PRAGMA key = '{PASSPHRASE}'")
    assert connection.execute("SELECT count(*) FROM messages").fetchone() == (30,)
    connection.close()


def test_a_child_gets_the_key_through_a_pipe_and_the_commands_through_the_environment(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(home)
    encrypt(home, PASSPHRASE)
    environment = {**os.environ, engine.PIPE: "1"}
    command = [sys.executable, "-m", "memory", "messages", "--profile", "ana", "--json"]
    child = subprocess.run(command, cwd=ROOT, env=environment, input=hand_over(home / "keepsake.db"), capture_output=True, text=True)
    assert child.returncode == 0 and len(json.loads(child.stdout)) == 30
    locked = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert locked.returncode == 1 and "locked" in json.loads(locked.stdout)["error"] and "Traceback" not in locked.stderr
    assert PASSPHRASE not in " ".join(command) and SECRET not in locked.stderr


def test_the_commands_encrypt_change_and_decrypt(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home)
    back_up(home)
    assert main(["encrypt"]) == 1 and "KEEPSAKE_PASSPHRASE" in capsys.readouterr().err
    monkeypatch.setenv("KEEPSAKE_PASSPHRASE", PASSPHRASE)
    assert main(["encrypt"]) == 0
    assert "Not encrypted: your backup backup-" in capsys.readouterr().out
    monkeypatch.setenv("KEEPSAKE_NEW_PASSPHRASE", "three blue kettles")
    assert main(["passphrase"]) == 0 and main(["check"]) == 0
    engine._keys.clear()
    capsys.readouterr()
    assert main(["messages", "--profile", "ana"]) == 1 and "is not that of the store" in capsys.readouterr().err
    monkeypatch.setenv("KEEPSAKE_PASSPHRASE", "three blue kettles")
    assert main(["messages", "--profile", "ana"]) == 0
    study = home / "study.db"
    assert (
        run_command(build_parser(), ["inject", "--profile", "ana", "--storage", f"sqlite:///{study}"]) == 1
    )  # its examples would lie there in plain text
    assert "search without --storage" in capsys.readouterr().err and not study.exists()
    assert run_command(build_parser(), ["inject", "--profiles", "all", "--engine", "ray"]) == 1
    assert "inject with --engine local" in capsys.readouterr().err
    assert main(["decrypt"]) == 0
    assert not is_encrypted(home)


def test_a_plain_backup_in_the_place_of_an_encrypted_store_and_back(home: Path) -> None:
    fill(home)
    plain = Path(back_up(home, home.parent / "plain.db")["backup"])
    encrypt(home, PASSPHRASE)
    secret = Path(back_up(home, home.parent / "secret.db")["backup"])
    restore(home, plain)
    assert not is_encrypted(home) and check_store(home)["ok"]
    restore(home, secret)
    assert is_encrypted(home) and check_store(home)["ok"] and len(list_messages(open_store(home), 1)) == 30


def test_what_a_kill_between_the_two_files_leaves_is_erased_on_opening(home: Path) -> None:
    fill(home)
    (home / ".old-0011").write_bytes(SECRET.encode() * 100)
    open_store(home).close()
    assert not (home / ".old-0011").exists()


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(not CHROMIUM, reason=HOW_TO_GET_IT)
def test_a_person_locks_is_refused_with_the_wrong_passphrase_and_unlocks_with_the_changed_one(tmp_path: Path) -> None:
    """The page as `python app.py` serves it: what was on the screen is gone from it while the store is locked, and comes back."""
    home = tmp_path / "home"
    fill(home)
    with serve_page(home) as address, open_browser() as browser:
        screen = new_screen(browser)
        screen.goto(address)
        open_tab(screen, "memories")
        screen.locator("#memories", has_text=SECRET).wait_for()
        open_privacy(screen)
        for present, new, said in (("", PASSPHRASE, say.ENCRYPTED), (PASSPHRASE, "three blue kettles", say.PASSPHRASE_CHANGED)):
            for field, text in (("present", present), ("new", new), ("again", new)):
                if text:
                    screen.fill(f"#{field}-passphrase input", text)
            screen.click("#encrypt")
            screen.locator("#encryption-said", has_text=said).wait_for()
        assert holders(home) == []
        screen.click("#lock")
        screen.locator("#lock-row").wait_for()
        screen.locator("#memories", has_text=SECRET).wait_for(state="detached")
        assert SECRET not in screen.content()
        screen.reload()  # nor does a page that is opened now show anything
        screen.locator("#lock-row").wait_for()
        assert SECRET not in screen.content()
        for wrong in (PASSPHRASE, "three blue kettle"):  # the old one, and a mistyped one
            screen.fill("#passphrase input", wrong)
            screen.click("#unlock")
            screen.locator(".toast-wrap", has_text="is not the passphrase of this store").first.wait_for()
            screen.locator(".toast-close").first.click()
            screen.locator(".toast-wrap", has_text="is not the passphrase of this store").wait_for(state="detached")
            assert screen.locator("#lock-row").is_visible() and SECRET not in screen.content()
        screen.fill("#passphrase input", "three blue kettles")
        screen.click("#unlock")
        screen.locator("#lock-row").wait_for(state="hidden")
        screen.locator("#summary", has_text="ana").wait_for()
        open_tab(screen, "memories")
        screen.locator("#memories", has_text=SECRET).wait_for()
    assert holders(home) == [] and holders(tmp_path) == []


def open_privacy(screen: Any) -> None:
    """The panel that says what is stored where."""
    screen.locator("#privacy button").first.click()
    screen.locator("#storage table").wait_for()
