"""What retrieval brings for a question: lines for its prompt.

In: a profile's store and a question. Out: the hits and their lines, oldest first. Somebody whom the person once named ("Your sister is called Mina.")
is looked for by both: "Where does Mina work?" also finds what was said of "my sister", and such a line then names her, since a small base
does not bring two lines together.
"""

import re
from collections.abc import Sequence

from sqlite_utils import Database

from memory.retrieval import Hit, search_once, words_of
from memory.store import fetch_facts, match_words
from tuning.grammar import naming_of

LONGEST_NOTE = 300  # letters
NAMES_MOST, NAMED_BY_MOST = 6, 12  # words of a question that may be names, and facts with such a word that are read

Names = dict[str, str]


def look_up(
    db: Database, profile_id: int, question: str, k: int, sources: Sequence[str] = ("facts", "messages")
) -> tuple[list[Hit], list[str]]:
    """The k best hits for a question and their lines; where it names somebody, the k best for what they are to the person, and the best for the name."""
    hits = search_once(db, profile_id, question, k, sources)
    names = names_in(db, profile_id, question)
    if names:
        meant = search_once(db, profile_id, _swapped(question, names), k, sources)
        there = {(hit.kind, hit.id) for hit in meant}
        hits = meant + [hit for hit in hits[:1] if (hit.kind, hit.id) not in there]
    return hits, [_named(line, names) for line in note_lines(hits)]


def names_in(db: Database, profile_id: int, question: str) -> Names:
    """The names in a question that a fact gives to somebody or something of the person's, with what they are: {"Mina": "sister"}."""
    small = question == question.lower()
    may_be = [word for word in words_of(question) if small or re.search(rf"\b{re.escape(word.capitalize())}", question)][:NAMES_MOST]
    found: dict[str, set[str]] = {}
    for word in may_be:
        for fact in fetch_facts(db, match_words(db, profile_id, "fact", [word], NAMED_BY_MOST)):
            subject, name = naming_of(fact.text, strict=True) or ("", "")
            if subject and word == name.split()[0].casefold() and f" {subject} " not in f" {question.casefold()} ":
                found.setdefault(name.split()[0], set()).add(subject)
    return {name: subjects.pop() for name, subjects in found.items() if len(subjects) == 1}  # who of two is meant, nobody knows


def note_lines(hits: Sequence[Hit]) -> list[str]:
    """Hits as lines of a prompt: each text once, shortened where it is very long, oldest first."""
    ordered = sorted(hits, key=lambda hit: hit.said_at or "")
    texts = [" ".join(hit.text.split()) for hit in ordered]
    return list(dict.fromkeys(text if len(text) <= LONGEST_NOTE else text[:LONGEST_NOTE].rsplit(" ", 1)[0] + " ..." for text in texts))


def _swapped(question: str, names: Names) -> str:
    for name, subject in names.items():
        question = re.sub(rf"\b{re.escape(name)}\b", f"my {subject}", question, flags=re.IGNORECASE)
    return question


def _named(line: str, names: Names) -> str:
    """The line with a name after the first mention of whom it is about, in brackets: it is not the person's own word."""
    for name, subject in names.items():
        if name.casefold() not in line.casefold():
            line = re.sub(rf"\b(my|your) {re.escape(subject)}\b", rf"\g<0> ({name})", line, count=1, flags=re.IGNORECASE)
    return line
