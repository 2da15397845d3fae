"""Gemini chats out of Google Takeout: "My Activity" of the Gemini (once Bard) apps comes in, questions and answers come out.

Google gives a log, not chats: a record (JSON) or a card (HTML, see gemini_pages) is one question behind a verb in the account's language
("Prompted ..."), its moment and, for most, the answer as HTML. Since 2026 many records link to their chat; the others are grouped by day. Every
product's file has the same name and form, and names are translated: the files are told by the product in their records. Verbs that are not
known are learnt from the file: what very many questions begin with. Attached files are not read.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import Any

from memory.importers.assistants import time_or_none
from memory.importers.chat_names import first_words
from memory.importers.export import (
    ASSISTANT,
    MALFORMED,
    MEDIA,
    NOTICES,
    USER,
    WITHOUT_TEXT,
    Format,
    Options,
    ParsedMessage,
    Report,
    clean_text,
)
from memory.importers.gemini_pages import LINK, Activity, cards, heading, plain_text, read_card
from memory.importers.naming import Names
from memory.importers.sources import Bundle, Source, Unreadable

OTHER_PRODUCTS = "activity of other Google products"
BY_DAY = "The export does not tell which questions were one chat: those without a link to theirs are grouped by day."
BY_LINK = "The export names no chats: they are called by their first question."
NO_DATE = "Some dates are in a form that is not known: these messages have no time."
LOCAL = "Some times are local time: the export names no time zone that is known."
UNKNOWN_VERBS = "Questions may begin with a word or two of Google's: the verbs of this language are not known."

# What stands before a question, in the languages whose exports were seen, and before what is none.
_ASKED = re.compile(
    r"(?:Prompted with:|Prompted|Asked (?:Gemini|Bard):|Asked:|Asked|Said|Branched|Answered|Typed:|Live Prompt|Submitted query|Query submitted"
    r"|Eingegebener Prompt:|Prompt\s?:|Gav instruktionen|Has dicho:|Hiciste la petición|送信したメッセージ[:：]|已提示[:：]?|분기된"
    r"|Υποβλήθηκε το ερώτημα)(?:(?<=[:：])\s*|(?<![:：])(?:\s+|\Z))"
)
_DONE = re.compile(r"(?:Created|Used|Gave|Selected|Added|Cleared|Shared|Deleted|Edited|Exported|Viewed|Visited)\s")
_PRODUCT = re.compile(r"gemini|\bbard\b", re.IGNORECASE)
_RECORD = re.compile(
    r'"(?:header"\s*:|products"\s*:\s*\[)\s*"(?:[^"\\]|\\.)*?(?:Gemini|Bard)|"titleUrl"\s*:\s*"https://(?:gemini|bard)\.google\.com/'
)

SAMPLED_CARDS, SAMPLED_TITLES, SAMPLE_LETTERS = 20, 2000, 120
FEWEST_ALIKE, FEWEST_UNMARKED, MOST_ALIKE = 5, 20, 0.9


@dataclass
class Outlook:
    """What a first pass over a file tells: the verbs learnt, whether the language has any, and each chat's first question."""

    verbs: tuple[str, ...] = ()
    has_verbs: bool = False
    first: dict[str, tuple[bool, float, str]] = field(default_factory=dict)

    def without_verb(self, title: str) -> str | None:
        """The question in a title, None where none of the verbs is before it."""
        if match := _ASKED.match(title):
            return title[match.end() :]
        return next((title[len(verb) :] for verb in self.verbs if title.startswith(verb)), None)


def claim(bundle: Bundle) -> list[Source]:
    """The files with records of Gemini, be they JSON or HTML."""
    return [source for source in bundle.sources if _is_json(source) and _RECORD.search(source.head) or _is_page(source)]


def _is_json(source: Source) -> bool:
    return source.head.startswith("[")


def _is_page(source: Source) -> bool:
    # A page begins with the styles of Google's design, more than a head is long: its cards come after them.
    styled = source.head.startswith("<") and "mdl-" in source.head
    return styled and any(_names_gemini(heading(card)) for card in islice(cards(source), SAMPLED_CARDS))


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """Each question and its answer, in the order of the file (Google's is the newest first)."""
    names = Names()
    for source in sources:
        outlook = _look_ahead(_activities(source, Report(), options))
        if not outlook.has_verbs:
            report.note(UNKNOWN_VERBS)
        for activity in _activities(source, report, options):
            answer = plain_text(activity.html)
            question, reason = _question(activity, answer, outlook)
            if reason:
                report.drop(reason, activity.title)
                continue
            if activity.moment is None:
                report.warn(NO_DATE)
            elif activity.moment.tzinfo is None:
                report.note(LOCAL)
            conversation = _conversation(activity, outlook, names, report)
            if question:
                yield ParsedMessage(conversation, USER, USER, activity.moment, question)
            if answer:
                yield ParsedMessage(conversation, ASSISTANT, ASSISTANT, activity.moment, answer)


