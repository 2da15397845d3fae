"""Open WebUI's exports: the whole result of a file with every trap, each trap by itself, random chats there and back, damaged files."""

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
from memory.importers.open_webui import FORMAT
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures"
FILE = FIXTURES / "open_webui" / "chats.json"


def rows(export: ParsedExport) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in export.messages]


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def chat(*texts: Any, **more: Any) -> dict[str, Any]:
    """A chat in which person and assistant take turns."""
    tree = {
        f"m{place}": {
            "id": f"m{place}", "parentId": f"m{place - 1}" if place else None, "childrenIds": [], "role": "assistant" if place % 2 else "user",
            "content": text, "timestamp": 1714560000 + place,
        }
        for place, text in enumerate(texts)
    }  # fmt: skip
    return {"id": "c", "title": "Chat", "chat": {"title": "Chat", "history": {"messages": tree, "currentId": f"m{len(texts) - 1}"}}, **more}


def test_a_file_with_every_trap_gives_exactly_what_was_said() -> None:
    export = parse_export(FILE)
    assert rows(export) == [
        ("Dog 🐕", "user", "2024-05-01T10:40:01+00:00", "My dog is called Bruno.\n\n\tHe is  4."),
        ("Dog 🐕", "assistant", "2024-05-01T10:40:05+00:00", "A fine name."),
        ("Dog 🐕", "user", "2024-05-01T10:40:10+00:00", "Here he is"),
        ("Dog 🐕", "assistant", "2024-05-01T10:40:15+00:00", "Warm enough for him.\nTake water."),
        ("Dog 🐕", "user", "2024-05-01T10:40:30+00:00", 'I said <details type="reasoning">this</details> myself'),
        ("Dog 🐕", "assistant", "2024-05-01T10:40:40+00:00", "So you did."),
        ("New Chat", "user", "2024-05-01T10:41:41+00:00", "I live in Turin"),
        ("New Chat (2)", "user", "2024-05-01T10:41:41+00:00", "I live in Turin"),
        ("New Chat (2)", "assistant", "2024-05-01T10:41:41+00:00", "Nice there"),
        ("No title and no root", "user", "2024-05-01T10:43:20+00:00", "No title and no root"),
        ("Round", "user", "2024-05-01T10:45:00+00:00", "round"),
        ("Round", "assistant", "2024-05-01T10:45:01+00:00", "and round"),
        ("Early", "user", "2024-05-01T10:46:40+00:00", "In a list only"),
        ("Early", "assistant", "2024-05-01T10:46:40+00:00", "Still read"),
        ("Broken nodes", "user", "2024-05-01T10:48:20+00:00", "half a letter \N{REPLACEMENT CHARACTER} and a NUL ."),
    ]
    assert export.skipped == {
        "hidden messages": 2, "pictures, sounds and files": 1, "system notices": 1, "system and tool messages": 2, "malformed records": 4,
    }  # fmt: skip
    assert (export.format, export.report.read, export.report.warnings) == ("open_webui", 25, [])
    assert [m.text for m in export.messages if m.edited] == ["Warm enough for him.\nTake water."]
    assert {m.role for m in export.messages} == {"user", "assistant"}


def test_what_a_model_thought_is_not_speech_even_where_it_was_cut_off(tmp_path: Path) -> None:
    thought = 'Yes.\n<details type="reasoning" done="false">\n<summary>Thinking…</summary>\n&gt; The person'
    assert [m.text for m in parse_export(write(tmp_path / "a.json", [chat("Ready?", thought)])).messages] == ["Ready?", "Yes."]


def test_details_without_a_type_are_the_answers_own(tmp_path: Path) -> None:
    answer = "<details><summary>More</summary>all of it</details>"
    assert parse_export(write(tmp_path / "a.json", [chat("Tell me", answer)])).messages[1].text == answer


def test_a_single_chat_and_the_early_form_without_a_frame_are_read(tmp_path: Path) -> None:
    alone = parse_export(write(tmp_path / "a.json", chat("I keep bees")))
    early = parse_export(write(tmp_path / "b.json", [{"title": "Bees", "history": chat("I keep bees")["chat"]["history"]}]))
    assert rows(alone) == [("Chat", "user", "2024-05-01T10:40:00+00:00", "I keep bees")]
    assert rows(early) == [("Bees", "user", "2024-05-01T10:40:00+00:00", "I keep bees")]


def test_times_in_milliseconds_are_read(tmp_path: Path) -> None:
    data = chat("I keep bees")
    data["chat"]["history"]["messages"]["m0"]["timestamp"] = 1714560000123
    assert rows(parse_export(write(tmp_path / "a.json", [data])))[0][2] == "2024-05-01T10:40:00.123000+00:00"


def test_a_file_that_is_cut_off_gives_the_chats_before_the_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [chat("I keep bees", id="1"), chat("And hens", id="2")])
    path.write_text(path.read_text()[:-30])
    export = parse_export(path)
    assert [m.text for m in export.messages] == ["I keep bees"]
    assert "cut off" in export.report.warnings[0]


def test_files_of_other_assistants_are_left_to_their_rooms() -> None:
    for other in ("chatgpt", "claude", "librechat", "telegram", "discord"):
        if (FIXTURES / other).is_dir():
            assert FORMAT.claim(read_bundles(FIXTURES / other)[0]) == []


TEXTS = st.lists(st.text(min_size=1).filter(lambda text: clean_text(text) and "<" not in text), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_random_chats_come_back_as_they_were(chats: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        export = parse_export(write(Path(folder) / "a.json", [chat(*texts, id=str(place)) for place, texts in enumerate(chats)]))
    assert [m.text for m in export.messages] == [clean_text(text) for texts in chats for text in texts]
    assert len(export.conversations) == len(chats)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_gives_messages_or_a_sentence(data: st.DataObject) -> None:
    raw = FILE.read_bytes()
    start, length = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 40))
    raw = raw[:start] + data.draw(st.binary(max_size=8)) + raw[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) * 2 // 3, len(raw) // 9]))])
        try:
            parse_export(path)
        except BadExport as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("history", [None, [], {"messages": [], "currentId": 3}, {"messages": {"a": 1, "b": {"parentId": ["x"]}}}])
def test_odd_histories_are_counted_and_reading_goes_on(tmp_path: Path, history: Any) -> None:
    odd = {"id": "odd", "title": 5, "chat": {"history": history, "messages": history}}
    assert [m.text for m in parse_export(write(tmp_path / "a.json", [chat("I keep bees"), odd, chat("And hens", id="2")])).messages] == [
        "I keep bees", "And hens",
    ]  # fmt: skip
