"""One side of `benchmarks.injection`, in its own process: `python -m benchmarks.injection_sides ours|trl|ideas WORK.json`.

In: examples, plans, epochs and seed as JSON. Out: one line of JSON: seconds and CPU seconds from the start of the process, recall of the best trial
on questions never trained on, peak memory.
"""

import json
import math
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

STARTED = time.monotonic()


def ours(work: dict[str, Any]) -> dict[str, Any]:
    """Keepsake's trials: the product's own, without pruning and to the last epoch."""
    from tuning.adapters import LoraPlan, detach, from_bytes
    from tuning.bases import load_base, resolve_base
    from tuning.recipe import Recipe
    from tuning.trial import make_task, run_trial

    examples = read_examples(work)
    task = make_task(load_base(resolve_base(work["base"])), examples, Recipe(early_stop=False), ())
    best: tuple[float, Any] = (-math.inf, None)
    for number, plan in enumerate(work["plans"]):
        made = LoraPlan((plan["layers"],), plan["rank"], plan["learning_rate"], 2 * plan["rank"], work["epochs"])
        result, kept = run_trial(task, number, made, work["seed"] + number, math.inf)
        if result.values["score"] > best[0]:
            best = result.values["score"], kept
    model = from_bytes(task.loaded, best[1].weights, best[1].peft_config)
    try:
        return scores(task.loaded, examples) | {"validation": best[0]}
    finally:
        detach(model)


def trl(work: dict[str, Any]) -> dict[str, Any]:
    """The peer: an Optuna study whose objective builds an SFTTrainer with a LoraConfig, trains, and asks the validation questions."""
    import optuna
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from tuning.adapters import layer_numbers
    from tuning.bases import load_base, resolve_base
    from tuning.train import batches, encode_examples
    from tuning.trial import score_answers

    examples = read_examples(work)
    trained = [example for example in examples if example.split == "train"]
    loaded = load_base(resolve_base(work["base"]))
    encoded = encode_examples(loaded, trained)
    rows = max(1, round(len(trained) / len(batches(encoded, range(len(encoded)), Random(0)))))
    data = token_rows(encoded)
    best: dict[str, Any] = {"validation": -math.inf}

    def objective(trial: Any) -> float:
        plan = {
            "layers": trial.suggest_categorical("layers", ["all", "early", "middle", "late"]),
            "rank": trial.suggest_categorical("rank", [4, 8, 16, 32]),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        }
        fresh = load_base(resolve_base(work["base"]))
        with_lora = LoraConfig(
            task_type="CAUSAL_LM", r=plan["rank"], lora_alpha=2 * plan["rank"], target_modules=fresh.targets,
            layers_to_transform=layer_numbers(plan["layers"], fresh.layers),
        )  # fmt: skip
        settings = SFTConfig(
            output_dir="/tmp/keepsake-peer", num_train_epochs=work["epochs"], per_device_train_batch_size=rows, save_strategy="no", report_to=[],
            learning_rate=plan["learning_rate"], warmup_steps=10, adam_beta2=0.98, use_cpu=True, bf16=False, gradient_checkpointing=False,
            max_length=None, seed=work["seed"] + trial.number, disable_tqdm=True, logging_strategy="no",
        )  # fmt: skip
        trainer = SFTTrainer(model=fresh.model, args=settings, train_dataset=data, processing_class=fresh.tokenizer, peft_config=with_lora)
        trainer.train()
        trainer.model.eval()
        score = score_answers(fresh, [example for example in examples if example.split == "validation"])["score"]
        if score > best["validation"]:
            best.update(scores(fresh, examples), validation=score)
        return score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=work["seed"]))
    for plan in work["plans"]:
        study.enqueue_trial(plan)
    study.optimize(objective, n_trials=len(work["plans"]))
    return best | {"batch": rows}


def token_rows(encoded: Sequence[Any]) -> Any:
    """Examples as TRL would have tokenised them, so that it need not. Named by hand: hashing a table fails with some versions of pyarrow and dill."""
    import pyarrow
    from datasets import Dataset

    rows = [{"input_ids": [*one.prompt, *one.answer], "completion_mask": [0] * len(one.prompt) + [1] * len(one.answer)} for one in encoded]
    return Dataset(pyarrow.Table.from_pylist(rows), fingerprint="keepsake")


