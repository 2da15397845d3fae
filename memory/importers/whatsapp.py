"""WhatsApp exports: the text of a chat comes in (iPhone or Android, any language and date format), what people said comes out.

A message may have several lines, and a later line may look like a header. So the text is read twice. The first reading counts how headers
are written, what tells day from month, and who speaks (whatsapp_survey.py); the second yields the messages, one in memory at a time.

A line counts as a header if it is written as the export writes its headers and its sender speaks elsewhere in it, in the order of time. One
without a sender is WhatsApp's notice, unless its time lies outside of the messages around it. The export names no time zone.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath

from memory.importers.export import BOTS, MALFORMED, MEDIA, NOTICES, PERSON, Format, Options, ParsedMessage, Report
from memory.importers.sources import Bundle, Source
from memory.importers.whatsapp_dates import BLANKS, MARKS, Clock, Day, HeaderReader
from memory.importers.whatsapp_notices import is_notice, is_notice_sender, read_body
from memory.importers.whatsapp_survey import AROUND, Survey, survey_headers

SNIFFED_LINES = 200
MOST_LETTERS = 200_000  # WhatsApp allows 65,536 to a message
MOST_IN_DOUBT = 1_000  # lines
BEFORE_THE_FIRST = "lines before the first message"
ASSISTANT_NAME = "Meta AI"  # WhatsApp's own assistant, which answers in groups too; so called in every language
LOG_LEVELS = {"ERROR", "WARN", "WARNING", "INFO", "DEBUG", "TRACE", "NOTICE", "CRITICAL", "FATAL"}
LIMITS = ((39_900, 40_100), (9_900, 10_100))  # of an export without and with media

_CUT_CLOCK = re.compile(rf"[0:.apm{BLANKS}]*", re.IGNORECASE)
_SIGNAL = re.compile(r"Chat export: .*\n\s*Exported on: ")
_CHAT_NAME = re.compile(
    r"^(?:WhatsApp[ -]Chatt? (?:with|mit|met|med|kay|-) ?|WhatsApp[ -]samtale med |Chat (?:de )?WhatsApp (?:con|dengan|s uživatelem|se skupinou|s) |"
    r"Discussion WhatsApp avec |Conversa (?:do|no) WhatsApp com |Czat WhatsApp (?:z|-) |Чат WhatsApp с (?:контактом |группой )?|"
    r"(?:Бесіда|Чат) WhatsApp (?:з|із) (?:контактом )?|(?:دردشة|محادثة) واتساب مع |צ['’׳]אט WhatsApp עם |WhatsAppチャット - |"
    r"WhatsApp 대화 - |WhatsApp [与與] ?)",
    re.IGNORECASE,
)  # fmt: skip
_CHAT_NAME_END = re.compile(
    r"(?:とのWhatsAppチャット|님과의 WhatsApp 대화| ile WhatsApp Sohbeti| के साथ WhatsApp चैट| ?的(?: WhatsApp )?(?:对话|對話|聊天))$"
)
_UNNAMED = re.compile(r"_chat(?:[ _-]?\d+)?")
_ATTACHED = re.compile(r"\d{8}-.+")
_COPY = re.compile(r"\s*\(\d{1,2}\)$")


def _claim(bundle: Bundle) -> list[Source]:
    # Signal's texts look alike, but are Markdown or begin with a title.
    found = [source for source in bundle.sources if source.suffix != ".md" and not _SIGNAL.match(source.head) and _is_whatsapp(source.head)]
    folders = {PurePosixPath(source.name).parent for source in found if _UNNAMED.fullmatch(source.title)}
    known = {id(source) for source in found}
    return found + [source for source in bundle.sources if id(source) not in known and _is_attached(source, folders)]


def _is_attached(source: Source, folders: set[PurePosixPath]) -> bool:
    """Whether a text is a file that was sent in the chat beside it, and so nothing that a person said."""
    place = PurePosixPath(source.name)
    return place.parent in folders and bool(_ATTACHED.fullmatch(place.name))


def _is_whatsapp(head: str) -> bool:
    """Whether the first lines hold headers, most of them with a sender or a known notice."""
    reader, spoken, silent, starts = HeaderReader(), 0, 0, False
    for number, line in enumerate(head.split("\n", SNIFFED_LINES)[:SNIFFED_LINES]):
        found = reader.read(line.rstrip("\r"))
        if found is None:
            continue
        starts |= number == 0
        sender, colon, _ = found[2].partition(":")
        if (colon and sender.rpartition(".")[2] not in LOG_LEVELS) or is_notice(found[2].strip(AROUND)):
            spoken += 1
        else:
            silent += 1
    return spoken > silent and (starts or spoken > 1)


def _parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    known: dict[str, list[set[str]]] = {}
    orders: list[str] = []
    folders = {PurePosixPath(source.name).parent for source in sources if _UNNAMED.fullmatch(source.title)}
    for source in sources:
        if _is_attached(source, folders):
            report.drop(MEDIA, source.name)
            continue
        reader = HeaderReader()
        survey = survey_headers(source, reader, options.date_order)
        chat = _tell_apart(_chat_name(source, bundle), survey.names, known)
        for decision in survey.shapes.values():
            orders.append(decision.words)
            report.ambiguous_dates |= decision.ambiguous
            if decision.warning:
                report.warn(decision.warning)
        report.date_order = "; ".join(dict.fromkeys(orders)) or None
        report.note("Times are the phone's local time: the export names no time zone.")
        yield from _Reading(survey, chat, report).messages(source, reader)


class _Reading:
    """The second reading: messages one at a time."""

    def __init__(self, survey: Survey, chat: str, report: Report) -> None:
        self.survey, self.chat, self.report = survey, chat, report
        self.headers = self.letters = 0
        self.doubtful: list[tuple[datetime | None, list[str]]] = []  # lines without a sender, until the next message tells

    def messages(self, source: Source, reader: HeaderReader) -> Iterator[ParsedMessage]:
        """All of them, then the warnings."""
        people, places, report, begun = self.survey.people, self.survey.places, self.report, self.report.read
        number, line, body, doubtful = 0, "", None, self.doubtful  # the lines of the open message; None before the first
        name, moment, open_ios = "", None, False
        last_day, clock_shape, place, midnight, ios = None, "", None, None, False
        for line, day, clock, rest in reader.walk(source.lines()):
            number += 1
            if day is None or clock is None:
                self._continue(line, body)
                continue
            if day is not last_day or clock.shape is not clock_shape:
                last_day, clock_shape, ios = day, clock.shape, day.shape[0] == "["
                place = places.get((day.shape, clock_shape))
                midnight = None if place is None else day.dates[place]
            sender, colon, text = rest.partition(": ")
            person = people.get(sender)
            if person is None and rest.endswith(":"):
                person, text = people.get(rest[:-1]), ""
            here = midnight + clock.since_midnight if midnight else self._odd_moment(day, clock, place, person is not None)
            if here is None and (place is None or not day.other_calendar):
                self._continue(line, body)
                continue
            if person is None and not colon:
                doubtful.append((here, [line]))
                if len(doubtful) > MOST_IN_DOUBT:
                    self._settle(body, moment, None)
                continue
            if person is None and not is_notice_sender(sender) and not is_notice(rest.strip(AROUND)):
                self._continue(line, body)
                continue
            if doubtful:
                self._settle(body, moment, here)
            if body and (message := self._said(name, moment, body, open_ios)) is not None:
                report.read = begun + number
                yield message
            self.headers += 1
            if person is not None:
                name, moment, open_ios = person[0], here, ios
                text = text.removeprefix(person[1])
                body, self.letters = [text], len(text)
            else:
                body = []
                report.drop(NOTICES, rest)
        self._settle(body, moment, None)
        if body and (message := self._said(name, moment, body, open_ios)) is not None:
            yield message
        report.read = begun + number
        self._warn(line, reader)

    def _odd_moment(self, day: Day, clock: Clock, place: int | None, known: bool) -> datetime | None:
        """The time of a header whose date is none in the decided order: a known person's may be written the other way round."""
        if place is not None and day.other_calendar:
            self.report.warn(f"The year in {day.text} is of another calendar (Buddhist, Persian): these messages have no time.")
        midnight = next((moment for moment in day.dates[:2] if moment), None) if known and place is not None else None
        return midnight + clock.since_midnight if midnight else None

    def _continue(self, line: str, body: list[str] | None) -> None:
        """A line that is no header belongs to what is open: a line in doubt, a message, or (without lines) a notice."""
        if self.doubtful:
            lines = self.doubtful[-1][1]
            if len(lines) < MOST_IN_DOUBT:
                lines.append(line)
        elif body:
            self.letters += len(line) + 1
            if self.letters <= MOST_LETTERS:
                body.append(line)
            elif self.letters - len(line) - 1 <= MOST_LETTERS:
                self.report.drop(MALFORMED, f"a message of over {MOST_LETTERS} letters: its end is left out")
        elif body is None and line.strip() and BEFORE_THE_FIRST not in self.report.skipped:
            self.report.drop(BEFORE_THE_FIRST, line)

    def _said(self, name: str, moment: datetime | None, body: list[str], ios: bool) -> ParsedMessage | None:
        """The message, if anything was said in it."""
        text = body[0] if len(body) == 1 else "\n".join(body)
        said, reason, edited = read_body(text, name, ios, self.survey.habits) if name else ("", NOTICES, False)
        if reason is None and name == ASSISTANT_NAME:
            reason = BOTS
        if reason is None:
            return ParsedMessage(self.chat, name, PERSON, moment, said, None, edited)
        self.report.drop(reason, text)
        return None

    def _settle(self, body: list[str] | None, before: datetime | None, after: datetime | None) -> None:
        """What stood in doubt: a line of the open message if its time lies outside of the messages around it, else a notice."""
        doubtful = self.doubtful[:]
        self.doubtful.clear()
        for moment, lines in doubtful:
            outlier = body and after and before and moment and before <= after and not before <= moment <= after
            outlier = outlier and not is_notice(lines[0].partition("] " if lines[0].startswith("[") else " - ")[2])
            if not outlier:
                self.headers += 1
                self.report.drop(NOTICES, lines[0])
            for line in lines if outlier else lines[1:]:
                self._continue(line, body)

    def _warn(self, last: str, reader: HeaderReader) -> None:
        low, high = LIMITS[self.survey.with_media]
        if low <= self.headers <= high:
            limit = "10,000 messages with media" if self.survey.with_media else "40,000 messages"
            self.report.warn(
                f"{self.chat} has {self.headers} messages, about WhatsApp's limit of {limit} an export: older ones are missing."
            )
        if self._breaks_off(last, reader):
            self.report.warn(f"The end of {self.chat} is cut off: its last line breaks off. Export the chat again.")

    def _breaks_off(self, last: str, reader: HeaderReader) -> bool:
        """Whether the last line ends inside a letter, a stamp or a name."""
        if last.endswith("\N{REPLACEMENT CHARACTER}"):
            return True
        found = reader.read(last)
        if found is not None:
            rest = found[2].strip(AROUND)
            return ": " not in rest and not rest.endswith(":") and any(name.startswith(rest) for name in self.survey.names)
        stamp = re.sub(r"\d+", "0", last.lstrip(AROUND))
        for day_shape, _ in self.survey.shapes:
            head = re.sub(r"\d+", "0", day_shape.partition("\0")[0])
            # Where the time comes first, a number alone may be what somebody said.
            if (
                head.strip("[ ")
                and len(stamp) >= len(head.rstrip())
                and (head.startswith(stamp) or (stamp.startswith(head) and _CUT_CLOCK.fullmatch(stamp, len(head))))
            ):
                return True
        return False


