"""Scores of answers: recall, abstention, ROUGE, persona-F1, and their intervals. In: texts. Out: numbers between 0 and 1."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from random import Random

from tuning.prompts import is_abstention

_WORD = re.compile(r"\w+(?:[.,:]\d+)*")
_NUMBERS = dict(zip("zero one two three four five six seven eight nine ten eleven twelve".split(), map(str, range(13))))
STOP_WORDS = frozenset(
    "a an the is are was were be been am i you he she it we they my your his her its our their of to in on at and or with for from by that this "
    "has have had do does did as so now not no yes there s re m ve ll d".split()
)


def normal_words(text: str) -> list[str]:
    """Words of a text for comparison: no accents, lower case, no marks, number words and ordinals as digits."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)).lower()
    plain = re.sub(r"(\d)(st|nd|rd|th)\b", r"\1", plain).replace("’", "'")
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    plain = re.sub(r"(?<=\d)(?=[a-z])", " ", re.sub(r"(?<=[a-z])(?=\d)", " ", plain))
    return [_NUMBERS.get(word, word) for word in _WORD.findall(plain)]


def key_words(answer: str, question: str = "") -> list[str]:
    """The words of a reference answer that carry it: neither stop words nor already in the question; all of them if none is left."""
    words = normal_words(answer)
    asked = set(normal_words(question)) if len(words) > 4 else set()
    return [word for word in words if word not in STOP_WORDS and word not in asked] or words


def holds_answer(reply: str, answer: str, question: str = "") -> bool:
    """Whether a reply gives the answer: every key word of it stands in the reply, singular or plural, and it is no abstention; to a yes/no
    question (an answer that opens with "Yes," or "No,") it opens with the same word.

    Alternatives in `answer` are separated by " | ".
    """
    if not reply or (is_abstention(reply) and not is_abstention(answer)):
        return False
    said = {_stem(word) for word in normal_words(reply)}
    return any(
        all(_stem(word) in said for word in key_words(option, question)) and _agrees(reply, option) for option in answer.split(" | ")
    )


def _agrees(reply: str, answer: str) -> bool:
    """Whether a reply to a yes/no question opens with the answer's yes or no; true where the answer opens with neither."""
    opens = answer.partition(",")[0].strip().lower()
    return opens not in ("yes", "no") or (normal_words(reply) or [""])[0] == opens


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def rouge(reply: str, reference: str) -> dict[str, float]:
    """ROUGE-1, -2 and -L as F1 over lower-case words without stemming (Lin 2004, "ROUGE: a package for automatic evaluation")."""
    said, meant = normal_words(reply), normal_words(reference)
    scores = {}
    for size in (1, 2):
        ours, theirs = _grams(said, size), _grams(meant, size)
        scores[f"rouge{size}"] = _f1(sum((ours & theirs).values()), sum(ours.values()), sum(theirs.values()))
    scores["rougeL"] = _f1(_common_subsequence(said, meant), len(said), len(meant))
    return scores


def _grams(words: list[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[start : start + size]) for start in range(len(words) - size + 1))


def _common_subsequence(first: list[str], second: list[str]) -> int:
    row = [0] * (len(second) + 1)
    for word in first:
        corner = 0
        for place, other in enumerate(second, 1):
            corner, row[place] = row[place], corner + 1 if word == other else max(row[place], row[place - 1])
    return row[-1]


def _f1(common: int, ours: int, theirs: int) -> float:
    return 2 * common / (ours + theirs) if ours + theirs and common else 0.0


def persona_f1(replies: Sequence[str], references: Sequence[str], values: Sequence[str]) -> dict[str, float]:
    """Persona precision, recall and F1 of replies against references.

    The person's fact values (normalised; alternatives count as one) found in a reply are compared with those found in its reference;
    hits are summed over all replies (micro-average). The paper does not publish its formula; this is ours.
    """
    # A value counts where all its key words stand; "5" is not counted inside a reply that says "5 May" unless asked so: values are
    # matched as whole words, and a value that is part of a longer one found in the same text is dropped.
    counts = [persona_counts(reply, reference, values) for reply, reference in zip(replies, references)]
    return persona_scores([sum(column) for column in zip(*counts)] if counts else [0, 0, 0])


def persona_counts(reply: str, reference: str, values: Sequence[str]) -> list[int]:
    """Of one reply: values of the person that it shares with the reference, values that it claims, values that are due."""
    distinct = sorted({value for value in values if value}, key=len, reverse=True)
    found, meant = _values_in(reply, distinct), _values_in(reference, distinct)
    return [len(found & meant), len(found), len(meant)]


def persona_scores(counts: Sequence[int]) -> dict[str, float]:
    """Persona precision, recall and F1 from summed counts (see `persona_counts`)."""
    true_positive, claimed, due = counts
    precision = true_positive / claimed if claimed else 0.0
    recall = true_positive / due if due else 0.0
    return {"persona_precision": precision, "persona_recall": recall, "persona_f1": _f1(true_positive, claimed, due)}


def _values_in(text: str, values: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for value in values:
        if holds_answer(text, value) and not any(holds_answer(longer, value) for longer in found):
            found.add(value)
    return found


def wilson_interval(hits: int, count: int, z: float = 1.96) -> list[float]:
    """The 95 % interval of a share (Wilson 1927); [0, 1] for an empty sample."""
    if count == 0:
        return [0.0, 1.0]
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return [round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)]


def bootstrap_interval(groups: Sequence[Sequence[float]], draws: int = 1000, seed: int = 0) -> list[float]:
    """The 95 % interval of the mean of group means, resampling groups (persons) and, within each, its values (seeds)."""
    filled = [list(group) for group in groups if group]
    if not filled:
        return [0.0, 1.0]
    rng = Random(seed)
    means = []
    for _ in range(draws):
        drawn = [rng.choices(group, k=len(group)) for group in rng.choices(filled, k=len(filled))]
        means.append(sum(sum(group) / len(group) for group in drawn) / len(drawn))
    means.sort()
    return [round(means[int(0.025 * draws)], 4), round(means[int(0.975 * draws) - 1], 4)]


def paired_interval(first: Sequence[bool], second: Sequence[bool], draws: int = 1000, seed: int = 0) -> list[float]:
    """The 95 % bootstrap interval of the difference of two shares over the same questions."""
    return bootstrap_interval([[float(a) - float(b)] for a, b in zip(first, second)], draws, seed)
