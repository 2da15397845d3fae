"""Importers and the import as a whole: real files, one for each trap that breaks other parsers."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest

from memory.errors import BadExport, KeepsakeError, UnknownSender
from memory.importers import parse_export, sources
from memory.importers.export import ParsedExport
from memory.importing import import_files, preview_files
from memory.store import (
    NewFact,
    add_facts,
    forget_message,
    list_facts,
    list_messages,
    list_profiles,
    load_profile,
    open_store,
    set_me,
)

FIXTURES = Path(__file__).parent / "fixtures"


def said(export: ParsedExport) -> list[tuple[str, str]]:
    return [(message.sender, message.text) for message in export.messages]


def times(export: ParsedExport) -> list[str]:
    return [message.timestamp.isoformat() if message.timestamp else "" for message in export.messages]


def whatsapp(tmp_path: Path, *lines: str, name: str = "WhatsApp Chat with Ben.txt") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_an_iphone_export_loses_no_speech_and_gains_no_authors() -> None:
    export = parse_export(FIXTURES / "whatsapp_ios_us.txt")
    assert said(export) == [
        ("Ana Ruiz", "Good morning!"),
        ("Ben", "midnight snack"),
        ("Ana Ruiz", "Shopping list:\n- eggs\n- milk: two litres\n5/3/24 is the party"),
        ("Ana Ruiz", "My cat is called Pepper"),
        ("+1 555 0100", "who is this"),
        ("Ben", "Look at this"),
    ]
    assert export.skipped == {"system notices": 2, "pictures, sounds and files": 2, "deleted messages": 1}


def test_a_twelve_hour_clock_with_slashes_is_read_month_first_and_midnight_is_zero() -> None:
    assert times(parse_export(FIXTURES / "whatsapp_ios_us.txt"))[:3] == [
        "2024-05-01T09:05:00", "2024-05-02T00:05:00", "2024-05-02T12:30:00",
    ]  # fmt: skip


def test_an_android_export_keeps_captions_and_lines_that_look_like_headers() -> None:
    export = parse_export(FIXTURES / "whatsapp_android_dmy.txt")
    assert said(export) == [
        ("Ana", "Happy new year"),
        ("Ben", "The view from my balcony"),
        ("Ana", "Programme:\n03/02/2024, 18:00 - Dinner at the harbour\n04/02/2024 - boat trip"),
        ("Ana", "ok, that was an empty first line"),
        ("Ana", "ok"),
        ("Ana", "ok"),
    ]
    assert times(export)[1] == "2024-01-02T10:01:00"


@pytest.mark.parametrize(
    ("language", "sender", "text", "time"),
    [
        ("german", "Jörg", "Mein Hund heißt Bello", "2024-02-13T14:08:00"),
        ("spanish", "Eva", "Vivo en Sevilla", "2024-02-13T14:08:00"),
        ("french", "Zoé", "J'habite à Lyon", "2024-02-13T14:07:00"),
        ("italian", "Gia", "Abito a Torino", "2024-02-13T14:07:00"),
        ("portuguese", "Rui", "Moro em Braga", "2024-02-13T14:07:00"),
        ("dutch", "Sem", "Ik woon in Gouda", "2024-02-13T14:07:00"),
    ],
)
def test_placeholders_and_notices_are_known_in_seven_languages(language: str, sender: str, text: str, time: str) -> None:
    export = parse_export(FIXTURES / f"whatsapp_{language}.txt")
    assert (said(export), times(export)) == ([(sender, text)], [time])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["03/04/2024, 10:00", "25/04/2024, 10:00"], "2024-04-03"),  # 25 can only be a day
        (["03/04/2024, 10:00", "03/25/2024, 10:00"], "2024-03-04"),
        (["03/11/2024, 10:00", "04/01/2024, 10:00"], "2024-03-11"),  # day first runs backwards
        (["03/04/2024, 10:00", "05/04/2024, 10:00"], "2024-04-03"),  # undecided, 24 hours
        (["3/4/24, 10:00 AM", "5/4/24, 10:00 PM"], "2024-03-04"),  # undecided, United States
        (["3.4.24, 10:00 AM", "5.4.24, 10:00 PM"], "2024-04-03"),  # dots are nowhere month first
        (["2024/04/03, 10:00", "2024/04/05, 10:00"], "2024-04-03"),
        (["2024. 4. 3. 오후 2:30", "2024. 4. 5. 오전 2:30"], "2024-04-03"),
    ],
)
def test_the_order_of_day_and_month_is_decided_from_the_whole_file(tmp_path: Path, headers: list[str], expected: str) -> None:
    export = parse_export(whatsapp(tmp_path, *(f"{header} - Ana: hi" for header in headers)))
    assert times(export)[0].startswith(expected)


def test_the_report_says_when_the_dates_fit_both_orders(tmp_path: Path) -> None:
    undecided = parse_export(whatsapp(tmp_path, "03/04/2024, 10:00 - Ana: a", "05/04/2024, 10:00 - Ana: b"))
    decided = parse_export(whatsapp(tmp_path, "03/04/2024, 10:00 - Ana: a", "25/04/2024, 10:00 - Ana: b"))
    assert undecided.report.ambiguous_dates and "a guess" in (undecided.report.date_order or "")
    assert not decided.report.ambiguous_dates and "can only be read so" in (decided.report.date_order or "")


def test_texts_that_were_sent_in_chats_are_neither_speech_nor_a_diary(tmp_path: Path) -> None:
    chat = {"name": "Ben", "type": "personal_chat", "id": 2, "messages": [
        {"id": 1, "type": "message", "date_unixtime": "1772000000", "from": "Ben", "from_id": "user2", "text": "hi"}]}  # fmt: skip
    folder = tmp_path / "telegram"
    (folder / "files").mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(chat))
    (folder / "files" / "story.txt").write_text("2026-03-01\n\nI was born in Rome, she wrote in her novel.\n")
    (folder / "2026-03-02.md").write_text("I went for a walk and I am tired.\n")  # beside the export: the person's own
    export = parse_export(folder)
    assert said(export) == [("Ben", "hi"), ("user", "I went for a walk and I am tired.")]
    assert export.skipped == {"pictures, sounds and files": 1} and export.report.samples["pictures, sounds and files"] == [
        "files/story.txt"
    ]

    message = {"id": "a", "author": {"role": "user"}, "create_time": 1.7e9, "content": {"content_type": "text", "parts": ["hello"]}}
    mapping = {"a": {"id": "a", "message": message, "parent": None, "children": []}}
    with zipfile.ZipFile(tmp_path / "chatgpt.zip", "w") as archive:
        archive.writestr("conversations.json", json.dumps([{"title": "T", "mapping": mapping, "current_node": "a"}]))
        archive.writestr("file-AbC123xYz-contract.txt", "I agree to pay the rent on the first day of each month.\n")
    export = parse_export(tmp_path / "chatgpt.zip")
    assert said(export) == [("user", "hello")] and export.skipped == {"pictures, sounds and files": 1}


def test_pages_in_the_place_of_json_are_answered_with_what_to_choose(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "message_1.html").write_text("<html><body>Ben: hello</body></html>")
    with pytest.raises(BadExport, match="holds web pages.* choose JSON as the format"):
        parse_export(tmp_path)


def test_other_text_formats_are_told_from_chats(tmp_path: Path) -> None:
    (tmp_path / "diary.rtf").write_text(r"{\rtf1\ansi I went for a walk.}")
    with pytest.raises(BadExport, match="formatted text .RTF.: save it as plain text"):
        parse_export(tmp_path / "diary.rtf")
    (tmp_path / "sms.xml").write_text('<?xml version="1.0"?><smses count="1"><sms body="hi"/></smses>')
    with pytest.raises(BadExport, match="no chat export that is known"):
        parse_export(tmp_path / "sms.xml")


def test_a_text_that_begins_with_a_bracket_is_not_called_damaged_json(tmp_path: Path) -> None:
    (tmp_path / "line.txt").write_text("[LINE] Chat history with Ana\n\n2024/05/01(Wed)\n10:00\tAna\thello\n10:01\tZoe\thi\n")
    with pytest.raises(BadExport, match="is text, but no chat export"):
        parse_export(tmp_path / "line.txt")


def test_files_beside_a_chat_that_hold_none_are_named(tmp_path: Path) -> None:
    whatsapp(tmp_path, "25/04/2024, 10:00 - Ana: hi")
    assert parse_export(tmp_path).notes == ["Times are the phone's local time: the export names no time zone."]
    (tmp_path / "bank.csv").write_text("day;amount\n2024-05-01;5\n")
    assert "1 other file holds no chat that is known: bank.csv." in parse_export(tmp_path).notes
    assert not any("other file" in note for note in parse_export(tmp_path / "WhatsApp Chat with Ben.txt").notes)


def test_exports_that_call_the_person_by_two_names_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "chat.md").write_text("[2024-05-01 10:00:00] Me: hi\n\n[2024-05-01 10:01:00] Ana: ho\n\n")
    (tmp_path / "Ana.txt").write_text("May 01, 2024 10:00:00 AM\nMe\nhello\n\n")
    assert not parse_export(tmp_path).report.warnings
    (tmp_path / "chat.txt").write_text("Chat export: Ana\nExported on: 2026-05-01 12:00:00\n===\n\n[2024-05-01 10:00:00] You: hi\n\n")
    db = open_store()
    warnings = preview_files(db, "me", [tmp_path])["warnings"]
    db.close()
    assert len(warnings) == 1 and set(re.findall(r"You|Me", warnings[0])) == {"You", "Me"} and "one by one" in warnings[0]


@pytest.mark.parametrize(
    ("name", "text", "me"),
    [
        ("chat.txt", "Chat export: Hikers\nExported on: 2026-05-01 12:00:00\n===\n\n{}", "You"),
        ("chat.md", "{}", "Me"),
        ("Hikers - 12.txt", "{}", "Me"),
    ],
)
def test_who_is_called_you_or_me_in_a_group_is_the_person_however_little_they_write(name: str, text: str, me: str, tmp_path: Path) -> None:
    said = [("Ana", "hi"), ("Ben", "ho"), ("Ana", "he"), (me, "hello")]
    signal = "".join(f"[2024-05-01 10:0{n}:00] {sender}: {words}\n\n" for n, (sender, words) in enumerate(said))
    imessage = "".join(f"May 01, 2024 10:0{n}:00 AM\n{sender}\n{words}\n\n" for n, (sender, words) in enumerate(said))
    (tmp_path / name).write_text(text.format(imessage if name.startswith("Hikers") else signal))
    db = open_store()
    report = preview_files(db, "ana-maria", [tmp_path / name])
    assert (report["me"], report["me_sure"], report["kept"]) == (me, True, 4)
    db.close()


def test_whose_account_an_export_is_of_says_who_is_the_person(tmp_path: Path) -> None:
    messages = [{"sender_name": name, "timestamp_ms": 1714554000000 + n, "content": f"{n}"} for n, name in enumerate(["Ben", "Ben", "Ana"])]
    thread = {"participants": [{"name": "Ben"}, {"name": "Ana"}], "messages": messages, "title": "Hikers", "thread_path": "inbox/hikers_1"}
    with zipfile.ZipFile(tmp_path / "instagram.zip", "w") as archive:
        archive.writestr("inbox/hikers_1/message_1.json", json.dumps(thread))
        archive.writestr("personal_information.json", json.dumps({"profile_user": [{"string_map_data": {"Name": {"value": "Ana"}}}]}))
    db = open_store()
    assert preview_files(db, "me", [tmp_path / "instagram.zip"])["me"] == "Ana"
    db.close()


def test_a_korean_afternoon_is_after_noon(tmp_path: Path) -> None:
    assert times(parse_export(whatsapp(tmp_path, "2024. 4. 3. 오후 2:30 - Ana: hi"))) == ["2024-04-03T14:30:00"]


def test_a_message_about_something_omitted_is_still_speech(tmp_path: Path) -> None:
    lines = ["25/04/2024, 10:00 - Ana: I omitted the onions", "25/04/2024, 10:01 - Ana: the video omitted nothing: see"]
    assert len(parse_export(whatsapp(tmp_path, *lines)).messages) == 2


def test_chatgpt_follows_the_current_branch_and_skips_what_nobody_said() -> None:
    export = parse_export(FIXTURES / "chatgpt.json")
    assert said(export) == [
        ("user", "My cat is called Pepper"),
        ("assistant", "Lovely name."),
        ("user", "Here she is"),
        ("assistant", "Cute \N{REPLACEMENT CHARACTER}"),
    ]
    assert export.skipped == {
        "hidden messages": 1, "content of type thoughts": 1, "system and tool messages": 2, "malformed conversations": 2,
    }  # fmt: skip
    assert times(export)[2] == times(export)[1]  # a message without a time has that of the one before it


@pytest.mark.parametrize("names", [["conversations.json"], ["conversations-000.json", "conversations-001.json"]])
def test_chatgpt_zips_are_read_whole(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "whatever.bin"  # the content decides, not the name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr("user.json", '{"email": "a@b.c"}')
        for number, name in enumerate(names):
            archive.writestr(f"export/{name}", (FIXTURES / "chatgpt.json").read_text().replace("Cat", f"Cat {number}"))
    export = parse_export(path)
    assert (export.format, len(export.messages)) == ("chatgpt", 4 * len(names))


def test_a_whatsapp_zip_is_named_after_its_chat(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Ben (1).zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", (FIXTURES / "whatsapp_ios_us.txt").read_bytes())
        archive.writestr("notes.txt", "nothing of interest")
    assert parse_export(path).conversations == ["Ben"]


def test_csv_takes_any_order_and_case_of_columns_and_skips_bad_rows() -> None:
    export = parse_export(FIXTURES / "plain.csv")
    assert said(export) == [("Ana", "I live in Lisbon"), ("Ben", "Nice"), ("Ana", "two\nlines")]
    assert times(export) == ["2024-05-01T10:00:00+00:00", "2024-05-01T10:00:00+00:00", "2024-05-01T10:02:00"]
    assert sum(export.skipped.values()) == 4


def test_json_lines_take_records_and_openai_threads() -> None:
    export = parse_export(FIXTURES / "plain.jsonl")
    assert said(export) == [
        ("user", "My dog is Rex"), ("assistant", "Hello Rex"), ("Ana", "I live in Lisbon"), ("Ben", "Nice"),
    ]  # fmt: skip
    assert export.skipped == {"lines that are not JSON": 2, "system and tool messages": 1}


def test_a_json_array_of_records_and_a_bare_thread_are_read(tmp_path: Path) -> None:
    records = tmp_path / "a.json"
    records.write_text(json.dumps([{"Sender": "Ana", "Text": "hi", "timestamp": 1714557600.5}]))
    thread = tmp_path / "b.json"
    thread.write_text(json.dumps([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]))
    assert said(parse_export(records)) == [("Ana", "hi")]
    assert [message.role for message in parse_export(thread).messages] == ["user", "assistant"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "chat.txt"
    path.write_bytes("25/04/2024, 10:00 - Zoé: J'habite à Lyon, 50 €\n".encode(encoding))
    assert said(parse_export(path)) == [("Zoé", "J'habite à Lyon, 50 €")]


def test_a_utf8_file_cut_inside_a_letter_is_not_read_as_latin(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_bytes(("25/04/2024, 10:00 - Zoé: " + "é" * 30).encode()[:-1])
    assert said(parse_export(path))[0][1].startswith("é" * 29)


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Every kind of bad file, with a word that its sentence must contain."""
    made = {
        "empty": (b"", "empty"),
        "blank": (b" \n\n", "blank"),
        "binary": (bytes(range(256)) * 40, "not text"),
        "prose": (b"Dear diary,\nnothing happened.\n", "Dear diary"),
        "otherjson": (b'{"chats": {"list": []}, "about": 1}', "about, chats"),
        "otherlines": (b'{"a": 1}\n{"a": 2}\n', "keys are a"),
        "brokenjson": (b'[{"mapping": {"a": ', "incomplete JSON"),
        "deepjson": (b"[" * 200_000, "incomplete JSON"),
        "emptylist": (b"[]", "no records"),
        "onlymedia": (b"25/04/2024, 10:00 - Ana: <Media omitted>\n", "Nothing in"),
        "cutzip": (_zip_bytes("conversations.json", "[]")[:-30], "ZIP"),
        "otherzip": (_zip_bytes("photo.jpg", "x"), "photo.jpg"),
    }
    files = {}
    for name, (content, word) in made.items():
        files[name] = (folder / name, word)
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    (folder / "folder" / "photo.jpg").write_bytes(b"x")
    return {**files, "missing": (folder / "nowhere.txt", "no file"), "folder": (folder / "folder", "folder")}


