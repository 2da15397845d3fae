"""Faults on purpose: the real store and importers run in a child, which is killed, starved of disk, blocked, corrupted or cut at random points.

    python -m benchmarks.faults [--faults 200] [--seed 0] [--json]

After each fault the store is opened again, and every row that was acknowledged before it must be there, no transaction may be half there,
and `check` must be clean, or the damage must have been told in a sentence. Exit status 1 if anything was lost.
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from memory.errors import KeepsakeError
from memory.importers import ParsedMessage
from memory.importing import ImportOptions, import_files
from memory.store import (
    NewFact,
    add_facts,
    back_up,
    check_store,
    create_profile,
    forget_message,
    list_adapters,
    list_messages,
    load_adapter,
    load_profile,
    open_store,
    restore,
    save_adapter,
    save_messages,
)
from memory.store import database as rooms

BATCH = 25  # messages of one transaction
KINDS = ("kill", "full disk", "busy", "byte of an adapter", "byte of the database", "cut import")
WEIGHTS = (45, 15, 10, 10, 10, 10)


def batch(number: int) -> list[ParsedMessage]:
    """The messages of one transaction: all or none of them may be found again."""
    return [ParsedMessage(f"chat {number}", "Ana", "person", None, f"batch {number} message {place}") for place in range(BATCH)]


def work(home: Path, said: int, first: int, seed: int) -> None:
    """What a person's day does to the store, each finished step acknowledged on a pipe: import, facts, an adapter, forgetting, backup."""
    rng = Random(seed)
    with closing(open_store(home)) as db:
        profile = load_profile(db, "ana").id
        for number in range(first, first + 400):
            save_messages(db, profile, batch(number), "Ana")
            os.write(said, f"batch {number}\n".encode())
            step = rng.random()
            if step < 0.2:
                add_facts(db, profile, [NewFact(f"Your number is {number}.")])
                os.write(said, f"fact {number}\n".encode())
            elif step < 0.35:
                weights = rng.randbytes(60_000)
                save_adapter(db, profile, None, weights, {"r": 8}, "base", "rev", "1", [], {"number": number})
                os.write(said, f"adapter {number} {hashlib.sha256(weights).hexdigest()}\n".encode())
            elif step < 0.4:
                gone = next(message for message in list_messages(db, profile) if message.conversation == f"chat {number}")
                os.write(said, f"forgetting {gone.text}\n".encode())
                forget_message(db, profile, gone.id)
            elif step < 0.43:
                back_up(home, home.parent / "copies")


