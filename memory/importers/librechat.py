"""LibreChat exports: one JSON file for a conversation comes in, the messages on its current branch come out.

The messages stand flat with `parentMessageId`, or nested in each other's `children`, which is deeper than the JSON decoder of Python
goes in a long conversation: so the file is decoded here, and what stands before the place where a file is cut off is kept.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from memory.importers.assistants import in_conversation, time_or_none
from memory.importers.chat_names import title_of
from memory.importers.export import (
    ASSISTANT,
    HIDDEN,
    MALFORMED,
    MEDIA,
    NOTICES,
    TOOLS,
    USER,
    WITHOUT_TEXT,
    Format,
    Options,
    ParsedMessage,
    Report,
    clean_text,
)
from memory.importers.naming import Names
from memory.importers.sources import Bundle, Source

_MARKS = re.compile(r'"(?:messagesTree|isCreatedByUser|parentMessageId|exportAt)"\s*:')
_TOKEN = re.compile(r'[ \t\r\n,:]*+("(?:[^"\\]++|\\.)*+"|[\[\]{}]|[^\s,:\[\]{}"]++)', re.DOTALL)
_THOUGHT = re.compile(r"\A\s*(?::::thinking\b.*?(?:\n:::|\Z)|<think>.*?(?:</think>|\Z))", re.DOTALL)

Record = dict[str, Any]


def claim(bundle: Bundle) -> list[Source]:
    """The JSON files that are conversations of LibreChat."""
    return [
        source
        for source in bundle.sources
        if source.head[:1] in ("{", "[") and '"conversationId"' in source.head and _MARKS.search(source.head)
    ]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of every conversation, each along its current branch."""
    names = Names()
    for source in sources:
        document, whole = _decode(source.text())
        before = report.read
        for conversation in document if isinstance(document, list) else [document]:
            if isinstance(conversation, dict):
                messages = list(_parse_conversation(conversation, report))
                name = names.of_chat(conversation.get("conversationId"), title_of(conversation.get("title"), messages))
                yield from in_conversation(messages, name)
            else:
                report.read += 1
                report.drop(MALFORMED)
        if not whole:
            report.warn(f"{source.name} is cut off after {report.read - before} messages: export the conversation again.")


def _parse_conversation(conversation: Record, report: Report) -> Iterator[ParsedMessage]:
    """What was said on the current branch, the conversation not named yet."""
    moment = None
    for message in _current_branch(_flat(conversation), report):
        # A message without a time gets that of the one before it, which keeps the order.
        moment = time_or_none(message.get("createdAt")) or moment
        text = _text_of(message)
        if reason := _reason_to_skip(message, text):
            report.drop(reason, text or message.get("sender"))
        else:
            role = USER if _is_users(message) else ASSISTANT
            yield ParsedMessage("", role, role, moment, text, edited=message.get("isEdited") is True)


def _flat(conversation: Record) -> list[tuple[Any, str | None]]:
    """All messages with the ids of those they answer, parents before their children."""
    roots = conversation.get("messagesTree") or conversation.get("messages")
    left = [(message, None) for message in reversed(roots)] if isinstance(roots, list) else []
    flat: list[tuple[Any, str | None]] = []
    while left:
        message, parent = left.pop()
        flat.append((message, parent))
        children = message.get("children") if isinstance(message, dict) else None
        if isinstance(children, list):
            left += [(child, message.get("messageId")) for child in reversed(children)]
    return flat


def _current_branch(flat: list[tuple[Any, str | None]], report: Report) -> list[Record]:
    """The branch that the page shows: from the last root, always the last answer; the others are counted as hidden."""
    children: dict[str, list[str]] = {}
    by_key: dict[str, Record] = {}
    before = ""
    for place, (message, above) in enumerate(flat):
        report.read += 1
        if not isinstance(message, dict):
            report.drop(MALFORMED)
            continue
        key = str(message.get("messageId") or place)
        parent = str(above or message.get("parentMessageId") or before)
        # An answer to a message that is missing belongs to the one before it; a parent of zeros only is that of the first.
        parent = "" if not parent.strip("0-") and parent not in by_key else parent if parent in by_key else before
        if key not in by_key:
            children.setdefault(parent, []).append(key)
            by_key[key] = message
            before = key
    branch: list[str] = []
    while followers := children.get(branch[-1] if branch else ""):
        branch.append(followers[-1])
    shown = set(branch)
    for key, message in by_key.items():
        if key not in shown:
            report.drop(HIDDEN, _text_of(message))
    return [by_key[key] for key in branch]


def _text_of(message: Record) -> str:
    """What was said: the text, or the text parts of the content, without what a model thought and which tools it called."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"] if isinstance(content, list) else []
    texts = [part["text"].get("value") if isinstance(part.get("text"), dict) else part.get("text") for part in parts]
    text = "\n".join(text for text in texts if isinstance(text, str) and text.strip())
    if not text and isinstance(message.get("text"), str):
        text = message["text"]
    return clean_text(text if _is_users(message) else _THOUGHT.sub("", text))


def _is_users(message: Record) -> bool:
    """Whether the person wrote it; early versions say so by the sender alone."""
    created = message.get("isCreatedByUser")
    return created if isinstance(created, bool) else str(message.get("sender")).casefold() == USER


def _reason_to_skip(message: Record, text: str) -> str | None:
    if message.get("error") is True:
        return NOTICES
    if text:
        return None
    if message.get("files"):
        return MEDIA
    return TOOLS if message.get("content") else WITHOUT_TEXT


def _decode(text: str) -> tuple[Any, bool]:
    """A JSON document of any depth, and whether it is whole; of one that is cut off, what stands before the cut."""
    top: list[Any] = []
    around: list[Any] = [top]
    key: str | None = None
    place = 0
    while not (top and len(around) == 1) and (match := _TOKEN.match(text, place)):
        token, place = match[1], match.end()
        if token in "]}":
            around.pop()
            key = None
            if not around:
                return None, False
            continue
        value: Any = [] if token == "[" else {} if token == "{" else _scalar(token)
        here = around[-1]
        if isinstance(here, list):
            here.append(value)
        elif key is None:
            key = str(value)
            continue
        else:
            here[key] = value
        key = None
        if isinstance(value, list | dict):
            around.append(value)
    return (top[0] if top else None), bool(top) and len(around) == 1


def _scalar(token: str) -> Any:
    try:
        return json.loads(token, strict=False)
    except ValueError:
        return None


FORMAT = Format("librechat", "LibreChat (one conversation, .json)", claim, parse)
