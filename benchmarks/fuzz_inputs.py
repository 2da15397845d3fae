"""Inputs of the fuzzer: the fixtures of a format come in, damaged bundles of files come out, the same for the same seed.

A fixture is first made small (a few items of each list, some lines of a text), so that many inputs can be tried, then damaged: in its structure
(a value of another kind, a missing or doubled one, an odd time, deep nesting), in its lines, or in its bytes.
"""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
SUFFIXES = {".txt", ".json", ".jsonl", ".csv", ".md", ".html", ".mbox", ".eml", ""}
LARGEST = 60_000  # bytes of a fixture
KEPT_ITEMS, KEPT_LINES, KEPT_BYTES = (1, 2, 2, 3, 3, 6), 30, 4_000
MOST_BESIDE = 40_000  # bytes of the files beside it
READ_BESIDE, SOME_BESIDE = 4_000, 2  # of more bytes than this, only so many files lie beside an input

Files = list[tuple[str, bytes]]
Unit = tuple[Files, int]  # files that lie together, and the place of the one that is damaged

ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**12, 10**19, 1e300, "", " ", "x", "0", "2024-05-06", "2024-05-06T07:08:09Z", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", [], {}, [[]], [None], {"id": None}, ["x", {"text": 5}], "\ud83d", "\0", "a\rb", "\u202e", "é" * 300, "1714987654",
)  # fmt: skip
ODD_BYTES = (
    b"null", b"{", b"]", b'"', b"\n", b"\x00", b"-1e999", b"\xe2\x80\x8e", b"\xe2\x80\xaf", b"\xff\xfe", b"9" * 40, b"\\ud83d", b"\\x07", b": ", b" - ",
    b"[1/2/24, 1:02:03 PM] ", b"31/12/1999, 23:59 - ", b"<b>", b"</div>", b"&#x110000;", b"From ", b"=?utf-8?q?=FF?=", b"Content-Type: multipart/mixed\n", b"---\n",
)  # fmt: skip
SWAPS = (
    (b'"', b"'"),
    (b"\n", b"\r\n"),
    (b":", b""),
    (b"2024", b"0000"),
    (b"2024", b"99999"),
    (b"true", b"[]"),
    (b"}", b"},"),
    (b"\n", b""),
)


def units(room: str) -> list[Unit]:
    """The fixtures of a room: each file alone, and with the small files that lie in its folder."""
    found: list[Unit] = []
    for path in sorted(FIXTURES.rglob("*")):
        own = path.relative_to(FIXTURES).parts[0].split(".")[0]
        if not (own == room or own.startswith(f"{room}_")) or not path.is_file() or path.suffix not in SUFFIXES:
            continue
        if path.stat().st_size > LARGEST or path.name == "golden.json":
            continue
        alone = (path.relative_to(FIXTURES).as_posix(), path.read_bytes())
        found.append(([alone], 0))
        beside = [other for other in sorted(path.parent.rglob("*")) if other.is_file() and other.suffix in SUFFIXES and other != path]
        if path.parent != FIXTURES and beside and sum(other.stat().st_size for other in beside) <= MOST_BESIDE:
            files = [(other.relative_to(FIXTURES).as_posix(), other.read_bytes()) for other in beside]
            found.append(([*files, alone], len(files)))
    return found


def damaged(known: list[Unit], seed: str) -> Files:
    """The files of one input."""
    rng = Random(seed)
    files, place = rng.choice(known)
    name, content = files[place]
    others, _ = rng.choice(known)
    wounds = [rng.random() for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4)))]
    content = small(content, rng, sum(kind < 0.5 for kind in wounds))
    for kind in wounds:
        if 0.5 <= kind < 0.7:
            content = odd_lines(content, rng)
        elif kind >= 0.7:
            content = odd_bytes(content, others[0][1], rng)
    beside = files[:place] + files[place + 1 :]
    if sum(len(other) for _, other in beside) > READ_BESIDE:
        beside = rng.sample(beside, min(SOME_BESIDE, len(beside)))
    return [*beside, (name, content)]


