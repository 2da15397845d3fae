"""Self-distillation: the base with the facts in its prompt teaches the same base without them (arXiv 2412.14964).

In: examples and their facts' texts. Out: for each example the likeliest tokens at every place of its answer with their probabilities,
or None where the base, even with the facts before it, would not give the answer: a wrong teacher teaches wrong things.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from memory.store import Fact
from tuning.bases import LoadedBase
from tuning.examples import NEAR, Example, nearest_facts
from tuning.likelihood import due_logits, encode_example
from tuning.prompts import render_chat

BATCH = 48


@dataclass(frozen=True)
class Lesson:
    """What the teacher gives an example: its likeliest tokens at each place of the answer and their probabilities, both (answer, top)."""

    tokens: Tensor
    chances: Tensor


def teacher_prompts(examples: Sequence[Example], facts: Sequence[Fact]) -> list[list[str]]:
    """For each example the lines that stand before the teacher: its own facts among the nearest others; none for neutral prompts."""
    texts = {fact.id: fact.text for fact in facts}
    near = nearest_facts([example.question for example in examples], facts, NEAR) if facts and examples else [[]] * len(examples)
    prompts = []
    for example, others in zip(examples, near):
        own = [texts[number] for number in (example.fact_id, *example.fact_ids) if number in texts]
        prompts.append([] if example.kind == "neutral" else list(dict.fromkeys([*others, *own])))
    return prompts


@torch.no_grad()
def take_lessons(loaded: LoadedBase, examples: Sequence[Example], facts: Sequence[Fact], top: int) -> list[Lesson | None]:
    """The lessons of the bare base (no adapter may be active) for every example, in order."""
    encoded = [
        encode_example(loaded, render_chat(example.question, notes), example.answer)
        for example, notes in zip(examples, teacher_prompts(examples, facts))
    ]
    lessons: list[Lesson | None] = [None] * len(encoded)
    order = sorted(range(len(encoded)), key=lambda number: len(encoded[number]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        logits, tokens, rows = due_logits(loaded, loaded.model, [encoded[number] for number in chosen])
        chances, likeliest = logits.float().softmax(-1).topk(min(top, logits.shape[-1]), dim=-1)
        for row, number in enumerate(chosen):
            own = rows == row
            if bool((likeliest[own, 0] == tokens[own]).all()):
                lessons[number] = Lesson(likeliest[own].clone(), chances[own].clone())
    return lessons


def lesson_loss(logits: Tensor, rows: Tensor, lessons: Sequence[Lesson | None]) -> Tensor:
    """Mean cross-entropy against the teacher's likeliest tokens over the answer tokens that have a lesson; 0 where none has.

    `logits` (n, vocabulary) and `rows` (n,) are those of `due_logits`, `lessons` those of the batch's rows.
    """
    total, count = logits.new_zeros(()), 0
    for row, lesson in enumerate(lessons):
        if lesson is not None:
            given = log_softmax(logits[rows == row].float(), dim=-1).gather(1, lesson.tokens)
            total = total - (lesson.chances * given).sum()
            count += len(lesson.tokens)
    return total / count if count else total
