"""ChatGPT's exports: the whole result of a file with every trap, each trap by itself, random chats there and back, damaged files."""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.chatgpt import FORMAT
from memory.importers.export import NOTHING_DECIDED, ParsedMessage, Report, clean_text
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures"
FILE = FIXTURES / "chatgpt" / "conversations.json"


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    bundle, report = read_bundles(path)[0], Report()
    return list(FORMAT.parse(FORMAT.claim(bundle), bundle, report, NOTHING_DECIDED)), report


def rows(messages: list[ParsedMessage]) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in messages]


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def message(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"author": {"role": role}, "content": {"content_type": "text", "parts": list(parts)}, **more}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    """A conversation without branches."""
    nodes = {str(n): {"id": str(n), "parent": str(n - 1) if n else None, "children": [], "message": m} for n, m in enumerate(messages)}
    return {"title": "Chat", "mapping": nodes, "current_node": str(len(messages) - 1), **more}


def test_a_file_with_every_trap_gives_exactly_what_was_said() -> None:
    messages, report = read(FILE)
    assert rows(messages) == [
        ("Garden 🌱", "user", "2024-05-01T10:00:01.500000+00:00", "I grow figs on my balcony.\n\n\tTwo pots:  one  black 🍈,\none green."),
        ("Garden 🌱", "assistant", "2024-05-01T10:00:09+00:00", "Figs need sun, says Rosa Lima in her book."),
        ("Garden 🌱", "user", "2024-05-01T10:00:09+00:00", "That is the black one"),
        ("Garden 🌱", "user", "2024-05-01T10:00:20+00:00", "My sister Clara waters them"),
        ("Garden 🌱", "assistant", "2024-05-01T10:00:25+00:00", "Half a letter \N{REPLACEMENT CHARACTER} and a NUL ."),
        ("Garden 🌱", "user", "2024-05-01T10:00:00+00:00", "Thanks!"),
        ("Trip", "user", "2024-05-01T10:00:02+00:00", "I live in Genoa"),
        ("Trip", "assistant", "2024-05-01T10:00:03+00:00", "Genoa it is"),
        ("Trip (2)", "user", "2024-05-01T10:00:02+00:00", "I live in Genoa"),
        ("Trip (2)", "assistant", "2024-05-01T10:15:01+00:00", "Genoa, then"),
        ("Circle", "user", "2024-05-01T10:00:02+00:00", "and round"),
        ("Circle", "user", "2024-05-01T10:00:01+00:00", "round"),
        ("Picnic plans", "user", "2024-05-01T10:00:01+00:00", "I bring the bread"),
        ("Picnic plans", "assistant", "2024-05-01T10:00:03+00:00", "No nuts then."),
        ("Carpool", "Ana", "2024-05-01T10:00:01+00:00", "I drive on Mondays"),
        ("Carpool", "Bruno", "2024-05-01T10:00:02+00:00", "I drive on Fridays"),
        ("What rhymes with orange in a poem about", "user", "", "What rhymes with orange in a poem about my town Faro?"),
        ("Untitled chat", "assistant", "2024-05-01T10:00:00+00:00", "Hello"),
    ]
    assert report.skipped == {
        "system and tool messages": 6, "hidden messages": 4, "content of type thoughts": 3, "malformed conversations": 3,
        "pictures, sounds and files": 2, "messages without text": 1, "malformed records": 1, "content of type poll_of_2031": 1,
        "messages of other people": 1,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert (report.warnings, len(report.notes)) == ([], 1)


def test_in_a_chat_of_several_people_nobodys_words_become_another_persons() -> None:
    people = {(m.sender, m.role) for m in read(FILE)[0]} - {("user", "user"), ("assistant", "assistant")}
    assert people == {("Ana", "person"), ("Bruno", "person")}


def test_one_name_in_all_questions_is_the_persons_own(tmp_path: Path) -> None:
    named = message("user", "hi", author={"role": "user", "name": "Ana"})
    messages, _ = read(write(tmp_path / "c.json", [chat(named, message("assistant", "Hello Ana"), named)]))
    assert [(m.sender, m.role) for m in messages][::2] == [("user", "user")] * 2


def test_custom_instructions_are_never_speech_in_whatever_node_they_stand(tmp_path: Path) -> None:
    secret = "I am a baker in Porto"
    kinds = [
        message("system", secret, metadata={"is_user_system_message": True}),
        message("user", secret, metadata={"is_visually_hidden_from_conversation": True}),
        {"author": {"role": "user"}, "content": {"content_type": "user_editable_context", "user_profile": secret, "parts": [secret]}},
        {"author": {"role": "assistant"}, "content": {"content_type": "model_editable_context", "parts": [secret]}},
    ]
    messages, report = read(write(tmp_path / "c.json", [chat(*kinds, message("user", "hi"))]))
    assert [m.text for m in messages] == ["hi"] and report.skipped == {"hidden messages": 4}


def test_marks_of_sources_leave_answers_but_not_what_a_person_writes(tmp_path: Path) -> None:
    mark = "see \ue200cite\ue202turn0search0\ue201this \ue200entity\ue202not json\ue201"
    messages, _ = read(write(tmp_path / "c.json", [chat(message("user", mark), message("assistant", mark))]))
    assert [m.text for m in messages] == [mark, "see this not json"]


@pytest.mark.parametrize("shape", ["list", "object", "single"])
def test_a_list_an_object_around_it_and_a_single_conversation_are_read(tmp_path: Path, shape: str) -> None:
    one = chat(message("user", "hi"))
    data = {"list": [one], "object": {"version": 1, "conversations": [one]}, "single": one}[shape]
    assert [m.text for m in read(write(tmp_path / "c.json", data))[0]] == ["hi"]


def test_a_zip_gives_its_conversations_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    conversations = FILE.read_text(encoding="utf-8")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations-000.json", conversations)
        archive.writestr("conversations-001.json", json.dumps([chat(message("user", "shard two"), id="other")]))
        archive.writestr("chat.html", f"<html><script>var jsonData = {conversations};</script></html>")
        archive.writestr("user.json", '{"id": "user-1", "email": "a@example.org"}')
        archive.writestr("message_feedback.json", '[{"id": "f", "conversation_id": "c1", "rating": "thumbs_up", "content": "good"}]')
        archive.writestr("shared_conversations.json", '[{"id": "s", "conversation_id": "c1", "title": "Garden", "is_anonymous": true}]')
        archive.writestr("group_chats.json", '{"chats": []}')
        archive.writestr("export_manifest.json", '{"logical_files": {"conversations.json": {"files": ["conversations-000.json"]}}}')
    bundle = read_bundles(path)[0]
    assert [source.name for source in FORMAT.claim(bundle)] == ["conversations-000.json", "conversations-001.json"]
    assert [m.text for m in read(path)[0]][-1] == "shard two"


def test_no_other_room_takes_these_files_and_none_of_theirs_is_taken() -> None:
    assert {parse_export(path).format for path in [FILE]} == {"chatgpt"}
    claimed = FORMAT.claim(read_bundles(FIXTURES)[0])
    assert claimed and all(source.name.startswith("chatgpt") for source in claimed)


@pytest.mark.parametrize("content", [
    '[{"uuid": "1", "chat_messages": [{"text": "{\\"mapping\\": {\\"a\\": {\\"id\\": 1}}}"}]}]',  # a chat of Claude's that quotes an export
    '{"mapping": {"properties": {"name": {"type": "text"}}}}',
    '{"mapping": ["a"]}', '[{"header": "Gemini Apps", "title": "Prompted mapping"}]', "mapping", "[]",
])  # fmt: skip
def test_other_files_are_not_claimed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert FORMAT.claim(read_bundles(path)[0]) == []


def test_the_same_conversation_in_two_files_keeps_its_name_and_another_of_the_title_gets_its_own(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [chat(message("user", "one"), id="1"), chat(message("user", "two"), id="2")])
    write(tmp_path / "b.json", [chat(message("user", "one"), id="1"), chat(message("user", "none")), chat(message("user", "none"))])
    assert [m.conversation for m in read(tmp_path)[0]] == ["Chat", "Chat (2)", "Chat", "Chat (3)", "Chat (4)"]


def test_a_file_that_is_cut_off_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([chat(message("user", "one")), chat(message("user", "two"))])[:-30])
    messages, report = read(path)
    assert [m.text for m in messages] == ["one"]
    assert report.warnings == ["c.json is cut off after 1 chats: export your data again."]


