"""What the grammar of a plain fact gives: its subject, and questions that it answers. In: a fact. Out: text. English only."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from random import Random

import numpy as np

from memory.store import Fact
from tuning.lists import read_list
from tuning.person import QUOTED
from tuning.scores import STOP_WORDS


def subject_of(fact: str) -> str | None:
    """What a fact "Your ... is ..." speaks of: the one or two words after "Your" that stand before its verb."""
    match = re.match(r"Your ([a-z-]+(?:'s)?)(?: ([a-z-]+))?\b", fact)
    if not match or match[1] in _VERBS:
        return None
    second = match[2] if match[2] and match[2] not in _VERBS and not match[1].endswith("'s") else None
    return " ".join(word for word in (match[1].removesuffix("'s"), second) if word)


_VERBS = frozenset(
    "is are was were has have had will would can could works work worked likes like loves lives live lived costs cost got gets get goes go went "
    "starts start started comes came wants wanted needs said says told made makes takes took gave gives plays played moved moves holds "
    "eats ate never always can't doesn't isn't wasn't won't didn't and or in on at of for with from to who that".split()
)


def frame_questions(fact: str) -> list[str]:
    """Questions that the grammar of a plain fact gives: "Your rent is 940 euros." -> "How much is my rent?"."""
    text = fact.rstrip(".!")
    for pattern, forms in _FRAMES:
        match = re.match(pattern, text)
        if match:
            return [form.format(*match.groups()) for form in forms]
    return []


_FRAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        r"Your ([a-z' -]{2,30}?)(?:'s name is| is called| is named) (?:.+)$",
        (
            "What is my {0} called?",
            "What's the name of my {0}?",
            "Do you remember my {0}'s name?",
            "How is my {0} named?",
            "Tell me my {0}'s name.",
        ),
    ),
    (
        r"Your ((?:older |younger |best |little |big )?[a-z-]+) ([A-Z][a-z]+) .+$",
        ("What is my {0} called?", "What is my {0}'s name?", "What do you know about my {0}?", "Who is {1}?", "What's the name of my {0}?"),
    ),
    (
        r"Your ([a-z' -]{2,30}?) (?:is|are|costs?) (?:.* )?(?:[$€£]\d|\d[\d.,]* (?:euros?|dollars?|pounds?)).*$",
        ("How much is my {0}?", "What is my {0}?", "What do I pay for my {0}?", "Remind me of my {0}.", "How high is my {0}?"),
    ),
    (
        r"Your ([a-z' -]{2,30}?) (?:is|are) (?:on|in|at|due on|due) (?:.+)$",
        ("When is my {0}?", "Where is my {0}?", "Tell me about my {0}.", "Do you remember my {0}?", "What about my {0}?"),
    ),
    (
        r"Your ([a-z' -]{2,30}?) lives? in (?:.+)$",
        ("Where does my {0} live?", "In which place does my {0} live?", "Where is my {0}'s home?", "Which town does my {0} live in?"),
    ),
    (
        r"Your ([a-z' -]{2,30}?) (?:works? as|is an?|are an?) (?:.+)$",
        ("What does my {0} do?", "What is my {0}?", "What is my {0}'s job?", "What do you know about my {0}?"),
    ),
    (
        r"Your ([a-z' -]{2,30}?) (?:is|are) (?:.+)$",
        (
            "What is my {0}?",
            "What's my {0}?",
            "Tell me my {0}.",
            "Do you remember my {0}?",
            "Which {0} do I have?",
            "I forgot, what is my {0}?",
        ),
    ),
    (
        r"You(?: are|'re) (allergic to|afraid of|scared of) (?:.+)$",
        ("What am I {0}?", "Do you know what I am {0}?", "Remind me what I'm {0}.", "Which thing am I {0}?"),
    ),
    (
        r"You live (in|at|on) (?:.+)$",
        ("Where do I live?", "Which place do I live {0}?", "Where is my home?", "Do you know where I live?", "What's my address?"),
    ),
    (
        r"You work (as|at|for|in) (?:.+)$",
        ("Where do I work?", "What do I do for work?", "What is my job?", "What do I work {0}?", "Who do I work for?"),
    ),
    (
        r"You (play|drive|sing|study|speak|drink|eat|collect|hate|love|like|prefer|take|own|run|climb) (?:.+)$",
        ("What do I {0}?", "Tell me what I {0}.", "Do you know what I {0}?", "Remind me what I {0}."),
    ),
)


def plain_questions(fact: str) -> list[str]:
    """Questions by a word of the fact, for facts about which the base finds too few of its own."""
    words, subject = telling_words(fact), subject_of(fact)
    asks = [f"What do you know about my {subject}?", f"Tell me about my {subject}."] if subject else []
    return asks + [ask_by_word(form, words[-1]) for form in word_forms()[2:5] if words]


WORDS_A_FACT = 6
FORMS_A_WORD = 4


@cache
def word_forms() -> list[str]:
    """Turns of phrase that ask by a word, which stands where the braces are."""
    return read_list("word_forms.txt")


def word_questions(facts: Sequence[Fact], rng: Random) -> dict[int, list[str]]:
    """For each fact (by id) questions by its words, in several turns of phrase each: how people ask when they know of what, but not what. Words nearest to
    the fact's meaning first, each word once before any comes again; no word that stands in another fact as well."""
    found = {fact.id: telling_words(fact.text) for fact in facts}
    shared = Counter(word.lower() for words in found.values() for word in words)
    own = {number: [word for word in words if shared[word.lower()] == 1] for number, words in found.items()}
    ranked = by_meaning({fact.text: own[fact.id] for fact in facts})
    questions: dict[int, list[str]] = {}
    for fact in facts:
        words = ranked[fact.text][:WORDS_A_FACT]
        forms = [rng.sample(word_forms(), FORMS_A_WORD) for _ in words]
        questions[fact.id] = [ask_by_word(forms[place][turn], word) for turn in range(FORMS_A_WORD) for place, word in enumerate(words)]
    return questions


def by_meaning(words: dict[str, list[str]]) -> dict[str, list[str]]:
    """For each text its words in order of how near their meaning is to that of the text."""
    from memory.embedder import embed

    texts = list(dict.fromkeys([*(text.removeprefix(QUOTED) for text in words), *(word for own in words.values() for word in own)]))
    if not texts:
        return {}
    vectors = dict(zip(texts, np.asarray(embed(texts))))
    return {text: sorted(own, key=lambda word: -float(vectors[word] @ vectors[text.removeprefix(QUOTED)])) for text, own in words.items()}


def ask_by_word(form: str, word: str) -> str:
    """A turn of phrase of `word_forms` with its word, its first letter a capital."""
    ask = form.format(word)
    return ask[:1].upper() + ask[1:]


def telling_words(fact: str) -> list[str]:
    """The words of a fact that carry something, each once."""
    words = re.findall(r"[A-Za-z][A-Za-z'-]+", fact.removeprefix(QUOTED))
    return list({word.lower(): word for word in reversed(words) if word.lower() not in STOP_WORDS and len(word) > 2}.values())[::-1]
