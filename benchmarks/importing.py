"""Speed and memory of reading large exports, beside chat-miner on the same files, and what each gets wrong on the trap fixtures.

    python -m benchmarks.importing --json
    pip install chat-miner        # for the comparison; without it its columns are null

A WhatsApp chat of `--lines` lines and a Telegram export of `--lines` messages are written to a temporary folder; every reader runs in a process
of its own, several times in turn, and the median counts. "wrong" lists, per fixture, what differs from the golden results in tests/fixtures.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
PEOPLE = ("Ana Ruiz", "Ben Ode", "Cleo", "+44 20 7946 0958")
WORDS = "the cat sat on my old piano while rain fell and we drank tea with milk then walked home along the river to see Zoë".split()


def write_whatsapp(path: Path, lines: int, seed: int) -> int:
    """An Android chat with notices, media and messages of several lines; returns how many lines were said."""
    rng, moment, said = Random(seed), datetime(2019, 1, 1), 0
    with path.open("w", encoding="utf-8") as file:
        for _ in range(lines):
            moment += timedelta(seconds=rng.randint(1, 240))
            head = moment.strftime("%d/%m/%Y, %H:%M - ")
            draw = rng.random()
            if draw < 0.01:
                file.write(f"{head}Ana Ruiz added Cleo\n")
            elif draw < 0.05:
                file.write(f"{head}{rng.choice(PEOPLE)}: <Media omitted>\n")
            elif draw < 0.10 and said:
                file.write(f"{' '.join(rng.choices(WORDS, k=6))}\n")
            else:
                said += 1
                file.write(f"{head}{rng.choice(PEOPLE)}: {' '.join(rng.choices(WORDS, k=rng.randint(2, 16)))}\n")
    return said


def write_telegram(path: Path, messages: int, seed: int) -> int:
    """One chat as Telegram Desktop writes it; returns how many messages have words."""
    rng, moment, said = Random(seed), 1_546_300_800, 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{\n "name": "Walks",\n "type": "private_group",\n "id": 42,\n "messages": [\n')
        for number in range(messages):
            moment += rng.randint(1, 240)
            who = rng.randrange(3)
            row: dict[str, Any] = {
                "id": number,
                "type": "message",
                "date": datetime.fromtimestamp(moment).isoformat(),
                "date_unixtime": str(moment),
            }
            row |= {"from": PEOPLE[who], "from_id": f"user{who}", "text": " ".join(rng.choices(WORDS, k=rng.randint(2, 16)))}
            if rng.random() < 0.02:
                row = {**row, "type": "service", "actor": PEOPLE[who], "action": "pin_message", "text": ""}
            said += row["type"] == "message"
            row["text_entities"] = [{"type": "plain", "text": row["text"]}]
            file.write((",\n" if number else "") + json.dumps(row, ensure_ascii=False, indent=1))
        file.write("\n ]\n}\n")
    return said


def read_ours(path: Path) -> int:
    """Every message of Keepsake's importer, one at a time."""
    from memory.importers import open_exports

    return sum(1 for export in open_exports(path) for _ in export.messages())


def store_ours(path: Path) -> int:
    """The whole import: looked through, redacted, stored."""
    from memory.importing import import_files
    from memory.store import open_store

    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder)) as db:
        return int(import_files(db, "bench", [path], PEOPLE[0])["imported"])


def read_chat_miner(path: Path) -> int:
    """chat-miner's parser for the kind of file; its messages are in a data frame."""
    from chatminer.chatparsers import TelegramJsonParser, WhatsAppParser

    parser = (TelegramJsonParser if path.suffix == ".json" else WhatsAppParser)(path)
    parser.parse_file()
    return len(parser.parsed_messages.get_df())


READERS: dict[str, Callable[[Path], int]] = {"keepsake": read_ours, "keepsake, stored": store_ours, "chat-miner": read_chat_miner}


