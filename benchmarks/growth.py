"""New facts grown into an adapter: what is learnt, what is lost, and at which share of a full run's time.

    python -m benchmarks.growth                     # 200 facts, then 20 new ones
    python -m benchmarks.growth --facts 20 --new 4 --profiles 1 --seeds 1

In: pocket (or --base) and a generated history whose last messages come later. Out: raw files in results/growth, shown in docs/results.md.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.ablations import score_questions
from benchmarks.histories import CORRECTIONS, make_person
from benchmarks.people import ME, Asked, Person, import_person
from benchmarks.quality import RESULTS, machine, write_row
from memory.store import Profile, open_store
from tuning.adapters import detach
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.inject import inject
from tuning.scores import normal_words
from tuning.sides import open_speaker


def split_history(person: Person, new: int) -> tuple[Person, Person]:
    """The person without the last `new` messages that state a fact for the first time, and those messages alone."""
    stated = [message for message in person.messages if message[0] == ME and not is_correction(message[1])]
    later = stated[-new:]
    earlier = [message for message in person.messages if message not in later]
    return Person(person.name, person.domain, earlier, person.profile), Person(person.name, person.domain, later, person.profile)


def is_correction(text: str) -> bool:
    """Whether a message of a generated history corrects an earlier one."""
    return any(text.startswith(form.split("{}")[0]) for form in CORRECTIONS)


def questions_about(person: Person, messages: list[tuple[str, str]]) -> list[Asked]:
    """The person's direct and reworded questions whose answer stands in these messages."""
    said = [set(normal_words(text)) for _, text in messages]
    return [
        asked
        for asked in person.questions
        if asked.kind in ("direct", "reworded", "updated") and any(set(normal_words(asked.answer)) <= words for words in said)
    ]


def recall(loaded: LoadedBase, db: Any, profile: Profile, asked: list[Asked]) -> float:
    """Recall of the current adapter alone."""
    speaker = open_speaker(db, profile, loaded=loaded)
    try:
        return score_questions(loaded, asked)["recall"]
    finally:
        if speaker.model is not None:
            detach(speaker.model)


def measure(loaded: LoadedBase, facts: int, new: int, number: int, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """A full run on the old messages, then growth by the new ones."""
    person = make_person(facts + new, number)
    before, after = split_history(person, new)
    old_asked, new_asked = questions_about(person, before.messages), questions_about(person, after.messages)
    old_asked = [asked for asked in old_asked if asked not in new_asked]
    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder))
        profile = import_person(db, before)
        full = inject(db, profile, options.budget, options.trials, options.minutes, loaded=loaded, seed=seed)
        old_before = recall(loaded, db, profile, old_asked)
        import_person(db, Person(person.name, "later", after.messages, []))
        grown = inject(db, profile, options.budget, options.trials, options.minutes, loaded=loaded, seed=seed, mode="grow")
        return {
            "old_facts": full["facts"], "new_facts": grown["new_facts"], "old_before": old_before,
            "old_after": recall(loaded, db, profile, old_asked), "new_recall": recall(loaded, db, profile, new_asked),
            "full_seconds": full["seconds"], "grow_seconds": grown["seconds"], "asked_old": len(old_asked), "asked_new": len(new_asked),
        }  # fmt: skip


def is_measured(path: Path, revision: str) -> bool:
    """Whether a row is there, and of these very weights: a figure of earlier ones must not stand for theirs."""
    return path.exists() and json.loads(path.read_text()).get("revision") == revision


def main() -> None:
    """Measure every person and seed that has no raw file yet, then remake the tables."""
    from benchmarks.tables import write_results

    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="What growing an adapter costs and keeps.")
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--facts", type=int, default=200)
    parser.add_argument("--new", type=int, default=20)
    parser.add_argument("--profiles", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", choices=("quick", "normal", "thorough"), default="normal")
    parser.add_argument("--trials", type=int, default=1, help="of the full run: one makes the comparison of times the hardest for growing")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--results", type=Path, default=RESULTS.parent, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "results.md", help=argparse.SUPPRESS)
    options = parser.parse_args()
    loaded = load_base(resolve_base(options.base))
    for number in range(options.profiles):
        for seed in range(options.seeds):
            path = options.results / "growth" / f"{options.facts}+{options.new}-p{number}-s{seed}.json"
            if not is_measured(path, loaded.base.revision):
                path.parent.mkdir(parents=True, exist_ok=True)
                row = measure(loaded, options.facts, options.new, number, seed, options)
                row |= {
                    "name": f"{options.facts} + {options.new}",
                    "machine": machine(),
                    "base": loaded.base.id,
                    "revision": loaded.base.revision,
                }
                write_row(path, row)
                print(f"{time.strftime('%H:%M:%S')} {path.stem}: {row}", file=sys.stderr)
    print(write_results(options.results, options.out))


if __name__ == "__main__":
    main()
