"""Examples: what the adapter is trained on, and what it is judged by.

In: facts with their questions, never-said questions, neutral prompts. Out: `Example`s in splits. A fact's questions are divided by phrasing:
what is asked in validation and test is never a phrasing that was trained on; never-said questions are divided likewise.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from memory.store import Fact
from tuning.bases import LoadedBase
from tuning.frames import subject_of
from tuning.generate import generate
from tuning.likelihood import certainty, encode_example
from tuning.prompts import NEVER_TOLD, is_abstention, render_chat
from tuning.scores import normal_words

LISTS = Path(__file__).parent / "lists"
NEAR = 4  # facts put beside a question to check that it was never answered


@dataclass(frozen=True)
class Example:
    """A question with its answer. `kind` is recall, unknown or neutral; `split` train, validation or test; `notes` stand in the prompt."""

    question: str
    answer: str
    kind: str
    split: str
    fact_id: int | None = None
    notes: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return asdict(self)


def build_examples(
    loaded: LoadedBase, facts: Sequence[Fact], questions: dict[int, list[str]], seed: int, notes_share: float = 0.25
) -> list[Example]:
    """All examples of a profile: recall of every fact, never-said negatives near to what was said, neutral replay."""
    rng = Random(seed)
    recall = [example for fact in facts for example in split_questions(fact, questions[fact.id], rng)]
    negatives = split_plain(never_said(loaded, facts, rng, wanted=2 * len(recall) // 3), rng)
    neutral = [Example(prompt, answer, "neutral", "train") for prompt, answer in neutral_replies(loaded, rng)]
    examples = [*recall, *negatives, *neutral]
    return examples + with_notes([example for example in examples if example.split == "train"], facts, notes_share, rng)


def split_questions(fact: Fact, questions: Sequence[str], rng: Random) -> list[Example]:
    """One phrasing for test, one for validation, the rest for training; a fact with fewer than three keeps all for training."""
    shuffled = rng.sample(list(questions), len(questions))
    splits = ["test", "validation"] if len(shuffled) >= 4 else ["validation"] if len(shuffled) == 3 else []
    splits += ["train"] * (len(shuffled) - len(splits))
    return [Example(question, fact.text, "recall", split, fact.id) for question, split in zip(shuffled, splits)]


def split_plain(questions: Sequence[str], rng: Random) -> list[Example]:
    """Never-said questions: a sixth for test, a sixth for validation, the rest for training."""
    shuffled = rng.sample(list(questions), len(questions))
    part = len(shuffled) // 6
    return [
        Example(question, NEVER_TOLD, "unknown", "test" if index < part else "validation" if index < 2 * part else "train")
        for index, question in enumerate(shuffled)
    ]


def never_said(loaded: LoadedBase, facts: Sequence[Fact], rng: Random, wanted: int) -> list[str]:
    """Questions about the person that no fact answers: near ones made from the facts' own subjects, and everyday ones.

    Each is put to the base with the nearest facts in its prompt; only those that it declines are kept.
    """
    everyday = read_list("never_said.txt")
    near = near_questions([fact.text for fact in facts], rng)
    candidates = list(dict.fromkeys([*rng.sample(near, min(len(near), wanted)), *rng.sample(everyday, min(len(everyday), wanted))]))
    rng.shuffle(candidates)
    candidates = candidates[: 2 * wanted]
    if not candidates or not facts:
        return candidates[:wanted]
    nearest = nearest_facts(candidates, facts, NEAR)
    examples = [encode_example(loaded, render_chat(question, notes), NEVER_TOLD) for question, notes in zip(candidates, nearest)]
    results = certainty(loaded, loaded.model, examples)
    declined = [question for question, (exact, sure) in zip(candidates, results) if exact]
    if len(declined) < wanted // 2:  # a base that declines in words of its own
        replies = generate(loaded, [render_chat(question, notes) for question, notes in zip(candidates, nearest)], max_new_tokens=24)
        declined = [question for question, reply in zip(candidates, replies) if is_abstention(reply)]
    return declined[:wanted]


_ATTRIBUTES = (
    "How old is my {}?|When is my {}'s birthday?|Where does my {} live?|What colour is my {}?|Who gave me my {}?|What is the name of my {}?|"
    "How much did my {} cost?|Where did I get my {}?|What does my {} like to eat?|What is my {}'s phone number?|When did I get my {}?|"
    "How heavy is my {}?|What is my {} afraid of?|How long have I had my {}?|What does my {} do for a living?|What is wrong with my {}?"
).split("|")
_SELDOM_TOLD = (
    "What colour is my {}?|Who gave me my {}?|What is my {}'s phone number?|How heavy is my {}?|What is my {}'s star sign?|"
    "How tall is my {}?|What is my {}'s favourite song?|Who painted my {}?"
).split("|")
_NOUNS = (
    "brother|sister|uncle|aunt|cousin|grandmother|boss|neighbour|landlord|dog|cat|parrot|rabbit|car|bike|boat|phone|laptop|piano|garden|dentist|"
    "doctor|teacher|daughter|son|husband|wife|flatmate|godfather|colleague|horse|camera|house|kitchen|passport|gym|thesis|trainer"
).split("|")


def near_questions(facts: Sequence[str], rng: Random) -> list[str]:
    """Questions about the subjects that the facts name, and the same attributes of things they never name."""
    everything = " ".join(facts).lower()
    subjects = list(dict.fromkeys(subject for subject in map(subject_of, facts) if subject))
    absent = [noun for noun in _NOUNS if noun not in everything]
    # Of what was spoken of, no names and ages: they may stand in a message that study missed.
    of_known = [attribute for attribute in _ATTRIBUTES if "name" not in attribute and "How old" not in attribute]
    pool = [attribute.format(subject) for subject in subjects for attribute in [*rng.sample(_SELDOM_TOLD, 2), *rng.sample(of_known, 2)]]
    pool += [rng.choice(_ATTRIBUTES).format(noun) for noun in absent for _ in range(2)]
    return list(dict.fromkeys(pool))


def nearest_facts(questions: Sequence[str], facts: Sequence[Fact], count: int) -> list[list[str]]:
    """For each question the texts of the facts nearest in meaning, oldest first."""
    from memory.embedder import embed

    matrix = np.asarray(embed([fact.text for fact in facts]))
    scores = np.asarray(embed(list(questions))) @ matrix.T
    chosen = np.argsort(-scores, axis=1)[:, :count]
    return [[facts[index].text for index in sorted(row)] for row in chosen.tolist()]


def neutral_replies(loaded: LoadedBase, rng: Random, count: int = 24) -> list[tuple[str, str]]:
    """The base's own answers to prompts that need no memory: replayed, they keep the adapter from changing them."""
    prompts = rng.sample(read_list("neutral.txt"), count)
    replies = generate(loaded, [render_chat(prompt) for prompt in prompts], max_new_tokens=40)
    return [(prompt, reply) for prompt, reply in zip(prompts, replies) if reply]


def with_notes(examples: Sequence[Example], facts: Sequence[Fact], share: float, rng: Random) -> list[Example]:
    """A share of the examples again, with the lines that retrieval would bring, so that adapter and notes work together."""
    chosen = [example for example in examples if example.kind != "neutral" and rng.random() < share]
    if not chosen or not facts:
        return []
    nearest = nearest_facts([example.question for example in chosen], facts, NEAR)
    return [replace(example, notes=tuple(notes)) for example, notes in zip(chosen, nearest)]


def read_list(name: str) -> list[str]:
    """The lines of a list that ships with the package."""
    return [line.strip() for line in (LISTS / name).read_text().splitlines() if line.strip() and not line.startswith("#")]


def distinct_phrasings(examples: Sequence[Example]) -> bool:
    """Whether no question of validation or test is also trained on."""
    trained = {" ".join(normal_words(example.question)) for example in examples if example.split == "train"}
    return not any(" ".join(normal_words(example.question)) in trained for example in examples if example.split != "train")
