"""Telegram Desktop exports: every trap of the format has a record in the fixtures, and the whole result is written down."""

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export, telegram_file
from memory.importers.export import NOTHING_DECIDED, ParsedMessage, Report, clean_text
from memory.importers.sources import Bundle, Source, read_bundles
from memory.importers.telegram import FORMAT

FIXTURES = Path(__file__).parent / "fixtures" / "telegram"
CHAT, ACCOUNT, EARLY = FIXTURES / "result.json", FIXTURES / "account", FIXTURES / "result_2019.json"


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    bundle, report = read_bundles(path)[0], Report()
    return list(FORMAT.parse(FORMAT.claim(bundle), bundle, report, NOTHING_DECIDED)), report


def rows(messages: list[ParsedMessage]) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in messages]


def export_of(tmp_path: Path, *records: dict, **chat: object) -> Path:
    """A chat's export with these records, as Telegram lays it out."""
    path = tmp_path / "result.json"
    head = {"name": "Ana", "type": "personal_chat", "id": 2002, **chat}
    full = [{"id": number, "type": "message", "from": "Ana", "from_id": "user2002", **record} for number, record in enumerate(records, 1)]
    path.write_text(json.dumps({**head, "messages": full}, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_chat_is_read_whole() -> None:
    messages, report = read(CHAT)
    job = "I work at Blueberry, see our page or https://example.org\n\U0001f525Nora"
    assert rows(messages) == [
        ("Ana", "Nora Lind", "2024-05-01T10:01:00+00:00", "Good morning!\n\n  Two  spaces stay, \U0001f469\u200d\U0001f373 too"),
        ("Ana", "Ana", "2024-05-01T10:02:00+00:00", job),
        ("Ana", "Nora Lind", "2024-05-01T10:03:00+00:00", "Nice place to work"),
        ("Ana", "Nora Lind", "2024-05-01T10:04:00+00:00", "I live in Ghent now"),
        ("Ana", "Ana", "2024-05-01T10:05:00+00:00", "My new bike"),
        ("Ana", "Nora Lind", "2024-05-01T10:11:00+00:00", "The third one is good"),
        ("Ana", "Ana", "2024-05-01T10:17:00+00:00", "Pasta or rice?"),
        ("Ana", "Nora Lind", "2024-05-01T10:18:00+00:00", "When \U0001f389"),
        ("Ana", "Nora Lind", "2024-05-01T10:19:00+00:00", "For Friday\nbuy candles\ncall Bo"),
        ("Ana", "Ana", "2024-05-01T10:20:00+00:00", "A bell \x07 and a path C:\\xampp\\x0a stay readable"),
        ("Ana", "Nora Lind", "2024-05-01T10:21:00+00:00", "That was in the other group"),
        ("Ana", "Nora Lind", "2024-05-01T10:24:00+00:00", "half an emoji: \N{REPLACEMENT CHARACTER}"),
        ("Ana", "Nora Lind", "2024-05-01T12:30:00", "my clock only"),
    ]
    assert report.skipped == {
        "system notices": 1, "pictures, sounds and files": 3, "forwarded messages": 2, "messages of bots": 1, "calls": 1,
        "messages without text": 4, "malformed records": 2,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert {message.role for message in messages} == {"person"}


def test_an_account_is_read_whole() -> None:
    messages, report = read(ACCOUNT)
    assert [(m.conversation, m.sender, m.text) for m in messages] == [
        ("Saved Messages", "Nora Lind", "Passport is in the blue drawer"),
        ("Ana (3003)", "Ana (3003)", "I am the Ana from work"),
        ("Ana (2002)", "Ana (2002)", "I am the Ana from school"),
        ("Ana (2002)", "Nora Lind", "Hello school"),
        ("Deleted account 4004", "Deleted account 4004", "I will delete my account"),
        ("Helper", "Nora Lind", "/remind me to water the ferns"),
        ("Choir", "Bo", "Rehearsal at eight"),
        ("Choir", "Bo (8008)", "I am another Bo"),
        ("Choir", "Nora Lind (9009)", "I am not the owner of this account"),
        ("Choir", "Nora Lind", "I sing alto"),
        ("Choir", "Deleted account 4004", "I was here too"),
        ("Choir", "Choir", "A word from the board"),
        ("Nora bakes", "Nora Lind", "Rye needs time"),
        ("Nora bakes", "Nora bakes", "Unsigned note"),
        ("Old flat", "Nora Lind", "The rent is paid"),
    ]
    assert report.skipped == {"system notices": 3, "forwarded messages": 2, "messages of bots": 2, "calls": 1}
    assert report.read == len(messages) + sum(report.skipped.values())
    assert report.notes == ["The export is of the account of Nora Lind."] and report.warnings == []


def test_an_early_export_has_local_times_numbers_for_people_and_1970_for_not_edited() -> None:
    messages, report = read(EARLY)
    assert rows(messages) == [
        ("Ana", "Ana", "2019-03-31T02:30:00", "The clocks change tonight"),
        ("Ana", "Nora Lind", "2019-03-31T03:30:00", "I know #tired"),
        ("Ana", "Deleted account 42", "2019-03-31T03:31:00", "who was I"),
    ]
    assert [message.edited for message in messages] == [False, True, False]
    assert report.notes == ["Times are the computer's local time: the export names no time zone."]


def test_a_reply_knows_what_it_answers_even_a_forward_but_not_a_message_of_another_chat() -> None:
    answers = {message.text: message.reply_to for message in read(CHAT)[0]}
    assert answers["Nice place to work"].startswith("I work at Blueberry")
    assert answers["The third one is good"] == "Ten soups for winter"
    assert answers["That was in the other group"] is None


def test_the_beginning_of_an_answered_text_is_80_letters_and_ids_count_within_their_chat(tmp_path: Path) -> None:
    messages, _ = read(export_of(tmp_path, {"text": "a" * 200}, {"text": "b", "reply_to_message_id": 1}))
    assert messages[1].reply_to == "a" * 80
    account = [message for message in read(ACCOUNT)[0] if message.text == "I sing alto"]
    assert account[0].reply_to == "Rehearsal at eight"  # and not message 2 of the saved ones


def test_only_edited_messages_are_edited() -> None:
    assert [message.text for message in read(CHAT)[0] if message.edited] == ["I live in Ghent now"]


def test_a_login_code_is_in_no_sample_and_in_no_reply(tmp_path: Path) -> None:
    assert not any("code" in sample.casefold() for samples in read(ACCOUNT)[1].samples.values() for sample in samples)
    code = {"text": "Login code: 12345", "from_id": "user777000"}
    assert read(export_of(tmp_path, code, {"text": "ok", "reply_to_message_id": 1}))[0][0].reply_to is None


def test_names_of_chats_do_not_depend_on_their_order(tmp_path: Path) -> None:
    data = json.loads((ACCOUNT / "result.json").read_text(encoding="utf-8"))
    data["chats"]["list"].reverse()
    (tmp_path / "result.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")  # and not as Telegram lays it out
    turned = {(m.conversation, m.text) for m in read(tmp_path)[0]}
    assert turned == {(m.conversation, m.text) for m in read(ACCOUNT)[0]}


def test_two_chats_of_one_name_in_two_files_stay_two_and_one_chat_exported_twice_stays_one(tmp_path: Path) -> None:
    for folder, number in (("a", 2002), ("b", 3003), ("c", 2002)):
        (tmp_path / folder).mkdir()
        export_of(tmp_path / folder, {"text": folder, "from_id": f"user{number}"}, id=number)
    assert [(m.conversation, m.sender, m.text) for m in read(tmp_path)[0]] == [
        ("Ana (2002)", "Ana (2002)", "a"), ("Ana (3003)", "Ana (3003)", "b"), ("Ana (2002)", "Ana (2002)", "c"),
    ]  # fmt: skip


def test_the_other_side_keeps_the_chats_name_and_a_namesake_gets_the_id(tmp_path: Path) -> None:
    messages, _ = read(export_of(tmp_path, {"text": "mine", "from_id": "user1"}, {"text": "hers"}))
    assert [message.sender for message in messages] == ["Ana (1)", "Ana"]


def test_a_message_without_a_readable_time_is_kept_without_one(tmp_path: Path) -> None:
    messages, _ = read(
        export_of(tmp_path, {"text": "a", "date": "yesterday", "date_unixtime": "?"}, {"text": "b", "date_unixtime": "9" * 40})
    )
    assert [message.timestamp for message in messages] == [None, None]


@pytest.mark.parametrize("record", [
    {"text": None}, {"text": 5}, {"text": {"text": 5}}, {"text": [1, None, {"text": []}]}, {"poll": {"question": {}}}, {"todo_list": {"answers": 1}},
])  # fmt: skip
def test_odd_texts_are_no_texts(tmp_path: Path, record: dict) -> None:
    messages, report = read(export_of(tmp_path, record))
    assert (messages, report.skipped) == ([], {"messages without text": 1})


def test_a_cut_file_gives_what_is_whole_and_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(CHAT.read_bytes()[:2_000])
    messages, report = read(path)
    assert len(messages) >= 2 and [message.text for message in messages] == [message.text for message in read(CHAT)[0]][: len(messages)]
    assert len(report.warnings) == 1 and "is cut off after" in report.warnings[0]


def test_the_content_tells_the_format_not_the_name(tmp_path: Path) -> None:
    others = {
        "result.json": {"name": "x", "messages": [{"id": 1, "text": "t"}]},
        "discord.json": {"guild": {"id": "1"}, "channel": {"id": "2"}, "messages": [{"id": "1", "type": "Default"}]},
        "about.json": {"about": "me", "chats": 1},
        "thread.json": {"messages": [{"role": "user", "content": "hi"}]},
    }
    for name, content in others.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "copy.txt").write_bytes(EARLY.read_bytes())
    assert [source.name for source in FORMAT.claim(read_bundles(tmp_path)[0])] == ["copy.txt"]


def test_the_registry_finds_it(tmp_path: Path) -> None:
    export = parse_export(CHAT)
    assert (export.format, len(export.messages), export.conversations) == ("telegram", 13, ["Ana"])


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), min_size=1, max_size=60).filter(clean_text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(words, words, st.integers(1, 4_000_000_000), st.integers(0, 60), st.booleans()), max_size=8), st.booleans())
def test_what_is_written_comes_back(said: list[tuple[str, str, int, int, bool]], pretty: bool) -> None:
    records = [
        {
            "id": number, "type": "message", "date": "2000-01-01T00:00:00", "date_unixtime": str(when), "from": name, "from_id": f"user{number}",
            "text": [text[:cut], {"type": "bold", "text": text[cut:]}] if split else text,
        }
        for number, (name, text, when, cut, split) in enumerate(said)
    ]  # fmt: skip
    data = {"name": "Us", "type": "private_group", "id": 7, "messages": records}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        path.write_text(json.dumps(data, indent=1 if pretty else None, ensure_ascii=pretty), encoding="utf-8")
        messages, report = read(path)
    assert [(m.text, m.timestamp) for m in messages] == [
        (clean_text(text), datetime.fromtimestamp(when, UTC)) for _, text, when, _, _ in said
    ]
    assert all(m.sender.startswith(clean_text(name)) for m, (name, *_) in zip(messages, said))
    assert len({m.sender for m in messages}) == len(said) and not report.skipped


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["\\", "\\\\", "x", "\\x0", "\\x1f", "\\n", '\\"', "7", "é", "words "]), max_size=30), st.integers(1, 9))
def test_escapes_are_mended_wherever_a_piece_of_the_file_ends(monkeypatch: pytest.MonkeyPatch, parts: list[str], size: int) -> None:
    content = "".join(parts).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(content)
        source = Source("a.json", len(content), "a.json", lambda: path.open("rb"))
        monkeypatch.setattr(telegram_file, "CHUNK", 1 << 20)
        with telegram_file.mended(source)._open() as file:
            whole = file.read()
        monkeypatch.setattr(telegram_file, "CHUNK", size)
        with telegram_file.mended(source)._open() as file:
            assert file.read() == whole
    if "x" not in "".join(parts):
        assert whole == content


