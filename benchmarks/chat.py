"""How fast answers are: both panes in one batch against one after the other, plain `generate`, several people at once, and adapters swapped on one base.

    python -m benchmarks.chat --json
    python -m benchmarks.chat --questions 4 --profiles 6 --json    # small

In: pocket (or --base) and adapters with random weights that act (speed does not depend on what they know), stored in a store of its own. Out: seconds
and their ratios, percentiles of an adapter's swap from SQLite, and this process's memory over a round robin of profiles.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch
from sqlite_utils import Database

from benchmarks.quality import machine
from memory.store import create_profile, current_adapter, load_profile, open_store, save_adapter
from tuning.adapters import LoraPlan, attach, detach, from_adapter, to_bytes
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.crowd import Row
from tuning.decode import next_logits
from tuning.generate import Stream
from tuning.loose import from_weights
from tuning.pair import PairStream
from tuning.prompts import PROMPT_VERSION, render_chat
from tuning.rounds import Rounds, Writing
from tuning.speed import with_speed

QUESTIONS = (
    "What is my cat called?", "Where do I live?", "What should I cook tonight?", "Do you know my sister?", "Tell me about the sea.",
    "What did I say about the old mill?", "Who is my dentist?", "When is my birthday?", "What music do I like?", "How was my week?",
)  # fmt: skip
NOTES = ("Your cat is called Biscuit.", "You live in Vellmar, near the old mill.", "Your dentist is Doctor Aumann.", "You like old jazz.")
PEOPLE = (1, 2, 4, 8)
LENGTH = 24  # tokens of every answer: ends are not heeded, so that both ways do the same work


class Endless(Stream):
    """An answer that goes on to its full length whatever the model says."""

    def take(self, token: int) -> bool:
        """Add a token, whichever it is; False once the answer is full."""
        self._tokens.append(token)
        self.next = torch.tensor([[token]], device=self.loaded.model.device)
        self.text = str(self.loaded.tokenizer.decode(self._tokens, skip_special_tokens=True)).strip()
        return not self.full


def acting(loaded: LoadedBase, seed: int) -> Any:
    """A rank-16 adapter on all layers whose weights are random and act."""
    model = attach(loaded, LoraPlan(("all",), 16, 4e-3, 32, 1), seed)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    model.eval()
    return model


def ask_both(loaded: LoadedBase, model: Any, question: str, stream: type[Stream] = Endless) -> tuple[list[str], float]:
    """Both answers, and the seconds until each had its first token."""
    started = time.monotonic()
    chats = [render_chat(question), render_chat(question, NOTES)]
    pair = PairStream(model, [stream(loaded, chat, LENGTH) for chat in chats], [True, False])
    more, first = pair.step(), time.monotonic() - started
    while more:
        more = pair.step()
    return pair.texts, first


def measure_sides(loaded: LoadedBase, questions: list[str]) -> dict[str, Any]:
    """Pairs written jointly and in turn, question by question in alternation; answers must be the same."""
    model = acting(loaded, 0)
    spent: dict[bool, list[float]] = {True: [], False: []}
    firsts, same = [], 0
    try:
        for joint in (True, False):
            with with_speed(pair=joint):
                ask_both(loaded, model, questions[0])  # warms up
        for question in questions:
            texts = {}
            for joint in (False, True):
                started = time.process_time()
                with with_speed(pair=joint):
                    texts[joint], first = ask_both(loaded, model, question)
                spent[joint].append(time.process_time() - started)
                if joint:
                    firsts.append(first)
            same += texts[True] == texts[False]
    finally:
        detach(model)
    return {
        "both_sides_speedup": round(sum(spent[False]) / sum(spent[True]), 2),
        "same_answers": f"{same} of {len(questions)}",
        "first_token_ms": round(1000 * median(firsts), 1),
    }


def measure_tokens(loaded: LoadedBase, questions: list[str]) -> dict[str, Any]:
    """Tokens a second (of CPU time): a pair as the chat writes it, one stream, the same through transformers' modules, and its `generate`; each with the adapter on."""
    model = acting(loaded, 0)

    def plain(question: str) -> int:
        stream = Stream(loaded, render_chat(question))
        bare: Any = loaded.model
        bare.generate(
            stream.next, attention_mask=torch.ones_like(stream.next), max_new_tokens=LENGTH, min_new_tokens=LENGTH, do_sample=False
        )
        return LENGTH

    def alone(question: str) -> int:
        stream = Endless(loaded, render_chat(question), LENGTH)
        while stream.step():
            pass
        return LENGTH

    def pair(question: str) -> int:
        ask_both(loaded, model, question)
        return 2 * LENGTH

    def modules(question: str) -> int:
        with with_speed(decode=False):
            return alone(question)

    ways: dict[str, Callable[[str], int]] = {"generate": plain, "modules": modules, "stream": alone, "pair": pair}
    seconds, written = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    try:
        for turn, question in enumerate([questions[0], *questions]):
            for name, way in ways.items():
                started = time.process_time()
                count = way(question)
                if turn:
                    seconds[name] += time.process_time() - started
                    written[name] += count
    finally:
        detach(model)
    return {f"tokens_a_second_{name}": round(written[name] / seconds[name], 1) for name in ways}


