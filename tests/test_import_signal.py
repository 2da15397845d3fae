"""Signal's own exports (main.jsonl, Android's chat.txt) and those of signal-export: every trap has a record, the whole result is written down."""

import json
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.export import NOTHING_DECIDED, ParsedMessage, Report, clean_text
from memory.importers.signal import FORMAT
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures" / "signal"
BACKUP, ANDROID, SIGEXPORT = FIXTURES / "signal-export-2026-05-01", FIXTURES / "android" / "chat.txt", FIXTURES / "sigexport"
MINUTE = 60_000
START = 1714557600000  # 2024-05-01T10:00Z


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    bundle, report = read_bundles(path)[0], Report()
    return list(FORMAT.parse(FORMAT.claim(bundle), bundle, report, NOTHING_DECIDED)), report


def rows(messages: list[ParsedMessage]) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.strftime("%H:%M") if m.timestamp else "", m.text) for m in messages]


def backup_of(folder: Path, *frames: object) -> Path:
    """A main.jsonl with these frames behind an account and one contact."""
    head = [
        {"version": "1", "backupTimeMs": "1"}, {"account": {"givenName": "Nora"}}, {"recipient": {"id": "1", "self": {}}},
        {"recipient": {"id": "2", "contact": {"profileGivenName": "Ana"}}}, {"chat": {"id": "5", "recipientId": "2"}},
    ]  # fmt: skip
    path = folder / "main.jsonl"
    path.write_text("\n".join(json.dumps(frame) for frame in [*head, *frames]), encoding="utf-8")
    return path


def said(text: str, author: int = 2, **more: object) -> dict:
    item = {"chatId": "5", "authorId": str(author), "dateSent": str(START), "standardMessage": {"text": {"body": text}}}
    return {"chatItem": {**item, **more}}


