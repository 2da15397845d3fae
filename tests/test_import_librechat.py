"""LibreChat's exports: the whole result of files with every trap, each trap by itself, random trees there and back, damaged files."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.export import ParsedExport, clean_text
from memory.importers.librechat import FORMAT
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures"
FOLDER = FIXTURES / "librechat"
NO_PARENT = "00000000-0000-0000-0000-000000000000"


def rows(export: ParsedExport) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in export.messages]


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def conversation(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"conversationId": "c", "endpoint": "openAI", "title": "Chat", "exportAt": "12:00", "messages": list(messages), **more}


def message(key: str, parent: str | None, text: str, user: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "messageId": key,
        "parentMessageId": parent,
        "sender": "User" if user else "GPT-4",
        "text": text,
        "isCreatedByUser": user,
        **more,
    }


def test_files_with_every_trap_give_exactly_what_was_said() -> None:
    export = parse_export(FOLDER)
    assert rows(export) == [
        ("Garden", "user", "2024-05-01T10:00:00.250000+00:00", "I grow figs"),
        ("Garden", "assistant", "2024-05-01T10:00:05.250000+00:00", "Which kind?"),
        ("Garden", "user", "2024-05-01T10:00:20.250000+00:00", "Black ones,\n\n\ton the  balcony 🌿"),
        ("Garden", "assistant", "2024-05-01T10:00:25.250000+00:00", "They need sun.\nAnd water."),
        ("Garden", "assistant", "2024-05-01T10:00:40.250000+00:00", "A ripe one."),
        ("Garden", "user", "2024-05-01T10:00:40.250000+00:00", "Thanks"),
        ("Garden", "user", "2024-05-01T10:00:55.250000+00:00", "The mail before this is missing"),
        ("Garden (2)", "user", "2024-05-01T10:01:00.250000+00:00", "My sister is called Clara"),
        ("Garden (2)", "assistant", "2024-05-01T10:01:10.250000+00:00", "Does she live near you?"),
        ("Garden (2)", "user", "2024-05-01T10:01:15.250000+00:00", "In Genoa"),
    ]
    assert export.skipped == {
        "malformed records": 1, "hidden messages": 3, "system notices": 1, "pictures, sounds and files": 1, "messages without text": 1,
    }  # fmt: skip
    assert (export.format, export.report.read, export.report.warnings) == ("librechat", 17, [])
    assert [m.text for m in export.messages if m.edited] == ["Black ones,\n\n\ton the  balcony 🌿"]


def test_a_nested_conversation_deeper_than_the_json_decoder_goes_is_read_whole(tmp_path: Path) -> None:
    nested: list[Any] = []
    for place in reversed(range(1500)):
        nested = [{**message(f"m{place}", None, f"text {place}", place % 2 == 0), "children": nested, "depth": place}]
    text = json.dumps(conversation(messages=None, messagesTree="HERE"))
    # json.dumps does not go as deep either.
    inside = ""
    for place in reversed(range(1500)):
        inner = json.dumps(message(f"m{place}", None, f"text {place}", place % 2 == 0))
        inside = f'[{inner[:-1]}, "children": {inside or "[]"}, "depth": {place}}}]'
    (tmp_path / "a.json").write_text(text.replace('"HERE"', inside))
    export = parse_export(tmp_path / "a.json")
    assert [m.text for m in export.messages] == [f"text {place}" for place in range(1500)]
    assert export.messages[0].role == "user" and export.messages[1].role == "assistant"


def test_a_file_that_is_cut_off_gives_what_stands_before_the_cut(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text((FOLDER / "flat.json").read_text().partition("Thanks")[0])
    export = parse_export(tmp_path / "a.json")
    assert export.messages[-1].text == "A ripe one."
    assert "cut off after" in export.report.warnings[0]


def test_messages_without_parents_keep_the_order_of_the_file(tmp_path: Path) -> None:
    data = conversation({"sender": "User", "text": "one"}, {"sender": "GPT-4", "text": "two"}, {"sender": "User", "text": "three"})
    export = parse_export(write(tmp_path / "a.json", data))
    assert [(m.role, m.text) for m in export.messages] == [("user", "one"), ("assistant", "two"), ("user", "three")]


def test_the_last_of_several_beginnings_is_the_one_the_page_shows(tmp_path: Path) -> None:
    data = conversation(
        message("a", NO_PARENT, "old"),
        message("b", "a", "old answer", False),
        message("c", NO_PARENT, "new"),
        message("d", "c", "answer", False),
    )
    export = parse_export(write(tmp_path / "a.json", data))
    assert [m.text for m in export.messages] == ["new", "answer"]
    assert export.skipped == {"hidden messages": 2}


def test_messages_that_answer_each_other_in_a_circle_end(tmp_path: Path) -> None:
    data = conversation(message("a", "b", "round"), message("b", "a", "and round", False), message("a", "b", "again"))
    assert [m.text for m in parse_export(write(tmp_path / "a.json", data)).messages] == ["round", "and round"]


def test_files_of_other_kinds_are_left_to_their_rooms() -> None:
    for other in ("chatgpt", "claude", "open_webui", "telegram", "discord", "messenger"):
        if (FIXTURES / other).is_dir():
            assert FORMAT.claim(read_bundles(FIXTURES / other)[0]) == []


TEXTS = st.lists(
    st.text(min_size=1).filter(lambda text: clean_text(text) and "<" not in text and ":::" not in text), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.booleans())
def test_random_conversations_come_back_as_they_were(texts: list[str], nested: bool) -> None:
    flat = [message(f"m{n}", f"m{n - 1}" if n else NO_PARENT, text, n % 2 == 0) for n, text in enumerate(texts)]
    data = conversation(*flat)
    if nested:
        for above, below in zip(flat, flat[1:]):
            above["children"] = [below]
        data = conversation(messagesTree=flat[:1], recursive=True)
    with tempfile.TemporaryDirectory() as folder:
        export = parse_export(write(Path(folder) / "a.json", data))
    assert [(m.text, m.role == "user") for m in export.messages] == [(clean_text(text), n % 2 == 0) for n, text in enumerate(texts)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_gives_messages_or_a_sentence(data: st.DataObject) -> None:
    raw = (FOLDER / data.draw(st.sampled_from(["flat.json", "recursive.json"]))).read_bytes()
    start, length = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 40))
    raw = raw[:start] + data.draw(st.binary(max_size=8)) + raw[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) * 2 // 3, len(raw) // 9]))])
        try:
            parse_export(path)
        except BadExport as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("messages", [None, {}, "text", [[1]], [{"messageId": ["x"], "children": 5}]])
def test_odd_messages_are_counted_and_reading_goes_on(tmp_path: Path, messages: Any) -> None:
    data = [conversation(messages=messages), 7, conversation(message("a", NO_PARENT, "I keep bees"), conversationId="d")]
    assert [m.text for m in parse_export(write(tmp_path / "a.json", data)).messages] == ["I keep bees"]
