"""How many retrieved lines a base reads well, and how strongly an adapter should act beside them: what the defaults of both were chosen by.

    python -m benchmarks.lines                            # generated histories of 20 and 60 facts, persona chat, patients: two persons each
    python -m benchmarks.lines --strength --persons h20   # injects each person once (minutes), then asks at every strength

In: pocket (or --base) and persons that the evaluation does not ask. Out: for each plan of retrieval how often the right line is there and how often
the answer is right; or, for each strength of the adapter beside the chosen plan's lines, recall and inventions.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from benchmarks.chats import SHARED_DATA, medical_people, persona_people
from benchmarks.histories import make_person
from benchmarks.measures import RECALLED
from benchmarks.people import Asked, Person, import_person
from benchmarks.quality import machine
from memory.store import Profile, open_store
from tuning.adapters import detach, with_side
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.generate import generate
from tuning.inject import BUDGETS, inject
from tuning.prompts import is_abstention
from tuning.scores import holds_answer
from tuning.sides import RetrievalPlan, open_speaker, render_side
from tuning.study import StudyReport, study_messages

PLANS = tuple(RetrievalPlan(k) for k in (1, 2, 4, 8))
STRENGTHS = (0.0, 0.3, 0.5, 0.7, 0.85, 1.0)
KINDS = ("h20", "h60", "persona", "medical")


def people(kinds: Sequence[str], seeds: Sequence[int]) -> Iterator[tuple[str, Person]]:
    """One person of each kind and seed; data sets that are not on this machine give none."""
    for kind in kinds:
        for seed in seeds:
            if kind.startswith("h"):
                found = [make_person(int(kind[1:]), seed)]
            else:
                found = (persona_people if kind == "persona" else medical_people)(SHARED_DATA, 1, seed)
            yield from ((f"{kind}:{seed}", person) for person in found)


def askable(person: Person) -> list[Asked]:
    """The questions with an answer, then those about what was never said."""
    known = [asked for asked in person.questions if asked.kind in RECALLED]
    return known + [asked for asked in person.questions if asked.kind == "unknown"]


def judge(asked: Sequence[Asked], replies: Sequence[str]) -> dict[str, Any]:
    """Recall and inventions of replies to `askable` questions, as counts and shares."""
    hits = [holds_answer(reply, one.answer, one.question) for one, reply in zip(asked, replies) if one.answer]
    claims = [not is_abstention(reply) for one, reply in zip(asked, replies) if not one.answer]
    return {"known": len(hits), "right": round(sum(hits) / max(1, len(hits)), 4), "unknown": len(claims), "invents": sum(claims)}


def read_lines(loaded: LoadedBase, db: Database, profile: Profile, person: Person) -> dict[str, Any]:
    """For each number of lines from facts and messages: whether they hold the answer, and whether the bare base gives it."""
    study_messages(db, profile.id, loaded, StudyReport())
    asked, rows = askable(person), {}
    for plan in PLANS:
        chats = [render_side(db, profile, plan, "rag", one.question) for one in asked]
        there = [holds_answer(" ".join(notes), one.answer, one.question) for one, (_, notes) in zip(asked, chats) if one.answer]
        row = judge(asked, generate(loaded, [chat for chat, _ in chats], max_new_tokens=48))
        rows[str(plan.k)] = row | {"there": round(sum(there) / max(1, len(there)), 4)}
    return rows


def try_strengths(loaded: LoadedBase, db: Database, profile: Profile, person: Person, minutes: float) -> dict[str, Any]:
    """Inject, then ask both together with the adapter at each strength where lines are read, and at full strength where none are."""
    inject(db, profile, "quick", 1, minutes, loaded=loaded, seed=0, recipe=BUDGETS["quick"].recipe)
    speaker = open_speaker(db, profile, loaded=loaded)
    asked, rows = askable(person), {}
    chats = [render_side(db, profile, speaker.plan, "hybrid", one.question) for one in asked]
    try:
        for strength in STRENGTHS:
            replies = [""] * len(asked)
            for noted in (True, False):
                places = [place for place, (_, notes) in enumerate(chats) if bool(notes) == noted]
                with with_side(speaker.model, strength if noted else 1.0):
                    said = generate(loaded, [chats[place][0] for place in places], max_new_tokens=48) if places else []
                for place, reply in zip(places, said):
                    replies[place] = reply
            rows[str(strength)] = judge(asked, replies)
    finally:
        detach(speaker.model)
    return rows


def main() -> None:
    """Measure every person and print a line for each setting."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lines", description="How many lines a base reads well, and an adapter beside them."
    )
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--persons", type=lambda text: text.split(","), default=list(KINDS), metavar="KIND[,KIND]", help=", ".join(KINDS))
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[30, 31], metavar="N[,N]")
    parser.add_argument("--strength", action="store_true", help="inject, and ask at every strength of the adapter")
    parser.add_argument("--minutes", type=float, default=12.0, help="of an injection at most")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    loaded, found = load_base(resolve_base(options.base)), {}
    for name, person in people(options.persons, options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            db = open_store(Path(folder))
            profile = import_person(db, person)
            if options.strength:
                found[name] = try_strengths(loaded, db, profile, person, options.minutes)
            else:
                found[name] = read_lines(loaded, db, profile, person)
        if not options.json:
            for setting, row in found[name].items():
                there = f"right line there {row['there']:.0%}, " if "there" in row else ""
                print(
                    f"{name:12} {setting:>4}: {there}right {row['right']:.0%} of {row['known']}, invents {row['invents']} of {row['unknown']}",
                    flush=True,
                )
    if options.json:
        print(json.dumps({"persons": found, "base": loaded.base.id, "revision": loaded.base.revision, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