def run_one(reader: str, path: Path) -> dict[str, Any]:
    """One reading in this process: seconds of the reading alone, peak memory of the process."""
    started = time.perf_counter()
    messages = READERS[reader](path)
    seconds = time.perf_counter() - started
    return {"messages": messages, "seconds": seconds, "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def run_in_process(reader: str, path: Path) -> dict[str, Any] | None:
    """The same in a process of its own; None where the reader is not installed or fails."""
    command = [sys.executable, "-m", "benchmarks.importing", "--reader", reader, "--file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def compare(path: Path, rounds: int) -> dict[str, Any]:
    """Each reader `rounds` times in turn: median seconds, messages a second, peak memory."""
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for reader in READERS:
            result = run_in_process(reader, path)
            if result:
                found.setdefault(reader, []).append(result)
    rows: dict[str, Any] = {}
    for reader in READERS:
        results = found.get(reader)
        if not results:
            rows[reader] = None
            continue
        seconds = statistics.median(result["seconds"] for result in results)
        rows[reader] = {
            "messages": results[0]["messages"],
            "seconds": round(seconds, 2),
            "messages_per_second": round(results[0]["messages"] / seconds),
            "peak_memory_mb": max(result["peak_memory_mb"] for result in results),
        }
    if rows["keepsake"] and rows["chat-miner"]:
        rows["times_as_fast"] = round(rows["chat-miner"]["seconds"] / rows["keepsake"]["seconds"], 2)
    return rows


def traps() -> list[dict[str, Any]]:
    """What each reader makes of the WhatsApp and Telegram trap fixtures: messages and senders."""
    rows = []
    for path in sorted([*FIXTURES.glob("whatsapp*.txt"), *FIXTURES.glob("whatsapp/*.txt"), *FIXTURES.glob("telegram/*.json")]):
        rows.append(
            {"fixture": path.relative_to(FIXTURES).as_posix(), **{name: outcome(name, path) for name in ("keepsake", "chat-miner")}}
        )
    return rows


def outcome(reader: str, path: Path) -> dict[str, Any] | str:
    """How many messages and which senders a reader finds in a file, or how it failed."""
    try:
        if reader == "keepsake":
            from memory.importers import parse_export

            messages = parse_export(path).messages
            return {"messages": len(messages), "senders": sorted({message.sender for message in messages})}
        from chatminer.chatparsers import TelegramJsonParser, WhatsAppParser

        parser = (TelegramJsonParser if path.suffix == ".json" else WhatsAppParser)(path)
        parser.parse_file()
        frame = parser.parsed_messages.get_df()
        return {"messages": len(frame), "senders": sorted(map(str, set(frame["author"])))}
    except Exception as error:  # noqa: BLE001 - the table says how a reader fails
        return f"{type(error).__name__}: {str(error)[:80]}"


def main() -> None:
    """Write the files, measure every reader and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description="Speed and memory of reading large exports.")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--reader", choices=list(READERS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        print(json.dumps(run_one(options.reader, options.file)))
        return
    results: dict[str, Any] = {"lines": options.lines, "seed": options.seed}
    with tempfile.TemporaryDirectory() as folder:
        for name, write, file in (("whatsapp", write_whatsapp, "chat.txt"), ("telegram", write_telegram, "result.json")):
            path = Path(folder) / file
            expected = write(path, options.lines, options.seed)
            results[name] = {"expected": expected, "mb": round(path.stat().st_size / 1e6), **compare(path, options.rounds)}
    results["traps"] = traps()
    if options.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
        return
    for name in ("whatsapp", "telegram"):
        print(f"{name}: {results[name]['mb']} MB, {results[name]['expected']:,} messages expected")
        for reader in READERS:
            row = results[name][reader]
            print(
                f"  {reader:18} "
                + (
                    f"{row['seconds']:7.2f} s  {row['messages_per_second']:>9,} a second  {row['peak_memory_mb']:>6} MB  {row['messages']:,} found"
                    if row
                    else "not installed"
                )
            )
    for row in results["traps"]:
        print(f"{row['fixture']}: keepsake {row['keepsake']}; chat-miner {row['chat-miner']}")


if __name__ == "__main__":
    main()
