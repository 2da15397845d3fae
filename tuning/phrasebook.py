"""How people ask: for a fact, the questions that people ask about facts like it.

In: facts, and the phrasebook (`lists/phrasebook.jsonl`: kinds of facts, how they are said and asked about; `python -m pocket.phrasebook` writes it
from the training banks). Out: questions in wordings that neither a fact nor its grammar gives: "Tell me when I should congratulate my brother" for a
birthday. Kinds are found by meaning. A wrong question costs little (the answer is the fact itself), a missing one costs the recall of that wording.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from memory.store import Fact
from tuning.person import QUOTED
from tuning.slots import SLOT, Entry, fill_slots, fit_slots, subjects_of, with_examples

PATH = Path(__file__).parent / "lists" / "phrasebook.jsonl"
VECTORS = PATH.with_suffix(".npy")  # of two statements a kind, as bytes: the book is read in a moment instead of half a minute
SCALE = 127.0
LOOKED_AT = 200  # kinds nearest to a fact as they stand
FITTING = 24  # of them, those whose slots it fills: their tidy statement is compared with it
NEAR = 8  # of them, those whose other statements are compared as well
STATEMENTS = 3  # of a kind
LEAST = 0.5  # cosine between a fact and the nearest of these, both with example values
BEHIND = 0.08  # how much less than the best kind another may have
LEAST_ASKED = 0.2  # cosine between a question and its fact
MOST = {"ask": 12, "rev": 2, "use": 3}  # a fact: plain questions, those that go back from the value, requests that the fact should change
LIVING = ("person", "kin", "pal", "pet", "youngster", "oldfolk", "young_kin", "relative", "officemate")


@cache
def entries() -> list[Entry]:
    """The book."""
    rows = [json.loads(line) for line in PATH.read_text().splitlines()]
    return [
        Entry(
            tuple(row["said"]),
            tuple(row["ask"]),
            row["slots"],
            {kind: tuple(values) for kind, values in row["lists"].items()},
            tuple(row["rev"]),
            tuple(row["use"]),
        )  # fmt: skip
        for row in rows
    ]


def statements(book: Sequence[Entry]) -> tuple[list[str], list[int]]:
    """Two statements of every kind with example values, and the number of the kind of each: what `VECTORS` holds."""
    rows = [(fill_slots(text, with_examples(entry)), number) for number, entry in enumerate(book) for text in entry.said[:2]]
    return [text for text, _ in rows], [number for _, number in rows]


def make_vectors(book: Sequence[Entry]) -> np.ndarray:
    """MiniLM's vectors of the statements, (n, d) int8."""
    from memory.embedder import embed

    return np.round(SCALE * np.asarray(embed(statements(book)[0]))).astype(np.int8)


