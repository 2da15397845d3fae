"""Diaries and notes: Markdown or plain text that one person wrote, or Day One's JSON, comes in, its entries come out as the person's own messages.

A line or heading that is a date begins an entry; before the first one the date in the front matter or in the file's name counts, and
without any the entry is undated. Long entries are split at the ends of paragraphs. Code, tables, tags and quotations are not prose.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from io import BytesIO
from itertools import chain, islice
from pathlib import PurePosixPath

from memory.importers.diary_dates import DAY_FIRST, Heading, date_of_name, date_of_value, decide_order, read_heading, slashed
from memory.importers.diary_signs import is_diary
from memory.importers.export import MALFORMED, MEDIA, USER, WITHOUT_TEXT, Format, Options, ParsedMessage, Report, clean_text
from memory.importers.naming import moment_of
from memory.importers.sources import Bundle, Source, Unreadable

CODE = "code, tables and tags"
QUOTED = "quotations"
LETTERS = 900  # of a message, about
LONGEST_PARAGRAPH = 20_000  # letters that are held; nobody writes as much without a blank line
LONGEST_FRONT_MATTER = 200  # lines

WRITTEN = ("date", "datum", "day")  # fields of a front matter that count more than the date in the file's name
MADE = ("created", "created_at", "created at", "date created", "creation date", "date_created")  # and those that count less
FENCE, RULE, CALLOUT = "```", "---", "[!"  # what a block is, beside the reasons to drop it

_DAY_ONE = re.compile(r'\{\s*"(?:metadata|entries)"\s*:')
_ENTRIES = re.compile(r'"entries"\s*:\s*\[')
_FIELD = re.compile(r"([\w][\w -]*?)\s*:\s*(.*)")
_IN_FRONT_MATTER = re.compile(r"\s*$|\s+\S|-|#|[\w\"'][\w \"'-]*:(?:\s|$)")
_OF_DAY_ONE = re.compile(r"\t(?:Weather|Location|Tags|Photos?|Starred|Activity|Music|Steps?|Wetter|Ort):\t", re.IGNORECASE)
_FENCE = re.compile(r"\s*(?:```|~~~)")
_TABLE = re.compile(r"\s*\|.*\|\s*$")
_TAGS = re.compile(r"\s*(?:tags?\s*::?\s*)?(?:#[\w/-]+[\s,]*)+$|\s*tags?\s*::.*$", re.IGNORECASE)
_RULE = re.compile(r"\s*([-*_=])(?:\s*\1){2,}\s*$")
_IN_QUOTE = re.compile(r"\s*>")
_CALLOUT = re.compile(r"\s*>\s*\[!")
_HEADING = re.compile(r"#{1,6}\s+")
_PIECE = re.compile(r"\S(?:.{0,899}\Z|.{0,898}[.!?…][\"'”»)]*(?=\s)|.{0,899}(?=\s|\Z)|.{0,899})", re.DOTALL)
_PICTURE = re.compile(r"!\[\[[^\]]*\]\]|!\[[^\]]*\]\([^)]*\)|<img\b[^>]*>", re.IGNORECASE)
_MARKUP = (
    (re.compile(r"<br\s*/?>", re.IGNORECASE), "\n"),
    (re.compile(r"<!--.*?-->|%%.*?%%|</?(?:b|i|u|em|strong|span|p|div|mark|sub|sup|small|center|font)\b[^>]*>", re.IGNORECASE), ""),
    (re.compile(r"\[\[[^\]|]*\|([^\]]*)\]\]|\[\[([^\]|]*)\]\]|\[([^\]]+)\]\([^)\s]*(?:\s\"[^\"]*\")?\)|<(https?://[^>\s]+)>"), r"\1\2\3\4"),
    (re.compile(r"\[\^[^\]\s]+\]:?|\s\^[\w-]+$"), ""),
    (re.compile(r"^(\s*[-*+]\s+)\[[ xX/>-]\]\s+"), r"\1"),
    (re.compile(r"(\*\*\*|\*\*|~~|==)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*\\])\*(?![\s*])([^*]+)(?<![\s\\])\*(?![\w*])|(?<![\w\\])(?<!_)__?(?![\s_])([^_]+)(?<![\s\\])__?(?!\w)"), r"\1\2"),
    (re.compile(r"`([^`]*)`"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!~>|-])"), r"\1"),
)


def claim(bundle: Bundle) -> list[Source]:
    """Markdown, and plain texts that are notes of a person; nothing that looks like another format, a program or a log. Day One's JSON too."""
    return [source for source in bundle.sources if is_diary(source) or _is_day_one(source)]


