"""Diaries and notes: the whole result of a folder with every trap, each trap by itself, random diaries there and back, damaged files."""

import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.diary import FORMAT
from memory.importers.diary_dates import DAY_FIRST, MONTH_FIRST, date_of_name, decide_order, read_heading
from memory.importers.export import Options, ParsedExport
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures"
FOLDER = FIXTURES / "diary"


def rows(export: ParsedExport) -> list[tuple[str, str, str]]:
    return [(m.conversation, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in export.messages]


def texts(folder: Path, text: str, name: str = "notes.md") -> list[tuple[str, str]]:
    (folder / name).write_text(text, encoding="utf-8")
    return [(time[:10], said) for _, time, said in rows(parse_export(folder / name))]


def test_a_folder_with_every_trap_gives_exactly_what_was_written() -> None:
    export = parse_export(FOLDER)
    assert rows(export) == [
        ("2024-05-06 Oslo", "2024-05-06T00:00:00", "I took the train to Oslo.\n\nIt was late."),
        ("Day One", "2024-05-05T06:30:00+00:00", "Garden\nI planted beans. They need sun!"),
        ("Day One", "", "No date on this one, but I like it."),
        ("american", "2024-05-12T00:00:00", "I ran ten miles."),
        ("american", "2024-05-13T00:00:00", "My knees hurt."),
        ("dayone", "2024-05-03T21:12:00", "I cannot sleep."),
        ("dayone", "2024-05-04T07:05:00", "Coffee with Clara."),
        ("german", "2024-05-03T00:00:00", "Heute bin ich umgezogen.\nAm 5. Mai 2024 kommt meine Schwester."),
        ("german", "2024-05-04T00:00:00", "Regen. Ich habe gelesen.\n# kein Titel"),
        ("journal", "2024-04-30T00:00:00", "Begun in the garden."),
        (
            "journal",
            "2024-05-03T00:00:00",
            "Moved to Bergen with Clara and our two cats 🐈.\nWe live at Nygata now.\n\n"
            "Evening\n- called my mother\n- buy a lamp\n\nFor me\nI sleep better here.",
        ),
        ("journal", "2024-05-04T00:00:00", "Rain\nStayed in. I wrote letters, two three of them. & tea"),
        ("notes", "", "I am allergic to nuts.\n\nMy doctor is Ms Dahl."),
    ]
    assert export.skipped == {"code, tables and tags": 4, "pictures, sounds and files": 3, "quotations": 2, "messages without text": 2}
    assert (export.format, export.report.read, export.report.date_order) == ("diary", 80, MONTH_FIRST)
    assert export.notes == [
        "Times are the writer's local time: the export names no time zone.",
        "6 other files hold no chat that is known: README.md, chatlog.txt, clipped.md, ...",
    ]
    assert {(m.sender, m.role) for m in export.messages} == {("user", "user")}


def test_programs_logs_chats_manuals_and_clipped_pages_are_not_a_diary() -> None:
    claimed = {source.name for source in FORMAT.claim(read_bundles(FOLDER)[0])}
    assert claimed == {"2024-05-06 Oslo.md", "Day One.json", "american.txt", "dayone.txt", "german.txt", "journal.md", "notes.txt"}


@pytest.mark.parametrize(
    "room", ["chatgpt", "claude", "discord", "email", "imessage", "messenger", "plain", "signal", "slack", "telegram", ""]
)
def test_chats_of_other_rooms_are_not_a_diary(room: str) -> None:
    for bundle in read_bundles(FIXTURES / room) if room else []:
        assert FORMAT.claim(bundle) == []
    for path in [*FIXTURES.glob("whatsapp_*.txt"), *FIXTURES.glob("whatsapp/*.txt")] if not room else []:
        assert FORMAT.claim(read_bundles(path)[0]) == []


@pytest.mark.parametrize(
    "text",
    [
        "Dear diary,\nnothing happened.\n",
        "{\n  I: my\n}\n",
        "<html><p>I and my cat, I said</p></html>",
        "From: Ana\nTo: Ben\nSubject: my house\n\nI live here, my dear.\n",
        "12/05/2024, 10:00 - Ana: I live here\n12/05/2024, 10:01 - Ben: my house\n",
        "[12.05.24, 10:00:00] Ana: I live here\n[12.05.24, 10:01:00] Ben: my house\n",
        "You said:\nI live in Porto\n\nChatGPT said:\nNice, my friend\n",
        ">> User:\nI live in Porto\n\n>> GPT-4:\nmy friend\n",
        "day,mood,I\n2024-05-01,good,my\n2024-05-02,bad,my\n",
        "name=my\nport=I\nhost = my\n",
        "[2024-05-03 10:00:00] ERROR I lost my disk\n[2024-05-03 10:00:01] WARN my\n",
        "[LINE] Chat history with Ana\nSaved on: 05/01/2024 10:00\n\nWed, 05/01/2024\n10:00\tAna\tI am ill\n10:01\tZoe\tmy poor dear\n",
        "2024-05-01\n[Ana] [오전 10:00] I am ill\n[Zoe] [오후 10:01] my poor dear\n",
        "2024-05-01\n10:00 <@ana> I am ill\n10:01 <zoe> my poor dear\n",
        "2024-05-01\n[10:00] Ana: I am ill\n[10:01] Ben: my dear\n[10:02] Ana: I know\n[10:03] Ben: I see\n",
        "10:00 - Ana: I am ill\n10:01 - Ben: my dear\n10:02 - Ana: I know\n10:03 - Ben: I see\n",
    ],
)
def test_a_text_that_is_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert FORMAT.claim(read_bundles(tmp_path)[0]) == []


def test_a_journal_of_day_one_that_is_cut_off_or_odd_gives_what_is_left(tmp_path: Path) -> None:
    whole = '{"metadata": {"version": "1.0"}, "entries": [{"creationDate": "2024-05-05T06:30:00Z", "text": "I ran."}, 7, {"creationDate": "soon", "text": "I slept.'
    (tmp_path / "Journal.json").write_text(whole + '"}]}')
    export = parse_export(tmp_path)
    assert rows(export) == [("Journal", "2024-05-05T06:30:00+00:00", "I ran."), ("Journal", "", "I slept.")]
    assert export.skipped == {"malformed records": 1} and not export.report.warnings
    (tmp_path / "Journal.json").write_text(whole)
    export = parse_export(tmp_path)
    assert len(export.messages) == 1 and len(export.report.warnings) == 1
    (tmp_path / "Journal.json").write_text('{"metadata": {}, "entries": [{"name": "x", "text": "no journal"}]}')
    assert FORMAT.claim(read_bundles(tmp_path)[0]) == []


def test_a_days_log_with_clocks_is_a_diary(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "".join(f"{day} May 2024\n08:00 Breakfast: eggs\n12:30 Lunch: soup\n18:00 Run: 5 km\n\n" for day in (1, 2))
    )
    assert [source.name for source in FORMAT.claim(read_bundles(tmp_path)[0])] == ["a.txt"]


def test_markdown_without_an_i_is_notes_unless_it_is_full_of_code(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("## Doctor\nMs Dahl, Nygata 3\n")
    (tmp_path / "b.md").write_text("## Options\nSet `HOME` first.\nThen `make`.\n")
    assert [source.name for source in FORMAT.claim(read_bundles(tmp_path)[0])] == ["a.md"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2024-05-03", ""),
        ("## Friday, 3 May 2024", ""),
        ("May 3, 2024", ""),
        ("**May 3rd, 2024**", ""),
        ("03.05.2024", ""),
        ("3.5.24", ""),
        ("Monday, 3 May 2024", ""),
        ("3. Mai 2024", ""),
        ("Freitag, den 3. Mai 2024", ""),
        ("vendredi 3 mai 2024", ""),
        ("viernes, 3 de mayo de 2024", ""),
        ("3 maggio 2024", ""),
        ("sexta-feira, 3 de maio de 2024", ""),
        ("vrijdag 3 mei 2024", ""),
        ("== 2024-05-03 ==", ""),
        ("--- 3 May 2024 ---", ""),
        ("[[2024-05-03]]", ""),
        ("2024-05-03 (Friday)", ""),
        ("03.05.2024, Freitag", ""),
        ("[2024-05-03 10:15] Went out.", "Went out."),
        ("2024-05-03 10:15 Went out", "Went out"),
        ("2024-05-03 – Rome", "Rome"),
        ("2024-05-03: Went to Rome", "Went to Rome"),
        ("## 2024-05-03 Rome", "Rome"),
        ("Rome, 3 May 2024", "Rome"),
        ("3.5.2024 10.30 Uhr: Arzt", "Arzt"),
        ("3 May 2024, 9:30 pm", ""),
        ("2024-05-03T21:15:00+02:00", ""),
    ],
)
def test_dates_are_known_in_the_ways_people_write_them(line: str, words: str) -> None:
    heading = read_heading(line)
    assert heading and (heading.moment.date().isoformat(), heading.words) == ("2024-05-03", words)


@pytest.mark.parametrize(
    "line",
    [
        "May 3, 2024 was a great day",
        "On 3 May 2024 I went",
        "Since 3 May 2024",
        "2024 was fine",
        "3 May",
        "2024-13-45",
        "31.02.2024",
        "1.2.3",
        "- 2024-05-03: dentist",
        "3 May 2024 at the beach",
        "> 2024-05-03",
        "*" * 5000 + "2024",
        "Marquez 5, 2024",
    ],
)
def test_a_sentence_with_a_date_begins_no_entry(line: str) -> None:
    assert read_heading(line) is None


def test_times_of_day_are_kept() -> None:
    assert [read_heading(line).moment.strftime("%H:%M") for line in ("2024-05-03 12:05 AM", "3 May 2024 at 9:30 p.m.", "3.5.2024, 21 Uhr")[:2]] == [
        "00:05", "21:30",
    ]  # type: ignore[union-attr]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("2024-05-03.md", "2024-05-03"),
        ("2024/05/03.md", "2024-05-03"),
        ("journal/2024/2024-05-03.md", "2024-05-03"),
        ("20240503 Rome.txt", "2024-05-03"),
        ("3 May 2024.md", "2024-05-03"),
        ("03.05.2024.txt", "2024-05-03"),
        ("Report 2023-2024.md", None),
        ("notes.md", None),
        ("2024-02-31.md", None),
    ],
)
def test_dates_in_file_names_are_read(name: str, date: str | None) -> None:
    found = date_of_name(name)
    assert (found.date().isoformat() if found else None) == date


