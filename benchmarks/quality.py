"""The evaluation: persons of three data sets, every side, every kind of question; raw files in results/quality, tables in docs/results.md.

    python -m benchmarks.quality                                     # everything (hours on two cores); goes on where it was stopped
    python -m benchmarks.quality --profiles 1 --facts 20 --seeds 1   # the smallest run
    python -m benchmarks.quality --tables                            # only remake docs/results.md from the raw files

In: pocket (or --base) and, where it is, ../shared/data. Out: one JSON file a person and seed. A file with the same base and settings is
not measured again.
"""

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.chats import SHARED_DATA, cross_domain, medical_people, persona_people
from benchmarks.histories import make_person
from benchmarks.measures import score_answer, summarise
from benchmarks.people import Person, import_person
from benchmarks.rivals import Said, answer_chats, answer_with_notes, history_lines, milp_as_published, profile_lines, single_lora
from memory.store import list_examples, list_facts, open_store
from pocket.banks import load_lines
from tuning.adapters import detach
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.examples import Example, load_example
from tuning.forgetting import make_probe, measure_forgetting
from tuning.gate import may_be_personal
from tuning.inject import BUDGETS, inject
from tuning.negatives import probe_prompts
from tuning.prompts import render_chat
from tuning.recipe import parse_recipe
from tuning.scores import normal_words
from tuning.sides import Speaker, open_speaker

RESULTS = Path(__file__).parent / "results" / "quality"
SIDES = ("base", "profile", "history", "rag", "single_lora", "milp", "adapter", "hybrid")
OWN = ("base", "rag", "adapter", "hybrid")
DATASETS = ("history", "persona", "medical")
ASKED_MOST = 240  # questions a person: of 600 facts not all are asked, the same for every side


def people(options: argparse.Namespace, seed: int) -> Iterator[tuple[str, Person]]:
    """Every person of the chosen data sets with the name of its group; data sets that are not on this machine are left out, and said so."""
    for number in range(options.profiles):
        for facts in options.facts if "history" in options.datasets else ():
            yield f"history-{facts}", make_person(facts, 100 * number + seed)
    for name, load in (("persona", persona_people), ("medical", medical_people)):
        if name in options.datasets:
            found = load(SHARED_DATA, options.profiles, seed)
            if not found:
                print(f"{name}: no data under {SHARED_DATA}, left out", file=sys.stderr)
            yield from ((name, person) for person in found)


