"""WhatsApp exports: the text of one chat comes in (iOS or Android, any date format), what people said comes out.

A message may have several lines, and a later line may look like a header; so the headers of the whole file are read
first, and one that does not fit the others counts only if its sender is known from those that do.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from memory.importers.export import PERSON, ParsedExport, ParsedMessage, clean_text
from memory.importers.whatsapp_dates import Stamp, decide_order, read_stamp
from memory.importers.whatsapp_notices import is_notice_sender, without_notices

_MARK = "[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
_BLANK = "[ \t\u00a0\u2009\u202f]"
_HALF = f"[ap]\\.?{_BLANK}?m\\.?|오전|오후|上午|下午|午前|午後|凌晨|早上|中午|晚上"
_STAMP = (
    rf"(?P<a>\d{{1,4}})(?P<sep>[./-]){_BLANK}?(?P<b>\d{{1,2}})(?P=sep){_BLANK}?(?P<c>\d{{1,4}})\.?"
    rf"(?P<comma>,?){_MARK}*{_BLANK}+(?:(?:à|às|at|um|a las|alle){_BLANK}+)?{_MARK}*"
    rf"(?P<before>(?:오전|오후|上午|下午|午前|午後|凌晨|早上|中午|晚上)?){_BLANK}?"
    rf"(?P<hour>\d{{1,2}})[:.](?P<minute>\d{{2}})(?:[:.](?P<second>\d{{2}}))?(?P<after>(?:{_BLANK}*(?:{_HALF}))?)"
)
IOS = re.compile(rf"^{_MARK}*\[{_STAMP}\]{_BLANK}*(?P<rest>.*)$", re.IGNORECASE)
ANDROID = re.compile(rf"^{_MARK}*{_STAMP}{_BLANK}+[-\u2013]{_BLANK}+(?P<rest>.*)$", re.IGNORECASE)
SENDER = re.compile(r"^(?P<sender>[^\n]+?):(?: (?P<text>.*)|$)")
SNIFFED_LINES = 200

_CHAT_NAME = re.compile(
    r"^(?:WhatsApp[ -]Chat (?:with|mit|met|-)|Chat de WhatsApp con|Chat WhatsApp con|Discussion WhatsApp avec|"
    r"Conversa do WhatsApp com)\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Header:
    """A line that has the form of a message's first line; `shape` is how its date and time are written."""

    line: int
    stamp: Stamp
    shape: tuple[object, ...]
    sender: str | None
    text: str
    marked: bool  # the text begins with the mark that WhatsApp puts before its own words


def is_whatsapp(text: str) -> bool:
    """Whether one of the first lines begins like a WhatsApp message."""
    lines = text.lstrip().split("\n", SNIFFED_LINES)[:SNIFFED_LINES]
    return any(IOS.match(line.rstrip("\r")) or ANDROID.match(line.rstrip("\r")) for line in lines)


def parse_whatsapp(text: str, title: str) -> ParsedExport:
    """The messages of one chat; `title` (a file name) names the conversation."""
    lines = text.replace("\r\n", "\n").split("\n")
    found = _find_headers(lines)
    order, note = decide_order([header.stamp for header in found])
    headers = _true_headers(found, order)
    messages: list[ParsedMessage] = []
    skipped: Counter[str] = Counter()
    if headers and any(line.strip() for line in lines[: headers[0][0].line]):
        skipped["lines before the first message"] += 1
    pseudo = _senders_of_notices_only(headers)
    ends = [header.line for header, _ in headers[1:]] + [len(lines)]
    for (header, moment), end in zip(headers, ends, strict=True):
        body = "\n".join([header.text, *lines[header.line + 1 : end]])
        said, reason = _said(header, body, pseudo)
        if reason:
            skipped[reason] += 1
        else:
            messages.append(ParsedMessage(_chat_name(title), header.sender or "", PERSON, moment, said))
    notes = ["Times are the phone's local time: the export names no time zone.", *([note] if note else [])]
    return ParsedExport("whatsapp", messages, dict(skipped), notes)


def _find_headers(lines: list[str]) -> list[Header]:
    """Every line in the form of a header, in the one of the two forms that the file uses more."""
    by_form: dict[re.Pattern[str], list[Header]] = {IOS: [], ANDROID: []}
    for number, line in enumerate(lines):
        for form, headers in by_form.items():
            if match := form.match(line):
                headers.append(_header(number, match))
    return max(by_form.values(), key=len)


def _header(number: int, match: re.Match[str]) -> Header:
    half = match["before"] or match["after"].strip()
    stamp = Stamp(
        (int(match["a"]), int(match["b"]), int(match["c"])), len(match["a"]) == 4, match["sep"], int(match["hour"]),
        int(match["minute"]), int(match["second"] or 0), half,
    )  # fmt: skip
    shape = (match["sep"], match["comma"], len(match["a"]) > 2, len(match["c"]) > 2, bool(match["second"]), bool(half))
    rest = re.sub(f"^{_MARK}+", "", match["rest"])
    split = SENDER.match(rest)
    if split is None or is_notice_sender(split["sender"]):
        return Header(number, stamp, shape, None, rest, False)
    text = split["text"] or ""
    return Header(number, stamp, shape, _tidy_sender(split["sender"]), text, text.startswith("\u200e"))


def _tidy_sender(sender: str) -> str:
    """The name without direction marks and the tilde that WhatsApp sets before people who are not in the contacts."""
    return clean_text(re.sub(rf"^~{_BLANK}*", "", re.sub(_MARK, "", sender)))


def _true_headers(found: list[Header], order: str) -> list[tuple[Header, datetime]]:
    """The headers that begin a message, with their times; the others are lines of the message before them."""
    dated = [(header, moment) for header in found if (moment := read_stamp(header.stamp, order))]
    if not dated:
        return []
    shape = Counter(header.shape for header, _ in dated).most_common(1)[0][0]
    fits = [header.shape == shape and not _out_of_order(dated, place) for place, (header, _) in enumerate(dated)]
    known = {header.sender for (header, _), fit in zip(dated, fits, strict=True) if fit and header.sender}
    return [pair for pair, fit in zip(dated, fits, strict=True) if fit or pair[0].sender in known]


def _out_of_order(dated: list[tuple[Header, datetime]], place: int) -> bool:
    """Whether a header's time lies outside of its neighbours', while those are in order without it."""
    if not 0 < place < len(dated) - 1:
        return False
    before, here, after = (dated[index][1] for index in (place - 1, place, place + 1))
    return before <= after and not before <= here <= after


def _senders_of_notices_only(headers: list[tuple[Header, datetime]]) -> set[str]:
    """Senders all of whose texts carry WhatsApp's mark: on iOS a group's own name "says" its notices."""
    marked = {header.sender for header, _ in headers if header.sender and header.marked}
    return {sender for sender in marked if sender} - {header.sender for header, _ in headers if not header.marked}  # type: ignore[arg-type]


def _said(header: Header, body: str, pseudo: set[str]) -> tuple[str, str | None]:
    """What was said, or the reason why nothing was."""
    if header.sender is None:
        return "", "system notices"
    said, reason = without_notices(clean_text(re.sub("[\u200e\u200f\ufeff]", "", body)))
    if reason is None and header.sender in pseudo:
        return "", "system notices"
    return said, reason


def _chat_name(title: str) -> str:
    """The conversation's name out of a file name: "WhatsApp Chat with Ana (1)" is "Ana"."""
    name = re.sub(r"\s*\(\d+\)$", "", _CHAT_NAME.sub("", title.strip()))
    return name if name.strip("_ ") else "WhatsApp chat"
