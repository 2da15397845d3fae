"""iMessage chats as imessage-exporter writes them (`-f txt`, a file a chat): texts come in, what people said comes out.

A message is a line of time, a line of sender and lines of content, then a blank line. An answer stands in the file twice: indented under the
message it answers, and again in its own place with a remark at its end; it is given once, in its own place, with what it answers. Everything
that the exporter adds (read receipts, tapbacks, effects, edits, attachment paths, apps, announcements) is taken off; see imessage_content.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from memory.importers.export import DELETED, MALFORMED, NOTICES, PERSON, Format, Options, ParsedMessage, Report
from memory.importers.imessage_content import RESPONDED, STAMP, said
from memory.importers.naming import REPLY_LETTERS, Names
from memory.importers.sources import Bundle, Source

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MOST_LINES = 20_000  # of one message; a file that goes on without any has left the format

HEADER = re.compile(rf"(?P<stamp>{STAMP}|Timestamp is invalid: -?\d+)(?: \(Read by .+ after .+\))?")
NESTED = re.compile(rf" {{4,}}(?P<stamp>{STAMP})(?: \(Read by .+ after .+\))?")
ANNOUNCEMENT = re.compile(
    rf"{STAMP} .+ (?:(?:re)?named the conversation(?: to)? .*|added .+ to the conversation\.|removed .+ from the conversation\.|"
    r"left the conversation\.|(?:changed|removed) the (?:group photo|chat background)\.|changed their phone number\.|"
    r"kept an audio message\.|unsent a message!|performed unknown action -?\d+\.?)|Unable to format announcement!"
)


@dataclass
class Block:
    """A message at the left margin: its time as written, its sender ("" for an announcement, which is its time), its lines."""

    stamp: str
    sender: str
    lines: list[str]


def claim(bundle: Bundle) -> list[Source]:
    """The texts that begin with a message or an announcement of imessage-exporter."""
    return [source for source in bundle.sources if _begins(source.head)]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages chat by chat; each file is read twice, first for the answers in it."""
    report.note("Times are the computer's local time: the export names no time zone.")
    report.note("Of a shared link its address is kept, not the title of its page.")
    names = Names()
    for source in sources:
        # The number that the exporter sets behind the name of a group is its own.
        conversation = names.of(source.name, re.sub(r" - \d+$", "", source.title) or "iMessage chat")
        yield from _chat(source, conversation, report)


def _chat(source: Source, conversation: str, report: Report) -> Iterator[ParsedMessage]:
    answers = _answers(source)
    answered: dict[tuple[str, str], str] = {}  # an answer's time and sender to what it answers
    for block in _blocks(source, report):
        if not block.sender:
            report.drop(
                DELETED if block.stamp.endswith("unsent a message!") else NOTICES if block.stamp else MALFORMED, block.stamp or block.lines
            )
            continue
        own, nested = _split(block.lines, answers)
        reply_to = answered.pop((block.stamp, block.sender), None)
        message = _message(block.stamp, block.sender, own, conversation, reply_to, report)
        if message:
            yield message
        for stamp, sender, lines in nested:
            text = message.text[:REPLY_LETTERS] if message else None
            if (stamp, sender) in answers:
                if text:
                    answered[stamp, sender] = text
            elif lone := _message(stamp, sender, lines, conversation, text, report):
                yield lone  # its own place lies outside of the days that were exported


def _message(stamp: str, sender: str, lines: list[str], conversation: str, reply_to: str | None, report: Report) -> ParsedMessage | None:
    moment = _time(stamp)
    if moment is None:
        report.drop(MALFORMED, stamp)
        return None
    text, reason, edited = said(lines)
    if reason:
        report.drop(reason, lines[0] if lines else "")
        return None
    if sender == "Me":
        report.owner = sender
        report.note('"Me" is the owner of the computer or phone.')
    return ParsedMessage(conversation, sender, PERSON, moment, text, reply_to, edited)


