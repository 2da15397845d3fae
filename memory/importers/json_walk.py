"""JSON of any size: a text that is read piece by piece comes in, the items of chosen arrays come out, one at a time.

Where the text between two items tells where an item ends (as in indented exports), many items are decoded at once by msgspec; everything else,
and what msgspec refuses but the standard library reads (half surrogate pairs, NaN), goes item by item through the scanner of `json`.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import msgspec

CHUNK = 1 << 20  # of a file, for those that look through one
PIECE = 1 << 18  # of a document: what is made of it stays in the processor's cache
CUTS_TRIED = 3  # in one piece of text, before it is read item by item

Around = list[dict[str, Any]]
Run = tuple[Around, list[Any]]
Decode = Callable[[str], list[Any]]  # the text of a list -> its items; raises ValueError or RecursionError


@dataclass(frozen=True)
class Unreadable:
    """A record that is not JSON, or where a document breaks off; `text` is its beginning."""

    text: str


def loads(text: str) -> Any:
    """One JSON document; raises ValueError or RecursionError as json.loads does."""
    try:
        return msgspec.json.decode(text)
    except ValueError:
        return json.loads(text)


def walk(file: IO[bytes], encoding: str, paths: Iterable[str], decode: Decode = msgspec.json.decode) -> Iterator[Run]:
    """The items of the arrays at these paths in runs, with the objects around them; see Source.items."""
    yield from _Walk(file, encoding, frozenset(paths), decode).runs()


class _Walk:
    """A pull parser: finds arrays by their path and decodes their items."""

    _OF_A_NUMBER = re.compile(r"[-+.0-9eE]*\Z")
    _BLANK = re.compile(r"[ \t\r\n]*")
    _END = re.compile(r"(?:\r?\n[ \t]*)?[}\]]\Z")  # of an item: its bracket, with its indentation where it has a line of its own
    _BETWEEN = re.compile(r'[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"[^"\\]{1,40}"')  # two items, as far as the first key of the second

    def __init__(self, file: IO[bytes], encoding: str, paths: frozenset[str], decode: Decode) -> None:
        self.file, self.paths, self.decode = file, paths, decode
        self.to_text = codecs.getincrementaldecoder(encoding)("replace").decode
        self.buffer, self.place, self.ended = "", 0, False
        self.tried = False  # to read many items of what is in the buffer
        self.decoder = json.JSONDecoder()

    def runs(self) -> Iterator[Run]:
        try:
            yield from self._value("", [])
        except _Damage:
            yield [], [Unreadable(self.buffer[self.place : self.place + 200])]

    def _value(self, path: str, around: Around) -> Iterator[Run]:
        start = self._peek()
        leads_on = any(wanted == path or not path or wanted.startswith(path + ".") for wanted in self.paths)
        if start == "[" and path in self.paths:
            yield from self._array(lambda: self._some_items(around))
        elif start == "[" and leads_on:
            yield from self._array(lambda: self._value(path, around))
        elif start == "{" and leads_on:
            yield from self._object(path, around)
        else:
            value = self._scalar()
            if around and not isinstance(value, (dict, list)):
                around[-1][path.rpartition(".")[2]] = value

    def _array(self, each: Callable[[], Iterator[Run]]) -> Iterator[Run]:
        self.place += 1
        while self._peek() != "]":
            yield from each()
            if self._peek() == ",":
                self.place += 1
            elif self._peek() != "]":
                raise _Damage
        self.place += 1

    def _object(self, path: str, around: Around) -> Iterator[Run]:
        self.place += 1
        here = [*around, {}]
        while self._peek() != "}":
            key = self._scalar()
            if not isinstance(key, str) or self._peek() != ":":
                raise _Damage
            self.place += 1
            yield from self._value(f"{path}.{key}" if path else key, here)
            if self._peek() == ",":
                self.place += 1
            elif self._peek() != "}":
                raise _Damage
        self.place += 1

    def _some_items(self, around: Around) -> Iterator[Run]:
        """The item at this place and, where that can be told, those after it that the buffer holds whole."""
        yield around, [self._scalar()]
        if self.tried:
            return
        self.tried = True
        end = self._END.search(self.buffer, max(0, self.place - 200), self.place)
        between = self._BETWEEN.match(self.buffer, self.place)
        if end and between and (found := self._many(end[0], between[0])):
            yield around, found

    def _many(self, end: str, between: str) -> list[Any]:
        """The items up to the last place in the buffer where one ends and another begins as the latest two did.

        Such a place may be inside of an item or a text. But what decodes as a list from here is the items from here, whatever was guessed: a
        piece that is cut elsewhere has a bracket or a quotation mark without its other half.
        """
        begins = self.place + len(between) - len(between.lstrip(" \t\r\n,"))
        cut = len(self.buffer)
        for _ in range(CUTS_TRIED):
            cut = self.buffer.rfind(end + between, begins, cut)
            if cut < 0:
                return []
            try:
                values = self.decode(f"[{self.buffer[begins : cut + len(end)]}]")
            except (ValueError, RecursionError):
                continue
            self.place = cut + len(end)
            return values
        return []

    def _peek(self) -> str:
        while True:
            self.place = self._BLANK.match(self.buffer, self.place).end()  # type: ignore[union-attr]
            if self.place < len(self.buffer):
                return self.buffer[self.place]
            if not self._more():
                raise _Damage

    def _scalar(self) -> Any:
        """The value at this place, whatever it is; more text is read until it is whole."""
        self._peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buffer, self.place)
            except RecursionError as error:
                raise _Damage from error
            except ValueError as error:
                if not self._more():
                    raise _Damage from error
                continue
            if self._OF_A_NUMBER.match(self.buffer, end) and self._more():  # "1" may be the beginning of "1.5", and so may "1."
                continue
            self.place = end
            return value

    def _more(self) -> bool:
        if self.ended:
            return False
        # Twice what is left, so that one huge value is not scanned again for every chunk.
        found = self.file.read(max(PIECE, len(self.buffer) - self.place))
        text = self.to_text(found, not found)
        self.buffer, self.place = self.buffer[self.place :] + text, 0
        self.ended, self.tried = not found, False
        return bool(text) or self._more()


class _Damage(Exception):
    pass
