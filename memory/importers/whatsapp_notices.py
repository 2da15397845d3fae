"""WhatsApp's own words in a chat (pictures left out, deletions, calls, group notices), so that they are not taken for speech.

A body comes in; what was said, the reason if nothing was, and whether it was edited come out. The words are in whatsapp_words.py. In
languages that are not there the form helps: on an iPhone WhatsApp's own words begin with a mark, attached files have names of a form, and
what stands in angle brackets again and again is no speech (`Habits`).
"""

import re
from collections import Counter

from memory.importers.export import CALLS, MEDIA, NOTICES, WITHOUT_TEXT, clean_text
from memory.importers.whatsapp_words import (
    ATTACHED_WORDS,
    BEGINNINGS,
    EDITED_WORDS,
    LAST_WORDS,
    MEDIA_WORDS,
    NOTICE_WORDS,
    PLACE_WORDS,
    TAG_WORDS,
    WHOLE,
)

MARK = "\u200e"
_LONGEST_NOTICE = 200
_AROUND = " .。।۔<>"
_HABIT = 3  # so often must words in angle brackets be repeated to be WhatsApp's

_QUOTES = (('"', '"'), ("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("\u201e", "\u201c"), ("\u300c", "\u300d"))
_POLL_OPTION = re.compile(r"[^\W\d][^\n:：]{0,30}[:：] ?(.*?) ?[(（][^()（）\n]*\d+[^()（）\n]*[)）]")
_MENTION = re.compile("@\u2068~?[\u00a0\u202f ]?([^\u2068\u2069\n]*)\u2069")
_FILE = re.compile(r"(?P<file>.+?\.\w{0,5})(?: • [^()\n]+)? \((?P<words>[^()\n]{3,40})\)")
_WHATSAPP_FILE = re.compile(r"[A-Z]{3}-\d{8}-WA\d{4}\b.*")
_TAG = re.compile(rf"[\s{MARK}]*<{MARK}?([^<>:：\n]{{1,30}}) ?[:：] ?{MARK}?(\d{{8}}-)?[^<>\n]+>")
_BARE_FILE = re.compile(
    r"[^\n]+\.(?:pdf|docx?|xlsx?|pptx?|txt|csv|zip|rar|7z|apk|epub|od[tsp]|rtf|mp3|wav|m4a|mp4|mov|jpe?g|png|vcf|ics|json|xml|mod)", re.I
)
_MAP = re.compile(r"https://(?:maps\.google\.com/\?q=|foursquare\.com/v/|maps\.apple\.com/\?)\S+")
_DOCUMENT = re.compile(r"[^\n]+(?: • [^\n]+|\.\w{1,5})")


class Habits:
    """What stands in angle brackets at the end of lines, counted: words that come back are WhatsApp's, in whatever language."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def note(self, line: str) -> None:
        """Look at a line that ends with a bracket."""
        words = line[line.rfind("<") + 1 : -1].casefold()
        if len(self.seen) < 10_000 and 6 <= len(words) <= 60 and ":" not in words and (" " in words or not words.isascii()):
            self.seen[words] += 1

    def words(self) -> set[str]:
        """Those that came back."""
        return {words.rstrip(" .") for words, count in self.seen.items() if count >= _HABIT}


def is_notice_sender(sender: str) -> bool:
    """Whether what stands before the colon is not a name: a group notice, or the colon stands inside quotes."""
    return len(sender) > 80 or bool(NOTICE_WORDS.search(sender)) or _opens_a_quote(sender)


def is_notice(text: str) -> bool:
    """Whether a line without a sender is known to be WhatsApp's."""
    return bool(NOTICE_WORDS.search(text)) or _reason_of(text.casefold()) is not None


def is_opening(text: str) -> bool:
    """Whether a text is what an export opens with, that on encryption."""
    return _reason_of(text.strip(MARK + " ").casefold()) == NOTICES


def _opens_a_quote(text: str) -> bool:
    if text.count('"') % 2:
        return True
    return any(text.count(start) > text.count(end) for start, end in _QUOTES if start != end) and not (
        # The German pair closes with the English opening mark.
        "\u201e" in text and text.count("\u201e") == text.count("\u201c")
    )


def read_body(text: str, name: str, ios: bool, habits: set[str]) -> tuple[str, str | None, bool]:
    """(what `name` said, why nothing of it is left or None, whether it was edited); a picture's caption is kept."""
    said = text.strip() if text.isascii() and "\r" not in text and "\0" not in text else _without_marks(text)
    edited = False
    if "<" in said:
        said, edited = _without_tags(text, said, habits)
    if not said:
        return "", MEDIA if "<" in text or MARK in text else WITHOUT_TEXT, edited
    words = said[:_LONGEST_NOTICE].casefold()
    if (words[:3] in BEGINNINGS or words.strip(_AROUND) in WHOLE) and (reason := _reason_of(words)):
        return "", reason, edited
    if "\n" in said or said[-1] == ")" or "https://" in said or MARK in text:
        said, reason = _without_attachments(text, said, ios)
        return said, reason, edited
    if ios and ("." in said or "•" in said) and _names_a_document(said):
        return "", MEDIA, edited
    if (
        ios and said.startswith(name + " ") and said[-1] not in "?!" and NOTICE_WORDS.search(said, len(name))
    ):  # "Emre: Emre grubu oluşturdu"
        return "", NOTICES, edited
    if said == "null" and not ios:  # what an Android phone writes for what it cannot show
        return "", MEDIA, edited
    return said, None, edited


def _without_marks(text: str) -> str:
    """The text without the marks that WhatsApp adds, also around mentions ("@\u2068Ana\u2069"); marks inside of right-to-left speech stay."""
    if MARK in text or "\ufeff" in text or "\u2068" in text:
        text = _MENTION.sub(r"@\1", text).replace(MARK, "").replace("\ufeff", "")
    if "\u200f" in text:
        text = text.replace("\u200f<", "<").strip("\u200f \t\r\n")
    return clean_text(text) if "\0" in text or "\r" in text else text.strip()


def _reason_of(words: str) -> str | None:
    """Why a whole text in small letters is not speech."""
    reason = WHOLE.get(words.strip(_AROUND))
    if reason is None:
        for begin, its_reason, rest in BEGINNINGS.get(words[:3], ()):
            if words.startswith(begin) and (rest is None or rest.fullmatch(words, len(begin))):
                return its_reason
    return reason


def _without_tags(text: str, said: str, habits: set[str]) -> tuple[str, bool]:
    """The text without what stands in angle brackets: attached files anywhere, at its end the word that it was edited."""
    edited = False
    if said.endswith(">"):
        start = said.rfind("<")
        words = said[start + 1 : -1].casefold().rstrip(" .")
        own = any(mark + said[start:] in text for mark in (MARK, "\u200f")) and ":" not in words and "：" not in words
        if start == 0 and (words in habits or words in MEDIA_WORDS):
            return "", False
        # A placeholder has a line of its own: only after other words can what is no known one mean an edit.
        if words in EDITED_WORDS or (said[:start].endswith(" ") and words not in MEDIA_WORDS and (own or words in habits)):
            said, edited = said[:start].rstrip(), True
    if "<" in said:
        said = _TAG.sub(lambda tag: "" if tag[2] or tag[1].casefold().strip() in TAG_WORDS else tag[0], said)
        first, _, caption = said.partition("\n")
        if first.startswith("<") and first.endswith(">") and first[1:-1].strip().casefold() in MEDIA_WORDS | habits:
            said = "" if _BARE_FILE.fullmatch(caption.strip()) else caption  # a document's name stands below its placeholder
    return said.strip(), edited


def _without_attachments(text: str, said: str, ios: bool) -> tuple[str, str | None]:
    """The rarer forms: files, places, polls, and what the mark of an iPhone says to be WhatsApp's own words."""
    first, _, more = said.partition("\n")
    more = more.strip()
    if (match := _FILE.fullmatch(first)) and _is_attached(match, text):
        more = "" if more in (match["file"], match["file"].rpartition(".")[0]) else more
        return more, None if more else MEDIA
    if _is_place(said):
        return "", MEDIA
    if more:
        if _reason_of(first.casefold()) == MEDIA:
            return more, None
        return _poll(first, more) or said, None
    if ios and MARK in text:
        before, _, own = text.rstrip(MARK + " ").rpartition(MARK)
        before = _without_marks(before)
        if WHOLE.get(own.casefold().strip(" .")) == MEDIA:  # "look at this <mark>image omitted"; a document has its name before the mark
            before = "" if _DOCUMENT.fullmatch(before) else before
            return before, None if before else MEDIA
        if text.lstrip(" ").startswith(MARK) and not said.startswith("+"):
            return "", CALLS if _is_call(said.casefold()) else NOTICES
    return said, None


def _poll(first: str, more: str) -> str | None:
    """The question and the options of a poll, without its labels and counts; None for another text."""
    label, colon, question = first.replace("：", ":").partition(":")
    lines = [line for line in [question, *more.split("\n")] if line.strip()]
    options = [_POLL_OPTION.fullmatch(line) for line in lines[1:]]
    if not colon or not options or not all(options) or label != label.upper():
        return None
    return "\n".join([lines[0].strip(), *(option[1] for option in options if option)])


def _names_a_document(said: str) -> bool:
    """ "report.pdf document omitted", where the mark before the placeholder was lost."""
    return said[-12:].rpartition(" ")[2].casefold() in LAST_WORDS and any(
        said.casefold().endswith(" " + words) and _DOCUMENT.fullmatch(said[: -len(words) - 1]) for words in MEDIA_WORDS
    )


def _is_call(words: str) -> bool:
    return any(words.startswith(begin) for begin, reason, _ in BEGINNINGS.get(words[:3], ()) if reason == CALLS)


def _is_attached(match: re.Match[str], text: str) -> bool:
    known = match["words"].casefold() in ATTACHED_WORDS
    return known or bool(_WHATSAPP_FILE.fullmatch(match["file"])) or text.lstrip().startswith(MARK)


def _is_place(said: str) -> bool:
    """A place that was sent: "Location: <link>" (iPhone), or its name, address and "location: <link>" on three lines (Android)."""
    last = said.rpartition("\n")[2]
    label, _, link = last.partition(": ") if ": " in last else ("", "", last)
    if not _MAP.fullmatch(link):
        return False
    return label.strip().casefold() in PLACE_WORDS or label.endswith(")") or (not label and "foursquare" in link and "\n" in said)
