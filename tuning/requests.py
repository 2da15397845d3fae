"""Requests that a fact should change without being asked for: "What should I cook tonight?" when somebody is allergic to nuts.

In: a fact. Out: requests that it bears on. The answer is the fact itself, so that no advice is made up.
"""

import re
from collections.abc import Sequence
from random import Random

# What the fact speaks of -> what somebody may say that it bears on. The first group, where there is one, is named in the request.
_TOPICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"Your ([a-z][a-z' -]+?)(?:'s name is| is called| is named) [A-Z]", ("I am writing a card to my {0}, whose name goes on it?", "Whom do I greet when I see my {0}?")),
    (r"Your ([a-z][a-z' -]+?)(?:'s)? birthday is", ("I want to surprise my {0}, when should I have a present ready?",)),
    (r"Your ([a-z][a-z' -]+?) (?:lives in|moved to|is living in) ", ("I want to visit my {0}, which ticket do I need?", "I am sending my {0} a parcel, where does it go?")),
    (r"Your ([a-z][a-z' -]+?) works? (?:as|at|for) ", ("What could I talk about with my {0}?", "Can my {0} help me with something at work?")),
    (r"Your ([a-z][a-z' -]+?) (?:loves|likes|collects|enjoys|plays) ", ("What would make my {0} happy?", "I need a present for my {0}.")),
    (r"Your ([a-z][a-z' -]*?(?:appointment|exam|flight|meeting|wedding|party|interview|trip|class|concert)) (?:is|are|was) ", ("I am planning my days, what about the {0}?", "Can I make plans on the day of my {0}?")),
    (r"Your ([a-z][a-z' -]*?(?:rent|bill|fee|salary|insurance|membership|subscription)) (?:is|costs) ", ("I am doing my budget, what about the {0}?",)),
    (r"Your ([a-z][a-z' -]*?(?:code|password|pin|number|combination)) is ", ("I am standing in front of the lock, help me with my {0}.",)),
    (r"Your favourite ([a-z][a-z -]+?) is ", ("Choose a {0} for me.", "Surprise me with a {0} that I like.")),
    (r"Your ([a-z][a-z' -]+?) (?:is|are) ", ("Anything I should keep in mind about my {0}?",)),
)  # fmt: skip

# Topics on which several facts may bear at once: the answer gives up to two of them.
_SHARED: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"allerg|intoleran|can't (?:eat|stand)|vegetarian|vegan|(?:never|don't) eat", ("What should I cook tonight?", "I am going to a restaurant, what do I have to mind?", "A friend wants to cook for me, what should I say?")),
    (r"You (?:love|like|enjoy|collect|play|sing|run|climb) ", ("What could I do at the weekend?", "I am bored, what should I do?")),
    (r"\b(?:medicine|tablets?|pills?|doctor|dose|micrograms?|milligrams?|surgery|diagnos\w+|diabetes|asthma|pain)\b", ("What should a new doctor know about me?", "I am filling in a form at the clinic, what goes in?")),
    (r"^Your .*(?:appointment|exam|flight|meeting|wedding|interview|trip) (?:is|are) ", ("What is coming up?", "What must I not forget?")),
)  # fmt: skip
ANSWERED = 2  # facts in the answer to a shared request


def requests_for(fact: str, rng: Random) -> list[str]:
    """Requests that name what the fact speaks of, by the first topic that it belongs to, in random order."""
    for pattern, forms in _TOPICS:
        match = re.search(pattern, fact)
        if match:
            return [form.format(match[1]) for form in rng.sample(forms, len(forms))]
    return []


def shared_requests(facts: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Requests on which several facts may bear, each with the places of the first facts that do; two for every topic."""
    found = []
    for pattern, forms in _SHARED:
        places = [place for place, fact in enumerate(facts) if re.search(pattern, fact)][:ANSWERED]
        found += [(form, places) for form in forms if places]
    return found
