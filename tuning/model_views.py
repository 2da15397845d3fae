"""Views of facts that the base writes itself, where it can: an instruct model words them better than rules do.

In: facts and a base. Out: `View`s that hold up against their facts and that the base, with the fact in its prompt, answers with it.
Whether a base can is tried on three facts first; pocket cannot, and gets the views of the rules alone.
"""

from collections import Counter
from collections.abc import Sequence

from memory.store import Fact
from tuning.bases import LoadedBase
from tuning.generate import generate
from tuning.likelihood import certainty, encode_example
from tuning.prompts import STUDY_VIEWS, is_abstention, render_chat, render_summary, render_views
from tuning.scores import STOP_WORDS, normal_words
from tuning.study_lines import plain_lines
from tuning.views import View, check_views

_PROBES = ("Your cat is called Ombrel.", "Your sister lives in Tavast.", "You are allergic to quinces.")
ENOUGH = 0.6  # of the probe's lines must be usable
SURE = 0.05  # least token probability of the fact as the answer, where it is not the likeliest


def writes_views(loaded: LoadedBase) -> bool:
    """Whether this base can write views: tried on three facts and judged like any view."""
    facts = [Fact(number, text, None, "user", "active", None, None, "") for number, text in enumerate(_PROBES)]
    replies = generate(loaded, [render_views("reversal", fact.text, 2) for fact in facts], max_new_tokens=48)
    views = [view for fact, reply in zip(facts, replies) for view in _parse("reversal", reply, fact)]
    kept = check_views(views, {fact.id: fact.text for fact in facts}, Counter())
    usable = {view.fact_ids[0] for view in kept if _names_value(view) and view.question.endswith("?")}
    return len(usable) == len(facts) and len(kept) >= ENOUGH * max(1, len(views))


def _names_value(view: View) -> bool:
    """Whether a reversal names the last word of its fact, which is the value in the probes."""
    return normal_words(view.answer)[-1] in normal_words(view.question)


def write_views(loaded: LoadedBase, facts: Sequence[Fact], dropped: Counter[str], seed: int) -> list[View]:
    """Views of every kind that the base writes; what it cannot answer from its own view is dropped and counted."""
    views = []
    for kind in STUDY_VIEWS:
        replies = generate(loaded, [render_views(kind, fact.text) for fact in facts], max_new_tokens=120, temperature=0.7, seed=seed)
        views += [view for fact, reply in zip(facts, replies) for view in _parse(kind, reply, fact)]
    kept = check_views(views, {fact.id: fact.text for fact in facts}, dropped)
    examples = [encode_example(loaded, render_chat(view.question, [view.answer]), view.answer) for view in kept]
    answered = certainty(loaded, loaded.model, examples)
    sure = [view for view, (exact, least) in zip(kept, answered) if exact or least > SURE]
    dropped["model view: the base does not answer it with its fact"] += len(kept) - len(sure)
    return sure


def _parse(kind: str, reply: str, fact: Fact) -> list[View]:
    """The questions or requests in a reply, one a line; those that decline or hold no word are left out."""
    lines = [line for line in plain_lines(reply) if len(line.split()) >= 3 and not is_abstention(line)]
    return [View(kind, line[:1].upper() + line[1:], fact.text, (fact.id,)) for line in lines[:6]]


def write_summaries(loaded: LoadedBase, groups: Sequence[tuple[str, Sequence[Fact]]], dropped: Counter[str]) -> list[View]:
    """For each (question, facts) a summary in the base's words; one with a content word that no fact holds is dropped."""
    replies = generate(loaded, [render_summary([fact.text for fact in facts]) for _, facts in groups], max_new_tokens=96)
    found = []
    for (question, facts), reply in zip(groups, replies):
        known = {word[:4] for fact in facts for word in normal_words(fact.text)}
        content = [word for word in normal_words(reply) if word not in STOP_WORDS]
        if content and sum(word[:4] in known for word in content) >= 0.8 * len(content):
            found.append(View("summary", question, " ".join(reply.split()), tuple(fact.id for fact in facts)))
        else:
            dropped["summary view: says more than its facts"] += 1
    return found