def _zip_bytes(member: str, content: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [
    "empty", "blank", "binary", "prose", "otherjson", "otherlines", "brokenjson", "deepjson", "emptylist", "onlymedia",
    "cutzip", "otherzip", "missing", "folder",
])  # fmt: skip
def test_each_bad_file_gets_a_sentence_that_names_it(tmp_path: Path, kind: str) -> None:
    path, word = bad_files(tmp_path)[kind]
    with pytest.raises(BadExport) as caught:
        parse_export(path)
    assert word in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_over_the_limit_and_a_zip_bomb_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(_zip_bytes("a.txt", "0" * 2_000_000))
    monkeypatch.setattr(sources, "RATIO_MATTERS_FROM", 1_000_000)
    with pytest.raises(BadExport, match="times its size"):
        parse_export(bomb)
    monkeypatch.setattr(sources, "LARGEST_BYTES", 100_000)
    with pytest.raises(BadExport, match="limit"):
        parse_export(bomb)
    big = tmp_path / "big.txt"
    big.write_text("a" * 100_001)
    with pytest.raises(BadExport, match="too large"):
        parse_export(big)


def test_a_folder_gives_all_exports_in_it(tmp_path: Path) -> None:
    (tmp_path / "chats").mkdir()
    whatsapp(tmp_path / "chats", "25/04/2024, 10:00 - Ben: hi")
    (tmp_path / "chats" / "WhatsApp Chat - Cara.zip").write_bytes(_zip_bytes("_chat.txt", "[25/04/2024, 10:00:00] Cara: ho\r\n"))
    export = parse_export(tmp_path / "chats")
    assert (export.conversations, said(export)) == (["Ben", "Cara"], [("Ben", "hi"), ("Cara", "ho")])


