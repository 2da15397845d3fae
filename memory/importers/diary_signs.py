"""Whether a text is a person's own notes: its name and beginning come in, yes or no comes out.

What a diary gives counts as the person's own words, so chats, mails, programs, logs, manuals and clipped pages must not pass for one.
"""

import re
from pathlib import PurePosixPath

from memory.importers.diary_dates import read_heading
from memory.importers.sources import Source

SUFFIXES = (".md", ".markdown", ".txt")
LINES_LOOKED_AT = 400

_NO_NOTES = re.compile(
    r"(?:readme|changelog|changes|licen[cs]e|copying|contributing|contributors|authors|credits|security|code_of_conduct|install|requirements)"
    r"(?:[._-]\w{2,6})?|robots|agents|claude|skill",
    re.IGNORECASE,
)
_OTHER_FORMATS = re.compile(r"\A(?:[{<]|\[\s*[\[{\"\]]|#!|From \S+ .*\d\d:\d\d|%PDF|%!|\\documentclass|BEGIN:V)")
_MAIL_HEAD = re.compile(
    r"^(?:From|To|Cc|Subject|Reply-To|Received|Return-Path|Message-ID|Delivered-To|MIME-Version|Content-Type): ", re.MULTILINE
)
_TRANSCRIPT = re.compile(
    r"^(?:#{1,6}\s+|\*\*|>>\s*|_)?(?:You|User|Human|Me|Prompt|ChatGPT|GPT-?\d\S*|Assistant|Claude|Gemini|Copilot|Bot|AI|Response|System)"
    r"(?:\s+said)?(?:\*\*)?(?:\s*:(?:\*\*)?.*|(?:\*\*|_)?\s*|\s*\(.*\):?)$",
    re.IGNORECASE,
)
_CLIPPED = re.compile(r"\A---\n(?:.*\n){0,30}?(?:source|url|link|canonical_url)\s*:\s*[\"']?https?://", re.IGNORECASE)
_MANUAL = re.compile(
    r"^(?:\[!\[|#+\s+(?:installation|install|usage|getting started|licen[cs]e|contributing|requirements|api|configuration)\b)",
    re.IGNORECASE,
)
_CHAT_LINE = re.compile(
    r"^\W*\[?\d{1,4}[./-]\s?\d{1,2}[./-]\s?\d{1,4}\.?,?\s+(?:\w+\s)?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?[^:\n]{0,12}(?:\]|\s[-–])\s*[^:\n]{1,40}:(?:\s|$)"
    r"|^\s*[A-Z][a-z]{2} \d\d, \d{4}\s+\d?\d:\d\d:\d\d [AP]M\b"
)
_CLOCK = r"\[?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: ?[AaPp]\.?[Mm]\.?)?\]?"
# Chats whose dates stand on lines of their own: LINE, KakaoTalk, IRC.
_TIMED_LINE = re.compile(
    rf"^{_CLOCK}\t[^\t]{{1,60}}\t|^\[[^\]]{{1,40}}\] \[(?:오전 |오후 |[AP]M )?\d{{1,2}}:\d{{2}}(?: [AP]M)?\] |^(?:{_CLOCK} ?)?< ?[@+%~&]?[^\s<>:/]{{1,30}}> "
)
_LOG_LINE = re.compile(
    r"\b(?:INFO|DEBUG|WARN(?:ING)?|ERROR|TRACE|FATAL|CRITICAL|NOTICE)\b|^\W?(?:\d{4}-\d\d-\d\d[T ]|\w{3} [ \d]\d )\d\d:\d\d:\d\d\S*\s+\S*[\[\]=:/]"
)
_PROGRAM_LINE = re.compile(
    r"[;{}]\s*$|^\s*(?:import \w|from \S+ import|def \w+\(|class \w+[(:]|function\b|const \w+ =|let \w+ =|var \w+ =|#include|public |private |"
    r"return\b.*[;)]$|if \(|for \(|SELECT\b|INSERT\b|sudo |\$ \w|</?[a-z!])|^[\w.\[\]-]+\s*[=~<>]=\s*\S|^\w[\w.-]*\s*=\s*\S"
)
_SPEAKER = re.compile(rf"^(?:{_CLOCK}\s*(?:[-–]\s)?)?" r"\W{0,4}([^\W\d_][\w .'-]{0,30}?):\s")
_I = frozenset(
    "i i'm i've i'll i'd my me myself mine ich mein meine meinen meinem meiner mir mich je j'ai j'étais j'avais mon mes moi yo mis conmigo "
    "estoy soy io mio mia miei sono eu meu minha meus minhas estou sou ik mijn mij".split()
)


