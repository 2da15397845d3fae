"""The exam of pocket: what it can do with phrasings, relations and values that its corpus never holds.

    python -m pocket.exam --json                       # the shipped weights
    python -m pocket.exam --weights FOLDER --size 100  # others, faster

In: weights and the exam banks (`banks/exam`). Out: a share with its interval for each skill, greedy decoding, product prompts.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch

from pocket.banks import load_lines, load_relations
from pocket.corpus import SHARED_DATA
from pocket.dialogue import load_dialogue
from pocket.items import Item, make_item
from pocket.style import casual, digress, question
from pocket.tokens import WEIGHTS
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.generate import generate, generate_lines
from tuning.likelihood import encode_example, pad_batch
from tuning.prompts import ChatMessage, is_abstention, render_chat, render_questions, render_study
from tuning.scores import holds_answer, wilson_interval
from tuning.study import facts_of

Chat = list[ChatMessage]


@dataclass(frozen=True)
class Test:
    """One question of the exam: what the model reads and the value that its answer must hold (empty: it must decline)."""

    chat: Chat
    value: str
    asked: str


class Examiner:
    """Draws tests from the exam banks alone; deterministic from its seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(f"exam:{seed}")
        self.relations = load_relations("exam")
        self.chatter = load_lines("exam", "chatter")
        self.never = load_lines("exam", "never")
        self.neutral = [line.split("=>")[0].strip() for line in load_lines("exam", "neutral")]

    def items(self, count: int) -> list[Item]:
        """Facts of different relations."""
        return [make_item(relation, self.rng) for relation in self.rng.sample(self.relations, count)]

    def answer(self, lines: int) -> Test:
        """A question about one of `lines` remembered lines, half of them raw messages."""
        items = self.items(lines)
        notes = [casual(item.said, self.rng) if self.rng.random() < 0.5 else item.fact for item in items]
        item = self.rng.choice(items)
        asked = question(self.rng.choice(item.ask), self.rng)
        return Test(render_chat(asked, notes), item.value, asked)

    def conversation(self) -> Test:
        """A question about what was said earlier in the conversation."""
        items = self.items(self.rng.randint(2, 3))
        history: Chat = []
        for item in items:
            history += [
                {"role": "user", "content": digress(casual(item.said, self.rng), self.rng)},
                {"role": "assistant", "content": "Good to know."},
            ]
        item = self.rng.choice(items)
        asked = question(self.rng.choice(item.ask), self.rng)
        return Test(render_chat(asked, history=history), item.value, asked)

    def unsaid(self) -> Test:
        """A question that none of eight lines answers: of another relation, or about somebody else."""
        items = self.items(9)
        notes = [item.fact for item in items[1:]]
        near = [ask for item in items[1:] for ask in item.nearby]
        asked = self.rng.choice(near) if near and self.rng.random() < 0.4 else self.rng.choice(items[0].ask)
        asked = self.rng.choice(self.never) if self.rng.random() < 0.2 else asked
        return Test(render_chat(question(asked, self.rng), notes), "", asked)

    def implicit(self) -> Test:
        """A request that a remembered line should change, without asking for it."""
        items = [item for item in self.items(len(self.relations)) if item.use][:8]
        request, _ = items[0].use[0]
        notes = [item.fact for item in items]
        self.rng.shuffle(notes)
        return Test(render_chat(request, notes), items[0].value, request)


def share(hits: Sequence[bool]) -> tuple[float, list[float]]:
    """A share with its 95 % interval."""
    return round(sum(hits) / len(hits), 4), wilson_interval(sum(hits), len(hits))


def grade(loaded: LoadedBase, tests: Sequence[Test]) -> list[bool]:
    """Whether each reply holds its value, or declines where there is none."""
    replies = generate(loaded, [test.chat for test in tests])
    return [is_abstention(reply) if not test.value else holds_answer(reply, test.value) for test, reply in zip(tests, replies)]


