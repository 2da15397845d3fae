"""ChatGPT exports: conversations.json (since 2026 also conversations-000.json...) comes in, the messages on each chat's current branch come out.

Each conversation is a tree, for an edited question starts a new branch: the branch the person ended on is walked from `current_node` up to
the root, and abandoned branches are not read. What only the model was shown or only wrote to itself (custom instructions, reasoning, code,
search results) is not speech.
"""

import json
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
    PERSON,
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

MALFORMED_CHATS = "malformed conversations"
THOUGHTS = "content of type thoughts"
OTHERS = "messages of other people"
ABANDONED = "Where a question was edited or an answer made anew, only the branch the chat ended on was read."
OF_TOOLS = ("code", "execution_output", "tether_quote", "tether_browsing_display", "system_error", "computer_output", "super_widget")
OF_SETTINGS = ("user_editable_context", "model_editable_context")
OF_THINKING = ("thoughts", "reasoning_recap")
SPOKEN = ("text", "audio_transcription")

# The first node of a tree: enough to tell it from any other "mapping". In quoted JSON the quotes are escaped, so that chats about exports do
# not look like one.
_TREE = re.compile(r'"mapping"\s*:\s*\{\s*(?:\}|"[^"\\]*"\s*:\s*(?:\Z|\{\s*"(?:id|message|parent|children)"))')
# Sources and cards stand in the answer between private letters: \ue200kind\ue202what\ue201.
_MARK = re.compile("\ue200([^\ue200-\ue202]*)\ue202?([^\ue200\ue201]*)\ue201")

Node = dict[str, Any]


def claim(bundle: Bundle) -> list[Source]:
    """The files that hold conversations with a "mapping" of nodes."""
    return [source for source in bundle.sources if source.head.startswith(("[", "{")) and _TREE.search(source.head)]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of every conversation, each along its current branch; raises BadExport where not one conversation can be read."""
    names = Names()
    for chat in read_chats(sources, report):
        if not isinstance(chat, dict) or not isinstance(chat.get("mapping"), dict):
            report.read += 1
            report.drop(MALFORMED_CHATS, clean_text(str(chat.get("title") if isinstance(chat, dict) else chat)[:200]))
        elif messages := list(_messages(chat, report)):
            name = names.of_chat(chat.get("conversation_id") or chat.get("id"), title_of(chat.get("title"), messages))
            yield from in_conversation(messages, name)


def _messages(conversation: Node, report: Report) -> Iterator[ParsedMessage]:
    """What was said on the current branch, the conversation not named yet."""
    nodes = _current_branch(conversation)
    if any(isinstance(node.get("children"), list) and len(node["children"]) > 1 for node in nodes):
        report.note(ABANDONED)
    branch = [node["message"] for node in nodes if node.get("message") is not None]  # the root has none
    people = {str(_author(message).get("name") or "") for message in branch if _author(message).get("role") == USER}
    moment = time_or_none(conversation.get("create_time"))
    for message in branch:
        report.read += 1
        reason = _reason_to_skip(message)
        text = "" if reason else _text_of(message)
        if reason or not text:
            report.drop(reason or _empty(message), _sample(message))
            continue
        # Older exports leave times out: such a message gets that of the one before it, which keeps the order.
        moment = time_or_none(message.get("create_time")) or moment
        role, name = _author(message)["role"], clean_text(str(_author(message).get("name") or ""))
        # In a chat of several people "user" would make everybody's words the person's own; who bears no name is the person.
        other = bool(name) and role == USER and len(people) > 1
        if other and "" in people:
            report.drop(OTHERS, text)
        else:
            yield ParsedMessage("", name if other else role, PERSON if other else role, moment, text)


def _current_branch(conversation: Node) -> list[Node]:
    """The nodes from the root to the current one."""
    mapping = conversation["mapping"]
    current = conversation.get("current_node")
    if not isinstance(current, str) or not isinstance(mapping.get(current), dict):
        current = _latest_leaf(mapping)
    branch: list[Node] = []
    seen: set[str] = set()
    while isinstance(current, str) and current not in seen and isinstance(mapping.get(current), dict):
        seen.add(current)
        branch.append(mapping[current])
        current = mapping[current].get("parent")
    return branch[::-1]


def _latest_leaf(mapping: Node) -> str | None:
    """Where `current_node` is missing: the node without children that was written last."""
    leaves = [key for key, node in mapping.items() if isinstance(node, dict) and not node.get("children")]

    def written(key: str) -> float:
        message = mapping[key].get("message")
        return seconds(message.get("create_time")) if isinstance(message, dict) else 0.0

    return max(leaves, key=written, default=None)


def _author(message: Any) -> Node:
    author = message.get("author") if isinstance(message, dict) else None
    return author if isinstance(author, dict) else {}


def _reason_to_skip(message: Any) -> str | None:
    """Why a message is not part of what was said, or None."""
    if not isinstance(message, dict) or not isinstance(message.get("content"), dict):
        return MALFORMED
    metadata, kind, role = message.get("metadata"), message["content"].get("content_type"), _author(message).get("role")
    hidden = isinstance(metadata, dict) and (metadata.get("is_visually_hidden_from_conversation") or metadata.get("is_user_system_message"))
    if kind in OF_SETTINGS or hidden or (message.get("weight") == 0 and role in (USER, ASSISTANT)):
        return HIDDEN
    if role not in (USER, ASSISTANT) or kind in OF_TOOLS:
        return TOOLS
    if role == ASSISTANT and message.get("recipient") not in (None, "all"):
        return TOOLS
    if kind in OF_THINKING or message.get("channel") == "analysis":
        return THOUGHTS
    return None if kind in ("text", "multimodal_text") else f"content of type {str(kind)[:40]}"


def _text_of(message: Node) -> str:
    """The written and spoken parts; pictures and sound files are left out."""
    parts = message["content"].get("parts")
    texts = []
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and part.get("content_type") in SPOKEN:
            part = part.get("text")
        if isinstance(part, str) and part.strip():
            texts.append(part)
    text = "\n".join(texts)
    return clean_text(_MARK.sub(_visible, text) if _author(message)["role"] == ASSISTANT else text)


def _visible(mark: re.Match[str]) -> str:
    """What a mark in an answer shows: the name of a thing, the words of a link, nothing for the number of a source."""
    kind, inside = mark.groups()
    if kind == "url":
        return inside.partition("\ue202")[0]
    if kind != "entity":
        return ""
    try:
        return str(json.loads(inside)[1])
    except (ValueError, LookupError, TypeError, RecursionError):
        return inside


def _empty(message: Node) -> str:
    """Why nothing is left of a message: there were only pictures, sounds or files, or nothing at all."""
    parts, metadata = message["content"].get("parts"), message.get("metadata")
    files = isinstance(metadata, dict) and metadata.get("attachments")
    return MEDIA if files or (isinstance(parts, list) and any(isinstance(part, dict) for part in parts)) else WITHOUT_TEXT


def _sample(message: Any) -> str:
    """The beginning of what a message holds, whatever its kind."""
    content = message.get("content") if isinstance(message, dict) else message
    if isinstance(content, dict):
        parts = content.get("parts")
        content = next((part for part in parts if isinstance(part, str)), "") if isinstance(parts, list) else content.get("text")
    return clean_text(content[:200]) if isinstance(content, str) else ""


FORMAT = Format("chatgpt", "ChatGPT (conversations.json)", claim, parse)