def in_child(task: Callable[[int], None], during: Callable[[int], None] = lambda pid: None) -> tuple[list[str], str]:
    """Runs a task in a forked child: what it acknowledged, and the sentence or signal with which it ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        status = 0
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            task(writing)
        except KeepsakeError as error:
            os.write(writing, f"sentence {error}\n".encode()[:2000])
            status = 3
        except BaseException as error:  # noqa: BLE001 - a bug must be told to the parent, not printed by two processes
            os.write(writing, f"bug {type(error).__name__}: {error}\n".encode()[:2000])
            status = 4
        finally:
            os._exit(status)
    os.close(writing)
    during(pid)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
        lines = stream.read().splitlines()
    _, status = os.waitpid(pid, 0)
    ended = next((line for line in lines if line.startswith(("sentence ", "bug "))), "")
    return lines, ended or ("killed" if os.WIFSIGNALED(status) else "finished")


def lost(home: Path, lines: Sequence[str]) -> list[str]:
    """What was acknowledged and is not there, or is half there; empty when all is well."""
    problems = []
    with closing(open_store(home)) as db:
        profile = load_profile(db, "ana").id
        counts = Counter(message.conversation for message in list_messages(db, profile))
        forgotten = Counter(f"chat {line.split()[2]}" for line in lines if line.startswith("forgetting batch"))
        for line in lines:
            kind, *rest = line.split()
            if kind == "batch" and counts[f"chat {rest[0]}"] < BATCH - forgotten[f"chat {rest[0]}"]:
                problems.append(f"batch {rest[0]}: {counts[f'chat {rest[0]}']} of {BATCH} messages")
            if kind == "adapter" and rest[1] not in {adapter.sha256 for adapter in list_adapters(db, profile)}:
                problems.append(f"adapter {rest[0]} is gone")
        # Of each batch at most one message is ever forgotten.
        half = [chat for chat, count in counts.items() if chat.startswith("chat ") and count < BATCH - 1]
        problems += [f"{chat} is half there ({counts[chat]})" for chat in half]
        for adapter in list_adapters(db, profile):
            load_adapter(db, adapter.id)
    report = check_store(home)
    return problems + report["problems"]


def fault_kill(home: Path, rng: Random, first: int) -> tuple[list[str], str]:
    """kill -9 at a random moment of the work."""
    delay = rng.expovariate(1 / 0.25)
    seed = rng.randrange(10**9)

    def kill(pid: int) -> None:
        time.sleep(min(delay, 1.5))
        os.kill(pid, signal.SIGKILL)

    lines, ended = in_child(lambda said: work(home, said, first, seed), kill)
    return lost(home, lines) if not ended.startswith("bug") else [ended], ended


def fault_full(home: Path, rng: Random, first: int) -> tuple[list[str], str]:
    """No file may grow beyond a little more than the store has: what a full disk or a quota looks like to a process."""
    room = (home / rooms.FILE_NAME).stat().st_size + rng.randrange(4096, 300_000)
    seed = rng.randrange(10**9)

    def limited(said: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        work(home, said, first, seed)

    lines, ended = in_child(limited)
    problems = [] if ended.startswith(("sentence", "finished")) else [ended]
    return problems + lost(home, lines), ended


def fault_small_disk(home: Path, rng: Random, first: int) -> tuple[list[str], str]:
    """The store on a real disk (tmpfs) that fills up; where mounting is not allowed, a limit on the size of files instead."""
    disk = home.parent / "disk"
    disk.mkdir(exist_ok=True)
    with closing(open_store(home)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (home / rooms.FILE_NAME).stat().st_size + rng.randrange(200_000, 900_000)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True).returncode:
        return fault_full(home, rng, first)
    try:
        small = disk / "home"
        small.mkdir()
        shutil.copy(home / rooms.FILE_NAME, small / rooms.FILE_NAME)
        seed = rng.randrange(10**9)
        lines, ended = in_child(lambda said: work(small, said, first, seed))
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True, capture_output=True)
        return ([] if ended.startswith(("sentence", "finished")) else [ended]) + lost(small, lines), ended
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False, capture_output=True)


def fault_busy(home: Path, rng: Random, first: int) -> tuple[list[str], str]:
    """Another process holds the write lock; the work waits, then says so in a sentence, or goes on when the lock is let go."""
    patience, held = 0.3, rng.choice((0.1, 1.5))
    seed = rng.randrange(10**9)

    def impatient(said: int) -> None:
        rooms.BUSY_SECONDS = patience
        work(home, said, first, seed)

    with closing(open_store(home)) as db:
        db.execute("BEGIN IMMEDIATE")

        def hold(pid: int) -> None:
            time.sleep(held)
            db.rollback()
            time.sleep(0.3)
            os.kill(pid, signal.SIGKILL)

        lines, ended = in_child(impatient, hold)
    return ([ended] if ended.startswith("bug") else []) + lost(home, lines), ended


def fault_adapter_byte(home: Path, rng: Random, _: int) -> tuple[list[str], str]:
    """A byte of an adapter's weights changes: the adapter is refused with a sentence, `check` names it, a restore brings it back."""
    with closing(open_store(home)) as db:
        profile = load_profile(db, "ana").id
        number = save_adapter(db, profile, None, rng.randbytes(20_000), {"r": 8}, "base", "rev", "1", [], {})
        saved = Path(back_up(home, home.parent / "copies")["backup"])
        place = rng.randrange(20_000)
        weights = bytearray(db.execute("SELECT weights FROM adapters WHERE id = ?", [number]).fetchone()[0])
        weights[place] ^= 1 << rng.randrange(8)
        db.execute("UPDATE adapters SET weights = ? WHERE id = ?", [bytes(weights), number])
        try:
            load_adapter(db, number)
            return [f"adapter {number} was used with a changed byte"], "used"
        except KeepsakeError as error:
            said = f"sentence {error}"
    named = check_store(home)["damaged_adapters"] == [number]
    restore(home, saved)
    return ([] if named else [f"check did not name adapter {number}"]) + lost(home, []), said


def fault_database_byte(home: Path, rng: Random, _: int) -> tuple[list[str], str]:
    """A byte of the database file changes: told in a sentence or harmless (an unused byte), and a restore brings all back."""
    with closing(open_store(home)) as db:
        saved = Path(back_up(home, home.parent / "copies")["backup"])
        before = len(list_messages(db, load_profile(db, "ana").id))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = home / rooms.FILE_NAME
    content = bytearray(path.read_bytes())
    place = rng.choice((rng.randrange(100), rng.randrange(len(content))))
    content[place] ^= 0xFF
    path.write_bytes(content)
    said = "finished"
    try:
        report = check_store(home)
        said = f"sentence {report['problems'][0]}" if report["problems"] else "harmless"
        open_store(home).close()
    except KeepsakeError as error:
        said = f"sentence {error}"
    restore(home, saved)
    with closing(open_store(home)) as db:
        after = len(list_messages(db, load_profile(db, "ana").id))
    return ([] if after == before else [f"{after} of {before} messages after the restore"]) + lost(home, []), said


