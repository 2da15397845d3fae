"""ChatGPT exports: the list in conversations.json comes in, the messages on each chat's current branch come out.

Each conversation is a tree, for an edited question starts a new branch: the branch the person ended on is walked from
`current_node` up to the root.
"""

from collections import Counter
from typing import Any

from memory.importers.export import ASSISTANT, USER, ParsedExport, ParsedMessage, UnreadableTime, clean_text, parse_time

UNTITLED = "Untitled chat"


def is_chatgpt(data: Any) -> bool:
    """Whether parsed JSON is a ChatGPT export: conversations with a "mapping" of nodes."""
    return any(isinstance(item, dict) and "mapping" in item for item in _conversations(data))


def parse_chatgpt(data: Any) -> ParsedExport:
    """The messages of every conversation, each along its current branch."""
    messages: list[ParsedMessage] = []
    skipped: Counter[str] = Counter()
    for conversation in _conversations(data):
        if not isinstance(conversation, dict) or not isinstance(conversation.get("mapping"), dict):
            skipped["malformed conversations"] += 1
            continue
        messages += _parse_conversation(conversation, skipped)
    return ParsedExport("chatgpt", messages, dict(skipped))


def _conversations(data: Any) -> list[Any]:
    if isinstance(data, dict):
        inner = data.get("conversations")
        return inner if isinstance(inner, list) else [data]
    return data if isinstance(data, list) else []


def _parse_conversation(conversation: dict[str, Any], skipped: Counter[str]) -> list[ParsedMessage]:
    title = conversation.get("title")
    name = clean_text(title) if isinstance(title, str) else ""
    moment = _time(conversation.get("create_time"))
    messages = []
    for node in _current_branch(conversation):
        message = node.get("message")
        if message is None:  # the root of every tree
            continue
        reason = _reason_to_skip(message)
        text = "" if reason else _text_of(message["content"])
        if reason or not text:
            skipped[reason or "messages without text"] += 1
            continue
        # Older exports leave times out: such a message gets that of the one before it, which keeps the order.
        moment = _time(message.get("create_time")) or moment
        role = message["author"]["role"]
        messages.append(ParsedMessage(name or UNTITLED, role, role, moment, text))
    return messages


def _current_branch(conversation: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes from the root to the current one."""
    mapping = conversation["mapping"]
    current = conversation.get("current_node")
    if not isinstance(current, str) or current not in mapping:
        current = _latest_leaf(mapping)
    branch: list[dict[str, Any]] = []
    seen: set[str] = set()
    while isinstance(current, str) and current not in seen and isinstance(mapping.get(current), dict):
        seen.add(current)
        branch.append(mapping[current])
        current = mapping[current].get("parent")
    return branch[::-1]


def _latest_leaf(mapping: dict[str, Any]) -> str | None:
    """Where `current_node` is missing: the node without children that was written last."""
    leaves = [key for key, node in mapping.items() if isinstance(node, dict) and not node.get("children")]

    def written(key: str) -> float:
        message = mapping[key].get("message")
        moment = _time(message.get("create_time")) if isinstance(message, dict) else None
        return moment.timestamp() if moment else 0.0

    return max(leaves, key=written, default=None)


def _reason_to_skip(message: Any) -> str | None:
    """Why a message is not part of what was said, or None."""
    if not isinstance(message, dict) or not isinstance(message.get("content"), dict):
        return "malformed messages"
    author, metadata = message.get("author"), message.get("metadata")
    role = author.get("role") if isinstance(author, dict) else None
    kind = message["content"].get("content_type")
    hidden = isinstance(metadata, dict) and (metadata.get("is_visually_hidden_from_conversation") or metadata.get("is_user_system_message"))
    if kind == "user_editable_context" or hidden:
        return "hidden messages"
    if role not in (USER, ASSISTANT):
        return "system and tool messages"
    if role == ASSISTANT and message.get("recipient") not in (None, "all"):
        return "system and tool messages"
    if kind not in ("text", "multimodal_text"):
        return f"content of type {kind}"
    return None


def _text_of(content: dict[str, Any]) -> str:
    """The written and spoken parts; pictures and sound files are left out."""
    parts = content.get("parts")
    texts = []
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and part.get("content_type") == "audio_transcription":
            part = part.get("text")
        if isinstance(part, str) and part.strip():
            texts.append(part)
    return clean_text("\n".join(texts))


def _time(value: Any) -> Any:
    try:
        return parse_time(value)
    except UnreadableTime:
        return None
