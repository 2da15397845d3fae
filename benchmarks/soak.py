"""Hours of use, compressed: chat, injection and import at once on one store, and whether anything is left behind.

    python -m benchmarks.soak [--minutes 1] [--json]

The page is served in this process as `python app.py --api` serves it. Until the time is over programs chat with it, injections are started as
its button starts them (child processes that train pocket), and chats are imported, read and deleted again. Memory, open files, threads and
child processes are counted when everything has run once, in the middle and at the end, each time with the work at rest. Exit status 1 if one of them grew,
if a handler failed, or if the store is not sound at the end.
"""

import argparse
import contextlib
import ctypes
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from memory.errors import StoreBusy

NAME, TOKEN = "soak", "soak"
FACTS = ("Your cat is called Biscuit.", "Your sister lives in Vellmar.", "Your rent is 940 euros.")
QUESTIONS = ("What is my cat called?", "Where does my sister live?", "How much is my rent?", "How old is my dog?")
REST_SECONDS = 60.0  # until the work at hand must have ended
# What the middle and the end may differ by, for caches that fill up and threads that are kept for later.
SLACK = {"rss_mb": 40.0, "files": 4, "threads": 3, "children": 0}
RSS_SHARE = 0.05


def chat_file(folder: Path, number: int) -> Path:
    """A WhatsApp export of 200 messages, unlike the others."""
    lines = [
        f"[01.02.25, 10:{n % 60:02d}] {'Ana' if n % 2 else 'Ben'}: Message {n} of file {number}, and my bird is called Pip{n}."
        for n in range(200)
    ]
    path = folder / f"chat{number}.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def count() -> dict[str, float]:
    """What this process holds: resident memory in MB, open files and sockets, threads, children (those that nobody waited for included)."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is free is given back, so that what stays is held
    me = psutil.Process()
    return {
        "rss_mb": round(me.memory_info().rss / 2**20, 1), "files": me.num_fds(), "threads": me.num_threads(), "children": len(me.children(recursive=True)),
    }  # fmt: skip


def find_growth(middle: dict[str, float], end: dict[str, float]) -> list[str]:
    """What grew from the middle to the end by more than its slack, in words."""
    found = []
    for name, slack in SLACK.items():
        allowed = max(slack, RSS_SHARE * middle[name]) if name == "rss_mb" else slack
        if end[name] > middle[name] + allowed:
            found.append(f"{name}: {middle[name]:g} in the middle, {end[name]:g} at the end")
    return found


class Work:
    """Threads that do their rounds until they are told to stop, and stand still while things are counted."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self._stop, self._go = threading.Event(), threading.Event()
        self._busy: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._go.set()

    def add(self, name: str, round_of_it: Callable[[int], None]) -> None:
        """Begin to do rounds of a kind of work."""

        def rounds() -> None:
            number = 0
            while not self._stop.is_set():
                self._go.wait()
                self._busy[name] = 1
                try:
                    round_of_it(number)
                    self.done[name] += 1
                except StoreBusy:
                    self.done[f"{name}, told that the store was busy"] += 1
                except Exception as error:  # noqa: BLE001 - counted and shown
                    self.errors.append(f"{name} {number}: {type(error).__name__}: {error}"[:300])
                    self._stop.wait(1.0)
                finally:
                    self._busy[name] = 0
                number += 1

        thread = threading.Thread(target=rounds, name=name)
        self._threads.append(thread)
        thread.start()

    def rest(self) -> dict[str, float]:
        """Let every round end, count, and go on."""
        self._go.clear()
        deadline = time.monotonic() + REST_SECONDS * 5
        while any(self._busy.values()) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.0)  # sockets close, ended children are waited for
        counted = count()
        self._go.set()
        return counted

    def wait_for(self, names: Sequence[str], seconds: float) -> None:
        """Until each kind of work has done a round, or failed."""
        deadline = time.monotonic() + seconds
        while not all(self.done[name] for name in names) and not self.errors and time.monotonic() < deadline:
            time.sleep(0.2)

    def end(self) -> None:
        """Tell all to stop, and wait for them."""
        self._stop.set()
        self._go.set()
        for thread in self._threads:
            thread.join()


