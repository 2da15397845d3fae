"""Google's activity pages (MyActivity.html): a page comes in, its cards come out one by one as records, and HTML becomes plain text.

A card names its product in a heading; its body has the question, what was attached, the moment, and below that the answer; the chat's link is
in its caption. The cards stand in one endless line, so the page is read in pieces and cut where cards begin.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from io import TextIOWrapper
from typing import Any

from memory.importers.export import Options, clean_text
from memory.importers.gemini_dates import looks_like_a_moment, read_moment
from memory.importers.sources import Source

CARD = '<div class="outer-cell'
LARGEST_CARD = 16 * 1024**2
PIECE = 1 << 20
LONGEST_COUNT = 40

LINK = re.compile(r"https?://(?:gemini|bard)\.google\.com/(?:u/\d+/)?(?:app|chat)/(?:c/)?([\w-]{6,64})")
_HEADING = re.compile(r'mdl-typography--title"?>(.*?)</p>', re.DOTALL)
_BLOCK = re.compile(r"<(?:p|pre|table|ul|ol|h[1-6]|div|blockquote|hr)\b", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ONLY_LINK = re.compile(r"\s*(?:(?:-(?:\s|&nbsp;)*)?<a [^>]*>[^<]*</a>)?\s*", re.IGNORECASE)
_WORD = re.compile(r">\s*[^<\s]")
_PICTURES = re.compile(r"imag|bild|immagin|afbeelding|画像|图片|圖片|이미지|изображ", re.IGNORECASE)


@dataclass(frozen=True)
class Activity:
    """One record: the title with its verb, the answer as HTML; `chat` is the id in its link, `files` whether something was attached."""

    title: str
    html: str
    moment: datetime | None
    chat: str | None
    files: bool

    @property
    def answered(self) -> bool:
        """Whether the answer has any words, without reading it."""
        return bool(_WORD.search(f">{self.html}"))


def cards(source: Source) -> Iterator[str]:
    """The cards of a page, one at a time, without the beginning of their first tag; the last one goes on to the end of the page."""
    with source.reading() as file:  # there are no lines to read by
        reader = TextIOWrapper(file, source.encoding, errors="replace", newline="")
        waiting, begun = "", False
        while piece := reader.read(PIECE):
            *whole, waiting = (waiting + piece).split(CARD)
            yield from whole if begun else whole[1:]
            begun = begun or bool(whole)
            if len(waiting) > LARGEST_CARD or not begun:
                waiting = waiting[-len(CARD) :]
        if begun:
            yield waiting


def heading(card: str) -> str:
    """The name of the product."""
    match = _HEADING.search(card[:2000])
    return plain_text(match[1]) if match else ""


def read_card(card: str, options: Options) -> Activity | None:
    """The record of a card, None where it has no body."""
    cells = card.split('<div class="content-cell')[1:]
    body = next((cell for cell in cells if "body-1" in cell[:200] and "text-right" not in cell[:200]), "")
    _, opened, inside = body.partition(">")
    if not opened:
        return None
    block = _BLOCK.search(inside)
    lead = _BREAK.split(inside[: block.start()] if block else inside)
    lines = [_as_written(line) for line in lead]
    below, moment = _find_moment(lines, options)
    asked, files = _without_files(lines[:below], lead)
    answer = "<br>".join(lead[below + 1 :]) + (inside[block.start() :] if block else "")
    caption = " ".join(cell for cell in cells if "caption" in cell[:200])
    link = LINK.search(caption) or re.search(f'href="{LINK.pattern}', lead[0])
    return Activity(clean_text("\n".join(asked)), answer, moment, link[1] if link else None, files)


def _find_moment(lines: list[str], options: Options) -> tuple[int, datetime | None]:
    """Which line is the moment (the number of lines if none is), for a question may have lines with dates too: the last one that can be read."""
    places = [place for place in range(len(lines) - 1, 0, -1) if looks_like_a_moment(lines[place].strip())]
    for place in places:
        if moment := read_moment(lines[place], options):
            return place, moment
    return (places[0] if places else len(lines)), None


def _without_files(lines: list[str], lead: list[str]) -> tuple[list[str], bool]:
    """A question's lines without those that Google adds below it: links, names of files, and how many there are ("Attached 2 files.")."""
    kept = len(lines)
    while kept > 1 and _ONLY_LINK.fullmatch(lead[kept - 1]):
        kept -= 1
    count = lines[kept - 1].strip() if kept > 1 else ""
    if re.search(r"\d", count) and len(count) <= LONGEST_COUNT and (kept < len(lines) or _PICTURES.search(count)):
        kept -= 1
    return lines[:kept], kept < len(lines)


class _Words(HTMLParser):
    """The visible words: blocks, rows and items on lines of their own, cells set apart by a bar."""

    BLOCKS = frozenset("p div ul ol table h1 h2 h3 h4 h5 h6 pre blockquote hr section article figure".split())
    SILENT = frozenset("script style template head title iframe svg noscript".split())

    def __init__(self, as_written: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = [""]
        self.silent, self.exact = 0, int(as_written)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.silent += tag in self.SILENT
        self.exact += tag == "pre"
        if tag in ("br", "tr"):
            self.parts.append("\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in ("td", "th") and not self.parts[-1].endswith("\n"):
            self.parts[-1] = self.parts[-1].rstrip(" ")
            self.parts.append(" | ")
        elif tag in self.BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in self.SILENT and self.silent > 0
        self.exact -= tag == "pre" and self.exact > 0
        if tag in self.BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.exact:
            data = re.sub(r"\s+", " ", data)
            data = data.lstrip(" ") if self.parts[-1].endswith(("\n", "- ")) else data
        if data and not self.silent:
            self.parts.append(data)


def plain_text(html: str) -> str:
    """HTML as plain text; nothing of it is rendered."""
    text = re.sub(r"[ \t]+\n", "\n", _as_written(html, exact=False))
    text = re.sub(r"\n-\s*\n+", "\n- ", text)
    return clean_text(re.sub(r"\n{3,}", "\n\n", re.sub(r"\n+(?=\n- )", "", text)))


def _as_written(html: str, exact: bool = True) -> str:
    """The words of HTML, line breaks and blanks as they are."""
    if exact and "<" not in html:
        return unescape(html)
    words = _Words(exact)
    words.feed(html.replace("<![", "&lt;!["))  # html.parser fails at such a section if it is none
    words.close()
    return "".join(words.parts)
