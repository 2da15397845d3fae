"""Plain records: the whole result of files with every trap, each trap by itself, random records there and back, damaged files."""

import csv
import io
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers import plain as room
from memory.importers.export import Options, ParsedExport, clean_text
from memory.importers.plain import FORMAT
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures"
FOLDER = FIXTURES / "plain"


def rows(export: ParsedExport) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in export.messages]


def write(path: Path, *records: Any) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return path


def test_json_lines_with_every_trap_give_exactly_what_was_said() -> None:
    export = parse_export(FOLDER / "records.jsonl")
    assert rows(export) == [
        ("My dog is Rex", "user", "", "My dog is Rex"),
        ("My dog is Rex", "assistant", "", "Hello Rex"),
        ("My dog is Rex (2)", "user", "2024-05-01T10:00:00.123000+00:00", "My dog is Rex"),
        ("Walk", "Ana", "2024-05-01T10:00:00+00:00", "I live in Lisbon 🌊\n\n\twith two  cats"),
        ("Walk", "Ben", "2024-05-01T10:00:00+00:00", "Nice"),
        ("records", "Ana", "", "no time and no chat \N{REPLACEMENT CHARACTER}"),
        ("7", "human", "2024-05-01T10:02:00", "local time"),
    ]
    assert [m.role for m in export.messages] == ["user", "assistant", "user", "person", "person", "person", "user"]
    assert export.skipped == {
        "lines that are not JSON": 2, "system and tool messages": 2, "messages without text": 2, "malformed records": 3,
    }  # fmt: skip
    assert (export.format, export.report.read) == ("plain", 12)
    assert export.notes == ["Times are the writer's local time: the export names no time zone."]


def test_csv_keeps_line_breaks_and_quotes_and_drops_rows_of_another_length() -> None:
    export = parse_export(FOLDER / "tab.csv")
    assert rows(export) == [
        ("tab", "Ana", "2024-05-01T10:02:00", 'two\nlines with a "quote"'),
        ("tab", "Ben", "2024-05-01T10:04:00+00:00", "spaces"),
    ]
    assert export.skipped == {"malformed records": 2}


def test_times_may_be_named_in_camel_case(tmp_path: Path) -> None:
    row = {"role": "user", "content": "I have a cat", "createdAt": "2024-05-01T10:00:00Z", "chatId": "c"}
    (tmp_path / "chat.json").write_text(json.dumps([row]))
    assert rows(parse_export(tmp_path / "chat.json")) == [("chat", "user", "2024-05-01T10:00:00+00:00", "I have a cat")]


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nDatum;Absender;Nachricht\r\n01.03.2026 10:00;Zoe;Ich mag Tee\r\n",
        "\ufeffsep=,\nFecha,Remitente,Mensaje\n2026-03-01 10:00,Zoe,Ich mag Tee\n",
        "date|sender|text\n2026-03-01 10:00|Zoe|Ich mag Tee\n",
        "Data;Mittente;Messaggio\n01/03/2026 10:00;Zoe;Ich mag Tee\n13/03/2026;;\n",
        "Datum\tAfzender\tBericht\n1-3-2026 10:00\tZoe\tIch mag Tee\n13-3-2026\t\t\n",
    ],
)
def test_csv_of_spreadsheets_in_other_languages_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "chat.csv").write_bytes(text.encode())
    assert rows(parse_export(tmp_path / "chat.csv")) == [("chat", "Zoe", "2026-03-01T10:00:00", "Ich mag Tee")]


def test_csv_may_begin_with_blank_lines_and_have_windows_line_ends() -> None:
    assert rows(parse_export(FOLDER / "comma.csv")) == [("comma", "Ana", "", "one, two"), ("comma", "Ben", "", "a\nb")]


def test_a_document_that_is_one_thread_is_named_by_a_title_behind_its_messages() -> None:
    export = parse_export(FOLDER / "thread.json")
    assert rows(export) == [("Home", "user", "2024-05-01T10:00:00+00:00", "I live in Porto"), ("Home", "assistant", "", "Porto it is")]
    assert (export.skipped, export.report.read) == ({"system and tool messages": 1}, 3)


def test_an_array_may_hold_what_is_no_record() -> None:
    export = parse_export(FOLDER / "array.json")
    assert rows(export) == [("array", "Ana", "2024-05-01T10:00:00.500000+00:00", "hi"), ("array", "Ben", "", "hello")]
    assert export.skipped == {"malformed records": 1}