def measure(loaded: LoadedBase, person: Person, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Inject a person and ask every side: one raw row."""
    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder))
        profile = import_person(db, person)
        started = time.monotonic()
        result = inject(
            db,
            profile,
            options.budget,
            options.trials,
            options.minutes,
            loaded=loaded,
            seed=seed,
            recipe=parse_recipe(options.recipe, BUDGETS[options.budget].recipe),
        )
        examples = [load_example(row) for row in list_examples(db, result["run"])]
        asked, seen = unseen(person, examples)
        speaker = open_speaker(db, profile, loaded=loaded)
        said, forgot = ask_own(speaker, [question.question for question in asked], options.sides)
        forgetting = forgot
        for side, make in rivals(loaded, db, profile, person, examples, result, seed, options).items():
            said[side], forgetting[side] = make([question.question for question in asked])
        values = [question.answer for question in person.questions if question.answer]
        sides = {side: side_row(found, asked, values, forgetting.get(side)) for side, found in said.items()}
        return {
            "injection": {
                key: result[key] for key in ("seconds", "peak_memory_mb", "bytes", "facts", "examples", "best", "search", "advice", "study")
            },
            "seconds": round(time.monotonic() - started, 1),
            "asked": len(asked),
            "seen_in_training": seen,
            "fact_coverage": coverage(person, [fact.text for fact in list_facts(db, profile.id)]),
            "sides": sides,
            "texts": texts(asked, said) if person.domain == "history" else [],
        }


def unseen(person: Person, examples: list[Example]) -> tuple[list[Any], int]:
    """The person's questions whose phrasing was not trained on, at most `ASKED_MOST` spread over all, and how many were left out as seen."""
    trained = {" ".join(normal_words(example.question)) for example in examples if example.split == "train"}
    fresh = [asked for asked in person.questions if " ".join(normal_words(asked.question)) not in trained]
    step = max(1, -(-len(fresh) // ASKED_MOST))
    return fresh[::step], len(person.questions) - len(fresh)


def coverage(person: Person, facts: list[str]) -> float:
    """The share of the answers that stand in some fact that study wrote: no side that rests on facts can recall more."""
    words = [set(normal_words(fact)) for fact in facts]
    answers = {asked.answer for asked in person.questions if asked.answer and asked.kind in ("direct", "updated")}
    found = sum(any(set(normal_words(answer)) <= known for known in words) for answer in answers)
    return round(found / max(1, len(answers)), 4)


def neutral_prompts() -> list[str]:
    """General prompts that no adapter and no gate was trained on: those of the product's probe and of pocket's exam.

    They were looked at while the gate was made (docs/injection.md), so what is told of it on them is optimistic.
    """
    return list(dict.fromkeys([*probe_prompts(), *(line.partition("=>")[0].strip() for line in load_lines("exam", "neutral"))]))


def ask_own(speaker: Speaker, questions: list[str], chosen: list[str]) -> tuple[dict[str, Said], dict[str, Any]]:
    """What the product's own sides say, and what the adapter has changed on neutral prompts; leaves the base bare."""
    probe = make_probe(speaker.loaded, speaker.model, neutral_prompts())
    forgetting = {"adapter": measure_forgetting(speaker.loaded, probe, may_be_personal(probe.prompts))}
    said = {}
    for side in (side for side in OWN if side in chosen):
        answers = speaker.answer(side, questions)
        tokens = sum(answer.prompt_tokens for answer in answers) / max(1, len(answers))
        said[side] = Said(
            [answer.text for answer in answers], sum(answer.milliseconds for answer in answers) / max(1, len(answers)), tokens
        )
    if speaker.model is not None:
        detach(speaker.model)
    return said, forgetting


def rivals(
    loaded: LoadedBase,
    db: Any,
    profile: Any,
    person: Person,
    examples: list[Example],
    result: dict[str, Any],
    seed: int,
    options: argparse.Namespace,
) -> dict[str, Callable[[list[str]], tuple[Said, dict[str, Any] | None]]]:
    """The other sides, each as a function from questions to what it said and what it forgot."""

    def noted(lines: list[str]) -> Callable[[list[str]], tuple[Said, None]]:
        return lambda questions: (answer_with_notes(loaded, questions, lines), None)

    def trained(make: Callable[[], Any]) -> Callable[[list[str]], tuple[Said, dict[str, Any]]]:
        def ask(questions: list[str]) -> tuple[Said, dict[str, Any]]:
            probe = make_probe(loaded, prompts=neutral_prompts())
            model, cost = make()
            try:
                said = answer_chats(loaded, [render_chat(question) for question in questions])
                said.cost = cost
                return said, measure_forgetting(loaded, probe)
            finally:
                detach(model)

        return ask

    best = result["best"]
    found: dict[str, Callable[[list[str]], tuple[Said, dict[str, Any] | None]]] = {
        "profile": noted(profile_lines(db, profile)),
        "history": noted(history_lines(db, profile)),
        "single_lora": trained(lambda: single_lora(loaded, examples, best["parameters"], seed)),
        "milp": trained(lambda: milp_as_published(loaded, db, profile, len(result["trials"]), best["epochs"] or 8, seed)),
    }
    return {side: make for side, make in found.items() if side in options.sides}


def side_row(said: Said, asked: list[Any], values: list[str], forgetting: dict[str, Any] | None) -> dict[str, Any]:
    """What a raw file keeps of a side: a row a question, and costs."""
    rows = [score_answer(question, reply, values) for question, reply in zip(asked, said.replies)]
    return {
        "ms": round(said.ms, 2),
        "prompt_tokens": round(said.prompt_tokens, 1),
        "cost": said.cost,
        "forgetting": forgetting,
        "rows": rows,
    }


def texts(asked: list[Any], said: dict[str, Said]) -> list[dict[str, str]]:
    """Questions with every side's words, to be read; only of invented persons."""
    return [
        {
            "kind": question.kind,
            "question": question.question,
            "answer": question.answer,
            **{side: found.replies[n] for side, found in said.items()},
        }
        for n, question in enumerate(asked)
    ]


def machine() -> str:
    """The machine in words, for the raw files."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    return f"{model}, {len([line for line in _lines('/proc/cpuinfo') if line.startswith('processor')])} cores, {platform.system()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def signature(loaded: LoadedBase, options: argparse.Namespace) -> dict[str, Any]:
    """What a raw file must agree in to be kept."""
    return {
        "base": loaded.base.id, "revision": loaded.base.revision, "budget": options.budget, "trials": options.trials, "recipe": options.recipe,
        "minutes": options.minutes,
    }  # fmt: skip


def run_all(options: argparse.Namespace) -> int:
    """Measure everyone who is not measured yet; returns how many were."""
    loaded, count = load_base(resolve_base(options.base)), 0
    options.results.mkdir(parents=True, exist_ok=True)
    mark = signature(loaded, options)
    for seed in range(options.seeds):
        for group, person in people(options, seed):
            for variant in (person, *crossed(person, group, options, seed)):
                path = options.results / f"{group if variant is person else group + '-crossed'}-{variant.name}-s{seed}.json"
                if path.exists() and json.loads(path.read_text()).get("settings") == mark:
                    continue
                name = path.stem
                print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
                shown = group if variant is person else f"{group}-crossed"
                row: dict[str, Any] = {"group": shown, "person": variant.name, "seed": seed}
                row |= {"settings": mark, "machine": machine(), "load": round(load_average(), 1)} | measure(loaded, variant, seed, options)
                row["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
                write_row(path, row)
                count += 1
                show_row(name, row)
    return count


def crossed(person: Person, group: str, options: argparse.Namespace, seed: int) -> list[Person]:
    """The same person asked from the other domain, where that is wanted and the data is there."""
    if not options.cross_domain or group not in ("persona", "medical"):
        return []
    other = (medical_people if group == "persona" else persona_people)(SHARED_DATA, 20, seed)
    return [cross_domain(person, other, seed)] if other else []


def load_average() -> float:
    """How many processes wanted a core in the last minute: other work makes seconds longer."""
    return float((_lines("/proc/loadavg") or ["0"])[0].split()[0])


def write_row(path: Path, row: dict[str, Any]) -> None:
    """Write a raw file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(row, ensure_ascii=False) + "\n")
    part.replace(path)


def show_row(name: str, row: dict[str, Any]) -> None:
    """One line a side on stderr."""
    for side, found in row["sides"].items():
        sums = summarise(found["rows"])
        told = "  ".join(f"{key} {sums[key]:.2f}" for key in ("recall", "false_claims", "rougeL", "persona_f1") if sums[key] is not None)
        print(f"  {side:12} {told}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure what is missing, then write the tables."""
    from benchmarks.tables import write_results

    options = build_parser().parse_args()
    if not options.tables:
        run_all(options)
    print(write_results(options.results.parent, options.out))


def build_parser() -> argparse.ArgumentParser:
    """The options of the evaluation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description="Evaluate every side on three data sets.")
    parser.add_argument("--base", default="pocket")
    parser.add_argument(
        "--datasets", type=lambda text: text.split(","), default=list(DATASETS), metavar="NAME[,NAME]", help=", ".join(DATASETS)
    )
    parser.add_argument(
        "--facts", type=lambda text: [int(number) for number in text.split(",")], default=[20, 60, 200, 600], metavar="N[,N]"
    )
    parser.add_argument("--profiles", type=int, default=3, help="persons of each data set and size")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sides", type=lambda text: text.split(","), default=list(SIDES), metavar="SIDE[,SIDE]", help=", ".join(SIDES))
    parser.add_argument("--budget", choices=("quick", "normal", "thorough"), default="normal")
    parser.add_argument("--trials", type=int, help="trials of a person's search at most (default: that of the budget)")
    parser.add_argument("--minutes", type=float, help="minutes of an injection at most (default: that of the budget)")
    parser.add_argument("--recipe", action="append", default=[], metavar="SWITCH=VALUE")
    parser.add_argument("--cross-domain", action="store_true", help="also ask persona chat's persons from the medical domain, and back")
    parser.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "results.md", help=argparse.SUPPRESS)
    parser.add_argument("--tables", action="store_true", help="only remake the tables from the raw files")
    return parser


if __name__ == "__main__":
    main()