def _chat_name(source: Source, bundle: Bundle) -> str:
    """The conversation's name: "WhatsApp Chat with Ana (1)" is "Ana"; "_chat.txt" is named after its ZIP or folder."""
    folder = PurePosixPath(source.name).parent.name
    candidates = [
        source.title,
        folder,
        bundle.path.stem if bundle.path.is_file() or bundle.path.suffix.lower() == ".zip" else bundle.path.name,
        bundle.path.resolve().parent.name,
    ]
    for place, title in enumerate(candidates):
        title = re.sub(f"[{MARKS}]", "", title).strip()
        name = _COPY.sub("", _CHAT_NAME_END.sub("", _CHAT_NAME.sub("", title)))
        if name.strip("_ ") and not _UNNAMED.fullmatch(name) and (place < 3 or name != title):
            return name
    return "WhatsApp chat"


def _tell_apart(chat: str, people: set[str], known: dict[str, list[set[str]]]) -> str:
    """Two texts of one name are the same chat if most of the people are the same (a newer export), else the second gets a number."""
    groups = known.setdefault(chat, [])
    for place, others in enumerate(groups):
        if not people or not others or 2 * len(people & others) > min(len(people), len(others)):
            others |= people
            return chat if place == 0 else f"{chat} ({place + 1})"
    groups.append(set(people))
    return chat if len(groups) == 1 else f"{chat} ({len(groups)})"


FORMAT = Format("whatsapp", "WhatsApp (.txt or .zip)", _claim, _parse)
