"""The file of a Telegram export: a source comes in, one that is proper JSON comes out, and what has to be known before it is read.

Telegram writes control characters as \\x01, which is no JSON; they are mended piece by piece while the file is read.
"""

import io
import json
import re
from dataclasses import replace
from typing import IO, Any

from memory.importers.naming import word
from memory.importers.sources import CHUNK, Source

_CHAT_HEAD = re.compile(rb'"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"type"\s*:\s*"\w*"\s*,\s*"id"\s*:\s*(-?\d+)\s*,\s*"messages"\s*:')
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
            while chunk := file.read(CHUNK):
                for name, number in _CHAT_HEAD.findall(rest + chunk):
                    try:
                        chats.setdefault(word(json.loads(name)), set()).add(number)
                    except ValueError:
                        continue
                rest = chunk[-_HEAD_BYTES:]
    return {title for title, ids in chats.items() if len(ids) > 1}


def mended(source: Source) -> Source:
    """The source with \\x01 written as JSON writes it."""
    return replace(source, _open=lambda: io.BufferedReader(_Mended(source._open()), CHUNK))


class _Mended(io.RawIOBase):
    """A file in which the escapes that are no JSON are rewritten, piece by piece."""

    _BEGUN = re.compile(rb"(?:x[0-9A-Fa-f]?)?\Z")
    _ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.rest, self.ready = file, b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ready:
            chunk = self.file.read(CHUNK)
            data, self.rest = self.rest + chunk, b""
            if not data:
                return 0
            if chunk:
                data, self.rest = self._whole(data)
            self.ready = self._ESCAPE.sub(self._rewrite, data) if b"\\x" in data else data
        found = self.ready[: len(buffer)]
        self.ready = self.ready[len(found) :]
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self.file.close()
        super().close()

    def _whole(self, data: bytes) -> tuple[bytes, bytes]:
        """The bytes up to an escape that may go on behind them, and that escape."""
        begun = self._BEGUN.search(data, max(0, len(data) - 2))
        end = begun.start() if begun else len(data)
        backslashes = end - len(data[:end].rstrip(b"\\"))
        cut = end - 1 if backslashes % 2 else len(data)
        return data[:cut], data[cut:]

    @staticmethod
    def _rewrite(escape: re.Match[bytes]) -> bytes:
        return b"\\u00" + escape[1] if escape[1] else escape[0]
