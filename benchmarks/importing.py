"""Speed and memory of reading large exports, beside chat-miner on the same files, and what each gets wrong on the trap fixtures.

    python -m benchmarks.importing --json
    python -m benchmarks.importing --peers /tmp/peers/bin/python    # where the other parsers are installed: pip install chat-miner chatpack

    python -m benchmarks.importing --preview 2 --json               # `import --preview` of a text of so many GB: seconds and peak memory

Without the other parsers their columns are null.

A WhatsApp chat of `--lines` lines and a Telegram export of `--lines` messages are written to a temporary folder; every reader runs in a process
of its own, several times in turn, and the median counts. "wrong" lists, per fixture, what differs from the golden results in tests/fixtures.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
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


def read_chatpack(path: Path) -> int:
    """chatpack's parser (written in Rust), message by message."""
    import chatpack

    parser = chatpack.TelegramStreamParser if path.suffix == ".json" else chatpack.WhatsAppStreamParser
    return sum(1 for _ in parser(str(path)))


READERS: dict[str, Callable[[Path], int]] = {
    "keepsake": read_ours, "keepsake, stored": store_ours, "chat-miner": read_chat_miner, "chatpack": read_chatpack
}  # fmt: skip
OURS = ("keepsake", "keepsake, stored")


def run_one(reader: str, path: Path) -> dict[str, Any]:
    """One reading in this process: seconds of the reading alone, peak memory of the process."""
    import_module({"chat-miner": "chatminer.chatparsers", "chatpack": "chatpack"}.get(reader, "memory.importing"))  # loading is not reading
    started, used = time.perf_counter(), time.process_time()
    messages = READERS[reader](path)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    return {
        "messages": messages,
        "seconds": seconds,
        "cpu_seconds": used,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def run_in_process(reader: str, path: Path, peers: str) -> dict[str, Any] | None:
    """The same in a process of its own; None where the reader is not installed or fails."""
    command = [sys.executable if reader in OURS else peers, "-m", "benchmarks.importing", "--reader", reader, "--file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def compare(path: Path, rounds: int, peers: str, readers: list[str]) -> dict[str, Any]:
    """Each reader `rounds` times in turn: median seconds (of the clock and of the processor), messages a second, peak memory."""
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for reader in readers:
            result = run_in_process(reader, path, peers)
            if result:
                found.setdefault(reader, []).append(result)
                print(f"{path.name}, {reader}: {result}", file=sys.stderr, flush=True)
    rows: dict[str, Any] = {}
    for reader in READERS:
        results = found.get(reader)
        if not results:
            rows[reader] = None
            continue
        seconds, used = (statistics.median(result[key] for result in results) for key in ("seconds", "cpu_seconds"))
        rows[reader] = {
            "messages": results[0]["messages"],
            "seconds": round(seconds, 2),
            "cpu_seconds": round(used, 2),
            "messages_per_second": round(results[0]["messages"] / seconds),
            "messages_per_cpu_second": round(results[0]["messages"] / used),
            "peak_memory_mb": max(result["peak_memory_mb"] for result in results),
        }
    if rows["keepsake"] and rows["chat-miner"]:
        rows["times_as_fast"] = round(rows["chat-miner"]["seconds"] / rows["keepsake"]["seconds"], 2)
        rows["times_as_fast_by_cpu"] = round(rows["chat-miner"]["cpu_seconds"] / rows["keepsake"]["cpu_seconds"], 2)
    return rows


def traps(peers: str) -> list[dict[str, Any]]:
    """What each reader makes of the WhatsApp and Telegram trap fixtures: messages and senders."""
    paths = sorted([*FIXTURES.glob("whatsapp*.txt"), *FIXTURES.glob("whatsapp/*.txt"), *FIXTURES.glob("telegram/*.json")])
    rows = [{"fixture": path.relative_to(FIXTURES).as_posix()} for path in paths]
    for reader in ("keepsake", "chat-miner", "chatpack"):
        command = [sys.executable if reader in OURS else peers, "-m", "benchmarks.importing", "--trap", reader, "--file", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else [None] * len(paths)
        for row, outcome_of_it in zip(rows, found, strict=True):
            row[reader] = outcome_of_it
    return rows


def trap_table(rows: list[dict[str, Any]]) -> dict[str, dict[str, int] | None]:
    """In how many of the fixtures a reader fails, finds senders who are not there, misses some, and gives what Keepsake's golden results say."""
    table: dict[str, dict[str, int] | None] = {}
    for reader in ("chat-miner", "chatpack"):
        pairs = [(row[reader], row["keepsake"]) for row in rows if row[reader] is not None]
        read = [(found, right) for found, right in pairs if isinstance(found, dict)]
        table[reader] = (
            None
            if not pairs
            else {
                "fixtures": len(pairs),
                "fails": len(pairs) - len(read),
                "senders_not_there": sum(bool(set(found["senders"]) - set(right["senders"])) for found, right in read),
                "senders_missed": sum(bool(set(right["senders"]) - set(found["senders"])) for found, right in read),
                "too_many_messages": sum(found["messages"] > right["messages"] for found, right in read),
                "too_few_messages": sum(found["messages"] < right["messages"] for found, right in read),
                "as_the_golden_result": sum(found == right for found, right in read),
            }
        )
    return table


def outcome(reader: str, path: Path) -> dict[str, Any] | str:
    """How many messages and which senders a reader finds in a file, or how it failed."""
    try:
        if reader == "keepsake":
            from memory.importers import parse_export

            senders = [message.sender for message in parse_export(path).messages]
        elif reader == "chatpack":
            import chatpack

            parse = chatpack.parse_telegram if path.suffix == ".json" else chatpack.parse_whatsapp
            senders = [message.sender for message in parse(str(path))]
        else:
            from chatminer.chatparsers import TelegramJsonParser, WhatsAppParser

            parser = (TelegramJsonParser if path.suffix == ".json" else WhatsAppParser)(path)
            parser.parse_file()
            senders = list(map(str, parser.parsed_messages.get_df()["author"]))
        return {"messages": len(senders), "senders": sorted(set(senders))}
    except BaseException as error:  # noqa: BLE001 - the table says how a reader fails; a panic of Rust is no Exception
        return f"{type(error).__name__}: {str(error)[:80]}"


def write_long(path: Path, gigabytes: float, seed: int) -> int:
    """An Android chat of long messages (some 3,000 letters, by a pool of 500) until the file has its size; returns how many."""
    rng, moment, said, written = Random(seed), datetime(2009, 1, 1), 0, 0
    pool = [" ".join(rng.choices(WORDS, k=rng.randint(500, 900))) for _ in range(500)]
    with path.open("w", encoding="utf-8") as file:
        while written < gigabytes * 1e9:
            moment += timedelta(seconds=rng.randint(1, 600))
            written += file.write(f"{moment:%d/%m/%Y, %H:%M} - {rng.choice(PEOPLE)}: {rng.choice(pool)}\n")
            said += 1
    return said


def preview(gigabytes: float, seed: int) -> dict[str, Any]:
    """What the command takes for a text of that size, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.txt"
        said = write_long(path, gigabytes, seed)
        command = [sys.executable, "-m", "memory", "import", str(path), "--profile", "bench", "--preview", "--json"]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "KEEPSAKE_HOME": f"{folder}/home"})
        seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "gb": round(path.stat().st_size / 1e9, 2), "messages": said, "kept": json.loads(done.stdout)["kept"], "seconds": round(seconds, 1),
            "cpu_seconds": round(used.ru_utime + used.ru_stime, 1), "peak_memory_mb": round(used.ru_maxrss / 1024),
        }  # fmt: skip


def main() -> None:
    """Write the files, measure every reader and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description="Speed and memory of reading large exports.")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--reader", choices=list(READERS), help=argparse.SUPPRESS)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="the interpreter that has the other parsers")
    parser.add_argument("--readers", nargs="+", choices=list(READERS), default=list(READERS), metavar="READER", help=", ".join(READERS))
    parser.add_argument("--formats", nargs="+", choices=["whatsapp", "telegram"], default=["whatsapp", "telegram"])
    parser.add_argument("--preview", type=float, metavar="GB", help="only: the preview of one text of so many gigabytes")
    parser.add_argument("--trap", choices=list(READERS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        print(json.dumps(run_one(options.reader, options.file[0])))
        return
    if options.trap:
        print(json.dumps([outcome(options.trap, path) for path in options.file]))
        return
    if options.preview:
        print(json.dumps(preview(options.preview, options.seed), indent=1))
        return
    results: dict[str, Any] = {"lines": options.lines, "seed": options.seed}
    with tempfile.TemporaryDirectory() as folder:
        for name, write, file in (("whatsapp", write_whatsapp, "chat.txt"), ("telegram", write_telegram, "result.json")):
            if name not in options.formats:
                continue
            path = Path(folder) / file
            expected = write(path, options.lines, options.seed)
            results[name] = {
                "expected": expected,
                "mb": round(path.stat().st_size / 1e6),
                **compare(path, options.rounds, options.peers, options.readers),
            }
    results["traps"] = traps(options.peers)
    results["trap_table"] = trap_table(results["traps"])
    if options.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
        return
    for name in options.formats:
        print(f"{name}: {results[name]['mb']} MB, {results[name]['expected']:,} messages expected")
        for reader in READERS:
            row = results[name][reader]
            print(
                f"  {reader:18} "
                + (
                    f"{row['seconds']:7.2f} s ({row['cpu_seconds']:.2f} of the processor)  {row['messages_per_second']:>9,} a second  {row['peak_memory_mb']:>6} MB  {row['messages']:,} found"
                    if row
                    else "not installed"
                )
            )
    for reader, counts in results["trap_table"].items():
        print(f"on the traps {reader}: {counts or 'not installed'}")
    for row in results["traps"]:
        print(f"{row['fixture']}: keepsake {row['keepsake']}; chat-miner {row['chat-miner']}; chatpack {row['chatpack']}")


if __name__ == "__main__":
    main()
