"""iMessage texts of imessage-exporter: chats of a new and an old version with every trap known, as golden results, and single traps by name."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.export import Options, ParsedMessage, Report, clean_text
from memory.importers.imessage import FORMAT
from memory.importers.imessage_content import said
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures" / "imessage"
SLOW_DISK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    messages, report = [], Report()
    for bundle in read_bundles(path):
        claimed = FORMAT.claim(bundle)
        messages += FORMAT.parse(claimed, bundle, report, Options()) if claimed else []
    return messages, report


def chat(tmp_path: Path, text: str, name: str = "Ben.txt") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def rows(messages: list[ParsedMessage]) -> list[tuple[str, str, str]]:
    return [(f"{found.timestamp:%m-%d %H:%M}", found.sender, found.text) for found in messages]


def test_a_chat_of_a_new_version_gives_every_word_once_and_nothing_of_the_exporter() -> None:
    messages, report = read(FIXTURES / "Ana Ruiz.txt")
    assert rows(messages) == [
        ("05-01 09:05", "Ana Ruiz", "Good morning ☀️\nMy cat is called Pepper\n\nand she is three\nand a second bubble of hers"),
        ("05-01 12:00", "Me", "midnight is not noon"),
        ("05-01 12:30", "Me", "I live in Bath\n\nnext to the river"),
        ("05-01 12:31", "Ana Ruiz", "me too"),
        ("05-02 00:05", "Me", "look at this"),
        ("05-02 00:07", "Ana Ruiz", "call me when you land"),
        ("05-02 00:08", "Ana Ruiz", "https://example.com/recipe"),
        ("05-02 00:09", "Me", "I work at Beta\nsince June"),
        ("05-02 00:10", "Me", "first part"),
        ("05-02 00:14", "Ana Ruiz", "Happy birthday!!"),
        ("05-02 00:19", "Ana Ruiz", "Oh, il a traduit ce que j'ai envoyé !"),
        (
            "05-02 00:20", "Me",
            "Shopping (important message:\n- milk (2)\n- eggs (12)\nJan 05, 2021 10:30:00 AM was a better day\n\n"
            "Jan 05, 2021 10:30:00 AM was a long day\nstep by step",
        ),
        ("05-02 00:24", "Me", "A subject\nand its text"),
        ("05-02 13:00", "Me", "two parts"),
        ("05-09 09:00", "Ana Ruiz", "an answer after the last day of the export"),
    ]  # fmt: skip
    assert report.skipped == {
        "pictures, sounds and files": 2, "deleted messages": 3, "system notices": 4, "calls": 1, "messages without text": 1,
        "malformed records": 1,
    }  # fmt: skip
    assert {found.conversation for found in messages} == {"Ana Ruiz"} and {found.role for found in messages} == {"person"}


def test_a_group_of_an_old_version_gives_the_right_words_to_the_right_people() -> None:
    messages, report = read(FIXTURES / "Hikers - 12.txt")
    assert rows(messages) == [
        ("06-01 08:01", "+15550100", "who comes on Sunday?\nsecond bubble of the asker"),
        ("06-01 08:05", "Ben", "I do\nand I bring:\n\n- bread"),
        ("06-01 08:07", "ben@example.com", "I am Ben's mail"),
    ]
    assert report.skipped == {"system notices": 6, "pictures, sounds and files": 1}


def test_answers_name_what_they_answer_and_edited_messages_are_edited() -> None:
    messages, _ = read(FIXTURES / "Ana Ruiz.txt")
    asked = "Good morning ☀️\nMy cat is called Pepper\n\nand she is three\nand a second bubble"
    assert [(found.text, found.reply_to) for found in messages if found.reply_to] == [
        ("I live in Bath\n\nnext to the river", messages[0].text[:80]),
        ("me too", messages[0].text[:80]),
        ("an answer after the last day of the export", "two parts"),
    ]
    assert messages[0].text.startswith(asked)
    assert [found.text for found in messages if found.edited] == ["I work at Beta\nsince June"]


def test_times_are_local_and_the_report_says_so() -> None:
    messages, report = read(FIXTURES / "Ana Ruiz.txt")
    assert messages[0].timestamp == datetime(2024, 5, 1, 9, 5)
    assert report.notes == [
        "Times are the computer's local time: the export names no time zone.",
        "Of a shared link its address is kept, not the title of its page.",
        '"Me" is the owner of the computer or phone.',
    ]


def test_the_kind_is_told_from_the_content() -> None:
    assert parse_export(FIXTURES).format == "imessage"


def test_two_groups_of_one_name_stay_two() -> None:
    assert list(dict.fromkeys(found.conversation for found in read(FIXTURES)[0])) == ["Ana Ruiz", "Hikers", "Hikers (2)"]


@pytest.mark.parametrize(
    "text",
    [
        "25/04/2024, 10:00 - Ana: hi\n", "Dear diary,\nMay 01, 2024  9:05:00 AM\nAna\nhi\n", "May 01, 2024  9:05:00 AM\n\nAna\n",
        "May 01, 2024\nDear diary, a good day.\n", "May 01, 2024  9:05:00 AM I got up\nand went out\n", "May 1, 2024 9:05 AM\nAna\nhi\n", "\n",
        "[May 01, 2024, 9:05:00 AM] Ana: hi\n",
    ],
)  # fmt: skip
def test_other_texts_are_not_claimed(tmp_path: Path, text: str) -> None:
    assert FORMAT.claim(read_bundles(chat(tmp_path, text))[0]) == []


def test_windows_line_ends_and_a_mark_at_the_start_change_nothing(tmp_path: Path) -> None:
    text = (FIXTURES / "Ana Ruiz.txt").read_text(encoding="utf-8")
    changed = chat(tmp_path, "\ufeff" + text.replace("\n", "\r\n"), "Ana Ruiz.txt")
    assert read(changed)[0] == read(FIXTURES / "Ana Ruiz.txt")[0]


def test_an_answer_of_several_paragraphs_in_an_old_version_is_not_given_to_the_asker(tmp_path: Path) -> None:
    answer = "Jun 01, 2021  8:05:00 AM\n{0}Ben\n{0}I do\n\nin June\n\nor July\n"
    text = "Jun 01, 2021  8:01:00 AM\nAna\nwho comes?\n    " + answer.format("    ") + "\n\nafter it\n\n" + answer.format("")
    messages, _ = read(chat(tmp_path, text + "This message responded to an earlier message.\n\n"))
    assert rows(messages) == [("06-01 08:01", "Ana", "who comes?\nafter it"), ("06-01 08:05", "Ben", "I do\n\nin June\n\nor July")]
    assert messages[1].reply_to == "who comes?\nafter it"


def test_an_answer_to_a_picture_is_given_once_and_without_what_it_answers(tmp_path: Path) -> None:
    text = (
        "Jun 01, 2021  8:01:00 AM\nAna\nattachments/1/2.png\n    Jun 01, 2021  8:05:00 AM\n    Me\n    nice\n\n\n"
        "Jun 01, 2021  8:05:00 AM\nMe\nnice\nThis message responded to an earlier message.\n\n"
    )
    messages, report = read(chat(tmp_path, text))
    assert [(found.sender, found.text, found.reply_to) for found in messages] == [("Me", "nice", None)]
    assert report.skipped == {"pictures, sounds and files": 1}


def test_lines_that_begin_with_four_blanks_are_not_answers(tmp_path: Path) -> None:
    messages, _ = read(chat(tmp_path, "Jun 01, 2021  8:01:00 AM\nAna\na poem:\n    indented\n        more\n\n    and more\n\n"))
    assert [found.text for found in messages] == ["a poem:\n    indented\n        more\n\n    and more"]


def test_an_own_name_and_receipts_for_it_are_known(tmp_path: Path) -> None:
    text = "Jun 01, 2021  8:01:00 AM (Read by Ana (home) after 1 day, 2 seconds)\nBen\nhi\n\nJun 01, 2021  8:02:00 AM Ana (home) left the conversation.\n\n"
    messages, report = read(chat(tmp_path, text))
    assert rows(messages) == [("06-01 08:01", "Ben", "hi")] and report.skipped == {"system notices": 1}


def test_a_header_with_nobody_below_it_is_counted(tmp_path: Path) -> None:
    messages, report = read(
        chat(
            tmp_path,
            "Jun 01, 2021  8:01:00 AM\nAna\nhi\n\nJun 01, 2021  8:02:00 AM\n\nFeb 31, 2021  8:02:00 AM\nAna\nnever\n\nJun 01, 2021  8:03:00 AM",
        )
    )
    assert [found.text for found in messages] == ["hi"] and report.skipped == {"malformed records": 3}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Stopped sharing location!", "system notices"), ("Unable to format app message: no payload", "system notices"),
        ("com.apple.messages.MSMessageExtensionBalloonPlugin:0000:com.x.y message:\ncaption", "system notices"),
        ("Apple Cash transaction: $5.00", "system notices"), ("Find My:  Ana shared her place", "system notices"),
        ("Fitness message: You closed all rings", "system notices"), ("Photo album: 3 photos https://x", "pictures, sounds and files"),
        ("Sticker from Me: attachments/1/2.heic (Genmoji prompt: cat)", "pictures, sounds and files"),
        ("/backup/ab/ab" + "0" * 38, "pictures, sounds and files"), ("Screenshot 2024-05-01 at 10.00.00.png", "pictures, sounds and files"),
        ("  * *\n *   *\n*****\n *  *\n   *", "pictures, sounds and files"), ("They unsent this message part!", "deleted messages"),
        ("Attachment missing name metadata!", "pictures, sounds and files"), ("\ufffc", "messages without text"),
        ("Loved “I moved to Bath”", "system notices"), ("Laughed at “two\nlines”", "system notices"), ("Liked an image", "system notices"), ("Reacted 🎉 to “yes”", "system notices"),
        ("Removed a heart from “I moved to Bath”", "system notices"),
    ],
)  # fmt: skip
def test_what_the_phone_or_the_exporter_wrote_is_not_speech(content: str, reason: str) -> None:
    assert said(content.split("\n")) == ("", reason, False)


@pytest.mark.parametrize(
    "content",
    [
        "Important message:\ncall me", "Tapbacks:\nare fun", "Reactions:\nno by one", "Sent with Heart", "Edited 2 minutes later: never mind",
        "- milk (2)\n- eggs (12)", "Find My keys please", "I put it in attachments/work/plan", "see IMG_1.jpg and call me", "https://x.y\n\nI live here",
        "Transcription: of what?", "Translated from:\nFrench", "May 02, 2024 12:09:00 AM I work", "She unsent this message", "5 * 5\n* a\n* b",
        "Photo album is ready", "by the way, Check In later",
        "Loved it", "Liked “Amélie” a lot, you?", "Questioned by my boss again", "Removed a like from my list",
    ],
)  # fmt: skip
def test_speech_that_resembles_what_the_exporter_writes_is_kept(content: str) -> None:
    assert said(content.split("\n")) == (content, None, False)


LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufffc"), max_size=30).map(
    lambda text: f"~{text}"
)
TEXT = st.lists(LINE | st.just(""), min_size=1, max_size=4).map(lambda lines: "\n".join(["~", *lines]))
SENDER = st.sampled_from(["Me", "Ana Ruiz", "+15550100", "山田"])


@settings(SLOW_DISK, max_examples=80)
@given(st.lists(st.tuples(SENDER, TEXT, st.none() | st.integers(0, 5), st.booleans()), min_size=1, max_size=8), st.booleans())
def test_what_is_written_as_the_exporter_writes_it_is_read_to_the_letter(
    tmp_path: Path, written: list[tuple[str, str, int | None, bool]], old_version: bool
) -> None:
    start = datetime(2024, 5, 1, 11, 58, 30)
    stamps = [
        f"{start + timedelta(seconds=17 * number):%b %d, %Y} {_clock(start + timedelta(seconds=17 * number))}"
        for number in range(len(written))
    ]

    def block(number: int) -> str:
        sender, text, _, loved = written[number]
        reactions = ("Reactions:\nLoved by Me\n\n" if old_version else "Tapbacks:\n    Loved by Me\n") if loved else ""
        return f"{stamps[number]}\n{sender}\n{text}\n{reactions}"

    def indented(number: int) -> str:
        if old_version:
            head, sender, rest = block(number).split("\n", 2)
            return f"    {head}\n    {sender}\n    {rest}\n"
        return "".join(f"    {line}" if line.strip("\n") else line for line in block(number).splitlines(keepends=True)) + "\n"

    answers = {
        number: row[2] for number, row in enumerate(written) if row[2] is not None and row[2] < number and written[row[2]][2] is None
    }
    text = ""
    for number in range(len(written)):
        text += block(number) + "".join(indented(answer) for answer, asked in answers.items() if asked == number)
        text += ("This message responded to an earlier message.\n" if number in answers else "") + "\n"
    messages, report = read(chat(tmp_path, text, "Some chat.txt"))
    assert [(found.sender, found.text) for found in messages] == [(row[0], clean_text(row[1])) for row in written]
    assert [found.reply_to for found in messages] == [
        clean_text(written[answers[number]][1])[:80] if number in answers else None for number in range(len(written))
    ]
    assert not report.skipped


def _clock(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12:2d}:{moment:%M:%S} {'AM' if moment.hour < 12 else 'PM'}"


@SLOW_DISK
@given(st.data())
def test_no_damage_to_the_bytes_gives_anything_but_messages_or_a_bad_export(tmp_path: Path, data: st.DataObject) -> None:
    original = (FIXTURES / data.draw(st.sampled_from(["Ana Ruiz.txt", "Hikers - 12.txt"]))).read_bytes()
    cut = data.draw(st.integers(0, len(original)))
    garbage = data.draw(st.binary(max_size=12) | st.sampled_from([b"\n", b"\n\n", b"    ", b"\r\n", b"Tapbacks:\n", b"\xff\xfe", b"\0"]))
    skip = data.draw(st.integers(0, 60))
    (tmp_path / "Ana.txt").write_bytes(original[:cut] + garbage + original[cut + skip :])
    try:
        assert all(found.text for found in read(tmp_path)[0])
    except BadExport:
        pass
