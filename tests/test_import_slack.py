"""Slack exports: a workspace with every trap known, as a golden result, and single traps by name."""

import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.export import Options, ParsedMessage, Report, clean_text
from memory.importers.slack import FORMAT
from memory.importers.sources import read_bundles

WORKSPACE = Path(__file__).parent / "fixtures" / "slack"
SLOW_DISK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    messages, report = [], Report()
    for bundle in read_bundles(path):
        claimed = FORMAT.claim(bundle)
        messages += FORMAT.parse(claimed, bundle, report, Options()) if claimed else []
    return messages, report


def day(folder: Path, *records: Any, name: str = "2024-05-01.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def record(text: Any, ts: str = "1714554000.000100", user: str = "U1", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts, **more}


GENERAL = [
    ("Ana", "09:00:01", "Good morning @here, @Ben Moss & @Olga Stern!\nMy cat is called *Pepper* 🐈"),
    ("Ben Moss", "09:00:02", "I write bold as <b>, and <@U1> and &amp; stay as typed"),
    ("Ben Moss", "09:00:03", "see #garden and #C9, my page, https://example.com, ben@example.com, +15550100"),
    ("Ana", "09:00:04", "who is free 2 May? @cooks @S2 @U9 @channel"),
    ("Ben Moss", "09:00:05", "I am"),
    ("Olga Stern", "09:00:06", "me too, from Ghent"),
    ("Ana", "09:00:12", "our new balcony"),
    ("Ben Moss", "09:00:13", "waves"),
    ("Ben Moss", "09:00:17", "I agree with this:"),
    ("Alex (alex.k)", "09:00:00", "I am Alex K"),
    ("Alex (alex.w)", "09:00:01", "and I am the other Alex"),
    ("Cleo", "09:00:02", "hello from next door"),
    ("UY", "09:00:03", "I left long ago"),
    ("Ana", "09:00:04", "posted by my own app"),
    ("Ben Moss", "09:00:06", "I am"),
    ("Ana", "09:00:09", "the plan for May\nsee page 2"),
    ("Ben Moss", "09:00:11", "page 3 is better"),
]


def test_a_workspace_gives_every_word_of_people_and_nothing_else() -> None:
    messages, report = read(WORKSPACE)
    assert [
        (message.sender, f"{message.timestamp:%H:%M:%S}", message.text) for message in messages if message.conversation == "general"
    ] == GENERAL
    assert [(message.conversation, message.sender, message.text) for message in messages if message.conversation != "general"] == [
        ("Ana, Ben Moss", "Ben Moss", "Hi Ana, I moved to Bath"),
        ("Ana, Ben Moss (2)", "Ana", "a second chat with Ben"),
        ("Ana, Ben Moss, Olga Stern", "Ana", "three of us"),
        ("surprise-party", "Olga Stern", "The cake is for Ana"),
    ]
    assert {message.role for message in messages} == {"person"}
    assert report.skipped == {
        "system notices": 2, "messages of bots": 4, "deleted messages": 1, "pictures, sounds and files": 2, "calls": 1,
        "forwarded messages": 1, "messages without text": 1, "repeated messages": 1, "hidden messages": 2, "malformed records": 5,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert not report.warnings


def test_times_are_exact_moments_in_utc() -> None:
    messages, _ = read(WORKSPACE)
    first = next(message for message in messages if message.conversation == "general")
    assert first.timestamp == datetime(2024, 5, 1, 9, 0, 1, 200, UTC)


def test_answers_name_what_they_answer_across_days_and_only_edited_messages_are_edited() -> None:
    messages, _ = read(WORKSPACE)
    question = "who is free 2 May? @cooks @S2 @U9 @channel"
    assert [message.text for message in messages if message.reply_to == question] == ["I am", "me too, from Ghent", "I am"]
    assert sum(message.reply_to is not None for message in messages) == 3
    assert [message.text[:10] for message in messages if message.edited] == ["see #garde"]


def test_an_answer_to_a_deleted_message_does_not_quote_slack(tmp_path: Path) -> None:
    gone = record("This message was deleted.", user="USLACKBOT", subtype="tombstone", hidden=True)
    messages, _ = read(day(tmp_path / "general", gone, record("but why", "1714554001.000100", thread_ts=gone["ts"])))
    assert [(message.text, message.reply_to) for message in messages] == [("but why", None)]


def test_a_guest_with_the_name_of_a_member_is_somebody_else(tmp_path: Path) -> None:
    shutil.copy(WORKSPACE / "users.json", tmp_path / "users.json")
    guest = record("hi", "1714554001.000100", "UG", user_profile={"display_name": "Ana"})
    messages, _ = read(day(tmp_path / "general", record("hello"), guest).parents[1])
    assert [message.sender for message in messages] == ["Ana", "Ana (UG)"]


def test_the_kind_is_told_from_the_content() -> None:
    export = parse_export(WORKSPACE)
    assert (export.format, len(export.messages)) == ("slack", len(read(WORKSPACE)[0]))


def test_a_zip_with_a_top_folder_gives_the_same_as_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for found in sorted(WORKSPACE.rglob("*.json")):
            archive.write(found, f"Our workspace export/{found.relative_to(WORKSPACE)}")
    assert read(path)[0] == read(WORKSPACE)[0]


def test_all_files_of_a_workspace_are_claimed_and_no_stranger() -> None:
    bundle = read_bundles(WORKSPACE)[0]
    assert FORMAT.claim(bundle) == bundle.sources


@pytest.mark.parametrize(
    "content",
    [
        [{"role": "user", "content": "hi"}], [{"Sender": "Ana", "Text": "hi", "timestamp": 1714557600.5}], [], ["ts"], [{"ts": 5}],
        {"messages": [{"ts": "1714554000.000100", "type": "message"}]}, [{"id": "1", "type": "Default", "timestamp": "2024-05-01T09:00:00Z"}],
    ],
)  # fmt: skip
def test_other_json_is_not_claimed(tmp_path: Path, content: Any) -> None:
    (tmp_path / "2024-05-01.json").write_text(json.dumps(content))
    (tmp_path / "users.json").write_text("[]")
    assert FORMAT.claim(read_bundles(tmp_path)[0]) == []


def test_loose_days_are_named_after_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "cooking"
    first, _ = day(folder, record("soup")), day(folder, record("bread", "1714640400.000100"), name="2024-05-02.json")
    assert [(message.conversation, message.text) for message in read(folder)[0]] == [("cooking", "soup"), ("cooking", "bread")]
    assert [(message.conversation, message.sender) for message in read(first)[0]] == [("cooking", "U1")]
    with zipfile.ZipFile(tmp_path / "bakers.zip", "w") as archive:
        archive.write(first, "2024-05-01.json")
    assert read(tmp_path / "bakers.zip")[0][0].conversation == "bakers"


def test_days_come_in_order_whatever_the_order_in_the_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in (3, 1, 2):
            archive.writestr(f"general/2024-05-0{number}.json", json.dumps([record(f"day {number}", f"171455400{number}.000100")]))
    assert [message.text for message in read(tmp_path / "a.zip")[0]] == ["day 1", "day 2", "day 3"]


def test_a_day_that_is_cut_gives_its_messages_and_a_warning(tmp_path: Path) -> None:
    path = day(tmp_path / "general", record("whole"), record("also whole", "1714554001.000100"), record("cut", "1714554002.000100"))
    path.write_bytes(path.read_bytes()[:-60])
    messages, report = read(path)
    assert [message.text for message in messages] == ["whole", "also whole"]
    assert report.warnings == ["2024-05-01.json is cut off after 2 messages: export the workspace again."]


def test_damaged_lists_cost_names_but_no_messages(tmp_path: Path) -> None:
    day(tmp_path / "C1", record("hi <@U1>"))
    (tmp_path / "users.json").write_text('[{"id": "U1", "na')
    (tmp_path / "channels.json").write_text('[{"id": "C1", "name": "general", "members": 5}, {"id": 7, "name": ["x"]}, null]')
    messages, report = read(tmp_path)
    assert [(message.conversation, message.sender, message.text) for message in messages] == [("general", "U1", "hi @U1")]
    assert report.warnings == ["users.json is damaged: some names are missing."]


def test_a_reply_whose_question_is_long_gone_says_nothing_of_it(tmp_path: Path) -> None:
    many = [record(f"line {number}", f"1714554{number:03}.000100") for number in range(400)]
    answer = record("late", "1714559999.000100", thread_ts="1700000000.000100")
    messages, _ = read(day(tmp_path / "general", *many, answer))
    assert messages[-1].reply_to is None and len(messages) == 401


def test_half_surrogates_and_nul_do_not_reach_the_database(tmp_path: Path) -> None:
    messages, _ = read(day(tmp_path / "general", record("a\ud83d\x00b")))
    assert messages[0].text.encode() and messages[0].text == "a\N{REPLACEMENT CHARACTER}b"


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)


@settings(SLOW_DISK, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["U1", "U2", "U3", "U4"]), PLAIN), min_size=1, max_size=8))
def test_what_is_written_as_slack_writes_it_is_read_to_the_letter(tmp_path: Path, said: list[tuple[str, str]]) -> None:
    escaped = [
        record(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), f"1714554{number:03}.000100", user)
        for number, (user, text) in enumerate(said)
    ]
    shutil.copy(WORKSPACE / "users.json", tmp_path / "users.json")
    day(tmp_path / "general", record("first", "1714553999.000100"), *escaped)
    messages, report = read(tmp_path)
    names = {"U1": "Ana", "U2": "Ben Moss", "U3": "Olga Stern", "U4": "Alex (alex.k)"}
    kept = [(names[user], clean_text(text)) for user, text in said if clean_text(text)]
    assert [(message.sender, message.text) for message in messages[1:]] == kept
    assert sum(report.skipped.values()) == len(said) - len(kept)


@SLOW_DISK
@given(st.data())
def test_no_damage_to_the_bytes_gives_anything_but_messages_or_a_bad_export(tmp_path: Path, data: st.DataObject) -> None:
    original = (WORKSPACE / "general" / "2024-05-01.json").read_bytes()
    cut = data.draw(st.integers(0, len(original)))
    garbage = data.draw(st.binary(max_size=12) | st.sampled_from([b'"', b"{", b"[", b"]", b",", b"null", b"\\ud800", b"1e999"]))
    skip = data.draw(st.integers(0, 40))
    (tmp_path / "2024-05-01.json").write_bytes(original[:cut] + garbage + original[cut + skip :])
    try:
        assert all(message.text for message in read(tmp_path)[0])
    except BadExport:
        pass