def measure_rows(loaded: LoadedBase) -> dict[str, float]:
    """Tokens a second (of CPU time) of so many answers written as one batch: what several people's answers on one pass could win at most."""
    model, found = acting(loaded, 0), {}
    prompt = Stream(loaded, render_chat(QUESTIONS[0])).prompt_tokens
    try:
        for rows in (1, 2, 4, 8):
            cache, ids, started = None, torch.tensor([prompt] * rows), 0.0
            for number in range(2 * LENGTH):
                if number == LENGTH:  # the first half warms up
                    started = time.process_time()
                logits, cache = next_logits(loaded, ids, cache)
                ids = logits.argmax(-1)[:, None]
            found[str(rows)] = round(rows * LENGTH / (time.process_time() - started), 1)
    finally:
        detach(model)
    return found


def measure_people(loaded: LoadedBase, rounds: int) -> dict[str, dict[str, Any]]:
    """So many people, each with an adapter and a question of their own, answered as the page does it: all asking at once, in a thread each, against
    one after the other. Tokens a second and a CPU second, prompts read and adapters taken from their bytes included; answers must be the same."""
    stored = []
    for number in range(max(PEOPLE)):
        model = acting(loaded, number)
        stored.append(to_bytes(model, loaded.base))
        detach(model)

    def answer(rounds: Rounds, number: int, texts: dict[int, str]) -> None:
        loras = from_weights(loaded, *stored[number])
        with rounds.alone():
            stream = Endless(loaded, render_chat(QUESTIONS[number], NOTES[: number % 3]), LENGTH)
        writing = Writing(rounds, [Row(stream, loras)])
        while writing.step():
            pass
        texts[number] = writing.texts[0]

    def asked(people: int, together: bool) -> dict[int, str]:
        texts: dict[int, str] = {}
        room = Rounds(loaded)
        # In threads either way: the main one may have another number of OpenMP's own.
        threads = [threading.Thread(target=answer, args=[room, number, texts]) for number in range(people)]
        for thread in threads:
            thread.start()
            if not together:
                thread.join()
        for thread in threads:
            thread.join()
        return texts

    found = {}
    for people in PEOPLE:
        walls, works, same = {"at_once": 0.0, "in_turn": 0.0}, {"at_once": 0.0, "in_turn": 0.0}, 0
        for turn in range(rounds + 1):
            texts = {}
            for way in ("in_turn", "at_once"):
                started, worked = time.monotonic(), time.process_time()
                texts[way] = asked(people, way == "at_once")
                if turn:  # the first warms up
                    walls[way] += time.monotonic() - started
                    works[way] += time.process_time() - worked
            same += bool(turn) and texts["at_once"] == texts["in_turn"]
        tokens = rounds * people * LENGTH
        found[str(people)] = {
            "tokens_a_second": {way: round(tokens / spent, 1) for way, spent in walls.items()},
            "tokens_a_cpu_second": {way: round(tokens / spent, 1) for way, spent in works.items()},
            "same_answers": f"{same} of {rounds}",
        }
    return found


def measure_loads(base: str) -> dict[str, float]:
    """Seconds to load a base in each precision: in NF4 it is quantised anew at each load."""
    found = {}
    for precision in ("fp32", "nf4"):
        started = time.monotonic()
        load_base(resolve_base(base), precision)
        found[precision] = round(time.monotonic() - started, 2)
    return found


def measure_swaps(db: Database, loaded: LoadedBase, profiles: int, rounds: int) -> dict[str, Any]:
    """Many profiles in round robin on one base: each adapter read from SQLite and put on, one token written; memory after each round.

    In every other round as the chat does it (weights overwritten, plans being equal), in the others with PEFT's wrapper built anew for each.
    """
    names = [f"person-{number}" for number in range(profiles)]
    for number, name in enumerate(names):
        create_profile(db, name)
        profile = load_profile(db, name)
        model = acting(loaded, number)
        weights, config = to_bytes(model, loaded.base)
        detach(model)
        save_adapter(db, profile.id, None, weights, config, loaded.base.id, loaded.base.revision, PROMPT_VERSION, [], {})
    memory = []
    spent: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * rounds):
        hot = turn % 2 == 0
        worn = None
        for name in names:
            started = time.monotonic()
            adapter = current_adapter(db, load_profile(db, name).id)
            assert adapter is not None
            if not hot and worn is not None:
                detach(worn)
            worn = from_adapter(loaded, adapter, worn=worn if hot else None)
            spent[hot].append(time.monotonic() - started)
            Stream(loaded, render_chat("Hi!")).step()
        assert worn is not None
        detach(worn)
        memory.append(round(psutil.Process().memory_info().rss / 2**20, 1))
    ordered, rebuilt = sorted(spent[True]), sorted(spent[False])
    return {
        "swap_p50_ms": round(1000 * median(ordered), 1),
        "swap_p95_ms": round(1000 * ordered[int(0.95 * (len(ordered) - 1))], 1),
        "swap_rebuilt_p50_ms": round(1000 * median(rebuilt), 1),
        "profiles": profiles,
        "memory_mb_after_each_round": memory,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chat", description="How fast answers are.")
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--profiles", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loaded = load_base(resolve_base(options.base))
    questions = [QUESTIONS[number % len(QUESTIONS)] for number in range(options.questions)]
    report = measure_sides(loaded, questions) | measure_tokens(loaded, questions)
    report |= {"tokens_a_second_rows": measure_rows(loaded), "people": measure_people(loaded, options.rounds)}
    report |= {"load_seconds": measure_loads(options.base)}
    with tempfile.TemporaryDirectory() as folder:
        report |= measure_swaps(open_store(Path(folder)), loaded, options.profiles, options.rounds)
    report |= {"settings": vars(options), "machine": machine(), "load": os.getloadavg()[0]}
    print(json.dumps(report, indent=1) if options.json else "\n".join(f"{name:28} {value}" for name, value in report.items()))


if __name__ == "__main__":
    main()
