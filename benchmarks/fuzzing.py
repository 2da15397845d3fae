"""Damaged exports by the hundred thousand: every parser must give messages that can be stored or a sentence, never a crash or a hang.

    python -m benchmarks.fuzzing --inputs 100000 --json                    # of every format
    python -m benchmarks.fuzzing --inputs 100000 --state fuzz.json         # stopped at any time, goes on where it was

In: the fixtures of every format (fuzz_inputs.py damages them). Each input is told and read by the room of its format. Out, a format: inputs, how
many of them the room took for its own, how many gave messages, how many were refused with a sentence, the slowest in seconds of the processor, and every failure
with the number that makes it again (`--formats telegram --only 4711`).
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.fuzz_inputs import Unit, damaged, units
from memory.errors import BadExport
from memory.importers import ROOMS, Report
from memory.importers.export import Format, Options, ParsedMessage
from memory.importers.sources import Bundle, Source
from memory.store.messages import stored_time

HANG_SECONDS = 10.0
BLOCK = 500  # inputs between two savings
NEW = {"inputs": 0, "claimed": 0, "with_messages": 0, "messages": 0, "refused": 0, "slowest_s": 0.0, "failures": []}


class Hang(Exception):
    """A reading that took the processor longer than HANG_SECONDS."""


def as_bundle(files: list[tuple[str, bytes]]) -> Bundle:
    """Files that exist in memory only."""
    from io import BytesIO

    def opener(content: bytes) -> Callable[[], BytesIO]:
        return lambda: BytesIO(content)

    sources = [Source(name, len(content), name, opener(content)) for name, content in files if content]
    return Bundle(Path("fuzz"), [source for source in sources if source.is_text])


def check(message: ParsedMessage) -> None:
    """What the store needs: raises where a message could not be kept."""
    for text in (message.text, message.sender, message.conversation, message.reply_to or ""):
        if "\0" in text:
            raise ValueError("a NUL in a text")
        text.encode()
    if not message.text.strip() or not message.sender or not message.conversation:
        raise ValueError("a message without text, sender or conversation")
    stored_time(message.timestamp)


def read_one(room: Format, files: list[tuple[str, bytes]], row: dict[str, Any], options: Options) -> None:
    """Read one input and count what came of it; raises what it must not."""
    bundle, report, count = as_bundle(files), Report(), 0
    row["inputs"] += 1
    claimed = room.claim(bundle)
    if not claimed:
        return
    row["claimed"] += 1
    try:
        for message in room.parse(claimed, bundle, report, options):
            check(message)
            count += 1
    except BadExport:
        row["refused"] += 1
        return
    json.dumps([report.skipped, report.samples, report.notes, report.warnings]).encode()
    row["messages"] += count
    row["with_messages"] += count > 0


def fuzz(name: str, number: int, known: list[Unit], row: dict[str, Any]) -> None:
    """One input, by its number."""
    room: Format = import_module(f"memory.importers.{name}").FORMAT
    files = damaged(known, f"{name}:{number}")
    started = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    try:
        read_one(room, files, row, Options("month-day-year" if number % 7 == 0 else None))
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        row["failures"].append({"number": number, "error": f"{type(error).__name__}: {error}"[:200]})
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    row["slowest_s"] = max(row["slowest_s"], round(time.process_time() - started, 3))


def load_state(path: Path | None) -> dict[str, Any]:
    """What an earlier run had done."""
    return json.loads(path.read_text()) if path and path.exists() else {}


def save_state(path: Path | None, rows: dict[str, Any]) -> None:
    """Kept whole or not at all."""
    if path:
        new = path.with_suffix(".new")
        new.write_text(json.dumps(rows, indent=1))
        new.replace(path)


def main() -> None:
    """Run the inputs that are still to be run and print what came of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzzing", description="Damaged exports of every format.")
    parser.add_argument("--inputs", type=int, default=100_000, help="of each format")
    parser.add_argument("--formats", nargs="+", choices=ROOMS, default=ROOMS)
    parser.add_argument("--state", type=Path, help="a file that keeps the counts, so that a stopped run goes on")
    parser.add_argument("--only", type=int, help="run this input alone and let its error show")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    def hang(*_: object) -> None:
        raise Hang(f"over {HANG_SECONDS:.0f} s")

    signal.signal(signal.SIGVTALRM, hang)
    if options.only is not None:
        for name in options.formats:
            read_one(
                import_module(f"memory.importers.{name}").FORMAT, damaged(units(name), f"{name}:{options.only}"), dict(NEW),
                Options("month-day-year" if options.only % 7 == 0 else None),
            )  # fmt: skip
        return
    rows = load_state(options.state)
    for name in options.formats:
        known, row = units(name), rows.setdefault(name, {**NEW, "failures": []})
        while row["inputs"] < options.inputs:
            for number in range(row["inputs"], min(row["inputs"] + BLOCK, options.inputs)):
                fuzz(name, number, known, row)
            save_state(options.state, rows)
            print(f"{name}: {row['inputs']}, {len(row['failures'])} failures", file=sys.stderr)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for name, row in rows.items():
        print(
            f"{name:11} {row['inputs']:>8,} inputs  {row['claimed']:>8,} claimed  {row['with_messages']:>8,} with messages  "
            f"{row['refused']:>7,} refused  slowest {row['slowest_s']:.2f} s  {len(row['failures'])} failures"
        )


if __name__ == "__main__":
    main()