def soak(minutes: float) -> dict[str, Any]:
    """Work for so many minutes after everything has run once; returns what was done, counted and found."""
    import gradio as gr

    from app import access, page
    from benchmarks.browser import free_port
    from memory.store import NewFact, add_facts, check_store, ensure_profile, open_store

    with tempfile.TemporaryDirectory(prefix="keepsake-") as scratch:
        home = Path(scratch) / "home"
        os.environ |= {"KEEPSAKE_HOME": str(home), "GRADIO_TEMP_DIR": f"{scratch}/uploads"}
        db = open_store()
        add_facts(db, ensure_profile(db, NAME).id, [NewFact(text, source="user") for text in FACTS])
        db.close()
        port, built = free_port(), page.build_page()
        page.serve(built, "127.0.0.1", port, token=TOKEN)
        work, started = Work(), time.monotonic()
        kinds = {"chat": chat(port), "import": import_and_delete(Path(scratch)), "injection": inject}
        try:
            for name, round_of_it in kinds.items():
                work.add(name, round_of_it)
            work.wait_for(list(kinds), 900)
            before, counted = time.monotonic() - started, [work.rest()]
            for _ in range(2):
                time.sleep(30 * minutes)
                counted.append(work.rest())
        finally:
            work.end()
            built.close()
            access.remove()
            gr.close_all()
        report = check_store(home)
    grown = find_growth(counted[1], counted[2])
    return {
        "ok": not grown and not work.errors and report["ok"] and min(work.done[name] for name in kinds) > 0, "asked_minutes": minutes, "minutes": round((time.monotonic() - started - before) / 60, 2), "warm_up_seconds": round(before, 1),
        "rounds": dict(work.done), "start": counted[0], "middle": counted[1], "end": counted[2], "grown": grown, "errors": work.errors,
        "store": report["problems"], "failures": len(grown) + len(work.errors) + len(report["problems"]),
    }  # fmt: skip


def chat(port: int) -> Callable[[int], None]:
    """A program asks both sides and searches; every fourth time it is a new one, as a reload is."""
    from gradio_client import Client

    clients: list[Any] = []

    def round_of_it(number: int) -> None:
        if number % 4 == 0:
            for old in clients:
                old.close()
            clients[:] = [Client(f"http://127.0.0.1:{port}/", headers={"Authorization": f"Bearer {TOKEN}"}, verbose=False)]
        question = QUESTIONS[number % len(QUESTIONS)]
        adapter = _adapters() > 0
        clients[0].predict(NAME, "adapter" if adapter and number % 2 else "rag", question, api_name="/ask")
        clients[0].predict(NAME, question, 4, api_name="/search")

    return round_of_it


def import_and_delete(folder: Path) -> Callable[[int], None]:
    """A chat comes in as a new person's, is read, and the person is deleted with all of it."""
    from memory.importing import import_files
    from memory.retrieval import search
    from memory.store import delete_profile, load_profile, open_store

    def round_of_it(number: int) -> None:
        path, db = chat_file(folder, number), open_store()
        try:
            import_files(db, f"visitor{number}", [path], "Ana")
            profile = load_profile(db, f"visitor{number}")
            search(db, profile.id, "What is my bird called?", 4)
            delete_profile(db, profile.id)
        finally:
            db.close()
            path.unlink()

    return round_of_it


def inject(number: int) -> None:
    """An injection as the page's button starts it; raises if it did not end well."""
    from app.worker import find_job, start_inject
    from memory.store import latest_run, load_profile, open_store

    db = open_store()
    try:
        profile = load_profile(db, NAME)
        start_inject(profile, "quick", "pocket", minutes=0.02, trials=1)
        while (job := find_job("inject", profile)) and job.alive:
            time.sleep(0.3)
        run = latest_run(db, profile.id)
        if run is None or run.state != "done":
            raise RuntimeError(
                f"injection {number} ended as {run.state if run else 'nothing'}: {run.error if run else job and job.lines[-3:]}"
            )
    finally:
        db.close()


def _adapters() -> int:
    from memory.store import list_adapters, load_profile, open_store

    db = open_store()
    try:
        return len(list_adapters(db, load_profile(db, NAME).id))
    finally:
        db.close()


def render(result: dict[str, Any]) -> str:
    """The counts as lines."""
    rounds = ", ".join(f"{number} x {name}" for name, number in sorted(result["rounds"].items()))
    lines = [f"{result['minutes']} minutes after a warm-up of {result['warm_up_seconds']} s: {rounds}."]
    lines += [
        f"{name:10} start {result['start'][name]:g}, middle {result['middle'][name]:g}, end {result['end'][name]:g}" for name in SLACK
    ]
    lines += [f"grew: {said}" for said in result["grown"]] + [f"failed: {said}" for said in result["errors"]]
    return "\n".join([*lines, "Nothing grew, nothing failed, the store is sound." if result["ok"] else "Not well."])


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 if anything grew or failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N", help="of work after everything has run once (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    with contextlib.redirect_stdout(sys.stderr):  # Gradio tells there that it closes
        result = soak(args.minutes)
    print(json.dumps(result, ensure_ascii=False, indent=1) if args.json else render(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
