"""Open WebUI exports: a JSON list of chats comes in, the messages on each chat's current branch come out.

Each chat is a tree in `history.messages`, for an edited question or a second answer starts a new branch: the branch the person ended
on is walked from `currentId` up to the root. What a model thought and which tools it called stands as <details> blocks in its answer.
"""

import re
from collections.abc import Iterator
from typing import Any

from memory.importers.assistants import in_conversation, read_chats, seconds, time_or_none
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

_HISTORY = re.compile(r'"history"\s*:\s*\{\s*"(?:messages|currentId|current_id)"\s*:')
_BLOCK = re.compile(
    r"<details\s+type=\"(?:reasoning|tool_calls|code_interpreter)\"[^>]*>.*?(?:</details>\n?|\Z)", re.DOTALL | re.IGNORECASE
)
_THOUGHT = re.compile(r"\A\s*<(think|thinking|reasoning|thought)>.*?(?:</\1>|\Z)", re.DOTALL)

Record = dict[str, Any]


def claim(bundle: Bundle) -> list[Source]:
    """The JSON files whose chats have a history of messages."""
    return [source for source in bundle.sources if source.head[:1] in ("[", "{") and _HISTORY.search(source.head)]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of every chat, each along its current branch."""
    names = Names()
    for chat in read_chats(sources, report):
        if not isinstance(chat, dict) or not isinstance(_inner(chat), dict):
            report.read += 1
            report.drop(MALFORMED)
        elif messages := list(_parse_chat(chat, report)):
            name = names.of_chat(chat.get("id"), title_of(chat.get("title") or _inner(chat).get("title"), messages))
            yield from in_conversation(messages, name)


def _inner(chat: Record) -> Any:
    """The part with the messages: under "chat", or (in early versions) the record itself."""
    return chat.get("chat", chat)


def _parse_chat(chat: Record, report: Report) -> Iterator[ParsedMessage]:
    """What was said on the current branch, the conversation not named yet."""
    moment = time_or_none(chat.get("created_at"))
    for message in _current_branch(_inner(chat), report):
        if not isinstance(message, dict):
            report.drop(MALFORMED)
            continue
        # A message without a time gets that of the one before it, which keeps the order.
        moment = time_or_none(message.get("timestamp")) or moment
        text = _text_of(message)
        if reason := _reason_to_skip(message, text):
            report.drop(reason, text)
        else:
            role = message["role"]
            yield ParsedMessage("", role, role, moment, text, edited="originalContent" in message)


def _current_branch(chat: Record, report: Report) -> list[Any]:
    """The messages from the root to the current one; those of other branches are counted as hidden."""
    history = chat.get("history")
    tree = history.get("messages") if isinstance(history, dict) else None
    if not isinstance(history, dict) or not isinstance(tree, dict) or not tree:
        flat = chat.get("messages")
        messages = flat if isinstance(flat, list) else []
        report.read += len(messages)
        return messages
    report.read += len(tree)
    current = history.get("currentId") or history.get("current_id")
    branch: dict[str, Any] = {}
    key = current if isinstance(current, str) and current in tree else _latest_leaf(tree)
    while isinstance(key, str) and key in tree and key not in branch:
        branch[key] = tree[key]
        key = tree[key].get("parentId") if isinstance(tree[key], dict) else None
    for other in (message for key, message in tree.items() if key not in branch):
        report.drop(HIDDEN, _text_of(other)) if isinstance(other, dict) else report.drop(MALFORMED)
    return list(branch.values())[::-1]


def _latest_leaf(tree: Record) -> str | None:
    """Where the current message is not named: the one without answers that was written last."""
    leaves = [key for key, message in tree.items() if isinstance(message, dict) and not message.get("childrenIds")]
    return max(leaves, key=lambda key: seconds(tree[key].get("timestamp")), default=None)


def _text_of(message: Record) -> str:
    """What was said: text and the text parts of a list, without what a model thought and which tools it called."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str):
        return ""
    if message.get("role") == ASSISTANT:
        content = _BLOCK.sub("", _THOUGHT.sub("", content))
    return clean_text(content)


def _reason_to_skip(message: Record, text: str) -> str | None:
    role = message.get("role")
    if role not in (USER, ASSISTANT):
        return TOOLS if isinstance(role, str) else MALFORMED
    if text:
        return None
    if message.get("error"):
        return NOTICES
    if message.get("files") or isinstance(message.get("content"), list):
        return MEDIA
    return TOOLS if message.get("content") else WITHOUT_TEXT


FORMAT = Format("open_webui", "Open WebUI (exported chats, .json)", claim, parse)
