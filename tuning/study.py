"""Study: the base model reads what the person wrote, writes down facts, and asks itself about them.

In: messages. Out: facts in the store, and questions that each fact answers. What the base writes is checked against its source
before it is kept: a small model invents, and an invented fact would be learnt like any other. Dropped views are counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from sqlite_utils import Database

from memory.store import (
    Fact,
    Message,
    NewFact,
    add_facts,
    list_facts,
    list_messages,
    mark_studied,
    studied_messages,
    supersede,
)
from tuning.bases import LoadedBase
from tuning.frames import frame_questions, plain_questions
from tuning.generate import generate, generate_lines
from tuning.likelihood import certainty, encode_example
from tuning.person import QUOTED, quote_back, said_back
from tuning.prompts import PROMPT_VERSION, is_abstention, render_chat, render_questions, render_study
from tuning.scores import STOP_WORDS, normal_words
from tuning.study_lines import LIST_MARK

Progress = Callable[[float], None]

LONGEST_MESSAGE = 900  # letters; longer ones are mostly pasted text, not the person's telling
QUESTIONS_WANTED = 10
LEAST_NEAR = 0.3  # cosine between a question that the base wrote and its fact
LEAST_SURE = 0.35  # of the least likely token of a fact; see docs/injection.md for how it was chosen
SURE_OF_NOTHING = 0.9  # below this "nothing" is a guess as well; see docs/injection.md
LEAST_TOLD = 0.5  # of the words of a sentence without names and numbers that its fact must hold, or it has lost what was told
_CORRECTION = re.compile(
    r"\b(actually|correction|update|moved|changed|change of plan|instead|not anymore|no longer|now|went up|went down|new|scratch that|wrong|"
    r"postponed|pushed|switched|turns out|raised|sorry)\b",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"\d|\b(mon|tues|wednes|thurs|fri|satur|sun)day|\b(january|february|march|april|may|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)


@dataclass
class StudyReport:
    """What study did: messages read, facts kept, and everything dropped with its reason."""

    messages: int = 0
    facts: int = 0
    in_own_words: int = 0  # of them, those that the base saw but could not put well: the person's own words
    superseded: int = 0
    questions: int = 0
    views: Counter[str] = field(default_factory=Counter)  # kept, by kind
    views_by: str = "rules"
    dropped: Counter[str] = field(default_factory=Counter)


def study_messages(db: Database, profile_id: int, loaded: LoadedBase, report: StudyReport, progress: Progress | None = None) -> list[int]:
    """Facts from every message of the person that this base has not studied yet; returns the ids of the facts found now."""
    studier = f"{loaded.base.id}@{loaded.base.revision}/{PROMPT_VERSION}"
    done = studied_messages(db, profile_id, studier)
    messages = [message for message in list_messages(db, profile_id, only_me=True) if message.id not in done and not message.excluded]
    readable = [message for message in messages if 2 < len(message.text) <= LONGEST_MESSAGE and len(message.text.split()) > 1]
    report.messages += len(readable)
    report.dropped["message too short or too long to study"] += len(messages) - len(readable)
    found: list[int] = []
    for start in range(0, len(readable), 96):
        part = readable[start : start + 96]
        replies = generate_lines(loaded, [render_study(message.text) for message in part], max_new_tokens=72)
        for message, lines in zip(part, replies):
            texts, in_own_words = facts_of(lines, message.text, report.dropped)
            report.in_own_words += in_own_words
            found += _keep_facts(db, profile_id, message, texts)
        mark_studied(db, [message.id for message in part], studier)
        if progress:
            progress((start + len(part)) / len(readable))
    mark_studied(db, [message.id for message in messages], studier)
    report.facts += len(found)
    report.superseded += replace_corrected(db, profile_id, found, {message.id: message.text for message in readable})
    return found


def facts_of(lines: Sequence[tuple[str, float]], message: str, dropped: Counter[str]) -> tuple[list[str], int]:
    """The facts of a study reply that may be kept, and how many of them are the person's own words.

    Where the base saw something but put nothing well, the message serves, in the second person or, failing that, as a quotation. A fact that lost what its
    sentence told ("You live now." of "I live in Ostrava now.") gives way to that sentence.
    """
    texts = parse_facts(sure_lines(lines, dropped), message, dropped)
    if not found_something(lines):
        return texts, 0
    if not texts:
        texts = said_back(message) or quote_back(message)
        return texts, len(texts)
    whole: dict[str, bool] = {}  # each fact, and whether it is in the person's own words
    for text in texts:
        sentence = source_of(text, message)
        own = (said_back(sentence) or quote_back(sentence)) if loses(text, sentence) else []
        whole |= {fact: True for fact in own} or {text: False}
    return list(whole), sum(whole.values())


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def source_of(fact: str, message: str) -> str:
    """The sentence of a message that a fact shares most words with."""
    known = _stems(fact)
    return max(_SENTENCE_END.split(message), key=lambda sentence: len(known & _stems(sentence)))


def loses(fact: str, sentence: str) -> bool:
    """Whether a fact lacks a name or number of its sentence or, where neither holds any, most of the sentence's words."""
    told, known = _stems(sentence), _stems(fact)
    if not (_names(sentence) & told <= known and _numbers(sentence) <= _numbers(fact)):
        return True
    return not (_names(fact) or _numbers(fact)) and len(told & known) < LEAST_TOLD * len(told)


