"""DiscordChatExporter's JSON: every trap of the format has a record in the fixtures, and the whole result is written down."""

import json
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.discord import FORMAT
from memory.importers.export import NOTHING_DECIDED, ParsedMessage, Report, clean_text
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures" / "discord"
GENERAL = FIXTURES / "Garden Club - Text - general [700].json"


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    bundle, report = read_bundles(path)[0], Report()
    return list(FORMAT.parse(FORMAT.claim(bundle), bundle, report, NOTHING_DECIDED)), report


def export_of(path: Path, *records: dict, channel: dict | None = None, guild: dict | None = None) -> Path:
    """A channel's file with these records."""
    author = {"id": "1", "name": "ana", "nickname": "Ana", "isBot": False}
    data = {
        "guild": guild or {"id": "77", "name": "Garden Club"},
        "channel": channel or {"id": "700", "type": "GuildTextChat", "name": "general"},
        "messages": [
            {"id": str(number), "type": "Default", "content": "hi", "author": author, **record} for number, record in enumerate(records)
        ],
    }
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_an_export_is_read_whole() -> None:
    messages, report = read(FIXTURES)
    general, voice = "Garden Club #general (700)", "Garden Club #general (702)"
    asked = "Ask @Nora or @Ana \U0001f33b or <@5>, :fern: :grow: in <#700> at <t:1714557600:F> a<b"
    assert [(m.conversation, m.sender, m.timestamp.strftime("%H:%M") if m.timestamp else "", m.text) for m in messages] == [
        ("Ana, Bo", "Bo", "10:57", "Three of us"),
        ("ana (800)", "ana", "10:52", "Psst"),
        ("ana (800)", "Nora", "10:54", "Hello Ana"),
        ("ana (801)", "ana (ana#4321)", "10:55", "I am another ana"),
        (general, "Nora", "10:01", "Good morning!\n\n  Two  spaces stay \U0001f469\u200d\U0001f373 **bold** :ferns:"),
        (general, "ana", "10:02", "I work at Blueberry"),
        (general, "Nora", "10:03", "Nice place to work"),
        (general, "Nora", "10:04", "I live in Ghent now"),
        (general, "ana", "10:05", "My new bike"),
        (general, "Bo", "10:15", asked),
        (general, "Bo (bo_two)", "10:16", "I am another Bo"),
        (general, "Nora (5005)", "10:17", "I am not the owner of this export"),
        (general, "Deleted User 1a2b3c", "10:18", "I was here"),
        (general, "Deleted User 7007", "10:19", "So was I"),
        (general, "Nora", "10:21", "half an emoji \N{REPLACEMENT CHARACTER}"),
        (general, "Nora", "", "when was this"),
        (general, "Nora", "10:24", "Reply to a message of another export"),
        (general, "Nora", "10:30", "second part"),
        (general, "Nora", "10:40", "tenth part"),
        (voice, "Nora", "10:51", "Another channel called general"),
        ("Garden Club #general / Seeds", "ana", "10:50", "Sow in March"),
    ]
    assert report.skipped == {
        "system notices": 5, "calls": 1, "pictures, sounds and files": 2, "messages without text": 2, "messages of bots": 2,
        "forwarded messages": 1, "malformed records": 2,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert {message.role for message in messages} == {"person"} and report.notes == report.warnings == []


def test_times_with_a_zone_become_utc() -> None:
    assert read(GENERAL)[0][0].timestamp == datetime(2024, 5, 1, 10, 1, 0, 123_000, UTC)


@pytest.mark.parametrize(
    "written", ["2024-05-01T10:00:00+00:00", "2024-05-01T12:00:00.0000000+02:00", "2024-05-01T05:30:00.0-04:30", "2024-05-01T10:00:00Z"]
)
def test_all_forms_of_a_time_are_read(tmp_path: Path, written: str) -> None:
    assert read(export_of(tmp_path / "a.json", {"timestamp": written}))[0][0].timestamp == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_only_edited_messages_are_edited() -> None:
    assert [message.text for message in read(GENERAL)[0] if message.edited] == ["I live in Ghent now"]


def test_a_reply_knows_what_it_answers_even_in_an_earlier_part() -> None:
    answers = {message.text: message.reply_to for message in read(FIXTURES)[0]}
    assert answers["Nice place to work"] == answers["second part"] == "I work at Blueberry"
    assert answers["Reply to a message of another export"] is None


def test_one_channel_alone_needs_no_number_and_keeps_its_nicknames() -> None:
    messages, _ = read(GENERAL)
    assert {message.conversation for message in messages} == {"Garden Club #general"}
    assert "Ana \U0001f33b" in {message.sender for message in messages}


def test_a_person_has_one_name_in_all_channels(tmp_path: Path) -> None:
    author = {"id": "1", "name": "ana", "isBot": False}
    for number, nickname in enumerate(["Ana", "The Boss", None]):
        channel = {"id": str(number), "type": "GuildTextChat", "name": f"room {number}"}
        export_of(tmp_path / f"{number}.json", {"author": {**author, "nickname": nickname}}, channel=channel)
    assert {message.sender for message in read(tmp_path)[0]} == {"Ana"}


@pytest.mark.parametrize(("kind", "reason"), [
    ("RecipientAdd", "system notices"), ("GuildMemberJoin", "system notices"), ("ThreadCreated", "system notices"), ("21", "system notices"), (7, "system notices"),
    ("Call", "calls"), (3, "calls"), ("20", "messages of bots"), ("Default", None), ("Reply", None), (0, None), ("19", None),
])  # fmt: skip
def test_types_are_known_as_words_and_numbers(tmp_path: Path, kind: object, reason: str | None) -> None:
    messages, report = read(export_of(tmp_path / "a.json", {"type": kind}))
    assert (len(messages), dict(report.skipped)) == ((1, {}) if reason is None else (0, {reason: 1}))


def test_a_cut_file_gives_what_is_whole_and_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(GENERAL.read_bytes()[:6_000])
    messages, report = read(path)
    assert len(messages) >= 2 and [message.text for message in messages] == [message.text for message in read(GENERAL)[0]][: len(messages)]
    assert len(report.warnings) == 1 and "is cut off after" in report.warnings[0]


def test_the_content_tells_the_format_not_the_name(tmp_path: Path) -> None:
    others = {
        "Garden Club - general [700].json": {"channel": "general", "messages": [{"id": 1}]}, "guild.json": {"guild": {"id": "1"}},
        "telegram.json": {"name": "guild", "type": "private_group", "id": 1, "messages": [{"text": '"guild": {"id": 1}, "channel": {}'}]},
    }  # fmt: skip
    for name, content in others.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "copy.txt").write_bytes(GENERAL.read_bytes())
    assert [source.name for source in FORMAT.claim(read_bundles(tmp_path)[0])] == ["copy.txt"]


