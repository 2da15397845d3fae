"""claude.ai exports: conversations.json (a flat list of chats) comes in, what the person and Claude said comes out.

The words stand in `content` blocks; the older `text` repeats them, in newer exports mixed with Claude's reasoning and with "This block is not
supported" in the place of tools, and so it counts only where there are no blocks. Texts of attached files and of long pastes
(`attachments[].extracted_content`) are left out: they are seldom the person's own words. Where a question was edited, only the branch that
was written last is read.
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

ROLES = {"human": USER, "assistant": ASSISTANT}
ATTACHED = "Texts of attached files and of long pastes were left out: they may not be the person's own words."
ABANDONED = "Where a question was edited or an answer made anew, only the branch written last was read."

_CHATS = re.compile(r'"chat_messages"\s*:\s*\[')
_UNSUPPORTED = re.compile(r"(?:```\s*)?This block is not supported on your current device yet\.(?:\s*```)?\s*")

Record = dict[str, Any]


def claim(bundle: Bundle) -> list[Source]:
    """The files whose chats hold "chat_messages"; projects, users and memories hold none."""
    return [source for source in bundle.sources if source.head.startswith(("[", "{")) and _CHATS.search(source.head)]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of every chat; raises BadExport where not one chat can be read."""
    names = Names()
    for chat in read_chats(sources, report):
        if not isinstance(chat, dict) or not isinstance(chat.get("chat_messages"), list):
            report.read += 1
            report.drop(MALFORMED, clean_text(str(chat.get("name") if isinstance(chat, dict) else chat)[:200]))
        elif messages := list(_messages(chat, report)):
            name = names.of_chat(chat.get("uuid"), title_of(chat.get("name"), messages))
            yield from in_conversation(messages, name)


def _messages(chat: Record, report: Report) -> Iterator[ParsedMessage]:
    """What was said in one chat, the chat not named yet."""
    records = chat["chat_messages"]
    current = _current_branch(records, chat.get("current_leaf_message_uuid"))
    moment = time_or_none(chat.get("created_at"))
    for record in records:
        report.read += 1
        if not isinstance(record, dict) or not isinstance(record.get("sender"), str):
            report.drop(MALFORMED, clean_text(str(record)[:200]))
            continue
        role = ROLES.get(record["sender"], "")
        text = _text_of(record, role)
        if not role:
            report.drop(TOOLS, text)
        elif current and record["uuid"] not in current:
            report.note(ABANDONED)
            report.drop(HIDDEN, text)
        elif not text:
            report.drop(_empty(record, role), _file_names(record))
        else:
            moment = time_or_none(record.get("created_at")) or moment
            yield ParsedMessage("", role, role, moment, text)
        if record.get("attachments"):
            report.note(ATTACHED)


def _current_branch(records: list[Any], leaf: Any) -> set[str]:
    """The ids of the messages on the branch the chat ended on; none where it has no branches (or does not tell)."""
    told = all(
        isinstance(record, dict) and isinstance(record.get("uuid"), str) and isinstance(record.get("parent_message_uuid"), str)
        for record in records
    )
    parents = {record["uuid"]: record["parent_message_uuid"] for record in records} if told else {}
    answered = set(parents.values())
    if len(answered) == len(parents):  # every message was answered once at most
        return set()
    if not isinstance(leaf, str) or leaf not in parents:
        leaves = [record for record in records if record["uuid"] not in answered]
        leaf = max(leaves, key=lambda record: seconds(record.get("created_at")))["uuid"] if leaves else ""
    branch: set[str] = set()
    while leaf in parents and leaf not in branch:
        branch.add(leaf)
        leaf = parents[leaf]
    return branch


def _text_of(record: Record, role: str) -> str:
    """The written and spoken blocks; what stood on both sides of a tool or a thought is set apart by a blank line."""
    blocks = record.get("content")
    # An answer with sources is cut into blocks in the middle of its sentences.
    text, gap, between, others = "", "", "" if role == ASSISTANT else "\n", False
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, dict) and block.get("type") in ("text", "voice_note"):
            words = block.get("text") or block.get("transcript")
            if isinstance(words, str) and words.strip():
                text, gap = text + (gap if text else "") + words, between
        else:
            gap, others = "\n\n", True
    if not text.strip() and not (others and role == ASSISTANT) and isinstance(record.get("text"), str):
        text = record["text"]
    return clean_text(_UNSUPPORTED.sub("", text) if role == ASSISTANT else text)


def _empty(record: Record, role: str) -> str:
    """Why nothing is left of a message."""
    if record.get("files") or record.get("attachments"):
        return MEDIA
    return TOOLS if role == ASSISTANT and record.get("content") else WITHOUT_TEXT


def _file_names(record: Record) -> str:
    found = [file for key in ("files", "attachments") if isinstance(record.get(key), list) for file in record[key]]
    return ", ".join(clean_text(str(file.get("file_name") or "")) for file in found if isinstance(file, dict))[:200]


FORMAT = Format("claude", "Claude (conversations.json)", claim, parse)
