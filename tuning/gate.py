"""Whether a question can be about the person at all: where it surely is not ("How do I boil an egg?"), the adapter rests and the base answers.

In: questions. Out: a yes or no each. A linear classifier on MiniLM's sentence vectors, made from the training banks by `python -m pocket.gate`; it
knows nothing of any person. It says no only to English without "my", "who" or "told" that is far on the general side: a question wrongly kept from the
adapter costs a memory, one wrongly given to it only a little of the base's manner. What an adapter has done to the base's general answers it thus
mostly does not do in Keepsake; in an exported adapter it does.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from memory.embedder import NoEmbedder, embed
from tuning.lists import LISTS, read_list
from tuning.phrasebook import entries

PATH = LISTS / "gate.json"
KEPT_MOST = 512  # questions whose answer is remembered: a stream, its pair and its explanation ask for the same one
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_OWN = frozenset("my mine myself our ours who whose whom told said mentioned remember".split())  # such questions may always be the person's


@dataclass(frozen=True)
class Gate:
    """`weights` (384,) and `bias` of the score, above 0 for what is about a person; below `least` a question is general."""

    weights: np.ndarray
    bias: float
    least: float

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """One number a row of unit vectors, (questions, 384)."""
        return vectors @ self.weights + self.bias


@cache
def load_gate() -> Gate | None:
    """The classifier that ships with the package, or None where there is none."""
    if not PATH.exists():
        return None
    row = json.loads(PATH.read_text())
    return Gate(np.array(row["weights"], np.float32), float(row["bias"]), float(row["least"]))


_known: dict[str, bool] = {}


def may_be_personal(questions: Sequence[str]) -> list[bool]:
    """For each question whether an adapter should hear it; always, where there is no classifier or no sentence model."""
    gate = load_gate()
    unknown = [question for question in dict.fromkeys(questions) if question not in _known]
    doubtful = [question for question in unknown if gate and is_plain_english(question)]
    verdicts = dict.fromkeys(unknown, True)
    if gate and doubtful:
        try:
            verdicts |= {question: bool(score >= gate.least) for question, score in zip(doubtful, gate.scores(embed(doubtful)))}
        except NoEmbedder:
            pass
    answers = {**_known, **verdicts}
    if len(_known) + len(verdicts) > KEPT_MOST:
        _known.clear()
    _known.update(list(verdicts.items())[-KEPT_MOST:])
    return [answers[question] for question in questions]


def is_plain_english(question: str) -> bool:
    """Whether all words are of the lists and none hints at the person's own life: of all other questions the classifier knows too little."""
    words = [word.casefold() for word in _WORD.findall(question)]
    return bool(words) and not _OWN & set(words) and vocabulary() >= set(words)


@cache
def vocabulary() -> frozenset[str]:
    """Every word of the shipped lists of general prompts and of the phrasebook."""
    texts = [*read_list("neutral.txt"), *read_list("replay.txt")]
    for entry in entries():
        texts += [*entry.said, *entry.ask, *(value for values in entry.lists.values() for value in values)]
    return frozenset(word.casefold() for text in texts for word in _WORD.findall(text))
