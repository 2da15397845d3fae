"""The file of a Telegram export: a source comes in, one that is proper JSON comes out, and what has to be known before it is read.

Telegram writes control characters as \\x01, which is no JSON; they are mended piece by piece while the file is read.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from memory.importers.json_walk import CHUNK, PIECE
from memory.importers.naming import word
from memory.importers.sources import Source

_CHAT_HEAD = re.compile(rb'"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"type"\s*:\s*"\w*"\s*,\s*"id"\s*:\s*(-?\d+)\s*,\s*"messages"')
_MESSAGES = b'"messages"'
_OWNER = re.compile(r'"personal_information"\s*:\s*(?=\{)')
_HEAD_BYTES = 4_096  # more than the beginning of a chat takes


def owner(source: Source) -> dict[str, Any]:
    """What an account's export says about the person it belongs to; nothing in that of one chat."""
    found = _OWNER.search(source.head)
    try:
        info = json.JSONDecoder().raw_decode(source.head, found.end())[0] if found else {}
    except (ValueError, RecursionError):
        return {}
    return info if isinstance(info, dict) else {}


def shared_titles(sources: list[Source]) -> set[str]:
    """The names that several chats have: found before they are read, so that their names do not depend on which comes first."""
    chats: dict[str, set[bytes]] = {}
    for source in sources:
        with source.reading() as file:
            rest = b""
            while chunk := file.read(PIECE):
                data = rest + chunk
                for head in _heads(data, max(0, len(rest) - len(_MESSAGES))):
                    try:
                        chats.setdefault(word(json.loads(_proper(head[1]))), set()).add(head[2])
                    except ValueError:
                        continue
                rest = data[-_HEAD_BYTES:]
    return {title for title, ids in chats.items() if len(ids) > 1}


def _heads(data: bytes, begin: int) -> Iterator[re.Match[bytes]]:
    """The beginnings of chats in a piece of a file: looked for by their last word, of which there are few."""
    while (found := data.find(_MESSAGES, begin)) >= 0:
        begin = found + len(_MESSAGES)
        start = data.rfind(b'"name"', max(0, found - _HEAD_BYTES), found)
        if start >= 0 and (head := _CHAT_HEAD.match(data, start)):
            yield head


def mended(source: Source) -> Source:
    """The source with \\x01 written as JSON writes it."""
    return replace(source, _open=lambda: _Mended(source._open()))  # type: ignore[arg-type,return-value]


_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)


def _proper(data: bytes) -> bytes:
    """The same with escapes as JSON has them; the escaped signs around them stay as they are."""
    return _ESCAPE.sub(lambda escape: b"\\u00" + escape[1] if escape[1] else escape[0], data) if b"\\x" in data else data


class _Mended(io.RawIOBase):
    """A file in which the escapes that are no JSON are rewritten, piece by piece."""

    _BEGUN = re.compile(rb"(?:x[0-9A-Fa-f]?)?\Z")

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.rest, self.ready = file, b"", b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        while not self.ready:
            chunk = self.file.read(size)
            data, self.rest = self.rest + chunk if self.rest else chunk, b""
            if not data:
                return b""
            if chunk:
                data, self.rest = self._whole(data)
            self.ready = _proper(data)
        if len(self.ready) <= size:
            found, self.ready = self.ready, b""
        else:
            found, self.ready = self.ready[:size], self.ready[size:]
        return found

    def close(self) -> None:
        self.file.close()
        super().close()

    def _whole(self, data: bytes) -> tuple[bytes, bytes]:
        """The bytes up to an escape that may go on behind them, and that escape."""
        begun = self._BEGUN.search(data, max(0, len(data) - 2))
        end = begun.start() if begun else len(data)
        backslashes = 0
        while data[end - backslashes - 1 : end - backslashes] == b"\\":
            backslashes += 1
        return (data[: end - 1], data[end - 1 :]) if backslashes % 2 else (data, b"")