def test_the_registry_finds_it() -> None:
    export = parse_export(FIXTURES)
    assert (export.format, len(export.messages)) == ("discord", 21)


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r<"), min_size=1, max_size=60).filter(clean_text)
zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2015, 1, 2), datetime(2040, 1, 1), timezones=zones)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(words, words, moments, st.booleans()), max_size=8))
def test_what_is_written_comes_back(said: list[tuple[str, str, datetime, bool]]) -> None:
    records = [
        {
            "timestamp": when.isoformat(), "timestampEdited": when.isoformat() if edited else None, "content": text,
            "author": {"id": str(10**17 + number), "name": f"handle_{number}", "discriminator": "0000", "nickname": name, "isBot": False},
        }
        for number, (name, text, when, edited) in enumerate(said)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        messages, report = read(export_of(Path(folder) / "a.json", *records))
    assert [(m.text, m.timestamp, m.edited) for m in messages] == [(clean_text(text), when, edited) for _, text, when, edited in said]
    assert len({m.sender for m in messages}) == len(said) and not report.skipped
    assert all(m.sender.startswith(clean_text(name)) for m, (name, *_) in zip(messages, said))


edits = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([b"", b"{", b"}", b"]", b'"', b",", b"null", b"1", b"\xff", b"\\x", b"[]"])), max_size=6
)


@settings(max_examples=200, deadline=None)
@given(edits, st.floats(0.01, 1))
def test_damaged_files_give_messages_or_a_bad_export(changes: list[tuple[float, bytes]], end: float) -> None:
    content = GENERAL.read_bytes()
    for place, piece in changes:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + len(piece) :]
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "a.json"
        broken.write_bytes(content[: int(end * len(content))])
        try:
            messages, report = read(broken)
        except BadExport:
            return
    assert all(message.text and message.sender and message.conversation for message in messages)
    assert report.read == len(messages) + sum(report.skipped.values())


odd = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2) | st.just({}) | st.just([{}])
keys = ["id", "type", "timestamp", "timestampEdited", "content", "attachments", "stickers", "mentions", "reference", "forwardedMessage"]


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(keys), odd),
    st.dictionaries(st.sampled_from(["id", "name", "nickname", "discriminator", "isBot"]), odd),
    odd,
)
def test_odd_values_anywhere_raise_nothing(record: dict, author: dict, channel_id: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = export_of(Path(folder) / "a.json", {**record, "author": author}, channel={"id": channel_id, "name": channel_id})
        messages, report = read(path)
    assert report.read == len(messages) + sum(report.skipped.values()) == 1


def test_a_damaged_number_of_a_chat_gives_a_name_that_can_be_stored(tmp_path: Path) -> None:
    for number, damage in enumerate(("\0", "\ud83d")):
        export_of(tmp_path / f"{number}.json", {}, channel={"id": damage, "type": "GuildTextChat", "name": "general"})
    names = {message.conversation for message in read(tmp_path)[0]}
    assert len(names) == 2 and all("\0" not in name and name.encode() for name in names)
