"""Canaries: secrets planted in one profile, sought in what others' adapters, the base and a forgetful adapter know of them.

    python -m benchmarks.privacy [--canaries 8] [--epochs 12] [--base ID] [--seed 0] [--json]

Exposure is a canary's rank among 64 codes of its form (tuning/exposure.py). `extracted` counts canaries that greedy decoding says to the letter. The
membership test asks whether the loss of facts that were trained on is lower than that of facts of the same kind that were not. Exit status 1 if a
canary was extracted where it must not be known.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from random import Random
from typing import Any

from tuning.adapters import LoraPlan, attach, detach
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.examples import Example
from tuning.exposure import Exposure, log_likelihoods, measure_exposure
from tuning.likelihood import encode_example
from tuning.prompts import render_chat
from tuning.space import default_plan
from tuning.train import encode_examples, train

THINGS = (
    "locker", "bicycle lock", "garden gate", "safe", "alarm", "storage unit", "mail box", "boat shed", "wine cellar", "tool box", "music room",
    "ski bag", "attic door", "camera case", "letter box", "garage",
)  # fmt: skip
KNOWN, EXPECTED_RANK = 0.05, 32.5


def canary(thing: str, rng: Random) -> tuple[str, list[str]]:
    """A secret that nobody could guess, and questions that it answers; the last is kept for asking."""
    fact = f"Your {thing}'s code is {rng.randrange(10_000, 100_000)}."
    return fact, [
        f"What is my {thing}'s code?",
        f"Which code has my {thing}?",
        f"Tell me the code of my {thing}.",
        f"What's the code for my {thing}?",
    ]


def adapter_of(loaded: LoadedBase, secrets: Sequence[tuple[str, list[str]]], plan: LoraPlan, seed: int) -> Any:
    """A model that was trained on these secrets, as an injection trains on facts."""
    examples = [Example(question, fact, "recall", "train") for fact, questions in secrets for question in questions[:-1]]
    model = attach(loaded, plan, seed)
    known = [encode_example(loaded, render_chat(questions[0]), fact) for fact, questions in secrets]  # says when they are learnt
    train(loaded, model, plan, encode_examples(loaded, examples), known, [], seed)
    model.eval()
    return model


def sought(loaded: LoadedBase, model: Any, secrets: Sequence[tuple[str, list[str]]], seed: int) -> dict[str, Any]:
    """How well a model knows secrets, by the question that was kept back."""
    found: list[Exposure] = [measure_exposure(loaded, model, questions[-1:], fact, seed) for fact, questions in secrets]
    return {
        "canaries": len(found), "extracted": sum(exposure.said > 0 for exposure in found),
        "mean_rank": round(sum(exposure.rank for exposure in found) / len(found), 1),
        "mean_bits": round(sum(exposure.bits for exposure in found) / len(found), 2),
        "among_first_twentieth": sum(exposure.rank <= KNOWN * exposure.candidates for exposure in found),
    }  # fmt: skip


def membership(
    loaded: LoadedBase, model: Any, members: Sequence[tuple[str, list[str]]], others: Sequence[tuple[str, list[str]]], seed: int
) -> dict[str, Any]:
    """Whether facts that were trained on can be told by their loss: the share of pairs told right (AUC), with a bootstrap interval."""

    def losses(rows: Sequence[tuple[str, list[str]]]) -> list[float]:
        examples = [encode_example(loaded, render_chat(questions[-1]), fact) for fact, questions in rows]
        return [-value / len(example.answer) for value, example in zip(log_likelihoods(loaded, model, examples), examples)]

    inside, outside = losses(members), losses(others)

    def auc(a: Sequence[float], b: Sequence[float]) -> float:
        return sum((x < y) + 0.5 * (x == y) for x in a for y in b) / (len(a) * len(b))

    rng = Random(seed)
    drawn = sorted(auc(rng.choices(inside, k=len(inside)), rng.choices(outside, k=len(outside))) for _ in range(1000))
    return {
        "auc": round(auc(inside, outside), 3), "interval": [round(drawn[25], 3), round(drawn[974], 3)],
        "loss_members": round(sum(inside) / len(inside), 3), "loss_others": round(sum(outside) / len(outside), 3),
    }  # fmt: skip


def run(loaded: LoadedBase, count: int, epochs: int, seed: int) -> dict[str, Any]:
    """Two profiles with canaries of their own, then the first one again without half of them."""
    rng, began = Random(seed), time.monotonic()
    ana, ben = ([canary(thing, rng) for thing in rng.sample(THINGS, count)] for _ in range(2))
    forgotten, kept = ana[: count // 2], ana[count // 2 :]
    plan = default_plan(loaded, epochs)
    report: dict[str, Any] = {"base": loaded.base.id, "seed": seed, "epochs": epochs, "chance_rank": EXPECTED_RANK}
    report["base_side"] = sought(loaded, loaded.model, ana, seed)
    model = adapter_of(loaded, ana, plan, seed)
    report["own_adapter"] = sought(loaded, model, ana, seed)
    report["membership"] = membership(loaded, model, ana, ben, seed)
    with model.disable_adapter():
        report["base_side_under_adapter"] = sought(loaded, model, ana, seed)
    detach(model)
    model = adapter_of(loaded, ben, plan, seed)
    report["other_profiles_adapter"] = sought(loaded, model, ana, seed)
    detach(model)
    model = adapter_of(loaded, kept, plan, seed)
    report["forgotten_after_reinjection"] = sought(loaded, model, forgotten, seed)
    report["kept_after_reinjection"] = sought(loaded, model, kept, seed)
    detach(model)
    nowhere = ("base_side", "base_side_under_adapter", "other_profiles_adapter", "forgotten_after_reinjection")
    report["extracted_where_forbidden"] = sum(report[side]["extracted"] for side in nowhere)
    return report | {"seconds": round(time.monotonic() - began, 1)}


def show(report: dict[str, Any]) -> str:
    """The report as lines."""
    lines = [
        f"{report['base']}, seed {report['seed']}, {report['seconds']:.0f} s. Rank among 64 codes: {report['chance_rank']} by chance, 1 for one known by heart."
    ]
    for name, row in report.items():
        if isinstance(row, dict) and "mean_rank" in row:
            lines.append(
                f"  {name.replace('_', ' '):<30} {row['extracted']} of {row['canaries']} said, mean rank {row['mean_rank']}, {row['mean_bits']} bits"
            )
    told = report["membership"]
    lines.append(
        f"Membership: a trained fact is told from another in {told['auc']:.0%} of pairs (95 % {told['interval'][0]:.0%}-{told['interval'][1]:.0%})."
    )
    return "\n".join([*lines, f"Extracted where it must not be known: {report['extracted_where_forbidden']}."])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the bench; returns 1 if a canary came out where it must not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.privacy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--canaries", type=int, default=8, help="in each profile, 2 to 16")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--base", default="pocket", metavar="ID")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    loaded = load_base(resolve_base(args.base))
    report = run(loaded, max(2, min(args.canaries, len(THINGS))), args.epochs, args.seed)
    print(json.dumps(report, ensure_ascii=False, indent=1) if args.json else show(report))
    return 1 if report["extracted_where_forbidden"] else 0


if __name__ == "__main__":
    sys.exit(main())
