"""A call for many profiles in the store: counts, who waits, and a driver that was killed; the same for the command and the card of the page."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database

from app import sentences as say
from app.batch_card import show_batch
from app.inject_tab import poll
from memory.store import beat, create_profile, delete_profile, finish_run, forget_all, load_profile, open_store, save_adapter, start_run
from memory.store.batches import batch_progress, end_batch, note_begun, note_ended, start_batch
from tuning.scale_commands import show_progress

ROOT = Path(__file__).resolve().parents[1]
DRIVER = """
from memory.store import beat, load_profile, open_store, start_run
from memory.store.batches import note_begun, start_batch
db = open_store()
ids = [load_profile(db, name).id for name in ("ana", "bo")]
start_batch(db, "one", "ray", ids)
run = start_run(db, ids[0], "inject", {"batch": "one"})
note_begun(db, "one", ids[0], run)
beat(db, run, state="running", stage="search", progress=0.5, detail="trial 1 of 2 on node 0a1b")
"""


@pytest.fixture
def db(home: Path) -> Database:
    return open_store()


def begin(db: Database, count: int) -> list[int]:
    ids = [create_profile(db, f"p{number}<b>").id for number in range(count)]
    start_batch(db, "one", "ray", ids)
    return ids


def run_of(db: Database, profile: int, **fields: object) -> int:
    run = start_run(db, profile, "inject", {})
    note_begun(db, "one", profile, run)
    beat(db, run, **fields)
    return run


def test_every_profile_of_a_call_is_counted_from_its_beginning(db: Database) -> None:
    assert batch_progress(db)["batch"] is None and "No injection" in show_progress(batch_progress(db)) and show_batch(db) == ""
    ids = begin(db, 6)
    done = run_of(db, ids[0], state="running")
    adapter = save_adapter(db, ids[0], done, b"w", {}, "base", "1", "v", [], {})
    finish_run(db, done, "done", {"adapter": adapter, "node": "0a1b"})
    finish_run(db, run_of(db, ids[1], state="running"), "failed", error="It holds no facts.")
    run_of(db, ids[2], state="running", stage="search", progress=0.5, detail="trial 1 of 2 on node 2c3d")
    note_ended(db, "one", ids[3], "skipped")
    note_ended(db, "one", ids[4], "failed", "An injection is running.")
    found = batch_progress(db)
    assert (found["done"], found["failed"], found["running"], found["skipped"], found["waiting"], found["of"]) == (1, 2, 1, 1, 1, 6)
    assert found["state"] == "running" and found["engine"] == "ray"
    assert (found["profiles"][0]["adapter"], found["profiles"][0]["node"]) == (adapter, "0a1b")
    lines = show_progress(found)
    assert "p2<b>: running, 50% trial 1 of 2 on node 2c3d" in lines and "1 waiting" in lines and "An injection is running." in lines
    card = show_batch(db)
    assert "p2&lt;b&gt;" in card and "<b>" not in card and "trial 1 of 2 on node 2c3d" in card and "node 0a1b" in card
    assert 'aria-valuenow="67"' in card and say.en.BATCH_TITLES["running"].format(of=6) in card
    say.speak("de")
    try:
        assert "6 Profile werden eingeprägt" in show_batch(db) and "1 warten" in show_batch(db)
    finally:
        say.speak("en")
    # The page finds it at every look, so also after a reload; what has not changed is not sent again but for its clock.
    assert "trial 1 of 2 on node 2c3d" in poll("p0<b>", "")[-1]
    delete_profile(db, ids[5])
    forget_all(db, ids[4])
    assert batch_progress(db)["of"] == 4
    end_batch(db, "one", "done")
    assert batch_progress(db)["state"] == "done"


def test_a_call_whose_driver_was_killed_says_that_it_goes_on(db: Database) -> None:
    for name in ("ana", "bo"):
        create_profile(db, name)
    subprocess.run([sys.executable, "-c", DRIVER], cwd=ROOT, check=True)  # ends without ending its batch, as a killed one does
    found = batch_progress(db)
    assert (found["state"], found["interrupted"], found["waiting"]) == ("interrupted", 1, 1)
    assert "the same command goes on" in show_progress(found) and say.en.BATCH_STOPPED in show_batch(db)
    start_batch(db, "two", "local", [load_profile(db, "ana").id])
    assert batch_progress(db)["batch"] == "two"


def test_the_card_of_a_call_that_ended_long_ago_is_gone(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(db, 30)
    assert say.en.BATCH_MORE.format(count=22) in show_batch(db)
    monkeypatch.setattr("memory.store.batches.now", lambda: "2001-01-01T00:00:00+00:00")
    end_batch(db, "one", "done")
    assert show_batch(db) == "" and batch_progress(db)["state"] == "done"