def ideas(work: dict[str, Any]) -> dict[str, Any]:
    """For each switch the time of steps with it off to that with all on, and what the order of batches is worth.

    CPU seconds, each batch's least over the turns, since other work only ever adds to them; and the same ratio of floating-point operations, which are counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    from tuning.adapters import LoraPlan, attach, detach
    from tuning.bases import load_base, resolve_base
    from tuning.kept import WHOLE
    from tuning.recipe import Recipe
    from tuning.speed import with_speed
    from tuning.step import add_gradient
    from tuning.train import batches, encode_examples

    loaded = load_base(resolve_base(work["base"]))
    encoded = encode_examples(loaded, [example for example in read_examples(work) if example.split == "train"], Recipe())
    planned = batches(encoded, range(len(encoded)), Random(0))[: work["batches"]]
    numbers = [number for batch in planned for number in batch]
    Random(1).shuffle(numbers)
    size = -(-len(numbers) // len(planned))
    unsorted = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    doubled = [[*batch, *batch] for batch in planned]
    off = {name: False for name in ("prefix", "joint", "last", "frozen")}

    def compare(cases: dict[str, tuple[dict[str, bool], Any]], layers: str) -> tuple[dict[str, float], dict[str, float]]:
        model = attach(loaded, LoraPlan((layers,), 16, 4e-3, 32, 1), 0)

        def step(batch: list[int]) -> None:
            add_gradient(loaded, model, [encoded[number] for number in batch], [], 0.0, WHOLE)
            model.zero_grad()

        spent: dict[str, list[float]] = {}
        counted: dict[str, float] = {}
        for turn in range(work["turns"] + 1):
            for name, (switches, order) in cases.items():
                with with_speed(**switches):
                    if not turn:  # warms up, and fills what is kept; then the operations are counted
                        for batch in order:
                            step(batch)
                        with FlopCounterMode(display=False) as counter:
                            for batch in order:
                                step(batch)
                        counted[name] = float(counter.get_total_flops())
                        continue
                    times = []
                    for batch in order:
                        started = time.process_time()
                        step(batch)
                        times.append(time.process_time() - started)
                    spent[name] = [min(pair) for pair in zip(times, spent.get(name, times))]
        detach(model)
        loaded.frozen.clear()
        seconds = {name: sum(times) for name, times in spent.items()}
        return (
            {name: round(value / seconds["on"], 2) for name, value in seconds.items()},
            {name: round(value / counted["on"], 2) for name, value in counted.items()},
        )

    cases: dict[str, tuple[dict[str, bool], Any]] = {"on": ({}, planned), "everything": (off, unsorted), "buckets": ({}, unsorted)}
    cases |= {name: ({name: False}, planned) for name in off}
    seconds, operations = compare(cases, "all")
    late_seconds, late_operations = compare({"on": ({}, planned), "frozen": ({"frozen": False}, planned)}, "late")
    seconds["frozen_late_layers"], operations["frozen_late_layers"] = late_seconds["frozen"], late_operations["frozen"]
    # What two trials on one pass could win at most: two steps, against one of twice the rows.
    together, _ = compare({"on": ({}, planned), "doubled": ({}, doubled)}, "all")
    seconds["together"], operations["together"] = round(2 / together["doubled"], 2), 1.0
    del seconds["on"], operations["on"]
    return {"ideas": seconds, "operations": operations}


def read_examples(work: dict[str, Any]) -> list[Any]:
    """The examples that both sides share."""
    from tuning.examples import load_example

    return [load_example(row) for row in work["examples"]]


def scores(loaded: Any, examples: list[Any]) -> dict[str, Any]:
    """Recall and false claims on the test questions, with whatever adapter is active."""
    from tuning.trial import score_answers

    found = score_answers(loaded, [example for example in examples if example.split == "test"])
    return {"recall": found["recall"], "false_claims": found["false_claims"], "asked": found["known"]}


def main() -> None:
    """Run one side and print its line."""
    side, work = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    row = {"ours": ours, "trl": trl, "ideas": ideas}[side](work)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    row |= {"seconds": round(time.monotonic() - STARTED, 1), "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1)}
    print(json.dumps(row | {"peak_memory_mb": peak_memory_mb()}))


def peak_memory_mb() -> float:
    """Largest resident memory of this process. Not by `getrusage` on Linux: there a child begins with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return round(int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024), 1)


if __name__ == "__main__":
    main()