def test_the_order_of_day_and_month_is_decided_from_all_files() -> None:
    assert decide_order([[(3, 25, 24)], [(4, 5, 24)]], DAY_FIRST) == MONTH_FIRST  # 25 can only be a day
    assert decide_order([[(3, 5, 24), (4, 5, 24)]], MONTH_FIRST) == MONTH_FIRST  # the person decides
    assert decide_order([[(11, 3, 24), (1, 4, 24), (12, 4, 24)]], None) == DAY_FIRST  # month first runs back and forth
    assert decide_order([[(3, 4, 24), (5, 6, 24)]], None) is None


def test_an_open_order_is_said_and_may_be_decided_by_the_person(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3/4/2024\nI ran.\n\n5/6/2024\nMy knees hurt.\n")
    undecided = parse_export(tmp_path / "a.txt")
    decided = parse_export(tmp_path / "a.txt", Options(MONTH_FIRST))
    guess = f"{DAY_FIRST} (a guess: nothing in the notes says which number is the month)"
    assert (rows(undecided)[0][1][:10], undecided.report.ambiguous_dates, undecided.report.date_order) == ("2024-04-03", True, guess)
    assert not any("month" in note for note in undecided.report.notes)  # it is said once
    assert (rows(decided)[0][1][:10], decided.report.ambiguous_dates, decided.report.date_order) == ("2024-03-04", False, MONTH_FIRST)


@pytest.mark.parametrize(
    ("front", "date"),
    [
        ("date: 2024-05-03", "2024-05-03"),
        ('Date: "May 3, 2024"', "2024-05-03"),
        ("created: 2024-05-03T23:30:00Z\ntags: [a, b]\naliases:\n  - x", "2024-05-03"),
        ("date: 2024-05-04T01:30:00+02:00", "2024-05-03"),
    ],
)
def test_the_front_matter_gives_the_date(tmp_path: Path, front: str, date: str) -> None:
    assert texts(tmp_path, f"---\n{front}\n---\n\nI live here.\n") == [(date, "I live here.")]


def test_the_files_name_counts_more_than_when_a_note_was_made_and_less_than_its_date(tmp_path: Path) -> None:
    assert texts(tmp_path, "---\ncreated: 2024-06-01\n---\nI live here.", "2024-05-03.md")[0][0] == "2024-05-03"
    assert texts(tmp_path, "---\ndate: 2024-06-01\n---\nI live here.", "2024-05-03.md")[0][0] == "2024-06-01"


def test_a_rule_at_the_beginning_is_no_front_matter(tmp_path: Path) -> None:
    assert texts(tmp_path, "---\nI live here. It is late.\n\n---\nMy cat sleeps.") == [("", "I live here. It is late.\n\nMy cat sleeps.")]


def test_code_that_is_never_closed_ends_at_the_next_date_and_dates_in_code_begin_nothing(tmp_path: Path) -> None:
    text = "# 2024-05-03\nI code.\n```\n2024-05-04\nx = 1\n\n# 2024-05-05\nI rest.\n"
    assert texts(tmp_path, text) == [("2024-05-03", "I code."), ("2024-05-05", "I rest.")]


def test_a_date_with_words_inside_of_a_paragraph_is_text(tmp_path: Path) -> None:
    text = "My list:\n2024-05-03: dentist\n\n2024-05-04: I went there.\n"
    assert texts(tmp_path, text) == [("", "My list:\n2024-05-03: dentist"), ("2024-05-04", "I went there.")]


def test_plain_text_is_kept_to_the_letter(tmp_path: Path) -> None:
    text = "2024-05-03\nI said *so*,  twice: [x](y) <b> &amp; `z`\n\t> indented 🌱\n"
    assert texts(tmp_path, text, "a.txt") == [("2024-05-03", "I said *so*,  twice: [x](y) <b> &amp; `z`\n\t> indented 🌱")]


def test_markdown_is_shown_as_it_is_read(tmp_path: Path) -> None:
    text = 'I live<br>here, 2 * 3 * 4 = 24, snake_case_name, __bold__ and _it_, ***both*** ==marked== <https://x.org> <!-- no --> [a](http://b.c "t")'
    assert texts(tmp_path, text)[0][1] == ("I live\nhere, 2 * 3 * 4 = 24, snake_case_name, bold and it, both marked https://x.org  a")


def test_long_entries_are_split_at_the_ends_of_paragraphs_and_long_paragraphs_at_sentences(tmp_path: Path) -> None:
    paragraphs = [f"{number} " + "I walk along the river. " * 15 for number in range(5)]
    said = texts(tmp_path, "# 2024-05-03\n" + "\n\n".join(paragraphs) + "\n\n" + "My cat sleeps well. " * 200)
    assert [date for date, _ in said] == ["2024-05-03"] * len(said)
    assert [text.count("\n\n") for _, text in said[:3]] == [1, 1, 0]
    assert all(len(text) <= 900 and text.endswith(".") for _, text in said)
    assert "".join("".join(text.split()) for _, text in said) == "".join("".join(paragraphs).split()) + "Mycatsleepswell." * 200


def test_a_heading_goes_with_the_paragraph_that_follows_it(tmp_path: Path) -> None:
    said = texts(tmp_path, "I walk. " * 100 + "\n\n## Later\n\n" + "I rest. " * 100)
    assert [text[:8] for _, text in said] == ["I walk. ", "Later\nI "]


def test_files_of_one_name_in_two_folders_stay_apart(tmp_path: Path) -> None:
    for folder in ("2023", "2024"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.md").write_text(f"I lived in {folder}.")
    assert [m.conversation for m in parse_export(tmp_path).messages] == ["2023/notes", "2024/notes"]


WORDS = st.lists(st.sampled_from("I my garden grows slowly Clara 🌱 été Straße tea.".split()), min_size=1, max_size=60).map(" ".join)
ENTRY = st.tuples(st.dates(datetime(1990, 1, 1).date(), datetime(2090, 1, 1).date()), st.lists(WORDS, min_size=1, max_size=6))
FORM = st.sampled_from(["%Y-%m-%d", "# %Y-%m-%d", "%A, %d %B %Y", "%B %d, %Y", "%d.%m.%Y", "**%d %b %Y**", "%Y/%m/%d", "[%Y-%m-%d]"])


@settings(max_examples=60, deadline=None)
@given(st.lists(ENTRY, min_size=1, max_size=5), FORM, st.sampled_from(["md", "txt"]))
def test_random_diaries_come_back_as_they_were(entries: list[tuple[datetime, list[str]]], form: str, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"diary.{suffix}"
        path.write_text("\n".join(f"{date.strftime(form)}\n\n" + "\n\n".join(paragraphs) + "\n" for date, paragraphs in entries))
        export = parse_export(path)
    found = [(m.timestamp.date(), paragraph) for m in export.messages for paragraph in m.text.split("\n\n")]  # type: ignore[union-attr]
    assert found == [(date, paragraph) for date, paragraphs in entries for paragraph in paragraphs]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_gives_messages_or_a_sentence(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["journal.md", "dayone.txt", "german.txt", "american.txt"]))
    raw = (FOLDER / name).read_bytes()
    for _ in range(3):
        start, length = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 40))
        raw = raw[:start] + data.draw(st.binary(max_size=8)) + raw[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) * 2 // 3, len(raw) // 9]))])
        try:
            parse_export(path)
        except BadExport as error:
            assert str(path) in str(error)
