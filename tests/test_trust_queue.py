"""The queue for the accelerator and the logs of jobs: one trains at a time, a killed one holds nobody up, no log tells or grows."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from app import inject_tab, worker
from memory.store import (
    NewFact,
    active_run,
    add_facts,
    ensure_profile,
    files,
    latest_run,
    open_store,
    request_cancel,
    request_pause,
    start_run,
)
from tuning import inject as stages
from tuning.accelerator import FOLDER, QUEUE, accelerator
from tuning.clock import worked
from tuning.errors import Cancelled
from tuning.reporter import Reporter

ROOT = Path(__file__).resolve().parents[1]
HOLDER = """
import sys, time
from tuning.accelerator import accelerator
with accelerator(lambda said: print(said, flush=True)):
    print("mine", flush=True)
    sys.stdin.readline()
"""


def process(home: Path) -> "subprocess.Popen[str]":
    """A process that wants the accelerator of this data folder, and keeps it until it reads a line."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=ROOT, env={**os.environ, "KEEPSAKE_HOME": str(home)}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def test_processes_take_turns_in_order_and_a_killed_one_holds_nobody_up(home: Path) -> None:
    home.mkdir()
    children = [process(home)]
    try:
        assert line(children[0]) == "mine"
        children.append(process(home))
        said = line(children[1])
        assert said.startswith(f"Waiting for the injection of process {children[0].pid} to end (it has the accelerator, since 20")
        children.append(process(home))
        assert "1 more before this one" in line(children[2])
        os.kill(children[0].pid, signal.SIGKILL)
        while (said := line(children[1])) != "mine":
            assert said.startswith("Waiting")
        while (said := line(children[2])) and f"process {children[1].pid} to end" not in said:
            assert said != "mine"
        children[1].communicate("\n")
        while line(children[2]) != "mine":
            pass
        children[2].communicate("\n")
        assert [path.name for path in (home / FOLDER).iterdir()] == ["door"]
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_never_two_at_once_whoever_comes_and_goes(home: Path) -> None:
    inside, most, order = [], [], []

    def work(number: int) -> None:
        for _ in range(3):
            with accelerator():
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.01)
                inside.remove(number)
                order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(most) == {1} and sorted(order) == sorted([0, 1, 2, 3] * 3)
    assert set(order[-4:]) != {order[-1]}  # who has had a turn goes to the end


def test_an_injection_waits_for_another_profile_s_says_so_and_can_be_cancelled(
    home: Path, monkeypatch: pytest.MonkeyPatch, tiny: Any
) -> None:
    db = open_store()
    profile = ensure_profile(db, "ana")
    add_facts(db, profile.id, [NewFact("Your cat is called Biscuit.", source="user")])
    monkeypatch.setattr(stages, "_run_stages", lambda *_: pytest.fail("it began without the accelerator"))
    seen: list[str] = []

    def cancel_it() -> None:
        watching = open_store()
        while not seen:
            run = active_run(watching, profile.id)
            if run and run.stage == "queue" and run.detail:
                seen.append(inject_tab.show_run("ana"))
                request_cancel(watching, run.id)
            time.sleep(0.1)
        watching.close()

    with accelerator():
        watcher = threading.Thread(target=cancel_it)
        watcher.start()
        with pytest.raises(Cancelled):
            stages.inject(db, profile, loaded=tiny)
        watcher.join(30)
    assert f"Waiting for the injection of process {os.getpid()} to end" in seen[0] and "Waiting for its turn" in seen[0]
    run = latest_run(db, profile.id)
    assert run and run.state == "cancelled"


def test_a_paused_run_lets_others_work_and_its_pause_costs_it_no_time(home: Path, monkeypatch: pytest.MonkeyPatch, tiny: Any) -> None:
    """It used to keep the accelerator, so that a person who paused and went to bed held up every other injection of the machine."""
    db = open_store()
    profile = ensure_profile(db, "ana")
    shown: list[str] = []
    spent: list[tuple[float, float]] = []

    def work(db: Any, profile: Any, reporter: Reporter, *_: Any) -> dict[str, Any]:
        began, on_the_clock = time.monotonic(), worked()
        request_pause(db, reporter.run_id)
        other.start()
        reporter.tell("search", 0.5, "trial 1 of 1", force=True)
        spent.append((time.monotonic() - began, worked() - on_the_clock))
        run = active_run(db, profile.id)
        return {"stage": run and (run.stage, run.detail)}

    def work_meanwhile() -> None:
        watching = open_store()
        with accelerator():  # it would wait for ever
            run = active_run(watching, profile.id)
            assert run and run.paused
            time.sleep(1.0)
            request_pause(watching, run.id, False)
            while not shown:
                found = active_run(watching, profile.id)
                shown.extend([inject_tab.show_run("ana")] if found and found.stage == "queue" else [])
                time.sleep(0.05)
        watching.close()

    other = threading.Thread(target=work_meanwhile)
    monkeypatch.setattr(stages, "_run_stages", work)
    done = stages.inject(db, profile, loaded=tiny)
    other.join(60)
    assert "Waiting for its turn" in shown[0] and f"process {os.getpid()} to end" in shown[0]
    assert done == {"stage": ("search", "trial 1 of 1")} and spent[0][0] > 1.0 and spent[0][1] < spent[0][0] - 1.0
    assert [path.name for path in (home / FOLDER).iterdir()] == ["door"]