def _names(text: str) -> set[str]:
    """The stems of words with a capital inside a sentence."""
    return {word.lower()[:4] for word in _INNER_NAME.findall(text)}


_INNER_NAME = re.compile(r"(?<=[a-z,'] )[A-Z][a-z]+")


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+", text))


def _stems(text: str) -> set[str]:
    return {word[:4] for word in normal_words(text) if word not in STOP_WORDS}


def found_something(lines: Sequence[tuple[str, float]]) -> bool:
    """Whether the base saw a fact in a message, even if it could not put it well, or was in doubt that there is none; then the person's own words serve."""
    return bool(lines) and (lines[0][0].lower().rstrip(".") != "nothing" or lines[0][1] < SURE_OF_NOTHING)


def sure_lines(lines: Sequence[tuple[str, float]], dropped: Counter[str]) -> str:
    """The lines of a study reply that the base was sure of; a line with a token that it gave little chance is a guess."""
    kept = [text for text, sure in lines if sure >= LEAST_SURE]
    dropped["fact that the base was not sure of"] += len(lines) - len(kept)
    return "\n".join(kept)


def _keep_facts(db: Database, profile_id: int, message: Message, texts: list[str]) -> list[int]:
    return add_facts(db, profile_id, [NewFact(text, message.id, "study", message.timestamp) for text in texts]) if texts else []


def parse_facts(reply: str, message: str, dropped: Counter[str]) -> list[str]:
    """The facts in a study reply that hold up against the message they are said to come from."""
    kept: dict[str, None] = {}
    for line in reply.splitlines():
        text = LIST_MARK.sub("", line).strip().strip('"')
        text = re.sub(
            r"^The user's\b", "Your", re.sub(r"^The user (is|was)\b", lambda m: "You " + {"is": "are", "was": "were"}[m[1]], text)
        )
        if not text or text.lower().rstrip(".") == "nothing":
            continue
        reason = _fault(text, message)
        if reason:
            dropped[reason] += 1
        else:
            kept[text if text.endswith((".", "!", "?")) else text + "."] = None
    return list(kept)[:4]


def _fault(fact: str, message: str) -> str | None:
    """Why a fact may not be kept, or None."""
    words = fact.split()
    if not re.match(r"You\b|Your\b|You'", fact):
        return "fact does not speak of the person"
    if not 3 <= len(words) <= 30 or fact.endswith("?"):
        return "fact is no short statement"
    if words[-1].rstrip(".!").lower() in _UNFINISHED:
        return "fact breaks off before its value"
    if _repeats(fact):
        return "fact repeats itself"
    said = normal_words(message)
    if not _numbers(fact) <= _numbers(" ".join(said) + " " + message):
        return "fact holds a number that the message does not"
    stems = {word[:4] for word in said}
    content = [word for word in normal_words(fact) if word not in STOP_WORDS]
    names = [word for word in re.findall(r"(?<!^)(?<![.!?] )\b[A-Z][a-z]+", fact)]
    if any(name.lower()[:4] not in stems for name in names):
        return "fact holds a name that the message does not"
    if content and sum(word[:4] in stems for word in content) < 0.5 * len(content):
        return "fact is not in the message"
    return None


_UNFINISHED = frozenset("to of with for by at as from a an the is are was were called named and or".split())


def _repeats(text: str) -> bool:
    """Whether a pair of words comes back three times, or a word is one syllable over and over: how small models break."""
    words = text.lower().split()
    pairs = Counter(zip(words, words[1:]))
    return max(pairs.values(), default=0) >= 3 or bool(re.search(r"(\w{2,4})\1{3,}", text))


def replace_corrected(db: Database, profile_id: int, new_ids: Sequence[int], messages: dict[int, str]) -> int:
    """Mark older facts that a later correction replaces ("actually, it moved to Friday"): the newest wins. Returns how many."""
    facts = list_facts(db, profile_id)
    if not facts or not new_ids:
        return 0
    vectors = _vectors([fact.text for fact in facts])
    count, gone = 0, set()
    order = sorted(range(len(facts)), key=lambda index: (facts[index].said_at or "", facts[index].id))
    for position, index in enumerate(order):
        new = facts[index]
        said = messages.get(new.message_id or -1, "")
        if new.id not in new_ids:
            continue
        for other in order[:position]:
            old = facts[other]
            if old.id in gone or old.id == new.id or old.message_id == new.message_id:
                continue
            if replaces(new.text, old.text, bool(_CORRECTION.search(said)), float(vectors[index] @ vectors[other])):
                supersede(db, old.id, new.id)
                gone.add(old.id)
                count += 1
    return count


