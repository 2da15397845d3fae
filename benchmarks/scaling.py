"""How seconds and memory grow with facts, messages and trials: no worse than linearly, or the exponent says otherwise.

    python -m benchmarks.scaling --json                                         # 20 to 2,000 facts, 1 k to 1 M messages, 1 to 8 trials
    python -m benchmarks.scaling --most 20000 --minutes 5 --json                # no size above --most; no step that would pass its minutes
    python -m benchmarks.scaling --json --figure docs/pictures/scaling.svg

In: pocket (or --base), invented facts and generated messages. Every size runs in a child process; CPU seconds count from when the base is loaded. A size
that would take more than --minutes, going by the one before, is left out and named.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.curves import draw_curves
from benchmarks.injection_sides import peak_memory_mb
from benchmarks.quality import machine

SIZES = {
    "facts": (20, 60, 200, 600, 2000),
    "messages": (1_000, 10_000, 100_000, 1_000_000),
    "trials": (1, 2, 4, 8),
}


def of_facts(count: int, base: str, seed: int) -> dict[str, Any]:
    """Examples of so many facts, and one epoch of the default plan on them."""
    from benchmarks.injection import invented_facts
    from tuning.adapters import attach
    from tuning.bases import load_base, resolve_base
    from tuning.examples import build_examples
    from tuning.recipe import Recipe
    from tuning.space import default_plan
    from tuning.train import encode_examples, train
    from tuning.views import build_views

    loaded = load_base(resolve_base(base))
    facts, questions = invented_facts(count, seed)
    started = time.process_time()
    views = build_views(facts, questions, (), Counter(), Random(seed))
    examples = [example for example in build_examples(loaded, facts, questions, seed, views, Recipe()) if example.split == "train"]
    built = time.process_time()
    plan = default_plan(loaded, 1)
    train(loaded, attach(loaded, plan, seed), plan, encode_examples(loaded, examples), [], [], seed)
    done = time.process_time()
    return {
        "seconds": done - started, "examples_seconds": built - started, "epoch_seconds": done - built, "examples": len(examples),
        "frozen_mb": loaded.frozen.used / 2**20,
    }  # fmt: skip


def of_messages(count: int, base: str, seed: int) -> dict[str, Any]:
    """So many messages read from a Telegram export into a store, and twenty searches in them by words (by meaning: `benchmarks.retrieval`)."""
    from benchmarks.importing import write_telegram
    from memory.importing import import_files
    from memory.retrieval import search
    from memory.store import load_profile, open_store

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        write_telegram(path, count, seed)
        db = open_store(Path(folder) / "home")
        started = time.process_time()
        import_files(db, "big", [path], "Ana Ruiz")
        imported = time.process_time()
        profile = load_profile(db, "big")
        for number in range(20):
            search(db, profile.id, f"tea with milk by the river {number}", 4, ("messages",), dense=False)
        done = time.process_time()
        return {"seconds": imported - started, "search_ms": 1000 * (done - imported) / 20}


def of_trials(count: int, base: str, seed: int) -> dict[str, Any]:
    """A search of so many trials on ten facts, two epochs each, none pruned."""
    from benchmarks.injection import invented_facts
    from tuning.bases import load_base, resolve_base
    from tuning.examples import build_examples
    from tuning.recipe import Recipe
    from tuning.search import search
    from tuning.views import build_views

    loaded = load_base(resolve_base(base))
    facts, questions = invented_facts(10, seed)
    examples = build_examples(loaded, facts, questions, seed, build_views(facts, questions, (), Counter(), Random(seed)), Recipe())
    started = time.process_time()
    found = search(loaded, examples, count, 2, math.inf, seed, sampler="random", rungs=False, recipe=Recipe(early_stop=False))
    return {"seconds": time.process_time() - started, "done": len(found.trials)}


KINDS = {"facts": of_facts, "messages": of_messages, "trials": of_trials}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every size of every kind that the limits allow, with the exponent of its growth."""
    report: dict[str, Any] = {"left_out": []}
    for kind in options.kinds:
        rows: list[dict[str, Any]] = []
        for size in SIZES[kind]:
            ahead = rows[-1]["wall_seconds"] * size / rows[-1]["size"] if rows else 0.0
            if size > options.most or ahead > 60 * options.minutes:
                report["left_out"].append(f"{size} {kind}")
                continue
            started = time.monotonic()
            command = [sys.executable, "-m", "benchmarks.scaling", "--child", kind, "--size", str(size), "--seed", str(options.seed)]
            done = subprocess.run(
                [*command, "--base", options.base], capture_output=True, text=True, cwd=Path(__file__).parents[1],
                env=os.environ | {"OMP_NUM_THREADS": str(options.threads)},
            )  # fmt: skip
            if done.returncode:
                raise SystemExit(f"{size} {kind} failed:\n{done.stderr[-3000:]}")
            rows.append({"size": size, "wall_seconds": round(time.monotonic() - started, 1), **json.loads(done.stdout.splitlines()[-1])})
            print(f"{size} {kind}: {rows[-1]}", file=sys.stderr)
        report[kind] = {"rows": rows, "exponent": exponent(rows)}
    return report


def exponent(rows: list[dict[str, Any]]) -> float | None:
    """The slope of the least-squares line through log(seconds) against log(size): 1 is linear; None of fewer than two sizes."""
    points = [(math.log(row["size"]), math.log(max(1e-3, row["seconds"]))) for row in rows]
    if len(points) < 2:
        return None
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points))
    return round(sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points), 3)


def main() -> None:
    """Measure, draw and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description="How seconds and memory grow.")
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=list(KINDS))
    parser.add_argument("--most", type=int, default=1_000_000, help="no size above this")
    parser.add_argument("--minutes", type=float, default=20.0, help="no step that would take longer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--figure", type=Path, help="draw the curves into this SVG file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=tuple(KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        row = KINDS[options.child](options.size, options.base, options.seed)
        row = {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
        print(json.dumps(row | {"peak_memory_mb": peak_memory_mb()}))
        return
    report = measure(options)
    report |= {"settings": {**vars(options), "figure": str(options.figure)}, "machine": machine(), "load": os.getloadavg()[0]}
    if options.figure:
        draw_curves({kind: report[kind]["rows"] for kind in options.kinds}, options.figure)
    if options.json:
        print(json.dumps(report, indent=1))
        return
    for kind in options.kinds:
        print(f"{kind}: exponent {report[kind]['exponent']}")


if __name__ == "__main__":
    main()
