"""How fast injection is against what one would otherwise run: TRL's SFTTrainer with PEFT in an Optuna loop, as TRL's documentation shows.

    python -m benchmarks.injection --json
    python -m benchmarks.injection --facts 6 --trials 2 --epochs 2 --json    # small
    python -m benchmarks.injection --ideas                                   # only what each of our ideas is worth

In: pocket (or --base) and invented facts of the exam banks. Both sides get the same examples, plans (one LoRA, each trial from a fresh start), epochs
and learning-rate range, about as many steps an epoch, and are asked by the same code; each runs in a child process of its own, whose peak memory
is the kernel's count. TRL gets its defaults but for what would only slow it here: gradient checkpointing and bf16 are off.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.quality import machine
from memory.store import Fact
from pocket.banks import load_relations
from pocket.items import make_item
from tuning.bases import load_base, resolve_base
from tuning.examples import build_examples
from tuning.recipe import Recipe
from tuning.views import build_views

INSTALL = "TRL is not installed: run `python -m pip install -r requirements-benchmarks.txt` and this command again."
RELATIONS = 50  # of the exam; beyond them the relations are used again with other values
LAYERS = ("all", "early", "middle", "late")


def invented_facts(count: int, seed: int) -> tuple[list[Fact], dict[int, list[str]]]:
    """Facts with the questions that are asked about each, written by hand for the exam."""
    rng = Random(seed)
    relations = load_relations("exam")
    chosen = [relation for _ in range(-(-count // len(relations))) for relation in rng.sample(relations, len(relations))][:count]
    items = [make_item(relation, rng) for relation in chosen]
    facts = [Fact(number, item.fact, None, "study", "active", None, None, "") for number, item in enumerate(items)]
    return facts, {number: list(dict.fromkeys(item.ask)) for number, item in enumerate(items)}


def make_work(options: argparse.Namespace) -> dict[str, Any]:
    """What both sides are given: examples in splits, and the plans of the trials."""
    loaded = load_base(resolve_base(options.base))
    facts, questions = invented_facts(options.facts, options.seed)
    rng = Random(options.seed)
    views = build_views(facts, questions, (), Counter(), rng)
    examples = build_examples(loaded, facts, questions, options.seed, views, Recipe())
    plans = [{"layers": "all", "rank": 16, "learning_rate": 4e-3}]
    plans += [
        {"layers": rng.choice(LAYERS), "rank": rng.choice((4, 8, 16, 32)), "learning_rate": 4e-3 * 2 ** rng.uniform(-1.5, 1)}
        for _ in range(options.trials - 1)
    ]
    return {
        "examples": [example.row() for example in examples], "plans": plans, "epochs": options.epochs, "seed": options.seed,
        "base": options.base, "batches": options.batches, "turns": options.turns,
    }  # fmt: skip


def run_child(side: str, work: Path, threads: int) -> dict[str, Any]:
    """One side in a process of its own: what it printed, with its peak memory."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "benchmarks.injection_sides", side, str(work)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise SystemExit(f"The side {side} failed:\n{done.stderr[-3000:]}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All sides in turn, in one run."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work.json"
        work.write_text(json.dumps(made := make_work(options)))
        sides = ["ideas"] if options.ideas else ["ours", "trl", "ideas"]
        if "trl" in sides and find_spec("trl") is None:
            print(INSTALL, file=sys.stderr)
            sides.remove("trl")
        found = {side: run_child(side, work, options.threads) for side in sides}
    ours, trl = found.get("ours"), found.get("trl")
    report: dict[str, Any] = {
        "speedup_vs_trl": round(trl["seconds"] / ours["seconds"], 2) if trl and ours else None,
        "speedup_cpu_seconds": round(trl["cpu_seconds"] / ours["cpu_seconds"], 2) if trl and ours else None,
        "recall_ours": ours["recall"] if ours else None,
        "recall_trl": trl["recall"] if trl else None,
        "ideas": found["ideas"]["ideas"],
        "operations": found["ideas"]["operations"],
        "peak_memory_mb": {side: found[side]["peak_memory_mb"] for side in ("ours", "trl") if side in found},
        "sides": {side: found[side] for side in ("ours", "trl") if side in found},
        "trained": sum(row["split"] == "train" for row in made["examples"]),
    }
    if trl is None and not options.ideas:
        report["skipped"] = INSTALL
    return report | {"settings": vars(options), "machine": machine(), "load": os.getloadavg()[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.injection", description="Injection against TRL in an Optuna loop.")
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--facts", type=int, default=20)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of each side")
    parser.add_argument("--batches", type=int, default=6, help="training steps that the ideas are measured on")
    parser.add_argument("--turns", type=int, default=4, help="how often each of those is measured")
    parser.add_argument("--ideas", action="store_true", help="only what each idea is worth")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = measure(options)
    if options.json:
        print(json.dumps(report, indent=1))
        return
    for name in ("speedup_vs_trl", "speedup_cpu_seconds", "recall_ours", "recall_trl", "ideas", "peak_memory_mb"):
        print(f"{name:20} {report[name]}")


if __name__ == "__main__":
    main()
