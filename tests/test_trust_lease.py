"""Leases and the watchdog: one worker a run, a frozen one is taken over and cannot come back, a hang is told from slowness."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlite_utils import Database

from app import inject_tab
from app import sentences as say
from memory.errors import LeaseLost, RunInProgress
from memory.store import (
    NewFact,
    active_run,
    add_facts,
    beat,
    create_profile,
    delete_profile,
    finish_run,
    forget_fact,
    latest_run,
    load_run,
    open_store,
    request_cancel,
    save_adapter,
    start_run,
)
from memory.store.checkpoints import MATERIAL, interrupted_runs, load_checkpoint, save_checkpoint, save_weights
from memory.store.database import path_of
from tuning import pulse as pulses
from tuning.pulse import Pulse, Watch, judge

WORKER = """
import sys, time
from pathlib import Path
from memory.store import beat, create_profile, load_profile, open_store, save_adapter, start_run
from memory.store.checkpoints import save_checkpoint
db = open_store(Path(sys.argv[1]))
run = start_run(db, load_profile(db, "ana").id, "inject", {})
beat(db, run, state="running", progress=0.5)
print("working", flush=True)
sys.stdin.readline()
for late in (lambda: beat(db, run), lambda: save_checkpoint(db, run, "best", b"x"),
             lambda: save_adapter(db, 1, run, b"late", {}, "b", "r", "1", [], {})):
    try:
        late()
        print("stored", flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


@pytest.fixture
def db(home: Path) -> Database:
    db = open_store()
    create_profile(db, "ana")
    return db


def expire(db: Database, run: int) -> None:
    with db.conn:
        db.execute("UPDATE runs SET lease = lease - 100 WHERE id = ?", [run])


def test_a_frozen_worker_keeps_its_run_for_its_lease_and_cannot_come_back_after_it(home: Path, db: Database) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdin and worker.stdout and worker.stdout.readline() == "working\n"
    try:
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(RunInProgress):
            start_run(db, 1, "inject", {})
        first = active_run(db, 1)
        assert first and first.pid == worker.pid and not first.notice
        expire(db, first.id)
        silent = active_run(db, 1)  # looking takes nothing away from it, but says what is wrong
        assert silent and silent.state == "running" and "has not been heard of for 1" in silent.notice
        second = start_run(db, 1, "inject", {})
        taken = load_run(db, first.id)
        assert taken.state == "interrupted" and "another took it over" in (taken.error or "")
        os.kill(worker.pid, signal.SIGCONT)
        said, _ = worker.communicate("\n", timeout=30)
        assert said.split() == ["LeaseLost"] * 3
        assert active_run(db, 1) == load_run(db, second) and load_run(db, second).pid == os.getpid()
    finally:
        worker.kill()


def test_the_page_ends_a_frozen_worker_that_cannot_hear_that_it_is_cancelled(home: Path, db: Database) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdout and worker.stdout.readline() == "working\n"
    try:
        os.kill(worker.pid, signal.SIGSTOP)
        run = active_run(db, 1)
        assert run
        inject_tab.cancel("ana")
        assert worker.poll() is None and active_run(db, 1)  # it may only be slow to hear
        expire(db, run.id)
        assert "has not been heard of" in inject_tab.show_run("ana")
        assert say.INTERRUPTED_TITLE in inject_tab.cancel("ana")
        assert worker.wait(20) == -signal.SIGKILL and not inject_tab.is_live("ana")
    finally:
        worker.kill()


def test_a_late_worker_that_nobody_replaced_goes_on(db: Database) -> None:
    run = start_run(db, 1, "inject", {})
    expire(db, run)  # the machine slept
    beat(db, run, progress=0.2)
    assert (found := active_run(db, 1)) and not found.notice
    with pytest.raises(RunInProgress):
        start_run(db, 1, "inject", {})


def test_a_run_of_another_host_is_known_by_its_lease_alone(db: Database) -> None:
    run = start_run(db, 1, "inject", {})
    with db.conn:
        db.execute("UPDATE runs SET host = 'elsewhere', pid = 1 WHERE id = ?", [run])
    with pytest.raises(RunInProgress):
        start_run(db, 1, "inject", {})
    with pytest.raises(LeaseLost):
        finish_run(db, run, "done")
    expire(db, run)
    assert (found := latest_run(db, 1)) and found.state == "interrupted"


def test_an_ended_run_takes_nothing_more(db: Database) -> None:
    run = start_run(db, 1, "inject", {})
    finish_run(db, run, "cancelled")
    for late in (
        lambda: beat(db, run),
        lambda: save_checkpoint(db, run, "x", b""),
        lambda: save_adapter(db, 1, run, b"", {}, "", "", "", [], {}),
    ):
        with pytest.raises(LeaseLost):
            late()


@pytest.mark.parametrize(
    ("silent", "longest", "works", "life"),
    [
        (30, 0.1, False, ""), (60, 0.1, True, "slow"), (60, 20, True, ""), (60, 0.1, False, ""), (130, 0.1, False, "hang"),
        (130, 20, False, ""), (1700, 5, True, "slow"), (1900, 5, True, "hang"),
    ],
)  # fmt: skip
def test_a_hang_is_a_long_silence_of_a_process_that_does_nothing(silent: float, longest: float, works: bool, life: str) -> None:
    assert judge(silent, longest, works) == life


def told(db: Database, run: int, word: str, work: Any) -> str:
    """The run's notice as soon as it holds the word, while `work` is done again and again."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        work()
        if word in (notice := load_run(db, run).notice):
            return notice
    raise AssertionError(f"nothing with {word!r} was said, but {load_run(db, run).notice!r}")


def test_the_watchdog_says_what_it_sees_and_lets_the_lease_of_a_hang_end(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("PULSE_SECONDS", 0.3), ("SLOW_LEAST", 0.5), ("HANG_LEAST", 1.0), ("IDLE", 0.1)):
        monkeypatch.setattr(pulses, name, seconds)
    run, watch, ended = start_run(db, 1, "inject", {}), Watch(), Event()
    with Pulse(db, end=lambda status: ended.set()) as pulse:
        pulse.add(run, watch)
        assert "Slow, but alive: no step for" in told(db, run, "Slow", lambda: sum(range(3_000_000)))
        watch.move(waited=True)
        assert told(db, run, "", lambda: time.sleep(0.5)) == ""  # it moved again
        watch.last -= 1.5
        assert "It hangs" in told(db, run, "hangs", lambda: time.sleep(0.5)) and "does nothing" in load_run(db, run).notice
        lease = db.execute("SELECT lease FROM runs WHERE id = ?", [run]).fetchone()[0]
        time.sleep(0.9)
        assert db.execute("SELECT lease FROM runs WHERE id = ?", [run]).fetchone()[0] == lease
        request_cancel(db, run)
        assert ended.wait(10)  # a hung run cannot hear it, so its process is ended
    assert load_run(db, run).state == "interrupted" and not load_run(db, run).notice


def test_half_trained_weights_go_with_what_they_may_know(db: Database) -> None:
    first = start_run(db, 1, "inject", {})
    assert not save_weights(db, first, "trial", b"weights", {})  # what it trains on is not noted, or a fact of it was forgotten meanwhile
    save_checkpoint(db, first, MATERIAL, b"")
    assert save_weights(db, first, "trial", b"weights", {"step": 3}) and load_checkpoint(db, first, "trial") == (b"weights", {"step": 3})
    finish_run(db, first, "interrupted")
    second = start_run(db, 1, "inject", {})
    assert [run.id for run in interrupted_runs(db, 1, "inject")] == []  # one that runs hides them
    save_checkpoint(db, second, MATERIAL, b"")
    save_weights(db, second, "trial", b"weights", {})
    finish_run(db, second, "interrupted")
    assert [run.id for run in interrupted_runs(db, 1, "inject")] == [second, first]
    fact = add_facts(db, 1, [NewFact("Your cat is called Biscuit.")])[0]
    forget_fact(db, 1, fact)
    assert not load_checkpoint(db, first, "trial") and not load_checkpoint(db, second, "trial")
    third = start_run(db, 1, "inject", {})
    save_checkpoint(db, third, MATERIAL, b"")
    save_weights(db, third, "trial", b"a planted weight", {})
    delete_profile(db, 1)
    assert not list(db.query("SELECT * FROM checkpoints"))
    assert b"a planted weight" not in b"".join(path.read_bytes() for path in Path(str(path_of(db))).parent.glob("keepsake.db*"))