def test_a_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('[{"mapping": {"a": ')
    with pytest.raises(BadExport, match="incomplete JSON"):
        read(path)


def test_odd_values_everywhere_skip_a_record_and_no_more(tmp_path: Path) -> None:
    odd: list[Any] = [None, True, -1, 1e308, "x", [], {}, [[]], {"a": []}]
    odd_messages = [{"author": a, "content": b, "metadata": a, "create_time": b, "weight": a, "recipient": b} for a in odd for b in odd]
    odd_messages += [message("user", value, create_time=value, metadata=value) for value in odd]
    chats = [chat(*odd_messages), chat(message("user", "sound"), title=[], id={}, create_time=[])]
    chats += [{"mapping": {"a": value}, "current_node": other, "title": other} for value in odd for other in odd]
    assert [m.text for m in read(write(tmp_path / "c.json", chats))[0]][-1] == "sound"


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(lambda text: clean_text(text))
SAID = st.tuples(
    st.sampled_from(["user", "assistant"]), TEXTS.filter(lambda text: "\ue200" not in text), st.integers(1_600_000_000, 1_900_000_000)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(SAID, min_size=1, max_size=6), min_size=1, max_size=4))
def test_random_chats_come_back_as_they_were(chats: list[list[tuple[str, str, int]]]) -> None:
    data = [chat(*(message(role, text, create_time=time) for role, text, time in said), id=str(n)) for n, said in enumerate(chats)]
    with tempfile.TemporaryDirectory() as folder:
        messages, report = read(write(Path(folder) / "c.json", data))
    said = [(m.sender, m.text, m.timestamp.timestamp() if m.timestamp else 0) for m in messages]
    assert said == [(role, clean_text(text), time) for one in chats for role, text, time in one]
    assert not report.skipped and len({m.conversation for m in messages}) == len(chats)


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
