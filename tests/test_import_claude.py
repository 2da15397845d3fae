"""claude.ai's exports: the whole result of a file with every trap, each trap by itself, random chats there and back, damaged files."""

import json
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.claude import ABANDONED, ATTACHED, FORMAT
from memory.importers.export import NOTHING_DECIDED, ParsedMessage, Report, clean_text
from memory.importers.sources import read_bundles

FOLDER = Path(__file__).parent / "fixtures" / "claude"
FILE = FOLDER / "conversations.json"
UNSUPPORTED = "```\nThis block is not supported on your current device yet.\n```"


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    bundle, report = read_bundles(path)[0], Report()
    return list(FORMAT.parse(FORMAT.claim(bundle), bundle, report, NOTHING_DECIDED)), report


def rows(messages: list[ParsedMessage]) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat(timespec="seconds") if m.timestamp else "", m.text) for m in messages]


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def message(sender: str, text: str, **more: Any) -> dict[str, Any]:
    return {"sender": sender, "text": text, "content": [{"type": "text", "text": text}], **more}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"uuid": "c", "name": "Chat", "created_at": "2025-03-04T10:00:00Z", "chat_messages": list(messages), **more}


def test_a_file_with_every_trap_gives_exactly_what_was_said() -> None:
    messages, report = read(FILE)
    day = "2025-03-04T10:00:"
    assert rows(messages) == [
        ("Boat repairs", "user", f"{day}01+00:00", "My boat Lua leaks.\n\n  - hull\n  - hatch 🚤"),
        ("Boat repairs", "assistant", f"{day}02+00:00", "Look at the hull first.\n\nThen the hatch."),
        ("Boat repairs", "user", f"{day}04+00:00", "What is in it?"),
        ("Boat repairs", "user", f"{day}07+00:00", "I sail from Setúbal"),
        ("Boat repairs", "user", f"{day}08+00:00", "only in the blocks"),
        ("Boat repairs", "user", f"{day}09+00:00", "only in the text"),
        ("Boat repairs", "user", f"{day}09+00:00", "also only in the text"),  # no time of its own
        ("Boat repairs", "assistant", f"{day}11+00:00", "Here you are.\nFair winds!"),
        ("Boat repairs", "user", f"{day}14+00:00", "It says: This block is not supported on your current device yet."),
        ("Family", "user", f"{day}22+00:00", "I have three sons"),
        ("Family", "assistant", f"{day}23+00:00", "Three!"),
        ("Family", "user", f"{day}24+00:00", "Their names?"),
        ("Family (2)", "user", f"{day}20+00:00", "I have two sons"),
        ("Family (2)", "assistant", f"{day}21+00:00", "Two!"),
        ("Gaps", "user", f"{day}41+00:00", "before the gap"),
        ("Gaps", "user", f"{day}42+00:00", "after the gap"),
        ("Which knot holds best on a wet rope at n", "user", f"{day}51+00:00", "Which knot holds best on a wet rope at night?"),
    ]
    assert report.skipped == {
        "malformed records": 5, "hidden messages": 5, "system and tool messages": 2, "pictures, sounds and files": 2, "messages without text": 1,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert (report.warnings, report.notes) == ([], [ATTACHED, ABANDONED])
    assert {(m.sender, m.role) for m in messages} == {("user", "user"), ("assistant", "assistant")}


def test_reasoning_and_tools_do_not_come_in_through_the_older_text(tmp_path: Path) -> None:
    told = message("assistant", f"The user is probably a nurse.\n{UNSUPPORTED}\n\nHello.")
    told["content"] = [{"type": "thinking", "thinking": "The user is probably a nurse."}, {"type": "text", "text": "Hello."}]
    only_thought = message("assistant", "The user is probably a nurse.")
    only_thought["content"] = told["content"][:1]
    messages, report = read(write(tmp_path / "c.json", [chat(told, only_thought)]))
    assert [m.text for m in messages] == ["Hello."] and report.skipped == {"system and tool messages": 1}


def test_texts_of_attachments_and_pastes_are_not_the_persons_words(tmp_path: Path) -> None:
    paste = {"file_name": "", "file_type": "txt", "extracted_content": "I am the queen of Sheba"}
    messages, report = read(
        write(
            tmp_path / "c.json", [chat(message("human", "Who wrote it?", attachments=[paste]), message("human", "", attachments=[paste]))]
        )
    )
    assert [m.text for m in messages] == ["Who wrote it?"]
    assert report.skipped == {"pictures, sounds and files": 1} and report.notes == [ATTACHED]


@pytest.mark.parametrize("shape", ["list", "object", "single"])
def test_a_list_an_object_around_it_and_a_single_chat_are_read(tmp_path: Path, shape: str) -> None:
    one = chat(message("human", "hi"))
    data = {"list": [one], "object": {"conversations": [one]}, "single": one}[shape]
    assert [m.text for m in read(write(tmp_path / "c.json", data))[0]] == ["hi"]


def test_a_zip_gives_its_conversations_and_not_what_lies_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "data-2026-batch-0000.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("conversations.json", "projects.json", "users.json"):
            archive.writestr(name, (FOLDER / name).read_bytes())
        archive.writestr("memories.json", '[{"conversations_memory": "**Work** The person sails.", "account_uuid": "acc"}]')
        archive.writestr("login_history.json", "[]")
    assert [source.name for source in FORMAT.claim(read_bundles(path)[0])] == ["conversations.json"]


def test_no_other_room_takes_these_files_and_none_of_theirs_is_taken() -> None:
    assert {parse_export(path).format for path in [FILE]} == {"claude"}
    claimed = FORMAT.claim(read_bundles(FOLDER.parent)[0])
    assert claimed and all(source.name.startswith("claude") for source in claimed)


@pytest.mark.parametrize("content", [
    '[{"title": "x", "mapping": {"a": {"id": "a", "message": {"content": {"parts": ["{\\"chat_messages\\": []}"]}}}}}]',
    '{"messages": [{"role": "user", "content": "hi"}]}', '[{"uuid": "p", "name": "Project", "docs": []}]', "chat_messages", "[]",
])  # fmt: skip
def test_other_files_are_not_claimed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert FORMAT.claim(read_bundles(path)[0]) == []


def test_a_file_that_is_cut_off_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([chat(message("human", "one")), chat(message("human", "two"))])[:-10])
    messages, report = read(path)
    assert [m.text for m in messages] == ["one"]
    assert report.warnings == ["c.json is cut off after 1 chats: export your data again."]