def test_importing_twice_changes_nothing_and_equal_messages_are_both_kept(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    first = import_files(db, "ana", [FIXTURES / "whatsapp_android_dmy.txt"], me="Ana")
    again = import_files(db, "ana", [FIXTURES / "whatsapp_android_dmy.txt"])
    assert (first["imported"], first["duplicates"]) == (6, 0)
    assert (again["imported"], again["duplicates"], again["me"]) == (0, 6, "Ana")
    assert [m.text for m in list_messages(db, load_profile(db, "ana").id)].count("ok") == 2


def test_a_longer_newer_export_under_another_name_adds_only_what_is_new(tmp_path: Path) -> None:
    lines = [f"{day}/04/2024, 10:00 - Ana: day {day}" for day in range(13, 20)]
    db = open_store(tmp_path)
    import_files(db, "ana", [whatsapp(tmp_path, *lines)])
    newer = whatsapp(tmp_path, *lines, "20/04/2024, 10:00 - Ana: new", name="chat-2.txt")
    assert import_files(db, "ana", [newer])["imported"] == 1
    assert {m.conversation for m in list_messages(db, load_profile(db, "ana").id)} == {"Ben"}


def test_messages_come_out_in_time_order_then_file_order(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [("2024-05-01T10:00:00", "second"), ("2024-04-01T10:00:00", "first"), ("2024-05-01T10:00:00", "third")]
    path.write_text("\n".join(json.dumps({"sender": "Ana", "timestamp": time, "text": text}) for time, text in rows))
    db = open_store(tmp_path)
    import_files(db, "ana", [path])
    assert [m.text for m in list_messages(db, load_profile(db, "ana").id)] == ["first", "second", "third"]


def test_a_bad_file_among_several_imports_nothing_and_creates_no_profile(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    with pytest.raises(BadExport):
        import_files(db, "ana", [FIXTURES / "chatgpt.json", tmp_path / "nowhere"])
    assert list_profiles(db) == []


def test_a_fault_in_the_middle_of_storing_leaves_the_store_unchanged(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    # A trigger is a fault inside SQLite itself, after some rows have already been written.
    db.execute("""CREATE TRIGGER fault AFTER INSERT ON messages WHEN new.text = 'Here she is'
                  BEGIN SELECT RAISE(ABORT, 'injected'); END""")
    with pytest.raises(Exception, match="injected"):
        import_files(db, "ana", [FIXTURES / "whatsapp_android_dmy.txt", FIXTURES / "chatgpt.json"], me="Ana")
    assert list_profiles(db) == [] and not list(db.query("SELECT 1 FROM messages"))


def test_a_full_disk_is_a_sentence_and_nothing_is_kept(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite then says what it says on a full disk
    path = whatsapp(tmp_path, *(f"25/04/2024, 10:00 - Ana: {'word ' * 100}{n}" for n in range(500)))
    with pytest.raises(KeepsakeError, match="full"):
        import_files(db, "ana", [path])
    assert list_profiles(db) == []


def test_the_user_of_an_assistant_is_the_person_even_when_me_names_another_sender(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    import_files(db, "ana", [FIXTURES / "whatsapp_android_dmy.txt", FIXTURES / "chatgpt.json"], me="ana")
    mine = {(m.sender, m.me) for m in list_messages(db, load_profile(db, "ana").id)}
    assert mine == {("Ana", True), ("Ben", False), ("user", True), ("assistant", False)}


def test_an_unknown_me_lists_the_senders_and_stores_nothing(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    with pytest.raises(UnknownSender, match='"Ana", "Ben"'):
        import_files(db, "ana", [FIXTURES / "whatsapp_android_dmy.txt"], me="Zed")
    assert list_profiles(db) == []


@pytest.mark.parametrize(("profile", "expected"), [("ben", "Ben"), ("me", "Ana")])
def test_me_is_guessed_by_the_profiles_name_else_by_who_writes_most(tmp_path: Path, profile: str, expected: str) -> None:
    db = open_store(tmp_path)
    assert import_files(db, profile, [FIXTURES / "whatsapp_android_dmy.txt"])["me"] == expected


def test_the_sender_that_a_chat_is_named_after_is_the_other_person(tmp_path: Path) -> None:
    lines = ["25/04/2024, 10:00 - Ben: a", "25/04/2024, 10:01 - Ben: b", "25/04/2024, 10:02 - Cara: c"]
    assert import_files(open_store(tmp_path), "me", [whatsapp(tmp_path, *lines)])["me"] == "Cara"


def test_naming_me_again_corrects_a_wrong_guess_and_drops_the_others_facts(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    import_files(db, "x", [FIXTURES / "whatsapp_android_dmy.txt"])
    profile = load_profile(db, "x")
    message = list_messages(db, profile.id, only_me=True)[0]
    add_facts(db, profile.id, [NewFact("You wish a happy new year.", message.id)])
    result = import_files(db, "x", [FIXTURES / "whatsapp_android_dmy.txt"], me="Ben")
    assert result["imported"] == 0 and load_profile(db, "x").me == "Ben"
    assert {m.sender for m in list_messages(db, profile.id, only_me=True)} == {"Ben"}
    assert list_facts(db, profile.id) == []


def test_set_me_flags_again_but_never_the_assistant(tmp_path: Path) -> None:
    db = open_store(tmp_path)
    import_files(db, "x", [FIXTURES / "whatsapp_android_dmy.txt", FIXTURES / "chatgpt.json"], me="Ana")
    profile = load_profile(db, "x")
    set_me(db, profile.id, "Ben")
    assert {m.sender for m in list_messages(db, profile.id, only_me=True)} == {"Ben", "user"}


def test_a_forgotten_message_does_not_come_back_under_any_name(tmp_path: Path) -> None:
    lines = [f"{day}/04/2024, 10:00 - Ana: day {day}" for day in range(13, 16)]
    db = open_store(tmp_path)
    import_files(db, "ana", [whatsapp(tmp_path, *lines)])
    profile = load_profile(db, "ana")
    for message in list_messages(db, profile.id):
        forget_message(db, profile.id, message.id)
    again = import_files(db, "ana", [whatsapp(tmp_path, *lines, name="other.txt")])
    assert (again["imported"], again["reasons"]) == (0, {"forgotten earlier": 3})
