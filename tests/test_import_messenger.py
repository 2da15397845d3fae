"""Messenger and Instagram downloads: three of them with every trap known, as golden results, and single traps by name."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.export import CALLS, DELETED, MEDIA, NOTICES, Options, ParsedMessage, Report, clean_text
from memory.importers.messenger import FORMAT
from memory.importers.messenger_notices import notice
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures" / "messenger"
START = 1714554000000  # 2024-05-01 09:00:00 UTC
SLOW_DISK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    messages, report = [], Report()
    for bundle in read_bundles(path):
        claimed = FORMAT.claim(bundle)
        messages += FORMAT.parse(claimed, bundle, report, Options()) if claimed else []
    return messages, report


def spoiled(text: str) -> str:
    """As Meta writes it: each byte of UTF-8 a letter."""
    return text.encode().decode("latin-1")


def message(number: int, content: str, sender: str = "Ben") -> dict[str, Any]:
    return {"sender_name": spoiled(sender), "timestamp_ms": START + number * 1000, "content": spoiled(content)}


def thread(path: Path, messages: list[Any], title: str | None = "Ben", **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"participants": [{"name": "Ben"}, {"name": "Ana"}], "messages": messages, **({"title": title} if title else {}), **more}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def rows(messages: list[ParsedMessage]) -> list[tuple[str, str, str, str]]:
    return [(found.conversation, found.sender, f"{found.timestamp:%H:%M:%S}", found.text) for found in messages]


def test_a_facebook_download_gives_every_word_of_people_oldest_first_and_nothing_else() -> None:
    messages, report = read(FIXTURES / "facebook")
    assert rows(messages) == [
        ("Chat (104)", "Unknown person (104)", "09:00:00", "do you sell the bike?"),
        ("Facebook user (facebookuser_103)", "Facebook user (facebookuser_103)", "09:00:00", "hello, I am Mia"),
        ("Hikers", "Ben", "09:00:02", "I named the group Hikers, ok?"),
        ("Hikers", "Facebook user (hikers_102)", "09:00:03", "I am from Oslo"),
        ("Hikers", "Ben", "09:00:05", "Ben Nevis is the highest one."),
        ("Zoé Müller", "Zoé Müller", "09:00:01", "Salut Ana, j'habite à Lyon 😀"),
        ("Zoé Müller", "Ana Ruiz", "09:00:02", "Schön! I live in Lisbon\nsince 2019 — €5 rent"),
        ("Zoé Müller", "Ana Ruiz", "09:00:10", "the older file is read first"),
        ("Zoé Müller", "Zoé Müller", "09:00:12", "regarde ça"),
        ("Zoé Müller", "Ana Ruiz", "09:00:14", "my garden"),
        ("Zoé Müller", "Ana Ruiz", "09:00:25", "Zoé sent an attachment."),  # it is said by Ana
        ("Zoé Müller", "Ana Ruiz", "09:00:26", "You left the keys at mine."),
        ("Zoé Müller", "Zoé Müller", "09:00:27", "Reacted badly to your message, sorry"),
        ("Zoé Müller", "Ana Ruiz", "09:00:28", "https://example.com/only-a-link"),
        ("Zoé Müller", "Zoé Müller", "09:00:30", "old form"),
        ("Zoé Müller (2)", "Zoé Müller", "09:01:40", "another chat of the same title"),
    ]
    assert report.skipped == {
        "system notices": 8, "calls": 4, "pictures, sounds and files": 4, "deleted messages": 2, "hidden messages": 1,
        "messages without text": 1, "malformed records": 5,
    }  # fmt: skip
    assert report.read == len(messages) + sum(report.skipped.values())
    assert report.notes == ["The chats were downloaded by Ana Ruiz Peña."] and not report.warnings


def test_an_encrypted_download_is_read_as_it_is_written() -> None:
    messages, report = read(FIXTURES / "encrypted")
    assert rows(messages) == [
        ("Zoé Müller", "Zoé Müller", "09:00:00", "j'ai déménagé à Nîmes 😀"),
        ("Zoé Müller", "Ana Ruiz", "09:00:01", "Ã© is how broken text looks"),
        ("Zoé Müller", "Zoé Müller", "09:00:04", "the caption"),
        ("Zoé Müller", "Ana Ruiz", "09:00:06", "https://example.com"),
    ]
    assert report.skipped == {"pictures, sounds and files": 2, "deleted messages": 1, "messages without text": 1}


def test_an_instagram_download_gives_no_reactions_and_no_shared_posts_as_speech() -> None:
    messages, report = read(FIXTURES / "instagram")
    assert rows(messages) == [
        ("Zoé ✨", "zoe.m", "09:00:00", "love your story!"),
        ("Zoé ✨", "Ana", "09:00:04", "ich wohne in Köln"),
    ]
    assert report.skipped == {"system notices": 2, "pictures, sounds and files": 1}
    assert report.notes == ["The chats were downloaded by Ana ☀."]


def test_times_are_exact_moments_in_utc() -> None:
    messages, _ = read(FIXTURES / "encrypted")
    assert messages[0].timestamp == datetime(2024, 5, 1, 9, tzinfo=UTC)
    assert {found.role for found in messages} == {"person"}


def test_the_kind_is_told_from_the_content() -> None:
    assert {parse_export(FIXTURES / name).format for name in ("facebook", "encrypted", "instagram")} == {"messenger"}


def test_only_threads_and_the_owner_are_claimed() -> None:
    bundle = read_bundles(FIXTURES / "facebook")[0]
    left = [source.name for source in bundle.sources if source not in FORMAT.claim(bundle)]
    assert left == ["your_facebook_activity/posts/your_posts_1.json"]


@pytest.mark.parametrize(
    "content",
    [
        {"messages": [{"sender": "Ana", "text": "hi"}]}, [{"sender_name": "Ana", "timestamp_ms": START, "content": "in a list"}],
        {"name": "Ben", "type": "personal_chat", "id": 1, "messages": [{"id": 1, "from": "Ben", "text": "hi"}]},
        {"participants": [], "messages": []}, {"profile_v2": {"name": {"full_name": "Ana"}}},
    ],
)  # fmt: skip
def test_other_json_is_not_claimed(tmp_path: Path, content: Any) -> None:
    (tmp_path / "message_1.json").write_text(json.dumps(content))
    assert FORMAT.claim(read_bundles(tmp_path)[0]) == []


def test_ten_files_of_a_thread_come_in_the_order_of_time_not_of_their_names(tmp_path: Path) -> None:
    for number in range(1, 12):
        oldest = 100 - number * 3
        thread(tmp_path / f"inbox/ben_1/message_{number}.json", [message(oldest + 1, "b"), message(oldest, "a")])
    messages, _ = read(tmp_path)
    times = [found.timestamp for found in messages]
    assert times == sorted(times) and len(times) == 22 and {found.conversation for found in messages} == {"Ben"}


def test_a_file_that_is_oldest_first_is_not_turned_around(tmp_path: Path) -> None:
    messages, _ = read(thread(tmp_path / "message_1.json", [message(0, "first"), message(1, "second")]))
    assert [found.text for found in messages] == ["first", "second"]


def test_messages_of_one_moment_keep_their_order(tmp_path: Path) -> None:
    messages, _ = read(thread(tmp_path / "message_1.json", [message(0, "third"), message(0, "second"), message(0, "first")]))
    assert [found.text for found in messages] == ["first", "second", "third"]


def test_text_that_is_right_already_is_not_repaired(tmp_path: Path) -> None:
    right = {"sender_name": "Ben", "timestamp_ms": START, "content": "naïve café – 5 €, Łódź 😀"}
    assert read(thread(tmp_path / "message_1.json", [right]))[0][0].text == "naïve café – 5 €, Łódź 😀"


def test_a_file_that_is_cut_gives_what_is_left_with_the_people_as_its_name(tmp_path: Path) -> None:
    path = thread(tmp_path / "message_1.json", [message(2, "newest"), message(1, "older"), message(0, "lost")])
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"lost")])
    messages, report = read(path)
    assert [(found.conversation, found.text) for found in messages] == [("Ben, Ana", "older"), ("Ben, Ana", "newest")]
    assert report.warnings == ["message_1.json is cut off after 2 messages: download it again."]


def test_two_deleted_accounts_do_not_become_one_person(tmp_path: Path) -> None:
    for number in (1, 2):
        thread(
            tmp_path / f"inbox/instagramuser_{number}/message_1.json", [message(0, f"I am {number}", "Instagram User")], "Instagram User"
        )
    assert len({found.sender for found in read(tmp_path)[0]}) == len({found.conversation for found in read(tmp_path)[0]}) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("You sent an attachment.", MEDIA), ("Ben Moss sent a photo.", MEDIA), ("Ben hat einen Anhang gesendet.", MEDIA),
        ("Du hast einen Anhang gesendet.", MEDIA), ("Ben a envoyé une pièce jointe.", MEDIA), ("Vous avez envoyé une pièce jointe.", MEDIA),
        ("Enviaste un archivo adjunto.", MEDIA), ("Ben envió un archivo adjunto.", MEDIA), ("Hai inviato un allegato.", MEDIA),
        ("Ben ha inviato un allegato.", MEDIA), ("Você enviou um anexo.", MEDIA), ("Ben heeft een bijlage verzonden.", MEDIA),
        ("Reacted 👍🏽 to your message", NOTICES), ("Ben Moss reacted ❤️ to your message", NOTICES), ("A aimé un message", NOTICES),
        ("Ha reaccionado con 😍 a tu mensaje", NOTICES), ("Ha reagito con 😂 al tuo messaggio", NOTICES), ("Reagiu com ❤️ à sua mensagem", NOTICES),
        ("Curtiu uma mensagem", NOTICES), ("Ben Moss set the nickname for Ana to Bug.", NOTICES), ("Ben pinned a message.", NOTICES),
        ("Ben hat die Gruppe verlassen.", NOTICES), ("Ben a quitté le groupe.", NOTICES), ("Ben salió del grupo.", NOTICES),
        ("Ben started a video chat.", CALLS), ("You missed a call from Ana.", CALLS), ("Ben Moss called you.", CALLS),
        ("Der Videochat wurde beendet.", CALLS), ("Ben Moss mentioned you in their story", NOTICES), ("Ben Moss replied to your story", NOTICES),
        ("Ben Moss shared a note", MEDIA), ("Reacted to your story 😍", NOTICES), ("Ben Moss reacted 😍 to your note", NOTICES),
        ("You can now message and call each other and see info like Active Status and when you've read messages.", NOTICES),
        ("This message is no longer available because it was unsent by the sender.", DELETED), ("Ben Moss liked your message", NOTICES),
    ],
)  # fmt: skip
def test_what_meta_writes_in_a_persons_name_is_not_speech(text: str, reason: str) -> None:
    assert notice(text, "Ben Moss") == reason


@pytest.mark.parametrize(
    "text",
    [
        "You sent me an attachment.", "I sent an attachment.", "Ana sent an attachment.", "You called me", "You called Ana yesterday.",
        "Du hast den Zug verpasst.", "Du hast mich angerufen.", "Say hi to your mum", "liked a message", "She left the group.",
        "Ben left the group of people behind", "Enviaste una foto", "Reacted well to your message", "You are now connected on Messenger?",
        "Tu as envoyé une pièce jointe ?", "Ben", "", "You left the group", "Ben replied to your story about the dog", "You sent a photo",
    ],
)  # fmt: skip
def test_speech_that_resembles_a_notice_is_kept(text: str) -> None:
    assert notice(text, "Ben Moss") is None


def test_whoever_took_back_a_message_of_an_encrypted_chat(tmp_path: Path) -> None:
    records = [
        {"senderName": "Ana", "text": "hi", "timestamp": START, "type": "text"},
        {"senderName": "Ana", "text": "Ben unsent a message", "timestamp": START + 1, "type": "placeholder"},
    ]
    (tmp_path / "Ben_1.json").write_text(json.dumps({"participants": ["Ana", "Ben"], "threadName": "Ben_1", "messages": records}))
    messages, report = read(tmp_path)
    assert [found.text for found in messages] == ["hi"] and report.skipped == {DELETED: 1}


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40).map(lambda text: f"~{text}")


@settings(SLOW_DISK, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["Zoé", "Łukasz", "山田"]), WORDS), min_size=1, max_size=12), st.integers(1, 4), WORDS)
def test_what_is_written_as_meta_writes_it_is_read_to_the_letter(
    tmp_path: Path, said: list[tuple[str, str]], size: int, title: str
) -> None:
    for old in tmp_path.glob("inbox/a_1/*"):
        old.unlink()
    newest_first = [message(number, text, sender) for number, (sender, text) in enumerate(said)][::-1]
    for number, place in enumerate(range(0, len(said), size), 1):
        thread(tmp_path / f"inbox/a_1/message_{number}.json", newest_first[place : place + size], spoiled(title))
    messages, report = read(tmp_path)
    assert [(found.sender, found.text) for found in messages] == [(sender, clean_text(text)) for sender, text in said]
    assert {found.conversation for found in messages} == {clean_text(title)}
    assert [found.timestamp.timestamp() * 1000 for found in messages if found.timestamp] == [START + n * 1000 for n in range(len(said))]
    assert not report.skipped


@SLOW_DISK
@given(st.data())
def test_no_damage_to_the_bytes_gives_anything_but_messages_or_a_bad_export(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(
        st.sampled_from(
            ["facebook/your_facebook_activity/messages/inbox/zoemuller_101/message_1.json", "encrypted/messages/Zoé Müller_7.json"]
        )
    )
    original = (FIXTURES / kind).read_bytes()
    cut = data.draw(st.integers(0, len(original)))
    garbage = data.draw(st.binary(max_size=12) | st.sampled_from([b'"', b"{", b"[", b"]", b",", b"null", b"\\ud800", b"1e999", b"NaN"]))
    skip = data.draw(st.integers(0, 40))
    (tmp_path / "message_1.json").write_bytes(original[:cut] + garbage + original[cut + skip :])
    try:
        assert all(found.text for found in read(tmp_path)[0])
    except BadExport:
        pass


def test_a_damaged_number_of_a_chat_gives_a_name_that_can_be_stored(tmp_path: Path) -> None:
    thread(tmp_path / "inbox/x_1/message_1.json", [message(0, "hi", "Instagram User")], "Instagram User", thread_path="inbox/\0\ud83d")
    found = read(tmp_path)[0][0]
    for name in (found.sender, found.conversation):
        assert name == "Instagram User (\N{REPLACEMENT CHARACTER})"
