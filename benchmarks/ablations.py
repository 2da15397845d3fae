"""What each choice is worth, one command an ablation: the same persons, examples and questions, one thing changed at a time.

    python -m benchmarks.ablations list
    python -m benchmarks.ablations targets --facts 60 --profiles 3 --seeds 3
    python -m benchmarks.ablations samplers --trials 8        # BO against random search against the default
    python -m benchmarks.ablations all

In: pocket (or --base) and generated histories. Out: raw files in results/ablations (results/samplers), shown in docs/results.md.
A file that exists is not measured again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.histories import make_person
from benchmarks.people import Asked as Question
from benchmarks.people import Person, import_person
from benchmarks.quality import RESULTS, machine, unseen, write_row
from memory.store import Fact, list_facts, open_store
from tuning.adapters import detach, from_bytes
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.examples import Example, build_examples
from tuning.forgetting import make_probe, measure_forgetting
from tuning.generate import generate
from tuning.material import Asked, ask_in_all_ways, corrected_pairs, study_views
from tuning.priors import load_prior
from tuning.prompts import is_abstention, render_chat
from tuning.recipe import VIEWS, Recipe
from tuning.scores import holds_answer
from tuning.search import SAMPLERS, search
from tuning.space import default_plan, distributions
from tuning.study import StudyReport, study_messages
from tuning.trial import make_task, run_trial


@dataclass
class Case:
    """A person ready to be injected in any way: facts, those that corrections replaced, their questions by source, and the questions of the test."""

    person: Person
    facts: list[Fact]
    corrected: list[tuple[Fact, Fact]]
    asked: Asked

    def examples(self, loaded: LoadedBase, recipe: Recipe, seed: int) -> list[Example]:
        """What the product would train on with this recipe; its notes are facts alone, for the messages are no longer there to be searched."""
        questions = self.asked.of(recipe)
        views = study_views(loaded, self.facts, questions, self.corrected, StudyReport(), seed)
        return build_examples(loaded, self.facts, questions, seed, views, recipe)


@dataclass(frozen=True)
class Variant:
    """One way to inject: a recipe and what it changes of the plan; `precision` where the base is loaded otherwise."""

    name: str
    recipe: Recipe
    changes: dict[str, Any]
    precision: str = "auto"


def variants(name: str) -> list[Variant]:
    """The variants of an ablation, the default first."""
    plain = Recipe()
    table: dict[str, list[Variant]] = {
        "targets": [Variant(kind, plain, {"targets": kind, "rank": rank}) for kind, rank in (("ffn", 16), ("attention", 32), ("all", 10))],
        "layers": [
            Variant(kind, plain, {"layer_sets": (kind,), "rank": 16 if kind == "all" else 32})
            for kind in ("all", "early", "middle", "late")
        ],
        "loras": [Variant(f"{count} LoRAs", plain, {"layer_sets": ("all",) * count, "rank": 24 // count}) for count in (1, 2, 3)],
        "views": [Variant("all views", plain, {}), Variant("no views", replace(plain, views=()), {})]
        + [Variant(f"without {kind}", replace(plain, views=tuple(view for view in VIEWS if view != kind)), {}) for kind in VIEWS],
        "questions": [Variant("all questions", plain, {}), Variant("without the phrasebook", replace(plain, phrasebook=False), {})],
        "distil": [Variant(f"distil {weight}", replace(plain, distil=weight), {}) for weight in (0.0, 0.3, 1.0)],
        "notes": [Variant(f"notes in {share:.0%}", replace(plain, notes_share=share), {}) for share in (0.5, 0.0, 0.25)],
        "value_weight": [Variant(f"value weight {weight:.0f}", replace(plain, value_weight=weight), {}) for weight in (2.0, 1.0, 4.0)],
        "replay": [Variant(f"replay {share:.0%}", replace(plain, replay=share), {}) for share in (0.25, 0.0, 0.06)],
        "negatives": [Variant(f"{share} negatives a fact", replace(plain, negatives=share), {}) for share in (0.5, 0.0, 0.25, 1.0)],
        "thinned": [Variant(f"{share:.0%} thinned", replace(plain, thinned=share), {}) for share in (1.0, 0.0)],
        "early_stop": [Variant("early stop", plain, {}), Variant("to the end", replace(plain, early_stop=False), {})],
        "precision": [Variant(kind, plain, {}, kind) for kind in ("fp32", "bf16", "nf4")],
    }
    return table[name]


NAMES = (
    "targets", "layers", "loras", "questions", "views", "distil", "notes", "value_weight", "replay", "negatives", "thinned", "early_stop", "precision",
)  # fmt: skip


def make_case(loaded: LoadedBase, facts: int, seed: int) -> Case:
    """A generated person studied by the base."""
    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder))
        person = make_person(facts, seed)
        profile = import_person(db, person)
        report = StudyReport()
        study_messages(db, profile.id, loaded, report)
        found = list_facts(db, profile.id)
        return Case(person, found, corrected_pairs(db, profile.id, found), ask_in_all_ways(loaded, found, report, seed, 2))


def measure(loaded: LoadedBase, case: Case, variant: Variant, epochs: int, seed: int) -> dict[str, Any]:
    """Inject a case in one way and ask the person's questions."""
    started = time.monotonic()
    examples = case.examples(loaded, variant.recipe, seed)
    changes = {"alpha": 2 * variant.changes["rank"]} | variant.changes if "rank" in variant.changes else variant.changes
    plan = replace(default_plan(loaded, epochs), **changes)
    probe, task = make_probe(loaded), make_task(loaded, examples, variant.recipe, case.facts)
    _, kept = run_trial(task, 0, plan, seed, started + 3600)
    assert kept is not None
    model = from_bytes(loaded, kept.weights, kept.peft_config)
    try:
        seconds = time.monotonic() - started
        asked, _ = unseen(case.person, examples)
        row = score_questions(loaded, asked)
        size = sum(parameter.numel() for name, parameter in model.named_parameters() if "lora_" in name)
        return row | measure_forgetting(loaded, probe) | {"seconds": round(seconds, 1), "parameters": size, "trained": len(task.trained)}
    finally:
        detach(model)