def is_diary(source: Source) -> bool:
    """Whether a source is notes: a text with the date of a day above an entry or in the first person, or other Markdown that is no manual."""
    if source.suffix not in SUFFIXES or _NO_NOTES.fullmatch(PurePosixPath(source.name).stem):
        return False
    head = source.head.replace("\r\n", "\n")
    lines = [line.rstrip() for line in head.split("\n")[:LINES_LOOKED_AT] if line.strip()]
    if not lines or _is_of_another_kind(head, lines):
        return False
    dated = any(read_heading(line) for line in lines)
    # Among dates, "08:00 Breakfast: eggs" is a day's log, but a clock in brackets stands before what people say to each other.
    spoken = [line for line in lines if line.startswith("[")] if dated else lines
    if _is_conversation(spoken):
        return False
    if dated or _in_first_person(head):
        return True
    # Notes without an "I" are common; with much code they are somebody's manual.
    return source.suffix != ".txt" and sum("`" in line for line in lines) <= 0.1 * len(lines)


def _is_of_another_kind(head: str, lines: list[str]) -> bool:
    code = _fenced(lines)
    prose = [line for line, fenced in zip(lines, code, strict=True) if not fenced]

    def share(pattern: re.Pattern[str], least: int) -> float:
        count = sum(bool(pattern.search(line)) for line in prose)
        return count / len(prose) if count >= least else 0.0

    return bool(
        _OTHER_FORMATS.match(head)
        or len(_MAIL_HEAD.findall("\n".join(lines[:12]))) > 1
        or _CLIPPED.match(head)
        or sum(code) > 0.8 * len(lines)
        or share(_CHAT_LINE, 1) > 0.2
        or share(_TIMED_LINE, 2) > 0.2
        or share(_LOG_LINE, 2) > 0.2
        or share(_PROGRAM_LINE, 2) > 0.25
        or share(_MANUAL, 2) > 0.0
        or len({line.split()[0].strip("#*>_:").casefold() or line for line in prose if _TRANSCRIPT.match(line)}) > 1
        or _is_table(lines)
    )


def _fenced(lines: list[str]) -> list[bool]:
    inside, fenced = False, []
    for line in lines:
        fence = line.lstrip().startswith(("```", "~~~"))
        fenced.append(inside or fence)
        inside ^= fence
    return fenced


def _is_table(lines: list[str]) -> bool:
    """Whether the first lines all have the same columns."""
    counts = [[line.count(sign) for line in lines[:5]] for sign in (",", ";", "\t")]
    return len(lines) > 2 and not lines[0].endswith((".", "!", "?", "…")) and any(min(of) > 1 and len(set(of)) == 1 for of in counts)


def _is_conversation(lines: list[str]) -> bool:
    """Whether most lines begin with one of a few names, and several names come again."""
    names = [found[1].casefold() for line in lines if (found := _SPEAKER.match(line))]
    again = {name for name in names if names.count(name) > 1}
    return len(again) > 1 and sum(name in again for name in names) > 0.5 * len(lines)


def _in_first_person(head: str) -> bool:
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", head.replace("’", "'").casefold())
    own = sum(word in _I for word in words)
    return own >= 2 and own >= 0.012 * len(words)