def study_scores(loaded: LoadedBase, examiner: Examiner, size: int) -> tuple[list[bool], list[bool]]:
    """Study as the product does it: of the facts written, which are right; of the facts in messages, which were found.

    A written fact is right if it holds the value that the message tells, or if the message tells nothing and nothing was written.
    """
    items = [make_item(examiner.rng.choice(examiner.relations), examiner.rng) for _ in range(size)]
    messages = [(digress(casual(item.said, examiner.rng), examiner.rng), item.value) for item in items]
    messages += [(text, "") for text in examiner.rng.sample(examiner.chatter, min(len(examiner.chatter), size // 4))]
    replies = generate_lines(loaded, [render_study(text) for text, _ in messages], max_new_tokens=72)
    right, found = [], []
    for (text, value), lines in zip(messages, replies):
        facts, _ = facts_of(lines, text, Counter())
        right += [bool(value) and holds_answer(fact, value) for fact in facts]
        if value:
            found.append(any(holds_answer(fact, value) for fact in facts))
    return right, found


def question_score(loaded: LoadedBase, examiner: Examiner, size: int) -> list[bool]:
    """Whether what pocket writes as questions about a fact does not give its value away and differs from one to the next."""
    items = [make_item(examiner.rng.choice(examiner.relations), examiner.rng) for _ in range(size)]
    replies = generate(loaded, [render_questions(item.fact) for item in items], max_new_tokens=120)
    return [len({line.strip().lower() for line in reply.splitlines() if len(line.split()) > 2}) >= 4 for reply in replies]


def free_prompts(examiner: Examiner, size: int) -> list[Chat]:
    """Prompts of every kind, without a right answer."""
    pool = [*examiner.neutral, *examiner.chatter, *examiner.never]
    pool += [casual(make_item(examiner.rng.choice(examiner.relations), examiner.rng).said, examiner.rng) for _ in range(size)]
    return [render_chat(prompt) for prompt in examiner.rng.sample(pool, min(size, len(pool)))]


def is_broken(reply: str) -> bool:
    """Whether a reply is empty, stops in the middle of nothing, or repeats itself (a 3-gram three times or more)."""
    words = reply.lower().split()
    grams = Counter(zip(words, words[1:], words[2:]))
    return not words or max(grams.values(), default=0) >= 3 or len(words) > 40


def distinct(replies: Sequence[str], size: int) -> float:
    """Distinct n-grams over all n-grams of the replies (Li et al. 2016)."""
    grams = [
        tuple(words[start : start + size])
        for words in (reply.lower().split() for reply in replies)
        for start in range(len(words) - size + 1)
    ]
    return round(len(set(grams)) / max(1, len(grams)), 4)


@torch.no_grad()
def perplexity(loaded: LoadedBase, most: int) -> dict[str, float] | None:
    """Perplexity of replies in held-out real dialogue, per token and per byte; None where the data is not at hand."""
    conversations = load_dialogue(SHARED_DATA, held_out=True)[:most]
    if not conversations:
        return None
    loss, tokens, size = 0.0, 0, 0
    for conversation in conversations:
        turns: Chat = [{"role": "user" if index % 2 == 0 else "assistant", "content": text} for index, text in enumerate(conversation[:8])]
        last = max(index for index, turn in enumerate(turns) if turn["role"] == "assistant")
        example = encode_example(loaded, render_chat(turns[last - 1]["content"], history=turns[: last - 1]), turns[last]["content"])
        ids, mask, labels = pad_batch(loaded, [example])
        logits = loaded.model(input_ids=ids, attention_mask=mask).logits.float()
        loss += float(torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:], reduction="sum"))
        tokens += len(example.answer)
        size += len(turns[last]["content"].encode()) + 1
    return {"per_token": round(float(torch.tensor(loss / tokens).exp()), 3), "per_byte": round(float(torch.tensor(loss / size).exp()), 4)}


def probe(loaded: LoadedBase, size: int, seed: int = 1) -> dict[str, float]:
    """A short exam for a checkpoint in training: shares of `size` questions a skill, drawn apart from the exam's own (another seed)."""
    examiner = Examiner(seed)
    draws = {
        "answer_8": lambda: examiner.answer(8),
        "answer_30": lambda: examiner.answer(30),
        "conversation": examiner.conversation,
        "abstain": examiner.unsaid,
        "implicit": examiner.implicit,
    }
    return {name: share(grade(loaded, [draw() for _ in range(size)]))[0] for name, draw in draws.items()}


def hold_exam(loaded: LoadedBase, size: int, seed: int) -> dict[str, Any]:
    """The whole exam: skills with intervals, perplexity, broken answers, speed."""
    examiner = Examiner(seed)
    results: dict[str, list[bool]] = {
        "answer_8": grade(loaded, [examiner.answer(8) for _ in range(size)]),
        "answer_30": grade(loaded, [examiner.answer(30) for _ in range(size)]),
        "conversation": grade(loaded, [examiner.conversation() for _ in range(size)]),
        "abstain": grade(loaded, [examiner.unsaid() for _ in range(size)]),
        "implicit": grade(loaded, [examiner.implicit() for _ in range(size // 2)]),
    }
    asked = [examiner.answer(8) for _ in range(size)]
    results["false_abstain"] = [is_abstention(reply) for reply in generate(loaded, [test.chat for test in asked])]
    results["study_precision"], results["study_recall"] = study_scores(loaded, examiner, size)
    results["study_questions"] = question_score(loaded, examiner, size // 4)
    started = time.monotonic()
    replies = generate(loaded, free_prompts(examiner, 500), stop_loops=False)  # the model itself, without the product's guard
    written = sum(len(loaded.tokenizer(reply)["input_ids"]) for reply in replies)
    seconds = time.monotonic() - started
    broken = share([is_broken(reply) for reply in replies])
    scores = {name: share(hits or [False]) for name, hits in results.items()}
    return {
        "skills": {name: value for name, (value, _) in scores.items()},
        "intervals": {name: interval for name, (_, interval) in scores.items()} | {"broken_answers": broken[1]},
        "perplexity": perplexity(loaded, 200),
        "broken_answers": broken[0],
        "distinct_2": distinct(replies, 2),
        "tokens_per_second": round(written / seconds, 1),
        "size": size,
        "seed": seed,
    }


def main() -> None:
    """Hold the exam and print it."""
    parser = argparse.ArgumentParser(prog="python -m pocket.exam", description="Measure what the embedded base can do.")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--size", type=int, default=200, help="questions a skill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N answers of each kind instead")
    options = parser.parse_args()
    loaded = load_base(resolve_base(str(options.weights)))
    if options.show:
        return show(loaded, options.show, options.seed)
    result = hold_exam(loaded, options.size, options.seed)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result["skills"].items():
        low, high = result["intervals"][name]
        print(f"{name:16} {100 * value:5.1f} %   ({100 * low:.0f} to {100 * high:.0f})")
    print(
        f"perplexity {result['perplexity']}, broken answers {100 * result['broken_answers']:.1f} %, {result['tokens_per_second']:.0f} tokens/s"
    )


def show(loaded: LoadedBase, count: int, seed: int) -> None:
    """Print questions with what was expected and what was said, to read."""
    examiner = Examiner(seed)
    for name, draw in (
        ("answer_8", lambda: examiner.answer(8)),
        ("conversation", examiner.conversation),
        ("abstain", examiner.unsaid),
        ("implicit", examiner.implicit),
    ):
        tests = [draw() for _ in range(count)]
        for test, reply in zip(tests, generate(loaded, [test.chat for test in tests])):
            print(f"{name:12} [{test.value or 'decline'}] {test.asked} -> {reply}")
    items = [make_item(examiner.rng.choice(examiner.relations), examiner.rng) for _ in range(count)]
    for item, reply in zip(items, generate(loaded, [render_study(item.said) for item in items])):
        print(f"study        {item.said} -> {reply!r}")
    for item, reply in zip(items, generate(loaded, [render_questions(item.fact) for item in items], max_new_tokens=120)):
        print(f"questions    {item.fact} -> {reply!r}")
    for prompt in examiner.rng.sample(examiner.neutral, min(count, len(examiner.neutral))):
        print(f"neutral      {prompt} -> {generate(loaded, [render_chat(prompt)])[0]}")


if __name__ == "__main__":
    main()