def test_an_array_that_is_cut_off_gives_the_records_before_the_cut(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"sender": "Ana", "text": "hi"}, {"sender": "Ben", "te')
    export = parse_export(tmp_path / "a.json")
    assert rows(export) == [("a", "Ana", "", "hi")]
    assert "cut off after 1 records" in export.report.warnings[0]


def test_a_thread_on_one_endless_line_is_not_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CHUNK", 1000)
    turns = [{"role": "user", "content": f"text {number} " + "x" * 100} for number in range(1000)]
    one = write(tmp_path / "one.json", {"title": "Long", "messages": turns})
    two = write(tmp_path / "two.jsonl", {"title": "Long", "messages": turns}, {"title": "Short", "messages": turns[:1]})
    bundle = read_bundles(one)[0]
    assert room._shape(bundle.sources[0]) == room.THREAD
    assert len(parse_export(one).messages) == 1000
    assert len(parse_export(two).messages) == 1001


def test_an_open_quotation_mark_spoils_one_record_not_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGEST_FIELD", 200)
    (tmp_path / "a.csv").write_text('sender,text\nAna,hi\nBen,"open\n' + "Ana,more words of hers\n" * 40)
    export = parse_export(tmp_path / "a.csv")
    assert rows(export)[0] == ("a", "Ana", "", "hi") and len(export.messages) > 10
    assert export.skipped["malformed records"] >= 1


def test_loose_records_of_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    for folder in ("2023", "2024"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "chat.jsonl", {"sender": "Ana", "text": folder})
    assert [m.conversation for m in parse_export(tmp_path).messages] == ["chat", "chat (2)"]


def test_records_of_other_kinds_are_left_to_their_rooms(tmp_path: Path) -> None:
    write(tmp_path / "a.json", {"users": 3})
    (tmp_path / "b.csv").write_text("day,steps\n2024-05-01,9000\n")
    (tmp_path / "c.txt").write_text("From my window, text and name: sender\n")
    assert FORMAT.claim(read_bundles(tmp_path)[0]) == []


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n";,\t '), min_size=1).filter(clean_text)
RECORD = st.tuples(CELL, st.sampled_from(["Ana", "Ben", "user"]), st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1)), CELL)


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=6), st.sampled_from([",", ";", "\t", "jsonl", "json"]))
def test_random_records_come_back_as_they_were(records: list[tuple[str, str, datetime, str]], form: str) -> None:
    names = ("chat", "sender", "time", "text")
    table = [(chat, sender, time.replace(tzinfo=UTC).isoformat(), text) for chat, sender, time, text in records]
    if form in ("json", "jsonl"):
        objects = [dict(zip(names, record)) for record in table]
        content = json.dumps(objects) if form == "json" else "\n".join(map(json.dumps, objects))
    else:
        sheet = io.StringIO()
        csv.writer(sheet, delimiter=form).writerows([names, *table])
        content = sheet.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.txt"
        path.write_bytes(content.encode())
        export = parse_export(path)
    assert rows(export) == [(clean_text(chat), sender, time, clean_text(text)) for chat, sender, time, text in table]


def moments(path: Path, wished: str | None = None) -> tuple[list[str], str | None, bool]:
    """The times of a file, how day and month were told apart, and whether that is open."""
    export = parse_export(path, Options(wished))
    times = [m.timestamp.isoformat(timespec="minutes") if m.timestamp else "" for m in export.messages]
    return times, export.report.date_order, export.report.ambiguous_dates


def test_the_dates_of_a_spreadsheet_are_read_as_the_whole_file_says(tmp_path: Path) -> None:
    path = tmp_path / "chat.csv"
    path.write_text(
        'Date,From,Message\n5/6/2024 7:08:00 PM,A,x\n5/13/2024 7:08 AM,A,x\n5/14/2024,A,x\n"May 15, 2024 9:01 PM",A,x\n,A,x\nsoon,A,x\n'
    )
    times, order, open_ = moments(path)
    assert times == ["2024-05-06T19:08", "2024-05-13T07:08", "2024-05-14T00:00", "2024-05-15T21:01", ""]
    assert order and order.startswith("month-day-year") and not open_
    assert parse_export(path).skipped == {"malformed records": 1}


def test_dates_that_fit_both_orders_are_asked_about_and_a_clock_may_have_a_column_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "chat.csv"
    path.write_text("Date;Time;Sender;Text\n06/05/2024;07:08;A;x\n06/06/2024;19:09;A;x\n")
    assert moments(path)[0] == ["2024-05-06T07:08", "2024-06-06T19:09"] and moments(path)[2]
    assert moments(path, "month-day-year")[0] == ["2024-06-05T07:08", "2024-06-06T19:09"]
    assert not moments(path, "month-day-year")[2]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_gives_messages_or_a_sentence(data: st.DataObject) -> None:
    raw = (FOLDER / data.draw(st.sampled_from(["records.jsonl", "tab.csv", "thread.json", "array.json"]))).read_bytes()
    start, length = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 40))
    raw = raw[:start] + data.draw(st.binary(max_size=8)) + raw[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) * 2 // 3, len(raw) // 9]))])
        try:
            parse_export(path)
        except BadExport as error:
            assert str(path) in str(error)