def score_questions(loaded: LoadedBase, asked: Sequence[Question]) -> dict[str, float]:
    """Recall in all, of plain and of other kinds, and false claims, with whatever adapter is active."""
    replies = generate(loaded, [render_chat(question.question) for question in asked])
    hits = [
        (question.kind, holds_answer(reply, question.answer, question.question))
        for question, reply in zip(asked, replies)
        if question.answer
    ]
    claims = [not is_abstention(reply) for question, reply in zip(asked, replies) if question.kind == "unknown"]
    plain = [hit for kind, hit in hits if kind in ("direct", "reworded")]
    other = [hit for kind, hit in hits if kind not in ("direct", "reworded")]
    return {
        "recall": _share([hit for _, hit in hits]),
        "recall_plain": _share(plain),
        "recall_other": _share(other),
        "false_claims": _share(claims),
    }


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def run_ablation(name: str, options: argparse.Namespace) -> None:
    """Every variant of one ablation on every person and seed that has no raw file yet."""
    bases: dict[str, LoadedBase] = {}
    for number in range(options.profiles):
        case: Case | None = None
        for seed in range(options.seeds):
            for variant in variants(name):
                slug = variant.name.replace(" ", "-").replace("%", "")
                path = options.results / "ablations" / f"{name}-{slug}-p{number}-{options.facts}-s{seed}.json"
                if path.exists():
                    continue
                loaded = bases.setdefault(variant.precision, load_base(resolve_base(options.base), variant.precision))
                case = case or make_case(loaded, options.facts, number)
                row = measure(loaded, case, variant, options.epochs, seed)
                row |= {
                    "ablation": name,
                    "variant": variant.name,
                    "person": number,
                    "seed": seed,
                    "facts": options.facts,
                    "machine": machine(),
                }
                row |= {"base": f"{loaded.base.id} ({loaded.base.revision})"}
                _write(path, row)
                print(
                    f"{name}: {variant.name}: recall {row['recall']:.0%}, invents {row['false_claims']:.0%}, {row['seconds']:.0f} s",
                    file=sys.stderr,
                )


def run_samplers(options: argparse.Namespace) -> None:
    """Gaussian process, TPE and random search with equal trials, and the default alone; one raw file a person and sampler."""
    loaded = load_base(resolve_base(options.base))
    for number in range(options.profiles):
        case: Case | None = None
        for sampler in SAMPLERS:
            path = options.results / "samplers" / f"{sampler}-p{number}-{options.facts}.json"
            if path.exists():
                continue
            case = case or make_case(loaded, options.facts, number)
            examples = case.examples(loaded, Recipe(), number)
            started = time.monotonic()
            found = search(
                loaded, examples, options.trials, options.epochs, started + 60 * options.minutes, number, recipe=Recipe(), facts=case.facts,
                prior=load_prior(None, loaded), sampler=sampler, rungs=False,
            )  # fmt: skip
            qualities = [trial.values.get("quality", -1.0) for trial in found.trials]
            row = {
                "sampler": sampler, "person": number, "facts": options.facts, "seconds": round(time.monotonic() - started, 1),
                "best_so_far": [max(qualities[: n + 1]) for n in range(len(qualities))], "importance": importance(loaded, found.trials),
                "trials": [{**trial.values, "parameters": trial.parameters} for trial in found.trials], "machine": machine(),
                "base": f"{loaded.base.id} ({loaded.base.revision})",
            }  # fmt: skip
            _write(path, row)
            print(f"{sampler}, person {number}: best so far {row['best_so_far']}", file=sys.stderr)


def importance(loaded: LoadedBase, trials: Sequence[Any]) -> dict[str, float]:
    """The importance of each parameter for quality (fANOVA of Optuna); empty with fewer than four complete trials."""
    import optuna

    done = [trial for trial in trials if trial.state == "complete"]
    if len(done) < 4:
        return {}
    study = optuna.create_study(direction="maximize")
    for trial in done:
        study.add_trial(
            optuna.trial.create_trial(params=trial.values["suggested"], distributions=distributions(loaded), value=trial.values["quality"])
        )
    return {name: round(value, 4) for name, value in optuna.importance.get_param_importances(study).items()}


def _write(path: Path, row: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_row(path, row)


def main() -> None:
    """Run one ablation, or all, then remake the tables."""
    from benchmarks.tables import write_results

    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablations", description="What each choice is worth.")
    parser.add_argument("name", choices=[*NAMES, "samplers", "all", "list"])
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--facts", type=int, default=60)
    parser.add_argument("--profiles", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--trials", type=int, default=8, help="of samplers")
    parser.add_argument("--minutes", type=float, default=120.0, help="of one search of samplers at most")
    parser.add_argument("--results", type=Path, default=RESULTS.parent, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "results.md", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.name == "list":
        print(
            "\n".join(f"{name}: {', '.join(variant.name for variant in variants(name))}" for name in NAMES)
            + f"\nsamplers: {', '.join(SAMPLERS)}"
        )
        return
    for name in NAMES if options.name == "all" else [options.name] if options.name != "samplers" else []:
        run_ablation(name, options)
    if options.name in ("all", "samplers"):
        run_samplers(options)
    print(write_results(options.results, options.out))


if __name__ == "__main__":
    main()
