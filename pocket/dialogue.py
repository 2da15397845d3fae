"""Openly licensed dialogue as lists of turns. In: a folder laid out like `../shared/data` (its NOTICE names the licences). Out: conversations.

Whole conversations are held out for validation by a hash of their id, so that no held-out turn is ever trained on.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

_NOISE = re.compile(r"\[[^\]]*\]|https?:|[{}<>|]|\b(mturk|hit)\b", re.IGNORECASE)
Conversation = list[str]


def is_held_out(identity: str) -> bool:
    """Whether a conversation belongs to validation (one in twenty-five)."""
    return hashlib.sha256(identity.encode()).digest()[0] % 25 == 0


def load_dialogue(folder: Path, held_out: bool) -> list[Conversation]:
    """Conversations of two alternating speakers, noise and placeholders dropped; empty where the folder does not exist."""
    # The self-dialogues are twenty times as many but looser in style: the first 1,500 are enough beside the persona chats.
    sources = [*_json_lines(folder / "spc", "spc"), *list(_json_lines(folder / "self_dialogue", "self"))[:1500]]
    kept = []
    for identity, turns in sources:
        if is_held_out(identity) == held_out:
            conversation = _merge(turns)
            if len(conversation) >= 4 and not any(_NOISE.search(text) for text in conversation):
                kept.append(conversation)
    return kept


def load_sentences(folder: Path) -> list[str]:
    """Single everyday sentences (Common Voice, CC0); empty where the folder does not exist."""
    files = sorted((folder / "common_voice_sentences").glob("*.txt")) if folder.exists() else []
    return [line.strip() for path in files for line in path.read_text().splitlines() if line.strip()]


def load_personas(folder: Path) -> list[str]:
    """First-person sentences ("I love to bake cookies.") of the training conversations' persona lists."""
    found: dict[str, None] = {}
    for path in sorted((folder / "spc").glob("*.jsonl")) if folder.exists() else []:
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if not is_held_out(row["id"]):
                for sentence in (*row["persona"]["1"], *row["persona"]["2"]):
                    if 3 <= len(sentence.split()) <= 16 and re.match(r"(I|I'm|My|I've)\b", sentence) and not _NOISE.search(sentence):
                        found[sentence.strip()] = None
    return list(found)


def _json_lines(folder: Path, prefix: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for path in sorted(folder.glob("*.jsonl")) if folder.exists() else []:
        with path.open() as lines:
            for line in lines:
                row = json.loads(line)
                yield f"{prefix}:{row['id']}", [(speaker, text) for speaker, text in row["turns"]]


def _merge(turns: list[tuple[str, str]]) -> Conversation:
    """Turns as one text a speaker change, white space tidied, each at most 60 words."""
    merged: list[tuple[str, str]] = []
    for speaker, text in turns:
        text = " ".join(text.split())
        text = text[:1].upper() + text[1:]
        if merged and merged[-1][0] == speaker:
            merged[-1] = (speaker, f"{merged[-1][1]} {text}")
        elif text:
            merged.append((speaker, text))
    return [text for _, text in merged if len(text.split()) <= 60]
