"""Damaged exports by the hundred thousand: every one must give messages or a sentence, never a crash, a hang or anything else.

    python -m benchmarks.fuzzing --inputs 100000 --json

In: the fixtures of every format. Each input is one of them, cut, spliced, with bytes changed, repeated or mixed with another. Out: inputs a
format, how many were read and how many refused, the slowest in seconds, and every failure with the seed that makes it again.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from memory.errors import BadExport
from memory.importers import parse_export

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
SUFFIXES = {".txt", ".json", ".jsonl", ".csv", ".md", ".html", ".mbox", ".eml"}
LARGEST = 60_000  # bytes of a fixture


def damage(content: bytes, other: bytes, rng: Random) -> bytes:
    """One to four random injuries."""
    for _ in range(rng.randint(1, 4)):
        size = max(1, len(content))
        at, to = sorted((rng.randrange(size), rng.randrange(size)))
        kind = rng.randrange(8)
        if kind == 0:
            content = content[:at]
        elif kind == 1:
            content = content[:at] + content[to:]
        elif kind == 2:
            content = content[:at] + bytes(rng.randrange(256) for _ in range(rng.randint(1, 8))) + content[at:]
        elif kind == 3:
            content = content[:at] + content[at:to][:2000] * rng.randint(2, 4) + content[to:]
        elif kind == 4:
            content = (
                content[:at]
                + rng.choice((b"null", b"{", b"]", b'"', b"\n", b"\x00", b"-1e999", b"\xe2\x80\x8e", b"\xff\xfe", b"9" * 40))
                + content[to:]
            )
        elif kind == 5:
            start = rng.randrange(max(1, len(other)))
            content = content[:at] + other[start : start + rng.randint(1, 400)] + content[at:]
        elif kind == 6:
            content = content[to:]
        else:
            content = content.replace(
                *rng.choice(((b'"', b"'"), (b"\n", b"\r\n"), (b":", b""), (b"2024", b"0000"), (b"true", b"[]"), (b"}", b"},")))
            )
    return content


def main() -> None:
    """Run the inputs and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzzing", description="Damaged exports of every format.")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    files = [path for path in sorted(FIXTURES.rglob("*")) if path.suffix in SUFFIXES and path.is_file() and path.stat().st_size <= LARGEST]
    contents = [path.read_bytes() for path in files]
    tried, outcomes, failures, slowest = Counter[str](), Counter[str](), [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.inputs):
            rng = Random(f"{options.seed}:{number}")
            place = rng.randrange(len(files))
            path = Path(folder) / f"input{files[place].suffix}"
            path.write_bytes(damage(contents[place], rng.choice(contents), rng))
            room = files[place].relative_to(FIXTURES).parts[0].split(".")[0].split("_")[0]
            tried[room] += 1
            started = time.perf_counter()
            try:
                parse_export(path)
                outcomes["read"] += 1
            except BadExport:
                outcomes["refused"] += 1
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                failures.append(
                    {"seed": f"{options.seed}:{number}", "fixture": str(files[place].relative_to(FIXTURES)), "error": repr(error)[:200]}
                )
            slowest = max(slowest, time.perf_counter() - started)
    result: dict[str, Any] = {
        "inputs": options.inputs, "seed": options.seed, **outcomes, "failures": failures, "slowest_s": round(slowest, 3), "by_format": dict(tried),
    }  # fmt: skip
    print(json.dumps(result, indent=1) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