def _blocks(source: Source, report: Report | None = None) -> Iterator[Block]:
    """The messages and announcements at the left margin; a line begins one only behind a blank line."""
    block: Block | None = None
    after_blank = True
    for line in source.lines():
        if report:
            report.read += 1
        header = HEADER.fullmatch(line) if after_blank else None
        if header or (after_blank and ANNOUNCEMENT.fullmatch(line)):
            if block:
                yield block
            block = Block(header["stamp"] if header else line, "", [])
        elif block and not block.sender and not block.lines and HEADER.fullmatch(block.stamp):
            block.sender = line.strip()
            if not block.sender:  # a header with nobody below it
                yield Block("", "", [block.stamp])
                block = None
        elif block and block.sender and len(block.lines) < MOST_LINES:
            block.lines.append(line)
        elif report and line.strip():
            report.drop(MALFORMED, line)
        after_blank = not line.strip()
    if block:
        yield block if block.sender or not HEADER.fullmatch(block.stamp) else Block("", "", [block.stamp])


def _answers(source: Source) -> dict[tuple[str, str], list[list[str]]]:
    """The lines of the answers that stand in their own place, by time and sender."""
    found: dict[tuple[str, str], list[list[str]]] = {}
    for block in _blocks(source):
        lines = [line.strip() for line in block.lines if line.strip()]
        if lines and lines[-1] == RESPONDED:
            found.setdefault((block.stamp, block.sender), []).append(lines[:-1])
    return found


def _split(lines: list[str], answers: dict[tuple[str, str], list[list[str]]]) -> tuple[list[str], list[tuple[str, str, list[str]]]]:
    """A message's own lines, and the answers indented in it as (time, sender, lines).

    Older versions indent only the first line of an answer's text: its end is told from its own place, and else from a blank line.
    """
    own: list[str] = []
    nested: list[tuple[str, str, list[str]]] = []
    place = 0
    while place < len(lines):
        header = NESTED.fullmatch(lines[place])
        if header is None or not (place + 1 < len(lines) and lines[place + 1].startswith("    ") and lines[place + 1].strip()):
            own.append(lines[place])
            place += 1
            continue
        stamp, sender, start = header["stamp"], lines[place + 1].strip(), place + 2
        while own and not own[-1].strip():
            own.pop()
        known = answers.get((stamp, sender))
        if known:
            first = lines[start].strip() if start < len(lines) else ""
            place = _after(lines, start, next((copy for copy in known if copy[:1] == [first]), known[0]))
        else:
            place = _after_indented(lines, start)
        nested.append((stamp, sender, [line.removeprefix("    ") for line in lines[start:place]]))
        while place < len(lines) and not lines[place].strip():
            place += 1
    return own, nested


def _after(lines: list[str], place: int, expected: list[str]) -> int:
    """The place behind the lines of a known answer, whatever blank lines and indents are between them."""
    end = place
    for line in expected:
        while place < len(lines) and not lines[place].strip():
            place += 1
        if place == len(lines) or lines[place].strip() != line:
            break
        place += 1
        end = place
    return end


def _after_indented(lines: list[str], place: int) -> int:
    """The place behind a paragraph, and behind those after it that are indented and no further answer."""
    while place < len(lines):
        following = place
        while following < len(lines) and not lines[following].strip():
            following += 1
        if following > place and (following == len(lines) or not lines[following].startswith("    ") or NESTED.fullmatch(lines[following])):
            break
        place = following + 1
    return min(place, len(lines))


def _begins(head: str) -> bool:
    first, _, rest = head.partition("\n")
    first = first.rstrip("\r")
    return bool(ANNOUNCEMENT.fullmatch(first) or (HEADER.fullmatch(first) and rest.strip() and not rest[0].isspace()))


def _time(stamp: str) -> datetime | None:
    """The moment of "May 17, 2022  5:29:42 PM", which is written in English whatever the language of the computer."""
    match = re.fullmatch(r"(\w{3}) (\d+), (\d+) +(\d+):(\d+):(\d+) ([AP])M", stamp)
    if match is None or match[1] not in MONTHS or not 1 <= int(match[4]) <= 12:
        return None
    day, year, hour, minute, second = (int(match[place]) for place in range(2, 7))
    try:
        return datetime(year, MONTHS.index(match[1]) + 1, day, hour % 12 + 12 * (match[7] == "P"), minute, second)
    except ValueError:
        return None


FORMAT = Format("imessage", "iMessage (text files of imessage-exporter)", claim, parse)
