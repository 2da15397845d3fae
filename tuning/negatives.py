"""Never-said questions: what an adapter must decline, near to what was said, so that it learns where its knowledge ends.

In: facts, the questions about them, a base. Out: questions that no fact answers, each checked by the base with the nearest facts before it.
"""

import re
from collections.abc import Sequence
from random import Random

import numpy as np

from memory.store import Fact
from tuning.bases import LoadedBase
from tuning.frames import ask_by_word, subject_of, telling_words, word_forms
from tuning.generate import generate
from tuning.likelihood import certainty, encode_example
from tuning.lists import read_list
from tuning.prompts import NEVER_TOLD, is_abstention, render_chat

BY_WORDS = 0.35  # of the never-said questions
NEAR = 4  # facts put beside a question to check that it was never answered


def never_said(loaded: LoadedBase, facts: Sequence[Fact], rng: Random, wanted: int, questions: Sequence[str] = ()) -> list[str]:
    """Questions about the person that no fact answers: near ones made from the facts' own subjects, the facts' own `questions` about somebody
    else, and everyday ones.

    Each is put to the base with the nearest facts in its prompt; only those that it declines are kept. A share asks by a word that no fact holds, which
    needs no such proof.
    """
    everyday = read_list("never_said.txt")
    if not facts:
        return rng.sample(everyday, min(wanted, len(everyday)))
    by_words = asked_by_absent_words([fact.text for fact in facts], round(BY_WORDS * wanted), rng)
    wanted -= len(by_words)
    near = near_questions([fact.text for fact in facts], rng)
    swapped = swapped_questions(questions, [fact.text for fact in facts], rng)
    pools = [rng.sample(pool, min(len(pool), wanted)) for pool in (near, swapped, everyday)]
    candidates = list(dict.fromkeys([question for pool in pools for question in pool]))
    rng.shuffle(candidates)
    candidates = candidates[: 2 * wanted]
    nearest = nearest_facts(candidates, facts, NEAR) if candidates else []
    examples = [encode_example(loaded, render_chat(question, notes), NEVER_TOLD) for question, notes in zip(candidates, nearest)]
    results = certainty(loaded, loaded.model, examples)
    declined = [question for question, (exact, sure) in zip(candidates, results) if exact]
    if len(declined) < wanted // 2:  # a base that declines in words of its own
        replies = generate(loaded, [render_chat(question, notes) for question, notes in zip(candidates, nearest)], max_new_tokens=24)
        declined = [question for question, reply in zip(candidates, replies) if is_abstention(reply)]
    found = [*declined[:wanted], *by_words]
    return rng.sample(found, len(found))


def asked_by_absent_words(facts: Sequence[str], count: int, rng: Random) -> list[str]:
    """Questions by words that stand in no fact, in the turns of phrase of `frames.word_questions`: nouns, and what everyday requests speak of."""
    everything = " ".join(facts).lower()
    common = {word.lower() for text in [*read_list("never_said.txt"), *read_list("replay.txt")] for word in telling_words(text)}
    absent = [word for word in sorted(common | set(_NOUNS)) if word not in everything]
    return [ask_by_word(rng.choice(word_forms()), word) for word in rng.sample(absent, min(count, len(absent)))]


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


_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January February March April May June July August September October November December".split()
_NAMES = (
    "Orla Benno Tamsin Wendel Ilka Corvin Maris Thessa Jorik Pella Vandria Ostrel Kimmeth Lunsford Brackwell Tallow Nesbury Quorn Selmont Darvish"
).split()
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")
_NUMBER = re.compile(r"\b\d+(?=\b|:)")


def swapped_questions(questions: Sequence[str], facts: Sequence[str], rng: Random) -> list[str]:
    """The person's own questions about something that they never spoke of: "What is my parrot called?" beside "What is my cat called?", another
    day, another name, another number.

    In the very phrasings of what was said, so that an adapter must look at what is asked about and not at how.
    """
    everything = " ".join(facts).lower()
    absent = [noun for noun in _NOUNS if noun not in everything]
    names = [name for name in _NAMES if name.lower() not in everything]
    found = []
    for question in questions:
        thing = re.search(r"\bmy ([a-z]+)(?=[ ?.',]|$)", question)
        if thing and thing[1] in everything and absent:
            found.append(_swap(question, thing.span(1), rng.choice(absent)))
        named = _NAME.search(question)
        if named:
            kind = next((kind for kind in (_DAYS, _MONTHS) if named[0] in kind), names)
            other = [word for word in kind if word.lower() not in everything]
            found += [_swap(question, named.span(), rng.choice(other))] if other else []
        number = _NUMBER.search(question)
        if number:
            found.append(_swap(question, number.span(), str(int(number[0]) + rng.choice((1, 2, 3)))))
    said = set(questions)
    return [question for question in dict.fromkeys(found) if question not in said]


def _swap(text: str, span: tuple[int, int], other: str) -> str:
    return text[: span[0]] + other + text[span[1] :]


def nearest_facts(questions: Sequence[str], facts: Sequence[Fact], count: int) -> list[list[str]]:
    """For each question the texts of the facts nearest in meaning, oldest first."""
    from memory.embedder import embed

    matrix = np.asarray(embed([fact.text for fact in facts]))
    scores = np.asarray(embed(list(questions))) @ matrix.T
    chosen = np.argsort(-scores, axis=1)[:, :count]
    return [[facts[index].text for index in sorted(row)] for row in chosen.tolist()]


def neutral_replies(loaded: LoadedBase, rng: Random, count: int = 24) -> list[tuple[str, str]]:
    """The base's own answers to prompts that need no memory: replayed, they keep the adapter from changing them."""
    prompts = replay_prompts()
    prompts = rng.sample(prompts, min(count, len(prompts)))
    replies = generate(loaded, [render_chat(prompt) for prompt in prompts], max_new_tokens=40)
    return [(prompt, reply) for prompt, reply in zip(prompts, replies) if reply]


def probe_prompts() -> list[str]:
    """Neutral prompts on which forgetting is measured; never replayed."""
    return read_list("neutral.txt")[::4]


def replay_prompts() -> list[str]:
    """Neutral prompts that may be replayed."""
    return [prompt for number, prompt in enumerate(read_list("neutral.txt")) if number % 4] + read_list("replay.txt")