def _activities(source: Source, report: Report, options: Options) -> Iterator[Activity]:
    return _from_json(source, report) if _is_json(source) else _from_page(source, report, options)


def _from_json(source: Source, report: Report) -> Iterator[Activity]:
    for number, (_, record) in enumerate(source.items("")):
        if isinstance(record, Unreadable):
            report.warn(f"{source.name} is cut off after {number} records: export your data again.")
            return
        report.read += 1
        if not isinstance(record, dict) or not isinstance(record.get("title"), str):
            report.drop(MALFORMED, clean_text(str(record)[:200]))
            continue
        links = [record.get("titleUrl"), *(detail.get("url") for detail in _dicts(record.get("details")))]
        chats = [match[1] for link in links if isinstance(link, str) and (match := LINK.match(link))]
        products = record.get("products")
        if not chats and not _names_gemini(record.get("header"), *(products if isinstance(products, list) else [])):
            report.drop(OTHER_PRODUCTS, clean_text(record["title"][:200]))
            continue
        answers = [item["html"] for item in _dicts(record.get("safeHtmlItem")) if isinstance(item.get("html"), str)]
        files = any(record.get(key) for key in ("attachedFiles", "imageFile", "audioFiles"))
        # A turn that several branches of a chat share is told once, in the first of them.
        yield Activity(
            clean_text(record["title"]),
            "\n\n".join(filter(None, answers)),
            time_or_none(record.get("time")),
            next(iter(chats), None),
            files,
        )


def _from_page(source: Source, report: Report, options: Options) -> Iterator[Activity]:
    card = ""
    for card in cards(source):
        report.read += 1
        product = heading(card)
        activity = read_card(card, options) if _names_gemini(product) else None
        if activity:
            yield activity
        else:
            report.drop(OTHER_PRODUCTS if product and not _names_gemini(product) else MALFORMED, plain_text(card[:2000].partition(">")[2]))
    if "</body" not in card[-200:]:
        report.warn(f"{source.name} is cut off in its last record: export your data again.")


def _names_gemini(*names: Any) -> bool:
    return any(isinstance(name, str) and _PRODUCT.search(name) for name in names)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _look_ahead(activities: Iterable[Activity]) -> Outlook:
    """The verbs and the chats of a file, in memory that grows with the chats only."""
    outlook = Outlook()
    titles: set[str] = set()
    for activity in activities:
        title = activity.title[:SAMPLE_LETTERS]
        if activity.answered and len(titles) < SAMPLED_TITLES:
            titles.add(title)
        if activity.chat:
            asked = (not activity.answered, activity.moment.timestamp() if activity.moment else inf, title)
            outlook.first[activity.chat] = min(outlook.first.get(activity.chat, asked), asked)
    verbs = _beginnings({title for title in titles if not _ASKED.match(title) and not _DONE.match(title)})
    known = sum(bool(_ASKED.match(title)) for title in titles)
    begun = sum(bool(_ASKED.match(title)) or title.startswith(verbs) for title in titles)
    # Some languages have no verb at all: then a word that many questions begin with is the person's own.
    outlook.has_verbs = known * 2 > len(titles) or bool(verbs) and begun >= MOST_ALIKE * len(titles)
    outlook.verbs = verbs if outlook.has_verbs else ()
    return outlook


def _beginnings(titles: set[str]) -> tuple[str, ...]:
    """What several titles begin with: to a colon or a hard blank, as Google sets after a verb, or else to the end of a word."""
    by_word: dict[str, list[str]] = {}
    for title in titles:
        by_word.setdefault(next(iter(title.split()), ""), []).append(title)
    found = []
    for group in by_word.values():
        alike = os.path.commonprefix(group)
        if len(group) >= FEWEST_ALIKE and (marked := re.match("[^:：\u00a0]+[:：\u00a0]\\s*", alike)):
            found.append(marked[0])
        elif len(group) >= FEWEST_UNMARKED and (words := re.match(r".+\s", alike, re.DOTALL)):
            found.append(words[0])
    return tuple(found)


def _question(activity: Activity, answer: str, outlook: Outlook) -> tuple[str, str | None]:
    """What the person asked, or the reason why a record is no question."""
    question = outlook.without_verb(activity.title)
    if question is None:
        if not answer or _DONE.match(activity.title):
            return "", NOTICES
        question = activity.title
    question = clean_text(question)
    return question, None if question or answer else MEDIA if activity.files else WITHOUT_TEXT


def _conversation(activity: Activity, outlook: Outlook, names: Names, report: Report) -> str:
    if activity.chat is None:
        report.note(BY_DAY)
        day = f"Gemini {activity.moment:%Y-%m-%d}" if activity.moment else "Gemini"
        return names.of_chat(f"the day {day}", day)
    report.note(BY_LINK)
    title = outlook.first[activity.chat][2]
    return names.of_chat(activity.chat, first_words(outlook.without_verb(title) or title))


FORMAT = Format("gemini", "Gemini (Google Takeout, MyActivity.json or .html)", claim, parse)