def test_a_backup_is_read_whole() -> None:
    messages, report = read(BACKUP)
    ana2, nora2 = "Ana (+32470000005)", "Nora Lind (+32470000012)"
    assert rows(messages) == [
        ("Ana", "Nora Lind", "10:00", "Good morning!\n\n  Two  spaces stay \U0001f469\u200d\U0001f373"),
        ("Ana", "Ana", "10:01", "I work at Blueberry"),
        (ana2, ana2, "10:02", "I am the other Ana"),
        ("+32470000006", "+32470000006", "10:03", "You only have my number"),
        ("cy.07", "cy.07", "10:04", "You only have my username"),
        ("Signal user 8", "Signal user 8", "10:05", "You have nothing of mine"),
        ("Auntie Liz", "Auntie Liz", "10:06", "I am your aunt"),
        (nora2, nora2, "10:07", "I am called like you"),
        (nora2, "Nora Lind", "10:08", "What a coincidence"),
        ("Note to Self", "Nora Lind", "10:09", "Passport is in the blue drawer"),
        ("Ana (2)", "Ana", "10:10", "A group called Ana"),
        ("Group 11", "Ana", "10:11", "A group without a name"),
        ("Choir", "Ana", "10:12", "\U0001f600\U0001f600 @Auntie Liz and @Ana (+32470000005), sing!"),
        ("Choir", "Ana", "10:13", "@+32470000006 is late, @someone too"),
        ("Choir", "Nora Lind", "10:14", "Rehearsal at eight"),
        ("Choir", "Nora Lind", "10:15", "Nice picture"),
        ("Ana", "Nora Lind", "10:16", "I live in Ghent now"),
        ("Ana", "Ana", "10:21", "My new bike"),
        ("Ana", "Ana", "10:34", "What a view"),
        ("Choir", "Ana", "10:36", "Pasta or rice?"),
        ("+32470000006", "Nora Lind", "10:38", "By SMS"),
        ("Ana", "Nora Lind", "10:39", "A very long letter"),
        ("Ana", "Unknown sender", "10:42", "Nobody knows me"),
        ("Signal chat 1000", "Ana", "10:43", "Nowhere at all"),
        ("Ana", "Ana", "", "When was this"),
        ("Late", "Late", "10:44", "Half an emoji \N{REPLACEMENT CHARACTER}"),
    ]
    assert report.skipped == {
        "pictures, sounds and files": 3, "messages without text": 4, "deleted messages": 2, "system notices": 5, "calls": 2, "malformed records": 4,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert report.notes == ["The export is of the account of Nora Lind."]
    assert report.warnings == ["Very long messages are cut: the export holds only their beginning."]
    assert {message.role for message in messages} == {"person"}


def test_times_are_utc_to_the_millisecond() -> None:
    assert read(BACKUP)[0][0].timestamp == datetime(2024, 5, 1, 10, 0, 0, 123_000, UTC)


def test_an_edited_message_comes_once_as_it_is_now_and_from_when_it_was_said() -> None:
    edited = [message for message in read(BACKUP)[0] if message.edited]
    assert rows(edited) == [("Ana", "Nora Lind", "10:16", "I live in Ghent now")]
    assert not any("Gent" in message.text or "Ghen " in message.text for message in read(BACKUP)[0])


def test_a_reply_has_the_quote_with_names_for_mentions_and_a_picture_has_no_words() -> None:
    replies = {message.text: message.reply_to for message in read(BACKUP)[0]}
    assert (replies["Rehearsal at eight"], replies["Nice picture"]) == ("@+32470000006 is late", None)


def test_a_quote_is_cut_to_80_letters(tmp_path: Path) -> None:
    message = said("b")
    message["chatItem"]["standardMessage"]["quote"] = {"text": {"body": "a" * 200}}
    assert read(backup_of(tmp_path, message))[0][0].reply_to == "a" * 80


def test_names_do_not_depend_on_where_recipients_stand(tmp_path: Path) -> None:
    late = {"recipient": {"id": "9", "contact": {"profileGivenName": "Late"}}}
    messages, _ = read(backup_of(tmp_path, said("first", author=9), late))
    assert messages[0].sender == "Late"


def test_outgoing_messages_are_the_persons_even_without_an_account(tmp_path: Path) -> None:
    path = tmp_path / "main.jsonl"
    path.write_text(json.dumps({"chat": {"id": "5", "recipientId": "2"}}) + "\n" + json.dumps(said("hi", outgoing={})))
    messages, report = read(path)
    assert (rows(messages), report.notes) == ([("Signal chat 5", "Me", "10:00", "hi")], [])


def test_androids_chat_is_read_whole() -> None:
    messages, report = read(ANDROID)
    log = "This is what he sent me:\n[2024-05-01 09:00:00] Bo: I will be late\n[2024-05-01 09:01:00] Bo: sorry"
    assert rows(messages) == [
        ("Ana & Co", "You", "10:01", "Good morning!\n\n  Two  spaces: stay"),
        ("Ana & Co", "Ana", "10:02", log),  # Bo is no sender
        ("Ana & Co", "You", "10:03", "He is always late"),
        ("Ana & Co", "You", "10:04", "Nice one"),
        ("Ana & Co", "Ana", "10:07", "Pasta or rice?"),
        ("Ana & Co", "Ana", "10:08", "(Poll) this is only something I wrote"),
        ("Ana & Co", "Ana", "10:11", "My new bike"),
        ("Ana & Co", "Ana", "10:12", "A caption"),
        ("Ana & Co", "+32 470 00 00 06", "10:16", "--- not an update ---"),
    ]
    assert report.skipped == {
        "system notices": 2, "deleted messages": 1, "pictures, sounds and files": 3, "messages without text": 1, "calls": 1,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert [message.reply_to for message in messages[2:4]] == ["This is what he sent me:\nand more", None]
    assert messages[0].timestamp == datetime(2024, 5, 1, 10, 1)
    assert 'The export calls the person whose account it is "You".' in report.notes and any("no time zone" in note for note in report.notes)


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "chat.txt"
    copy.write_bytes(ANDROID.read_bytes().replace(b"\n", b"\r\n"))
    assert rows(read(copy)[0]) == rows(read(ANDROID)[0])


def test_signal_export_is_read_whole_and_each_chat_once() -> None:
    messages, report = read(SIGEXPORT)
    assert rows(messages) == [
        ("AnaRuiz", "Me", "12:00", "Good morning!"),
        ("AnaRuiz", "Ana", "12:01", "I work at Blueberry\n\nsince May"),
        ("AnaRuiz", "Me", "12:02", "Nice"),
        ("AnaRuiz", "Ana", "12:04", "My bike"),
        ("AnaRuiz", "Unknown sender", "12:10", "I left the group"),
        ("AnaRuiz", "Ana", "12:12", "Missed call of the wild is a book"),
        ("Choir", "Me", "12:00", "Good morning!"),
        ("Choir", "Ana", "12:01", "I work at Blueberry\n\nsince May"),
        ("Choir", "Me", "12:02", "Nice"),
        ("Choir", "Ana", "12:03", "> not a quote, I typed this"),
        ("Choir", "Ana", "12:05", "My bike"),
        ("Choir", "Ana", "12:09", "look [here](https://example.org) for\n[2024-05-01 09:00:00] Bo: a pasted line"),
        ("Choir", "Unknown sender", "12:10", "who am I"),
        ("Early", "Me", "15:04", "How is everyone?"),
        ("Early", "Aya", "15:10", "We're great!\nreally"),
        ("Early", "Jim", "15:20", "I'm not."),
    ]
    assert report.skipped == {
        "pictures, sounds and files": 4, "calls": 3, "deleted messages": 2, "system notices": 1, "messages without text": 1, "malformed records": 2,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert [m.reply_to for m in messages if m.text == "Nice"] == ["I work at Blueberry\n\nsince May", "I work at Blueberry\nsince May"]
    assert len(report.warnings) == 1 and "data.json is cut off" in report.warnings[0]


def test_a_chat_of_signal_export_is_called_after_its_folder_however_it_is_given(tmp_path: Path) -> None:
    archive = tmp_path / "Choir.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(SIGEXPORT / "Choir" / "chat.md", "chat.md")
    for path in (SIGEXPORT / "Choir" / "chat.md", SIGEXPORT / "Choir", archive):
        assert {message.conversation for message in read(path)[0]} == {"Choir"}


def test_a_cut_backup_gives_what_is_whole_and_a_warning(tmp_path: Path) -> None:
    path = backup_of(tmp_path, said("a"), said("b"))
    path.write_bytes(path.read_bytes()[:-10])
    messages, report = read(path)
    assert [message.text for message in messages] == ["a"] and "is cut off after 1 messages" in report.warnings[0]


def test_the_content_tells_the_format_not_the_name(tmp_path: Path) -> None:
    others = {
        "main.jsonl": '{"sender": "Ana", "text": "hi"}', "metadata.json": '{"version":1}', "data.json": '{"date": "2024-01-01", "text": "x"}',
        "chat.txt": "[2024-05-01, 10:00:00] Ana: WhatsApp writes like this in Sweden", "chat.md": "# Notes\n[2024-05-01 10:00] no colon",
        "account.json": '{"account": {"name": "x"}}',
    }  # fmt: skip
    for name, content in others.items():
        (tmp_path / name).write_text(content)
    assert FORMAT.claim(read_bundles(tmp_path)[0]) == []
    (tmp_path / "export.bin.txt").write_bytes((BACKUP / "main.jsonl").read_bytes())
    assert [source.name for source in FORMAT.claim(read_bundles(tmp_path)[0])] == ["export.bin.txt", "metadata.json"]


def test_the_registry_finds_it() -> None:
    export = parse_export(BACKUP)
    assert (export.format, len(export.messages)) == ("signal", 26)


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r\ufffc"), max_size=30)
full = words.filter(clean_text)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(full, words, st.booleans(), st.integers(1, 4_000_000_000_000)), max_size=8))
def test_what_is_written_comes_back_with_mentions_in_their_place(texts: list[tuple[str, str, bool, int]]) -> None:
    frames: list[dict] = [{"recipient": {"id": "9", "contact": {"aci": "QQ==", "profileGivenName": "Cy"}}}]
    for before, after, mentions, when in texts:
        place = {"start": len(before.encode("utf-16-le")) // 2, "length": 1, "mentionAci": "QQ=="}
        text = {"body": before + "\ufffc" + after, "bodyRanges": [place]} if mentions else {"body": before}
        frames.append(said("", dateSent=str(when), standardMessage={"text": text}))
    with tempfile.TemporaryDirectory() as folder:
        messages, report = read(backup_of(Path(folder), *frames))
    assert [m.text for m in messages] == [clean_text(f"{before}@Cy{after}" if mentions else before) for before, after, mentions, _ in texts]
    seconds = [m.timestamp.timestamp() for m in messages if m.timestamp]
    assert (
        all(abs(found - (when / 1000 if when > 1e11 else when)) < 0.002 for found, (*_, when) in zip(seconds, texts)) and not report.skipped
    )


lines = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda line: clean_text(line) == line and not line.startswith(("(", "[", "---"))
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["You", "Ana Ruiz", "+32 470"]), st.lists(lines, min_size=1, max_size=4), st.integers(0, 59)), min_size=1
    )
)
def test_an_android_chat_comes_back(texts: list[tuple[str, list[str], int]]) -> None:
    body = "".join(f"[2024-05-01 10:{minute:02}:00] {sender}: {chr(10).join(text)}\n\n" for sender, text, minute in texts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.txt"
        path.write_text(f"Chat export: Us\nExported on: 2026-05-01 12:00:00\n{'=' * 60}\n\n{body}", encoding="utf-8", newline="")
        messages, report = read(path)
    assert rows(messages) == [("Us", sender, f"10:{minute:02}", "\n".join(text)) for sender, text, minute in texts]
    assert not report.skipped


edits = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([b"", b"{", b"}", b"]", b'"', b",", b"null", b"1", b"\xff", b"\n", b"[]"])), max_size=6
)
files = [BACKUP / "main.jsonl", ANDROID, SIGEXPORT / "AnaRuiz" / "data.json", SIGEXPORT / "Choir" / "chat.md"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(files), edits, st.floats(0.01, 1))
def test_damaged_files_give_messages_or_a_bad_export(path: Path, changes: list[tuple[float, bytes]], end: float) -> None:
    content = path.read_bytes()
    for place, piece in changes:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + len(piece) :]
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / path.name
        broken.write_bytes(content[: int(end * len(content))])
        try:
            messages, report = read(broken)
        except BadExport:
            return
    assert all(message.text and message.sender and message.conversation for message in messages)
    assert report.read == len(messages) + sum(report.skipped.values())


odd = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["text", "body", "bodyRanges", "start", "mentionAci", "quote", "id", "contact", "nickname", "group", "snapshot", "title", "aci"]), inner,
    max_size=4), max_leaves=8)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["chatId", "authorId", "dateSent", "standardMessage", "revisions", "poll", "updateMessage"]), odd)),
    odd,
    odd,
)
def test_odd_values_anywhere_raise_nothing(fields: list[tuple[str, object]], recipient: object, chat: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = backup_of(Path(folder), {"recipient": recipient}, {"chat": chat}, {"chatItem": {"chatId": "5", **dict(fields)}})
        messages, report = read(path)
    assert report.read == len(messages) + sum(report.skipped.values()) == 1


def test_a_damaged_number_of_a_chat_gives_a_name_that_can_be_stored(tmp_path: Path) -> None:
    path = backup_of(tmp_path, said("hi", chatId="\0\ud83d"))
    messages, _ = read(path)
    assert [message.conversation for message in messages] == ["Signal chat \N{REPLACEMENT CHARACTER}"]