edits = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([b"", b"{", b"}", b"]", b'"', b",", b"null", b"1", b"\xff", b"\\x", b"[]"])), max_size=6
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([CHAT, ACCOUNT / "result.json", EARLY]), edits, st.floats(0.01, 1))
def test_damaged_files_give_messages_or_a_bad_export(path: Path, changes: list[tuple[float, bytes]], end: float) -> None:
    content = path.read_bytes()
    for place, piece in changes:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + len(piece) :]
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "result.json"
        broken.write_bytes(content[: int(end * len(content))])
        try:
            messages, report = read(broken)
        except BadExport:
            return
    assert all(message.text and message.sender and message.conversation for message in messages)
    assert report.read == len(messages) + sum(report.skipped.values())


odd = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
    | st.just({})
    | st.just([{}])
)
keys = [
    "id", "type", "from", "from_id", "date", "date_unixtime", "edited", "edited_unixtime", "text", "text_entities", "poll", "todo_list", "author",
    "reply_to_message_id", "forwarded_from", "via_bot", "inline_bot_buttons", "photo", "action",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(keys), odd),
    st.dictionaries(st.sampled_from(["name", "id"]), odd),
    st.sampled_from(["personal_chat", "public_channel"]),
)
def test_odd_values_anywhere_raise_nothing(record: dict, chat: dict, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        messages, report = read(export_of(Path(folder), record, **{"type": kind, **chat}))
    assert report.read == len(messages) + sum(report.skipped.values()) == 1


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(keys), odd, min_size=1, max_size=2))
@example({"from": []})
@example({"from_id": {}})
def test_a_message_with_some_odd_values_among_others_raises_nothing(changed: dict) -> None:
    whole = {
        "type": "message",
        "date": "2024-05-06T07:08:09",
        "date_unixtime": "1714979289",
        "from": "Ana",
        "from_id": "user1",
        "text": "hi",
    }
    records = [whole, whole, whole | changed, *[whole] * 20]  # a run of records is decoded at once, one alone is not
    with tempfile.TemporaryDirectory() as folder:
        messages, report = read(export_of(Path(folder), *records, type="private_group", name="Walks", id=1))
    assert report.read == len(messages) + sum(report.skipped.values()) == len(records)


def test_claim_takes_odd_content(tmp_path: Path) -> None:
    for number, content in enumerate([b"{", b"{}", b'{"about": "x"', b'{"messages": [', b"\xff\xfe{", b'{"name":"\\', b"[[[["]):
        (tmp_path / f"{number}.json").write_bytes(content)
    bundle = read_bundles(tmp_path)[0]
    assert isinstance(bundle, Bundle) and FORMAT.claim(bundle) == []


def test_a_damaged_number_of_an_account_or_chat_gives_a_name_that_can_be_stored(tmp_path: Path) -> None:
    said = [{"id": 1, "type": "message", "date": "2024-05-06T07:08:09", "from": None, "from_id": "user\0\ud83d", "text": "hi"}]
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"name": "", "type": "private_group", "id": "\ud83d\0", "messages": said}))
    messages = parse_export(path).messages
    assert messages[0].sender == "Deleted account \N{REPLACEMENT CHARACTER}" and "\0" not in messages[0].conversation
    messages[0].conversation.encode()