def replaces(new: str, old: str, corrected: bool, similarity: float) -> bool:
    """Whether a new fact replaces an old one: the same statement with another value.

    Both hold a number or a date (or the message says that it corrects), and apart from the value they say the same; `similarity` is the
    cosine of their sentence vectors.
    """
    ours, theirs = normal_words(new), normal_words(old)
    if ours == theirs:
        return False
    shared = 0
    while shared < min(len(ours), len(theirs)) and ours[shared] == theirs[shared]:
        shared += 1
    same_frame = shared >= 3 and ours[shared - 1] in _FRAME_ENDS
    both_valued = bool(_VALUE.search(new)) and bool(_VALUE.search(old))
    if same_frame and (both_valued or corrected):
        return True
    subject = [word for word in ours if word not in STOP_WORDS][:1] == [word for word in theirs if word not in STOP_WORDS][:1]
    return corrected and both_valued and subject and similarity > 0.7


_FRAME_ENDS = frozenset("is are at on in costs cost called named pay weigh for to until from until takes by as".split())


def _vectors(texts: list[str]) -> np.ndarray:
    from memory.embedder import embed

    return np.asarray(embed(texts), dtype=np.float32)


def ask_about(
    loaded: LoadedBase, facts: Sequence[Fact], report: StudyReport, seed: int, progress: Progress | None = None, rounds: int = 3
) -> dict[int, list[str]]:
    """Questions that each fact answers, in different phrasings: one greedy round, then warmer ones, checked by the base itself.

    A question is kept if the base, with the fact among its notes, answers it with that fact.
    """
    asked: dict[int, dict[str, None]] = {fact.id: {} for fact in facts}
    for number in range(rounds):
        replies = generate(
            loaded,
            [render_questions(fact.text) for fact in facts],
            max_new_tokens=96,
            temperature=(0.0, 0.7, 1.0)[min(number, 2)],
            seed=seed + number,
            on_batch=partial(_tell_round, progress, number, rounds + 1) if progress else None,
        )
        for fact, reply in zip(facts, replies):
            asked[fact.id].update(dict.fromkeys(parse_questions(reply, fact.text, report.dropped)))
    return _self_checked(loaded, facts, asked, report)


def _tell_round(progress: Progress, number: int, rounds: int, share: float) -> None:
    progress((number + share) / rounds)


def parse_questions(reply: str, fact: str, dropped: Counter[str]) -> list[str]:
    """The usable questions in a reply: first person, whole, about this fact."""
    kept: dict[str, None] = {}
    known = {word[:4] for word in normal_words(fact)}
    for line in reply.splitlines():
        text = LIST_MARK.sub("", line).strip().strip('"')
        content = [word for word in normal_words(text) if word not in STOP_WORDS and word not in _QUESTION_WORDS]
        if not 3 <= len(text.split()) <= 24:
            dropped["question too short or too long"] += 1
        elif content and not any(word[:4] in known for word in content) and len(content) > 3:
            dropped["question about something else"] += 1
        elif is_abstention(text):
            dropped["question about something else"] += 1
        else:
            kept[text[:1].upper() + text[1:]] = None
    return list(kept)


_QUESTION_WORDS = frozenset(
    "what which who whom whose when where why how much many long often remember remind tell know could would can please again me forgot "
    "idea any called name about something kind".split()
)


def _self_checked(
    loaded: LoadedBase, facts: Sequence[Fact], asked: dict[int, dict[str, None]], report: StudyReport
) -> dict[int, list[str]]:
    """Questions whose fact the base would give when it has it (and two others) in its prompt."""
    pairs = [(index, question) for index, fact in enumerate(facts) for question in asked[fact.id]]
    examples = []
    for index, question in pairs:
        notes = [facts[(index + step) % len(facts)].text for step in (0, 1, 2) if step == 0 or len(facts) > step]
        examples.append(encode_example(loaded, render_chat(question, notes[::-1]), facts[index].text))
    results = certainty(loaded, loaded.model, examples)
    near = _near_own(facts, pairs)
    kept: dict[int, list[tuple[bool, float, str]]] = {fact.id: [] for fact in facts}
    for (index, question), (exact, sure), own in zip(pairs, results, near):
        if not own:
            report.dropped["question that is nearer to another fact, or to none"] += 1
        elif exact or sure > 0.1:
            kept[facts[index].id].append((exact, sure, question))
        else:
            report.dropped["question that the base does not answer with this fact"] += 1
    chosen = {}
    for fact in facts:
        best = sorted(kept[fact.id], key=lambda row: (not row[0], -row[1]))[:QUESTIONS_WANTED]
        chosen[fact.id] = [question for _, _, question in best]
        extra = [] if len(best) >= 3 else plain_questions(fact.text)
        chosen[fact.id] = list(dict.fromkeys([*chosen[fact.id], *frame_questions(fact.text), *extra]))
    return chosen


def _near_own(facts: Sequence[Fact], pairs: Sequence[tuple[int, str]]) -> list[bool]:
    """For each (place of a fact, question) whether in meaning that fact is the nearest of all, and near enough: a small base writes much that is not."""
    if not pairs:
        return []
    cosines = _vectors([question for _, question in pairs]) @ _vectors([fact.text.removeprefix(QUOTED) for fact in facts]).T
    return [bool(row.argmax() == index and row[index] >= LEAST_NEAR) for (index, _), row in zip(pairs, cosines)]