def fault_cut_import(home: Path, rng: Random, first: int) -> tuple[list[str], str]:
    """A chat export that ends in the middle of a line or a character is imported as far as it goes, or refused in a sentence."""
    text = "".join(f"0{1 + n % 9}/04/2024, 10:{n % 60:02d} - {('Ana', 'Bén')[n % 2]}: line {first} {n} äöü\n" for n in range(200))
    whole = text.encode()
    export = home.parent / f"WhatsApp Chat with Ben {first}.txt"
    export.write_bytes(whole[: rng.randrange(1, len(whole))])

    def reading(said: int) -> None:
        with closing(open_store(home)) as db:
            done = import_files(db, "ben", [export], "Ana", ImportOptions("day-month-year"))
            os.write(said, f"imported {done['imported']}\n".encode())

    kill = rng.random() < 0.5

    def cut(pid: int) -> None:
        if kill:
            time.sleep(rng.random() * 0.2)
            os.kill(pid, signal.SIGKILL)

    lines, ended = in_child(reading, cut)
    problems = [ended] if ended.startswith("bug") else []
    with closing(open_store(home)) as db:
        try:
            found = sum(f"Ben {first}" in message.conversation for message in list_messages(db, load_profile(db, "ben").id))
        except KeepsakeError:
            found = 0
    told = next((int(line.split()[1]) for line in lines if line.startswith("imported")), None)
    if (told is not None and found < told) or (ended.startswith("sentence") and found):
        problems.append(f"{found} of {told} imported messages")
    return problems + lost(home, []), ended


FAULTS: dict[str, Callable[[Path, Random, int], tuple[list[str], str]]] = dict(
    zip(KINDS, (fault_kill, fault_small_disk, fault_busy, fault_adapter_byte, fault_database_byte, fault_cut_import), strict=True)
)


def run(count: int, seed: int, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """All faults on stores that live on from fault to fault; a fresh one every 40, so that they stay small."""
    rng, tried = Random(seed), Counter[str]()
    sentences: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    failures: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="keepsake-faults-"))
    began = time.monotonic()
    try:
        for number in range(count):
            home = folder / f"run{number // 40}" / "home"
            if number % 40 == 0:
                shutil.rmtree(folder / f"run{number // 40 - 1}", ignore_errors=True)
                (home.parent / "copies").mkdir(parents=True)
                with closing(open_store(home)) as db:
                    create_profile(db, "ana")
            kind = kinds[number] if number < len(kinds) else rng.choices(kinds, WEIGHTS[: len(kinds)])[0]
            try:
                problems, ended = FAULTS[kind](home, rng, number * 1000)
            except Exception as error:  # noqa: BLE001 - a store that does not open again is the finding
                problems, ended = [f"{type(error).__name__}: {error}"], "bug"
            tried[kind] += 1
            sentences[kind][_plain(ended, folder)] += 1
            failures += [f"fault {number} ({kind}): {_plain(problem, folder)}" for problem in problems]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "faults": count, "seed": seed, "survived": count - len({line.split(" (")[0] for line in failures}), "lost": len(failures),
        "failures": failures[:20], "kinds": dict(tried), "ended": {kind: dict(said.most_common(6)) for kind, said in sentences.items()},
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def _plain(text: str, folder: Path) -> str:
    """A sentence without the places and numbers that differ from fault to fault."""
    return re.sub(r"\d+", "N", text.replace(str(folder), "").removeprefix("sentence "))[:160]


def show(report: dict[str, Any]) -> str:
    """The report as lines."""
    lines = [
        f"{report['survived']} of {report['faults']} faults survived without a lost or half-written row, {report['seconds']:.0f} s (seed {report['seed']})."
    ]
    for kind, count in report["kinds"].items():
        lines += [f"  {count:>4}  {kind}", *(f"          {times:>4} x {said}" for said, times in report["ended"][kind].items())]
    return "\n".join([*lines, *report["failures"]])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the bench; returns 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    report = run(max(1, args.faults), args.seed)
    print(json.dumps(report, ensure_ascii=False, indent=1) if args.json else show(report))
    return 1 if report["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