@cache
def overview() -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the statements, (n, d) float32, and the number of the kind of each, (n,)."""
    vectors = np.load(VECTORS, allow_pickle=False).astype(np.float32) / SCALE
    return vectors, np.asarray(statements(entries())[1])


@cache
def _living() -> frozenset[str]:
    """Words for people and animals that somebody may call theirs."""
    return frozenset(value for entry in entries() for kind in LIVING for value in entry.lists.get(kind, ()))


@dataclass(frozen=True)
class Match:
    """A kind of fact held against fact number `fact`: the slots that it fills, how near they are, and the fact without its values."""

    fact: int
    kind: int
    values: dict[str, str]
    near: float
    masked: str = ""


def questions_like(facts: Sequence[Fact], dropped: Counter[str] | None = None) -> dict[int, list[str]]:
    """For each fact (by id) the questions that people ask about such facts, the surest first; at most `MOST` of each kind.

    A question stays only where, of all the person's facts, its own is the nearest, and where it names whom the fact is about. What is left out
    is counted in `dropped`.
    """
    from memory.embedder import embed

    if not facts:
        return {}
    dropped = Counter() if dropped is None else dropped
    texts = [fact.text.removeprefix(QUOTED) for fact in facts]
    vectors = np.asarray(embed(texts))
    asked = [(match, *ask) for match in match_kinds(texts, vectors) for ask in questions_of(match, texts)]
    if not asked:
        return {}
    found: dict[tuple[int, str], dict[str, float]] = {}
    for (match, kind, ask), row in zip(asked, np.asarray(embed([ask for *_, ask in asked])) @ vectors.T):
        if row[match.fact] < LEAST_ASKED:
            dropped["question of the phrasebook that is about something else"] += 1
        elif int(row.argmax()) != match.fact:
            dropped["question of the phrasebook that another fact answers better"] += 1
        else:
            found.setdefault((match.fact, kind), {}).setdefault(ask, match.near / 2 + float(row[match.fact]))
    questions: dict[int, list[str]] = {}
    for (number, kind), rows in sorted(found.items()):
        questions.setdefault(facts[number].id, []).extend(sorted(rows, key=lambda ask: -rows[ask])[: MOST[kind]])
    return questions


def questions_of(match: Match, texts: Sequence[str]) -> list[tuple[str, str]]:
    """The questions of a kind, filled, each with the name of its sort (`MOST`).

    None leaves out whom the text is about ("What is my favourite band?" is not asked about my sister's), and none goes back from a value that stands in
    another text as well.
    """
    text, value = texts[match.fact], match.values.get("v", "")
    living = [word for word in subjects_of(text) if word in _living()]
    shared = sum(value in other for other in texts) > 1
    found = []
    for sort in MOST:
        for ask in getattr(entries()[match.kind], sort):
            filled = fill_slots(ask, match.values)
            if set(SLOT.findall(ask)) <= set(match.values) and (not living or any(word in filled for word in living)):
                found += [] if shared and "{v}" in ask else [(sort, filled)]
    return found


def match_kinds(texts: Sequence[str], vectors: np.ndarray) -> list[Match]:
    """For each text, with its vector, the kinds of fact that it may be of, best first."""
    book, (matrix, owners) = entries(), overview()
    close = vectors @ matrix.T
    fitting = [
        Match(number, kind, values, -1.0, mask(text, book[kind], values))
        for number, text in enumerate(texts)
        for kind, values in _fitting(text, owners[np.argsort(-close[number], kind="stable")])
    ]
    near = _nearest(_compared(fitting, 0, 1), NEAR)
    near = _compared(near, 1, STATEMENTS)
    ordered = [match for match in _nearest(near, NEAR) if match.near >= LEAST]
    best: dict[int, float] = {}
    for match in ordered:
        best.setdefault(match.fact, match.near)
    return [match for match in ordered if match.near >= best[match.fact] - BEHIND]


def mask(text: str, entry: Entry, values: dict[str, str]) -> str:
    """A text with what fills the slots, but for living beings, replaced by an example of its type: the same name on both sides makes any two sentences
    alike. What a correction begins with goes too."""
    examples = with_examples(entry)
    for slot, value in values.items():
        if value not in _living():
            text = text.replace(value, examples[slot])
    return _CORRECTING.sub("", text)


_CORRECTING = re.compile(
    r"^(?:actually|update|correction|sorry|wait|scratch that|that has changed|forget)\b[^:;,]*[,:;]?(?:[^:;]{0,40}:)? +", re.IGNORECASE
)


def _compared(matches: Sequence[Match], start: int, stop: int) -> list[Match]:
    """The matches with the cosine between the masked text and the nearest of the kind's statements `start` to `stop`, where that is more than known."""
    from memory.embedder import embed

    rows: list[tuple[int, str]] = []
    for place, match in enumerate(matches):
        entry = entries()[match.kind]
        whole = with_examples(entry) | {slot: value for slot, value in match.values.items() if value in _living()}
        rows += [(place, fill_slots(said, whole)) for said in entry.said[start:stop]]
    found = list(matches)
    texts = list(dict.fromkeys([*(said for _, said in rows), *(matches[place].masked for place, _ in rows)]))
    if not texts:
        return found
    vectors = dict(zip(texts, np.asarray(embed(texts))))
    for place, said in rows:
        score = float(vectors[said] @ vectors[matches[place].masked])
        if score > found[place].near:
            found[place] = replace(found[place], near=score)
    return found


def _nearest(matches: Sequence[Match], count: int) -> list[Match]:
    """At most `count` matches a fact, the nearest first, facts in order."""
    kept: dict[int, int] = {}
    found = []
    for match in sorted(matches, key=lambda match: (match.fact, -match.near)):
        kept[match.fact] = kept.get(match.fact, 0) + 1
        if kept[match.fact] <= count:
            found.append(match)
    return found


def _fitting(text: str, kinds: np.ndarray) -> list[tuple[int, dict[str, str]]]:
    """The first `FITTING` of these kinds whose slots a text fills, with its values."""
    found = []
    for kind in list(dict.fromkeys(kinds.tolist()))[:LOOKED_AT]:
        values = fit_slots(entries()[kind], text, _living())
        if values is not None:
            found.append((kind, values))
        if len(found) == FITTING:
            break
    return found