def _is_day_one(source: Source) -> bool:
    return bool(_DAY_ONE.match(source.head) and _ENTRIES.search(source.head) and '"creationDate"' in source.head)


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The entries of every file, whose name names the conversation; of two files of one name the folders too."""
    order = _order_of_dates(sources, report, options)
    titles = Counter(source.title for source in sources)
    for source in sources:
        name = source.title if titles[source.title] == 1 else str(PurePosixPath(source.name).with_suffix(""))
        for moment, text in _day_one(source, report, order) if _is_day_one(source) else _Notes(source, report, order).messages():
            if moment and moment.tzinfo is None:
                report.note("Times are the writer's local time: the export names no time zone.")
            yield ParsedMessage(clean_text(name) or "Diary", USER, USER, moment, text)


def _order_of_dates(sources: list[Source], report: Report, options: Options) -> str:
    """How dates like 3/5/2024 are read: decided from all files together, else by the person, else day first, which is said to be a guess."""
    texts = [source for source in sources if not _is_day_one(source)]
    found = [[numbers for line in source.lines() if "/" in line[:60] and (numbers := slashed(line))] for source in texts]
    if not any(found):
        return DAY_FIRST
    order = decide_order(found, options.date_order)
    if order is None:
        report.ambiguous_dates = True
    report.date_order = order or f"{DAY_FIRST} (a guess: nothing in the notes says which number is the month)"
    return order or DAY_FIRST


Dated = Iterator[tuple[datetime | None, str]]


def _day_one(source: Source, report: Report, order: str) -> Dated:
    """The entries of a journal of Day One, each a text in Markdown with its moment beside it."""
    read = 0
    for _, entry in source.items("entries"):
        if isinstance(entry, Unreadable):
            report.warn(f"{source.place} is cut off after {read} records: export it again.")
            continue
        read += 1
        text = entry.get("text", "") if isinstance(entry, dict) else None
        content = clean_text(text).encode() if isinstance(text, str) else b""
        if content:
            one = replace(source, name="entry.md", size=len(content), _open=partial(BytesIO, content))
            yield from _Notes(one, report, order, moment_of(entry["creationDate"]) if "creationDate" in entry else None).messages()
        else:
            report.read += 1
            files = isinstance(entry, dict) and any(entry.get(kind) for kind in ("photos", "videos", "audios", "pdfAttachments"))
            report.drop(MALFORMED if text is None else MEDIA if files else WITHOUT_TEXT)


class _Notes:
    """One file while it is read: its entry's moment, the finished paragraphs, and the titles and lines of the next."""

    def __init__(self, source: Source, report: Report, order: str, moment: datetime | None = None) -> None:
        self.source, self.report, self.order = source, report, order
        self.markdown = source.suffix != ".txt"
        self.moment = moment
        self.paragraphs: list[str] = []
        self.titles: list[str] = []
        self.lines: list[str] = []
        self.letters = 0  # of the lines
        self.block = ""  # the kind of block, other than prose, that is being read

    def messages(self) -> Dated:
        """The moment and text of each message."""
        lines = self._behind_front_matter(self._counted())
        for line in lines:
            if heading := self._heading(line):
                yield from self._end_of_entry()
                self.moment, self.block = heading.moment, ""
                (self.titles if line.lstrip().startswith("#") else self.lines).extend([heading.words] if heading.words else [])
            elif not line.strip():
                self.block = self.block if self.block == FENCE else ""
                yield from self._end_of_paragraph()
            elif kind := self._kind(line):
                if kind != self.block and kind != RULE:
                    self.report.drop(CODE if kind == FENCE else kind, line)
                self.block = kind if kind in (CODE, QUOTED, FENCE) else ""
            elif self.markdown and _HEADING.match(line):
                yield from self._end_of_paragraph()
                self.titles.append(_shown(line))
            else:
                self.block = CALLOUT if self.markdown and _IN_QUOTE.match(line) else ""
                if shown := _shown(line) if self.markdown else line:
                    self.lines.append(shown)
                self.letters += len(line)
                if self.letters > LONGEST_PARAGRAPH:
                    yield from self._end_of_paragraph()
        yield from self._end_of_entry()

    def _counted(self) -> Iterator[str]:
        for line in self.source.lines():
            self.report.read += 1
            yield line

    def _behind_front_matter(self, lines: Iterator[str]) -> Iterator[str]:
        """The lines behind a front matter in YAML; sets the date that it or the file's name gives."""
        self.moment = self.moment or date_of_name(self.source.name)
        first = next((line for line in lines if line.strip("\ufeff \t")), "")
        held = [first]
        fields: dict[str, str] = {}
        for line in islice(lines, LONGEST_FRONT_MATTER) if first.strip("\ufeff \t") == "---" else ():
            held.append(line)
            if line.strip() in ("---", "..."):
                written = [date_of_value(fields[key]) for key in WRITTEN if key in fields]
                made = [date_of_value(fields[key]) for key in MADE if key in fields]
                self.moment = next((moment for moment in (*written, self.moment, *made) if moment), None)
                return lines
            if not _IN_FRONT_MATTER.match(line):
                break
            if found := _FIELD.fullmatch(line.strip()):
                fields.setdefault(found[1].casefold(), found[2])
        return chain(held, lines)

    def _heading(self, line: str) -> Heading | None:
        """The date that a line is; a date with words behind it begins an entry only where a paragraph begins."""
        found = read_heading(line, self.order) if self.block != FENCE or line.startswith("#") else None
        return found if found and (not found.words or not self.lines or line.lstrip().startswith("#")) else None

    def _kind(self, line: str) -> str:
        """What a line is if it is not prose of the person: the reason to drop it, FENCE, RULE, or "" for prose."""
        if self.block == FENCE:
            return RULE if _FENCE.match(line) else FENCE
        if _RULE.match(line):
            return RULE
        if _TAGS.match(line) or _OF_DAY_ONE.match(line):
            return CODE
        if not self.markdown:
            return ""
        if _FENCE.match(line):
            return FENCE
        if _TABLE.match(line):
            return CODE
        if _IN_QUOTE.match(line):
            # A callout of Obsidian has the form of a quotation, but is the writer's.
            return "" if _CALLOUT.match(line) or self.block == CALLOUT else QUOTED
        return MEDIA if _PICTURE.search(line) and not _PICTURE.sub("", line).strip() else ""

    def _end_of_paragraph(self) -> Dated:
        paragraph = clean_text("\n".join(self.lines))
        self.lines, self.letters = [], 0
        if paragraph:
            if self.paragraphs and sum(map(len, self.paragraphs)) + len(paragraph) > LETTERS:
                yield from self._message()
            self.paragraphs.append("\n".join([*self.titles, paragraph]))
            self.titles = []

    def _message(self) -> Dated:
        text = clean_text("\n\n".join(self.paragraphs))
        self.paragraphs = []
        if len(text) <= LETTERS * 4 // 3:
            pieces = [text] if text else []
        else:
            pieces = [piece[0].strip() for piece in _PIECE.finditer(text)]
        yield from ((self.moment, piece) for piece in pieces)

    def _end_of_entry(self) -> Dated:
        yield from self._end_of_paragraph()
        yield from self._message()
        for title in self.titles:
            self.report.drop(WITHOUT_TEXT, title)
        self.titles = []


def _shown(line: str) -> str:
    """A line of Markdown as it is seen; one longer than anybody writes as it is."""
    if len(line) > LONGEST_PARAGRAPH:
        return line
    line = re.sub(r"^\s*>\s?(?:\[![\w-]+\][+-]?\s*)?", "", _PICTURE.sub("", _HEADING.sub("", line)))
    for pattern, shown in _MARKUP:
        line = pattern.sub(shown, line)
    return html.unescape(line).rstrip()


FORMAT = Format("diary", "diary or notes (.md, .txt or Day One's JSON)", claim, parse)