def test_a_run_that_is_paused_while_it_waits_goes_to_the_end_of_the_queue_and_can_be_cancelled(home: Path) -> None:
    db = open_store()
    profile = ensure_profile(db, "ana")
    run = start_run(db, profile.id, "inject", {})
    reporter = Reporter(db, run)
    reporter.turn.join()
    (place,) = (home / FOLDER).glob("*.place")
    request_pause(db, run)
    later = threading.Timer(0.3, lambda: request_cancel(open_store(), run))
    later.start()
    with pytest.raises(Cancelled):
        reporter.wait("Waiting.")
    later.join()
    assert not place.exists() and not list((home / FOLDER).glob("*.place"))
    reporter.turn.leave()  # what the queue itself does then


def test_visitors_of_one_page_share_one_queue(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from memory.store import in_folder

    monkeypatch.delenv(QUEUE, raising=False)
    with in_folder(tmp_path / "visitor"):
        environment = worker.environment(hub=False, keyed=False)
    assert environment["KEEPSAKE_HOME"] == str(tmp_path / "visitor") and environment[QUEUE] == str(home)


PLANTED = "heliotrope-7731"


def test_a_job_s_log_holds_no_text_is_kept_small_and_one_older_is_kept(
    home: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real injection, started as the page does: by a child process on messages with a planted word, which becomes a fact."""
    from memory.importing import import_files

    chat = tmp_path / "Ben.txt"
    chat.write_text(f"[01.02.25, 10:00] Ana: My cat is called {PLANTED}.\n[01.02.25, 10:01] Ben: Who is {PLANTED}?\n", encoding="utf-8")
    db = open_store()
    import_files(db, "ana", [chat], "Ana")
    profile = ensure_profile(db, "ana")
    add_facts(db, profile.id, [NewFact(f"Your cat is called {PLANTED}.", source="user")])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    jobs = [worker.start_inject(profile, "quick", str(tiny_folder), minutes=0.02, trials=1)]
    limit = time.monotonic() + 300
    while (job := worker.find_job("inject", profile)) and job.alive and time.monotonic() < limit:
        time.sleep(0.2)
    run = latest_run(db, profile.id)
    assert run and run.state == "done", jobs[0].lines
    log = (home / "jobs" / f"inject-{profile.id}.log").read_text(encoding="utf-8")
    assert "% search" in log and json.loads(log[log.index("{\n") :])["adapter"]  # it says how far it was, and the result
    assert not [path for path in (home / "jobs").rglob("*") if PLANTED.encode() in path.read_bytes()]
    assert not (home / "keepsake.log").exists()

    monkeypatch.setattr(worker, "ROOT", tmp_path)  # the next one ends at once: its log takes the place, the older one stays
    worker.start_inject(profile, "quick", "pocket")
    assert (home / "jobs" / f"inject-{profile.id}.log.1").read_text(encoding="utf-8") == log


def test_a_log_is_cut_while_its_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_LOG", 1000)
    log = tmp_path / "inject-1.log"
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb", buffering=0) as out:
        for number in range(300):
            out.write(f"line {number:04d}\n".encode())
            files.cut_log(log)
    assert log.stat().st_size <= 1010 and log.read_bytes().endswith(b"line 0299\n") and b"\0" not in log.read_bytes()
    older = log.with_name("inject-1.log.1")
    assert older.stat().st_size <= 1000 and older.stat().st_mode & 0o077 == 0


def test_models_are_loaded_one_at_a_time(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two loads at once (a first question while a chat is imported) left the base with a head of random numbers, and said nothing."""
    from sentence_transformers import SentenceTransformer

    from memory import embedder
    from tuning import bases

    inside: list[str] = []
    most: list[int] = []

    def slow(real: Any) -> Any:
        def load(*args: Any, **options: Any) -> Any:
            inside.append("load")
            most.append(len(inside))
            time.sleep(0.3)
            try:
                return real(*args, **options)
            finally:
                inside.pop()

        return load

    monkeypatch.setattr(bases.AutoModelForCausalLM, "from_pretrained", slow(bases.AutoModelForCausalLM.from_pretrained))
    monkeypatch.setattr("sentence_transformers.SentenceTransformer", slow(SentenceTransformer))
    embedder.load_embedder.cache_clear()
    heads: list[bool] = []
    loads = [
        threading.Thread(target=lambda: heads.append(bases.load_base(bases.resolve_base("pocket")).model.lm_head.weight.is_meta)),
        threading.Thread(target=embedder.load_embedder),
        threading.Thread(target=lambda: bases.load_base(bases.resolve_base(str(tiny_folder)), "fp32")),
    ]
    for thread in loads:
        thread.start()
    for thread in loads:
        thread.join(120)
    assert most == [1, 1, 1] and heads == [False]
