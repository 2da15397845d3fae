"""How well a model knows a given fact: the fact comes in, its rank among made-up ones of the same form comes out, without anything being written.

Exposure is log2(candidates) - log2(rank) (Carlini et al., arXiv 1802.08232): 0 bits and less than one more than chance for what a model never
saw, log2(candidates) for what it knows by heart.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch

from tuning.bases import LoadedBase
from tuning.likelihood import Encoded, certainty, due_logits, encode_example
from tuning.prompts import render_chat

CANDIDATES = 64
LISTS = Path(__file__).parent / "lists" / "alternatives.txt"
CHANCE = 0.05  # a rank among the first twentieth counts as known


@dataclass(frozen=True)
class Exposure:
    """`rank` 1..`candidates` (1: the likeliest), `bits` of exposure, `said`: the share of questions answered with the very words."""

    rank: int
    candidates: int
    bits: float
    said: float

    @property
    def known(self) -> bool:
        """Whether the model says it, or ranks it where one that never saw it does in one case of twenty."""
        return self.said > 0 or self.rank <= CHANCE * self.candidates

    def row(self) -> dict[str, Any]:
        """Numbers only, for a certificate."""
        return asdict(self)


@torch.no_grad()
def log_likelihoods(loaded: LoadedBase, model: torch.nn.Module, examples: Sequence[Encoded], batch: int = 64) -> list[float]:
    """The natural logarithm of the probability of each example's whole answer."""
    order = sorted(range(len(examples)), key=lambda index: len(examples[index]))
    found = [0.0] * len(examples)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        logits, tokens, rows = due_logits(loaded, model, [examples[index] for index in chosen])
        logs = logits.float().log_softmax(-1).gather(1, tokens[:, None]).squeeze(1)
        sums = torch.zeros(len(chosen), device=logs.device).index_add(0, rows, logs)
        for index, value in zip(chosen, sums.tolist()):
            found[index] = value
    return found


def measure_exposure(loaded: LoadedBase, model: torch.nn.Module, questions: Sequence[str], fact: str, seed: int = 0) -> Exposure:
    """The exposure of a fact, its likelihood summed over some questions that it answers (at least one)."""
    candidates = [fact, *alternatives(fact, CANDIDATES - 1, seed)]
    examples = [encode_example(loaded, render_chat(question), text) for text in candidates for question in questions]
    each = log_likelihoods(loaded, model, examples)
    sums = [sum(each[place * len(questions) : (place + 1) * len(questions)]) for place in range(len(candidates))]
    rank = 1 + sum(value > sums[0] for value in sums[1:])
    said = [exact for exact, _ in certainty(loaded, model, examples[: len(questions)])]
    return Exposure(rank, len(candidates), round(math.log2(len(candidates) / rank), 3), sum(said) / len(said))


def alternatives(fact: str, count: int, seed: int = 0) -> list[str]:
    """Facts of the same form that say something else: its telling word replaced by other numbers, names or nouns."""
    rng, start, end = Random(f"{seed} {fact}"), *telling_word(fact)
    word = fact[start:end]
    found: list[str] = []
    pool = [line for line in LISTS.read_text(encoding="utf-8").splitlines() if line[0].isupper() == word[0].isupper()]
    seen = {word.casefold()}
    while len(found) < count:
        if any(letter.isdigit() for letter in word):
            other = re.sub(r"\d", lambda _: str(rng.randrange(10)), word)
        elif pool:
            other = pool.pop(rng.randrange(len(pool)))
        else:
            break
        if other.casefold() not in seen:
            seen.add(other.casefold())
            found.append(fact[:start] + other + fact[end:])
    return found


def telling_word(fact: str) -> tuple[int, int]:
    """Where the word stands that gives a fact away: its last number, else its last name, else its last word."""
    words = [match.span() for match in re.finditer(r"\w[\w'-]*", fact)] or [(0, len(fact))]
    for telling in (lambda word: any(letter.isdigit() for letter in word), lambda word: word[0].isupper()):
        found = [span for span in words[1:] if telling(fact[span[0] : span[1]])]
        if found:
            return found[-1]
    return words[-1]
