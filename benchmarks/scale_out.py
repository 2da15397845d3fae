"""What an engine costs beside the local one, and what one profile takes: `python -m benchmarks.scale_out --json [--figures]`.

In: a tiny base (random Llama with pocket's tokenizer) and invented people, or with `--figures` the embedded base. Out: seconds a profile on each
engine, the overhead, memory of driver and workers, whether the winners are the same; or the figures that docs/scale.md reckons with.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.cluster import start_cluster, stop_cluster
from benchmarks.invented_people import make_people, prepare_fixed, tiny_base
from memory.store import current_adapter, list_trials, load_profile, open_store
from tuning.inject import peak_memory_mb

DATA = Path(__file__).parent / "data"


def run_engine(
    open_engine: Callable[..., Any], loaded: Any, people: int, options: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, str]]:
    """Inject so many people with an engine into a store of its own; returns the measurement and each person's winner."""
    from tuning.many import inject_many

    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder))
        names = make_people(db, people)
        started, worked = time.monotonic(), time.process_time()
        result = inject_many(
            db, names, open_engine, trials=options.trials, minutes=60.0, seed=options.seed, loaded=loaded, prepare_profile=prepare_fixed
        )
        wall, worked = time.monotonic() - started, time.process_time() - worked
        winners = {}
        for name in names:
            adapter = current_adapter(db, load_profile(db, name).id)
            winners[name] = json.dumps(adapter.metrics["plan"], sort_keys=True) + adapter.sha256 if adapter else ""
        db.close()
    search = [row["search_seconds"] for row in result["profiles"] if row["state"] == "done"]
    memory = [row["peak_memory_mb"] for row in result["profiles"] if row["state"] == "done"]
    return {
        "profiles": people, "done": result["done"], "failed": result["failed"], "wall_s": round(wall, 2), "search_s": round(sum(search), 2), "driver_cpu_s": round(worked, 2),
        "nodes": len({row.get("node") for row in result["profiles"]}), "worker_peak_mb": max(memory, default=0.0), "driver_peak_mb": peak_memory_mb(),
    }, winners  # fmt: skip


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both engines on the same people; overhead a profile is the time in which no place searched, per profile."""
    from tuning.bases import load_base, resolve_base
    from tuning.engines.local import LocalEngine
    from tuning.engines.ray_engine import RayEngine, import_ray

    import_ray()  # without it the reason is told before anything is measured
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_base(resolve_base(str(tiny_base(Path(folder)))), "fp32")
        local, winners = run_engine(lambda hear: LocalEngine(hear), loaded, options.profiles, options)
        started = time.monotonic()
        cluster = start_cluster(options.nodes)
        up = time.monotonic() - started
        try:
            # The first call starts the worker processes and loads the base in each; the second finds them warm.
            cold, _ = run_engine(lambda hear: RayEngine(hear, cluster.address), loaded, options.nodes, options)
            remote, found = run_engine(lambda hear: RayEngine(hear, cluster.address), loaded, options.profiles, options)
        finally:
            stop_cluster(cluster)
    local["overhead_s_a_profile"] = round((local["wall_s"] - local["search_s"]) / options.profiles, 3)
    remote["overhead_s_a_profile"] = round((options.nodes * remote["wall_s"] - remote["search_s"]) / options.profiles, 3)
    return {
        "base": "tiny", "trials": options.trials, "seed": options.seed, "cores": os.cpu_count(), "load": [round(load, 1) for load in os.getloadavg()],
        "local": local, "ray": remote | {"nodes_started": options.nodes, "cluster_up_s": round(up, 1), "first_tasks_s": cold["wall_s"]},
        "same_winners": sum(winners[name] == found[name] for name in winners), "of": options.profiles,
    }  # fmt: skip


def measure_injection(loaded: Any, chat: str, seed: int) -> dict[str, Any]:
    """A quick injection of the demo person, or of Rosa's nine messages, with no limit of time: processor seconds in all and of the driver's part."""
    from memory.demo import import_demo
    from memory.importing import import_files
    from tuning.engines.local import LocalEngine
    from tuning.many import inject_many, prepare_here

    spent: list[float] = []

    def prepare(*given: Any) -> Any:
        before = time.process_time()
        prepared = prepare_here(*given)
        spent.append(time.process_time() - before)
        return prepared

    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder))
        if chat == "demo":
            import_demo(db, chat)
        else:
            import_files(db, chat, [DATA / "rosa.jsonl"], me="Rosa")
        started = time.process_time()
        result = inject_many(db, [chat], lambda hear: LocalEngine(hear), minutes=600.0, seed=seed, loaded=loaded, prepare_profile=prepare)
        total, row = time.process_time() - started, result["profiles"][0]
        trials = len(list_trials(db, row["run"]))
        db.close()
    return {
        "chat": chat, "inject_seconds": round(total, 1), "driver_seconds": round(spent[0], 1),
        "trials": trials, "facts": row["facts"], "recall": row["best"].get("recall"), "inject_memory_mb": peak_memory_mb(),
    }  # fmt: skip


def measure_figures(options: argparse.Namespace) -> dict[str, Any]:
    """The embedded base with the adapter of its default plan: seconds and bytes of what a server does for each person, and an injection."""
    import torch

    from benchmarks.invented_people import people_store_bytes
    from tuning.adapters import attach, detach, from_bytes, to_bytes
    from tuning.bases import load_base, resolve_base
    from tuning.generate import generate
    from tuning.prompts import render_chat
    from tuning.search import default_plan

    started = time.monotonic()
    loaded = load_base(resolve_base(options.base), "auto")
    load_seconds, memory = time.monotonic() - started, peak_memory_mb()
    model = attach(loaded, default_plan(loaded, 1), options.seed)
    weights, config = to_bytes(model, loaded.base)
    swaps, answers = [], []
    for number in range(options.rounds):
        torch.manual_seed(number)
        # Processor time, since other work on the machine would be measured too.
        started = time.process_time()
        model = from_bytes(loaded, weights, config, worn=model)  # people have the same plan mostly
        swaps.append(time.process_time() - started)
        started = time.process_time()
        generate(loaded, [render_chat("What is my cat called?")], 24)
        answers.append(time.process_time() - started)
    detach(model)
    middle = lambda values: round(sorted(values)[len(values) // 2], 4)
    injected = measure_injection(loaded, options.chat, options.seed)
    return {
        "base": loaded.base.id, "adapter_bytes": len(weights), "swap_seconds": middle(swaps), "answer_seconds": middle(answers),
        "store_bytes": people_store_bytes(len(weights)), "base_load_seconds": round(load_seconds, 2), "base_memory_mb": memory,
        **injected, "load": [round(load, 1) for load in os.getloadavg()],
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_out", description=__doc__)
    parser.add_argument("--profiles", type=int, default=12)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--figures", action="store_true", help="measure what one profile takes on the embedded base; writes data/scale_figures.json"
    )
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--chat", choices=("demo", "rosa"), default="demo", help="whose messages the injection of --figures learns")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure_figures(options) if options.figures else measure(options)
    if options.figures:
        (DATA / "scale_figures.json").write_text(json.dumps(result, indent=1) + "\n")
    if options.json or options.figures:
        print(json.dumps(result, indent=1))
        return
    for engine in ("local", "ray"):
        row = result[engine]
        print(
            f"{engine:6} {row['wall_s']:8.1f} s for {row['profiles']} profiles, overhead {row['overhead_s_a_profile']:.2f} s a profile, worker {row['worker_peak_mb']:.0f} MB"
        )
    print(f"same winners: {result['same_winners']} of {result['of']}; cluster up in {result['ray']['cluster_up_s']} s")


if __name__ == "__main__":
    main()