def small(content: bytes, rng: Random, wounds: int) -> bytes:
    """A fixture cut down to a few items or lines, so many times damaged in its structure."""
    document = _parsed(content)
    if document is not None:
        document = _fewer(document, rng)
        for _ in range(wounds):
            if holders := list(_holders(document)):
                _change(rng.choice(holders), rng)
        return dumped(document, rng)
    lines = content.splitlines(keepends=True)
    if len(lines) > KEPT_LINES:
        start = rng.randrange(len(lines) - KEPT_LINES // 2)
        head = lines[: rng.randint(0, 12)]
        lines = head + lines[start : start + rng.randint(5, KEPT_LINES)]
    text = b"".join(lines)[:KEPT_BYTES]
    for _ in range(wounds):
        text = odd_record(text, rng)
    return text


@cache
def _parsed(content: bytes) -> Any:
    """The list or object of a JSON fixture, to be copied before it is changed; None for other text."""
    try:
        document = json.loads(content)
    except ValueError:
        return None
    return document if isinstance(document, list | dict) else None


def _fewer(value: Any, rng: Random) -> Any:
    if isinstance(value, list):
        most = rng.choice(KEPT_ITEMS)
        if len(value) > most:
            value = [value[place] for place in sorted(rng.sample(range(len(value)), most))]
        return [_fewer(item, rng) for item in value]
    return {key: _fewer(item, rng) for key, item in value.items()} if isinstance(value, dict) else value


def dumped(document: Any, rng: Random) -> bytes:
    """JSON in one of the layouts that exports have, mostly the short one, which is the fastest to make."""
    return json.dumps(document, indent=rng.choice((None, None, None, 1, 2)), ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")


def odd_record(content: bytes, rng: Random) -> bytes:
    """JSON lines with a value of one line changed, taken away or doubled; other text with odd bytes."""
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    try:
        document = json.loads(lines[place])
    except (ValueError, RecursionError):
        return odd_bytes(content, content, rng)
    if holders := list(_holders(document)):
        _change(rng.choice(holders), rng)
        lines[place] = json.dumps(document).encode("utf-8", "replace")
    return b"\n".join(lines)


def _holders(value: Any) -> Any:
    """Every list and object inside, itself first."""
    if isinstance(value, (list, dict)) and value:
        yield value
        for item in value if isinstance(value, list) else value.values():
            yield from _holders(item)


def _change(holder: Any, rng: Random) -> None:
    place = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    kind = rng.randrange(6)
    if kind == 0:
        del holder[place]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(rng.randrange(len(holder)), holder[place])
    elif kind == 2:
        deep: Any = "deep"
        for _ in range(rng.choice((3, 60))):
            deep = [deep] if rng.random() < 0.5 else {"text": deep}
        holder[place] = deep
    elif kind == 3 and isinstance(holder, dict):
        holder[place] = holder[rng.choice(list(holder))]
    else:
        holder[place] = deepcopy(rng.choice(ODD_VALUES))


def odd_lines(content: bytes, rng: Random) -> bytes:
    """Lines taken away, doubled, exchanged, joined."""
    lines = content.split(b"\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(to, lines[at])
    elif kind == 2:
        lines[at], lines[to] = lines[to], lines[at]
    elif kind == 3:
        lines[at] += lines[to]
    else:
        rng.shuffle(lines)
    return b"\n".join(lines)


def odd_bytes(content: bytes, other: bytes, rng: Random) -> bytes:
    """Bytes cut, inserted, repeated, or taken from another fixture."""
    size = max(1, len(content))
    at, to = sorted((rng.randrange(size), rng.randrange(size)))
    kind = rng.randrange(9)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + content[min(to, at + 200) :]
    if kind == 2:
        return content[:at] + rng.randbytes(rng.randint(1, 8)) + content[at:]
    if kind == 3:
        return content[:at] + content[at:to][:500] * rng.randint(2, 4) + content[to:]
    if kind == 4:
        return content[:at] + rng.choice(ODD_BYTES) + content[at + rng.randint(0, 10) :]
    if kind == 5:
        start = rng.randrange(max(1, len(other)))
        return content[:at] + other[start : start + rng.randint(1, 400)] + content[at:]
    if kind == 6:
        return content[min(at, 300) :]
    if kind == 7:
        digits = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
        if not digits:
            return content
        place = rng.choice(digits)
        return content[:place] + bytes([rng.randrange(48, 58)]) + content[place + 1 :]
    return content.replace(*rng.choice(SWAPS))