def test_a_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('[{"uuid": "1", "chat_messages": [{"sender": "hum')
    with pytest.raises(BadExport, match="incomplete JSON"):
        read(path)


def test_odd_values_everywhere_skip_a_record_and_no_more(tmp_path: Path) -> None:
    odd: list[Any] = [None, True, -1, 1e308, "x", [], {}, [[]], [{}], {"a": []}]
    records = [{"sender": sender, "text": a, "content": b, "created_at": a, "attachments": b, "files": a, "uuid": b, "parent_message_uuid": a}
               for sender in ["human", "assistant", *odd] for a in odd for b in odd]  # fmt: skip
    chats = [
        chat(*records, message("human", "sound"), current_leaf_message_uuid=value, uuid=value, name=value, created_at=value)
        for value in odd
    ]
    messages, report = read(write(tmp_path / "c.json", [*chats, *({"chat_messages": value} for value in odd)]))
    assert messages[-1].text == "sound" and report.read == len(messages) + sum(report.skipped.values())


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(lambda text: clean_text(text))
SAID = st.tuples(st.sampled_from(["human", "assistant"]), TEXTS, st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31)), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(SAID, min_size=1, max_size=8))
def test_random_chats_come_back_as_they_were(said: list[tuple[str, str, Any, bool]]) -> None:
    records = []
    for sender, text, time, in_blocks in said:
        blocks = [{"type": "text", "text": text}] if in_blocks else []
        records.append({"sender": sender, "text": "" if in_blocks else text, "content": blocks, "created_at": f"{time.isoformat()}Z"})
    with tempfile.TemporaryDirectory() as folder:
        messages, report = read(write(Path(folder) / "c.json", [chat(*records)]))
    assert [(m.role, m.text) for m in messages] == [("user" if who == "human" else who, clean_text(text)) for who, text, _, _ in said]
    assert [m.timestamp.replace(tzinfo=None) if m.timestamp else None for m in messages] == [time for _, _, time, _ in said]
    assert not report.skipped


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_messages_or_a_bad_export(data: st.DataObject) -> None:
    content = bytearray(FILE.read_bytes())
    for _ in range(data.draw(st.integers(0, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.json"
        path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
        try:
            assert all(m.text for m in read(path)[0])
        except BadExport:
            pass
