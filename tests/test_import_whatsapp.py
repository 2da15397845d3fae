"""WhatsApp exports: a golden fixture for each locale on Android and iPhone, then one test for each trap, then random chats and damage."""

import json
import random
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers.export import BOTS, CALLS, DELETED, MEDIA, NOTICES, WITHOUT_TEXT, Options, ParsedMessage, Report
from memory.importers.sources import read_bundles
from memory.importers.whatsapp import BEFORE_THE_FIRST, FORMAT

FIXTURES = Path(__file__).parent / "fixtures" / "whatsapp"
GOLDEN = json.loads((FIXTURES / "golden.json").read_text(encoding="utf-8"))
# By locale: what WhatsApp writes for placeholders (Android's `media`, the iPhone's `left_out`), deletions, calls, attached files and the rest.
WRITTEN: dict[str, dict[str, list[str]]] = json.loads((FIXTURES / "notices.json").read_text(encoding="utf-8"))
LRM, NNBSP = "\u200e", "\u202f"


def read(path: Path, date_order: str | None = None) -> tuple[list[ParsedMessage], Report]:
    """What this room makes of a path, whatever the other rooms are up to."""
    messages, report = [], Report()
    for bundle in read_bundles(path):
        messages += FORMAT.parse(FORMAT.claim(bundle), bundle, report, Options(date_order))
    return messages, report


def chat(tmp_path: Path, *lines: str, name: str = "WhatsApp Chat with Ben.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(("\n".join(lines) + "\n").encode())
    return path


def said(messages: list[ParsedMessage]) -> list[tuple[str, str]]:
    return [(message.sender, message.text) for message in messages]


def texts(tmp_path: Path, *bodies: str, ios: bool = False) -> list[str]:
    """What is kept of bodies that Ana sent, a plain text before them and after them."""
    head = "[25/04/2024, 10:{:02}:00] Ana: " if ios else "25/04/2024, 10:{:02} - Ana: "
    lines = [head.format(minute) + body for minute, body in enumerate(["first", *bodies, "last"])]
    messages, _ = read(chat(tmp_path, *lines))
    assert messages[0].text == "first" and messages[-1].text == "last"
    return [message.text for message in messages[1:-1]]


# --- Locales ---


@pytest.mark.parametrize("fixture", GOLDEN)
def test_each_locale_keeps_what_people_said_and_nothing_else(fixture: str) -> None:
    messages, report = read(FIXTURES / f"{fixture}.txt")
    got = [[m.sender, m.timestamp.isoformat() if m.timestamp else None, m.text, m.edited] for m in messages]
    assert got == GOLDEN[fixture]["messages"]
    assert dict(report.skipped) == GOLDEN[fixture]["skipped"]
    assert not report.warnings and not report.ambiguous_dates
    assert {m.conversation for m in messages} == {fixture}


@pytest.mark.parametrize("fixture", [name for name in GOLDEN if name.endswith("_ios")])
def test_an_iphone_export_that_lost_its_marks_gains_no_author_and_loses_no_plain_speech(fixture: str, tmp_path: Path) -> None:
    path = tmp_path / f"{fixture}.txt"
    path.write_bytes((FIXTURES / f"{fixture}.txt").read_bytes().decode().replace(LRM, "").encode())
    messages, report = read(path)
    golden = GOLDEN[fixture]["messages"]
    assert {m.sender for m in messages} == {message[0] for message in golden}
    assert {text for _, _, text, edited in golden if not edited} <= {m.text for m in messages}
    assert report.skipped[DELETED] == 2 and report.skipped[CALLS] == 1


@pytest.mark.parametrize("locale", WRITTEN)
def test_what_whatsapp_writes_itself_is_known_in_each_locale_also_without_marks(locale: str, tmp_path: Path) -> None:
    words = {
        kind: WRITTEN[locale].get(kind, []) for kind in ("media", "left_out", "live", "deleted", "call", "encryption", "security", "edited")
    }
    attached = [f"plan 2.pdf ({word})" for word in WRITTEN[locale].get("attached", [])]
    tags = [f"<{word}: 00000012-PHOTO-2024-02-13-14-07-05.jpg>" for word in WRITTEN[locale].get("tag", [])]
    places = [f"{word}: https://maps.google.com/?q=38.7,-9.1" for word in WRITTEN[locale]["place"]]
    edited = [f"Ana is here <{word}>" for word in words["edited"]]
    android = [*(f"<{word}>" for word in words["media"]), *words["live"], *attached, *places]
    for head, media in (("25/04/2024, 10:00 - ", android), ("[25/04/2024, 10:00:00] ", [*words["left_out"], *tags, *places])):
        bodies = ["first", *media, *words["deleted"], *words["call"], *words["encryption"], *edited, "last"]
        messages, report = read(chat(tmp_path, *(f"{head}Ana: {body}" for body in bodies)))
        assert [(m.text, m.edited) for m in messages] == [("first", False), *[("Ana is here", True)] * len(edited), ("last", False)]
        found = {MEDIA: len(media), DELETED: len(words["deleted"]), CALLS: len(words["call"]), NOTICES: len(words["encryption"])}
        assert dict(report.skipped) == found
    spoken = [f"25/04/2024, 10:00 - Ana: {number}" for number in range(3)]
    messages, report = read(chat(tmp_path, *spoken, *(f"25/04/2024, 10:01 - {word}" for word in words["security"])))
    assert [m.text for m in messages] == ["0", "1", "2"] and report.skipped[NOTICES] == len(words["security"])


def test_the_doc_says_which_locales_lack_what() -> None:
    doc = (Path(__file__).parents[1] / "docs" / "importing.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in doc.splitlines() if row.startswith("| `")}
    kinds = ["media", "left_out", "deleted", "call", "encryption", "security", "attached", "tag", "place", "live", "edited"]
    lacks = {locale: ", ".join(kind for kind in kinds if kind not in words) for locale, words in WRITTEN.items()}
    by_gap: dict[str, list[str]] = {}
    for locale, gap in lacks.items():
        by_gap.setdefault(gap or "nothing", []).append(locale)
    assert rows == {" ".join(f"`{locale}`" for locale in locales): gap for gap, locales in by_gap.items()}


def test_headers_with_the_time_first_are_read(tmp_path: Path) -> None:
    web = chat(tmp_path, "[9:26 PM, 4/25/2024] Ana: copied from WhatsApp Web", "14", "[9:27 PM, 4/25/2024] Ben: yes", "[21")
    messages, report = read(web)
    assert [(str(m.timestamp), m.sender, m.text) for m in messages] == [
        ("2024-04-25 21:26:00", "Ana", "copied from WhatsApp Web\n14"),
        ("2024-04-25 21:27:00", "Ben", "yes\n[21"),
    ]
    assert not report.warnings and report.date_order == "month-day-year (4/25/2024 can only be read so)"
    pasted = [
        "25/04/2024, 10:00 - Ana: look",
        "[21:26, 10/10/2019] Ben: copied",
        "25/04/2024, 10:05 - Ben: ok",
        "25/04/2024, 10:06 - Ana: ok",
    ]
    assert [m.text for m in read(chat(tmp_path, *pasted))[0]] == ["look\n[21:26, 10/10/2019] Ben: copied", "ok", "ok"]


def test_a_language_that_is_not_known_is_helped_by_its_form(tmp_path: Path) -> None:
    iphone = chat(
        tmp_path,
        f"[25.4.2024 klo 10.00.00] Porukka: {LRM}Viestit ja puhelut salataan täysin.",
        f"{LRM}[25.4.2024 klo 10.01.00] Ana: {LRM}ei kuvaa",
        f"[25.4.2024 klo 10.02.00] Ana: Asun Turussa {LRM}<Tätä viestiä muokattiin>",
        f"{LRM}[25.4.2024 klo 10.03.00] Ben: Näkymä {LRM}<liite: 00000004-PHOTO-2024-04-25-10-03-00.jpg>",
        name="a.txt",
    )
    messages, report = read(iphone)
    assert [(m.sender, m.text, m.edited) for m in messages] == [("Ana", "Asun Turussa", True), ("Ben", "Näkymä", False)]
    assert dict(report.skipped) == {NOTICES: 2}
    android = chat(
        tmp_path,
        *(f"25.04.2024, 10:0{minute} - Ana: <Meedia ära jäetud>" for minute in range(3)),
        *(f"25.04.2024, 10:1{minute} - Ben: tere {minute} <Seda sõnumit muudeti>" for minute in range(3)),
        f"25.04.2024, 10:20 - Ben: {LRM}IMG-20240425-WA0001.jpg (fail lisatud)",
        "25.04.2024, 10:21 - Ana: I say <this and that>",
        name="b.txt",
    )
    messages, report = read(android)
    assert said(messages) == [("Ben", "tere 0"), ("Ben", "tere 1"), ("Ben", "tere 2"), ("Ana", "I say <this and that>")]
    assert [m.edited for m in messages] == [True, True, True, False] and report.skipped[MEDIA] == 4


# --- Clocks and dates ---


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("25/04/2024, 12:05\u202fam - ", "2024-04-25T00:05:00"),
        ("25/04/2024, 12:05 PM - ", "2024-04-25T12:05:00"),
        ("25/4/24 2:05 p.m. - ", "2024-04-25T14:05:00"),
        ("[25/4/24 2:05:09\u202fp. m.] ", "2024-04-25T14:05:09"),
        ("[25.4.2024 klo 14.05.09] ", "2024-04-25T14:05:09"),
        ("2024-04-25, 14 h 05 - ", "2024-04-25T14:05:00"),
        ("25.04.2024 г., 14:05 ч. - ", "2024-04-25T14:05:00"),
        ("25/04/2024 às 14:05 - ", "2024-04-25T14:05:00"),
        ("2024-04-25 14:05:09: ", "2024-04-25T14:05:09"),  # iPhones before 2018
        ("[2024-04-25, 2:05:09 PM] ", "2024-04-25T14:05:09"),
        ("2024. 4. 25. 오전 12:05 - ", "2024-04-25T00:05:00"),
        ("2024年4月25日 下午2:05 - ", "2024-04-25T14:05:00"),
        ("2024/4/25 凌晨12:05 - ", "2024-04-25T00:05:00"),
        ("2024/4/25 中午12:05 - ", "2024-04-25T12:05:00"),
        ("2024/4/25 中午11:05 - ", "2024-04-25T11:05:00"),
        ("2024/4/25 晚上11:05 - ", "2024-04-25T23:05:00"),
        ("[2024/04/25 午後0:05:09] ", "2024-04-25T12:05:09"),
        ("٢٥‏/٤‏/٢٠٢٤، ٢:٠٥ م - ", "2024-04-25T14:05:00"),
        ("\u200f[٢٥‏/٤‏/٢٠٢٤, ٢:٠٥:٠٩ ص] ", "2024-04-25T02:05:09"),
        ("25/04/24, 2:05 अपराह्न - ", "2024-04-25T14:05:00"),
        ("[25.4.2024, 2:05:09 אחה״צ] ", "2024-04-25T14:05:09"),
        ("[25.04.2024 2:05:09 ÖS] ", "2024-04-25T14:05:09"),
        ("14:05, 25/4/24 - ", "2024-04-25T14:05:00"),
        ("[14:05:09 25/04/2024] ", "2024-04-25T14:05:09"),
        ("2:05 CH, 25/4/24 - ", "2024-04-25T14:05:00"),
        ("24/04/25 14:05 - ", "2024-04-25T14:05:00"),  # 2025 or 2024? both are years of WhatsApp: day first
    ],
)
def test_clocks_and_dates_of_every_form(stamp: str, expected: str, tmp_path: Path) -> None:
    messages, report = read(chat(tmp_path, f"{stamp}Ana: hi", f"{stamp}Ben: there"))
    if stamp.startswith("24/04/25"):
        expected = "2025-04-24T14:05:00"
    assert [m.timestamp.isoformat() for m in messages if m.timestamp] == [expected] * 2
    assert "Times are the phone's local time: the export names no time zone." in report.notes


@pytest.mark.parametrize(
    ("headers", "asked", "expected", "how"),
    [
        (["03/04/2024, 10:00", "25/04/2024, 10:00"], None, "2024-04-03", "day-month-year (25/04/2024 can only be read so)"),
        (["03/04/2024, 10:00", "03/25/2024, 10:00"], None, "2024-03-04", "month-day-year (03/25/2024 can only be read so)"),
        (["03/11/2024, 10:00", "04/01/2024, 10:00"], None, "2024-03-11", "month-day-year (the other order runs backwards in time)"),
        (["03.04.24, 10:00", "05.04.24, 10:00"], None, "2024-04-03", "day-month-year (dates with dots are nowhere written month first)"),
        (["04/04/2024, 10:00", "05/05/2024, 10:00"], None, "2024-04-04", "day-month-year (both orders give the same days)"),
        (["2024-04-03, 10:00", "2024-04-05, 10:00"], None, "2024-04-03", "year-month-day (as written)"),
        (["15/04/03, 10:00", "15/04/30, 10:00"], None, "2015-04-03", "year-month-day (as written)"),
        (["03/04/2024, 10:00", "05/04/2024, 10:00"], "month-day-year", "2024-03-04", "month-day-year (as asked for)"),
        (["3/4/24, 10:00 AM", "5/4/24, 10:00 PM"], "day-month-year", "2024-04-03", "day-month-year (as asked for)"),
        (["03/11/2024, 10:00", "04/01/2024, 10:00"], "day-month-year", "2024-11-03", "day-month-year (as asked for)"),
    ],
)
def test_the_order_of_day_and_month_is_found_and_told(headers: list[str], asked: str, expected: str, how: str, tmp_path: Path) -> None:
    messages, report = read(chat(tmp_path, *(f"{header} - Ana: hi" for header in headers)), asked)
    assert str(messages[0].timestamp)[:10] == expected and report.date_order == how
    assert not report.ambiguous_dates and not report.warnings


@pytest.mark.parametrize(
    ("headers", "expected"),
    [(["03/04/2024, 10:00", "05/04/2024, 10:00"], "2024-04-03"), (["3/4/24, 10:00 AM", "5/4/24, 10:00 PM"], "2024-03-04")],
)
def test_dates_that_fit_both_orders_are_called_ambiguous(headers: list[str], expected: str, tmp_path: Path) -> None:
    messages, report = read(chat(tmp_path, *(f"{header} - Ana: hi" for header in headers)))
    assert str(messages[0].timestamp)[:10] == expected
    assert report.ambiguous_dates and "a guess" in (report.date_order or "") and not any("both orders" in note for note in report.notes)


def test_the_dates_in_the_names_of_attached_files_tell_day_from_month(tmp_path: Path) -> None:
    path = chat(tmp_path, "03/04/2024, 10:00 - Ana: hi", "05/04/2024, 10:00 - Ben: IMG-20240504-WA0001.jpg (file attached)")
    messages, report = read(path)
    assert str(messages[0].timestamp)[:10] == "2024-03-04" and not report.ambiguous_dates
    assert report.date_order == "month-day-year (the names of attached files say so)"


def test_an_answer_that_no_date_fits_is_not_followed(tmp_path: Path) -> None:
    messages, report = read(chat(tmp_path, "03/04/2024, 10:00 - Ana: hi", "25/04/2024, 10:00 - Ana: hi"), "month-day-year")
    assert str(messages[0].timestamp)[:10] == "2024-04-03"
    assert report.warnings == ["The dates do not fit month-day-year (25/04/2024): they were read as day-month-year."]


def test_one_date_the_other_way_round_loses_no_message(tmp_path: Path) -> None:
    lines = [*(f"{day}/04/2024, 10:00 - Ana: day {day}" for day in range(13, 16)), "04/16/2024, 10:00 - Ana: day 16"]
    messages, _ = read(chat(tmp_path, *lines))
    assert [m.text for m in messages][-1] == "day 16" and str(messages[-1].timestamp) == "2024-04-16 10:00:00"


@pytest.mark.parametrize("year", ["2567", "1403"])
def test_years_of_other_calendars_are_said_and_not_taken_for_ours(year: str, tmp_path: Path) -> None:
    messages, report = read(chat(tmp_path, f"25/04/{year}, 10:00 - Ana: hi", f"26/04/{year}, 10:00 - Ana: ho"))
    assert [(m.text, m.timestamp) for m in messages] == [("hi", None), ("ho", None)]
    assert len(report.warnings) == 2 and "another calendar" in report.warnings[0]


# --- Which lines are headers ---


def test_lines_that_look_like_headers_stay_in_their_message(tmp_path: Path) -> None:
    body = [
        "Programme:",
        "03/05/2024, 18:00 - Dinner: at the harbour",  # written as the export writes, but nobody is called Dinner
        "04/05/2024, 09:00 - Boat: bring a coat",
        "05/05/2024, 20:00 - the way home",  # no sender: its time lies outside
        "[25/04/2024, 10:00:01] Ben: copied from an iPhone",
        "25.04.24, 10:00 - Ben: copied from a German phone",
        "4/25/24, 10:00 AM - Ben: copied from an American phone",
        "25/04/2024, about 10:00 - Ben: typed by hand",
        "10:00 - Ben: typed by hand",
        "25/04/2024 is the day",
        "12/31",
    ]
    lines = [
        "25/04/2024, 09:00 - Ben: hi",
        "25/04/2024, 10:00 - Ana: " + body[0],
        *body[1:],
        "25/04/2024, 10:05 - Ben: ok",
        "25/04/2024, 10:06 - Ana: ok",
    ]
    messages, report = read(chat(tmp_path, *lines))
    assert said(messages) == [("Ben", "hi"), ("Ana", "\n".join(body)), ("Ben", "ok"), ("Ana", "ok")] and not report.skipped


def test_a_chat_pasted_from_another_phone_is_one_message_even_if_it_is_longer_than_the_chat(tmp_path: Path) -> None:
    pasted = [f"[5/1/24, 9:0{minute}:00 AM] {name}: line {minute}" for minute in range(8) for name in ("Ana", "Zed")]
    lines = ["25/04/2024, 10:00 - Ana: look:", *pasted, "25/04/2024, 10:05 - Ben: funny", "25/04/2024, 10:06 - Ana: yes"]
    messages, _ = read(chat(tmp_path, *lines))
    assert said(messages) == [("Ana", "look:\n" + "\n".join(pasted)), ("Ben", "funny"), ("Ana", "yes")]


def test_two_exports_one_after_the_other_are_both_read(tmp_path: Path) -> None:
    android = [f"25/04/2024, 10:{minute:02} - Ana: a {minute}" for minute in range(60)]
    iphone = [f"[26.04.24, 10:{minute:02}:00] Ana: b {minute} {LRM}<This message was edited>" for minute in range(60)]
    messages, report = read(chat(tmp_path, *android, *iphone))
    assert len(messages) == 120 and messages[-1].text == "b 59" and messages[-1].edited
    assert (report.date_order or "").count("day-month-year") == 2


def test_late_messages_and_a_clock_set_back_lose_nothing(tmp_path: Path) -> None:
    stamps = ["10:00", "10:05", "10:01", "10:06", "11:00", "10:10", "10:12", "10:03"]
    lines = [f"25/04/2024, {stamp} - {name}: {place}" for place, (stamp, name) in enumerate(zip(stamps, "ABABCABC"))]
    messages, _ = read(chat(tmp_path, *lines))
    assert [m.text for m in messages] == [str(place) for place in range(8)]


def test_the_first_notice_may_be_younger_than_what_follows(tmp_path: Path) -> None:
    lines = [
        "25/04/2024, 16:13 - Messages and calls are end-to-end encrypted. Only people in this chat can read, listen to, or share them.",
        '25/04/2024, 16:11 - Ana created group "Trip"',
        "25/04/2024, 16:12 - You were added",
        "25/04/2024, 16:12 - Ana: hi",
        "25/04/2024, 16:14 - Ben: ho",
    ]
    messages, report = read(chat(tmp_path, *lines))
    assert said(messages) == [("Ana", "hi"), ("Ben", "ho")] and report.skipped == {NOTICES: 3}


def test_a_notice_before_a_message_that_came_late_is_no_part_of_the_message_above(tmp_path: Path) -> None:
    lines = [
        "25/04/2024, 10:00 - Ana: hi",
        "25/04/2024, 10:05 - Ben left",
        "25/04/2024, 10:03 - Ana: sent from a tunnel",
        "25/04/2024, 10:06 - Ana: ok",
    ]
    messages, report = read(chat(tmp_path, *lines))
    assert said(messages) == [("Ana", "hi"), ("Ana", "sent from a tunnel"), ("Ana", "ok")] and report.skipped == {NOTICES: 1}


def test_a_notice_nobody_knows_is_no_speech_and_what_stands_below_it_is_not_lost(tmp_path: Path) -> None:
    lines = [
        "25/04/2024, 10:00 - Ana: hi",
        "25/04/2024, 10:01 - Zzz qqq vvv",
        "and more",
        "25/04/2024, 10:02 - Ben: ho",
        "25/04/2024, 10:03 - Ana: end",
    ]
    messages, report = read(chat(tmp_path, *lines))
    assert said(messages) == [("Ana", "hi\nand more"), ("Ben", "ho"), ("Ana", "end")]
    assert report.skipped == {NOTICES: 1} and report.samples[NOTICES] == ["25/04/2024, 10:01 - Zzz qqq vvv"]


@pytest.mark.parametrize(
    "notice",
    [
        'Ana changed the subject from "Rome: spring" to "Rome: summer"',
        "Ana changed the group name from “Rome: spring” to “Rome: summer”",
        "Ana hat den Gruppennamen von „Rom: Mai“ zu „Rom: Juni“ geändert",
        "Ana a modifié l’objet « Rome : mai » en « Rome : juin »",
        "Анна изменил(а) тему с «Рим: май» на «Рим: июнь»",
        "Ana变更了群组主题 “罗马: 五月”",
        'Zed frobbed "Rome: spring" into "Rome: summer"',  # unknown words, but a quotation that is open
    ],
)
def test_a_colon_in_the_name_of_a_group_makes_no_author(notice: str, tmp_path: Path) -> None:
    lines = ["25/04/2024, 10:00 - Ana: hi", f"25/04/2024, 10:01 - {notice}", "25/04/2024, 10:02 - Ben: ho", "25/04/2024, 10:03 - Ana: ok"]
    messages, report = read(chat(tmp_path, *lines))
    assert {m.sender for m in messages} == {"Ana", "Ben"} and report.skipped == {NOTICES: 1}


@pytest.mark.parametrize(
    "name",
    ["Joe Left", "Анна Создатель", "12:30 club", "Dr:Who", "Ana 🎉", "~Tilda~", "+49 171 555 0100", "علي", "Ben - work", "O'Brien (dad)"],
)
def test_names_that_look_odd_are_names(name: str, tmp_path: Path) -> None:
    lines = [f"25/04/2024, 10:0{minute} - {sender}: text {minute}" for minute, sender in enumerate([name, "Ana", name, name, name, name])]
    messages, report = read(chat(tmp_path, *lines))
    assert [m.sender for m in messages] == [name.removeprefix("~"), "Ana", *[name.removeprefix("~")] * 4] and not report.skipped


def test_a_colon_and_a_blank_in_a_name_are_told_from_its_texts(tmp_path: Path) -> None:
    bodies = [
        ("Re: Zero", "hello"),
        ("Ana", "note: buy eggs"),
        ("Re: Zero", "Zero: the hero"),
        ("Re: Zero", ""),
        ("Ana", "ok"),
        ("Re: Zero", "bye"),
    ]
    lines = [f"25/04/2024, 10:0{minute} - {sender}: {body}" for minute, (sender, body) in enumerate(bodies)]
    messages, _ = read(chat(tmp_path, *lines))
    assert said(messages) == [body for body in bodies if body[1]]


def test_a_person_who_sends_nothing_but_links_keeps_the_name(tmp_path: Path) -> None:
    lines = [f"25/04/2024, 10:0{minute} - Ana: https://example.org/{minute}" for minute in range(4)]
    assert said(read(chat(tmp_path, *lines))[0])[0] == ("Ana", "https://example.org/0")


# --- WhatsApp's words ---


def test_speech_about_pictures_calls_and_deletions_stays_speech(tmp_path: Path) -> None:
    speech = [
        "I omitted the image", "the video omitted nothing", "this message was deleted by my brother, sorry", "You deleted this message, why?",
        "Voice call tonight?", "Video call, tonight", "Missed voice calls are annoying", "llamada, mañana", "messages and calls are free there",
        "your security code with the bank is 1234", "waiting for this message all day", "I am here: https://maps.google.com/?q=1,2 come",
        "location", "see report.pdf (final version)", "<3", "I <3 you", "a <b> c", "Null", "null and void", "POLL:\nno options here",
        "Shopping: \n- eggs (2 boxes)", "This business uses paper",
    ]  # fmt: skip
    kept = [text.replace(" \n", " \n") for text in speech]
    assert texts(tmp_path, *speech) == kept
    assert texts(tmp_path, *(text for text in speech if text != "null"), ios=True) == kept


def test_what_is_no_speech_on_android(tmp_path: Path) -> None:
    assert not texts(
        tmp_path, "null", "", "<View once voice message omitted>", "<Video note omitted>", "live location shared", "Missed voice call, tap to call back",
        "Voice call, 5 min", "Video call, Answered on other device", "This message was deleted by admin Ana", f"{LRM}IMG-20240425-WA0001.jpg (file attached)", "AUD-20240425-WA0002. (file attached)",
        "Rapport.pdf • 3 pages (fichier joint)", "Ana Ruiz.vcf (file attached)", "<Media omitted>\nTemplate.docx", "test.pdf (file attached)\ntest",
        "Rossio\nLisboa\nlocation: https://maps.google.com/?q=38.7139,-9.1394", "location: https://maps.google.com/?q=38.7139,-9.1394",
        "You received a view once message. For added privacy, you can only open it on your phone.",
    )  # fmt: skip


@pytest.mark.parametrize("ios", [False, True])
def test_what_meta_ai_answers_in_a_chat_is_a_bots_word(ios: bool, tmp_path: Path) -> None:
    head = "[25/04/2024, 10:0{}:00] " if ios else "25/04/2024, 10:0{} - "
    bodies = ["Ana: @Meta AI what is a kiwi?", "Meta AI: A kiwi is a bird.\nAnd a fruit.", "Ben: Meta AI: you asked it!"]
    messages, report = read(chat(tmp_path, *(head.format(n) + body for n, body in enumerate(bodies))))
    assert said(messages) == [("Ana", "@Meta AI what is a kiwi?"), ("Ben", "Meta AI: you asked it!")] and report.skipped == {BOTS: 1}


def test_what_is_no_speech_on_an_iphone(tmp_path: Path) -> None:
    assert not texts(
        tmp_path, f"{LRM}image omitted", f"{LRM}{LRM}<attached: {LRM}PTT-20180129-WA0025.opus>", f"plan.pdf • {LRM}2 pages {LRM}document omitted",
        "plan.docx document omitted", f"{LRM}Voice call. {LRM}5 min", f"{LRM}Missed voice call. {LRM}Tap to call back.", f"{LRM}You deleted this message.",
        f"{LRM}Location: https://maps.google.com/?q=38.7,-9.1", "Pimlico Gardens (London, United Kingdom): https://foursquare.com/v/4e89", f"{LRM}Ana added Ben",
        f"{LRM}<attached: 00000012-PHOTO-2024-04-25-10-00-00.jpg> {LRM}<This message was edited>", "Ana added Ben",
        ios=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected", "edited", "ios"),
    [
        ("IMG-20240425-WA0001.jpg (file attached)\nThe view", "The view", False, False),
        ("<Media omitted>\nThe view\nfrom here", "The view\nfrom here", False, False),
        ("The view <This message was edited>", "The view", True, False),
        (f"The view {LRM}<attached: 00000012-PHOTO-2024-04-25-10-00-00.jpg>", "The view", False, True),
        (f"The view\n{LRM}<attached: 00000012-PHOTO-2024-04-25-10-00-00.jpg>", "The view", False, True),
        (f"The view {LRM}image omitted", "The view", False, True),
        (f"The view {LRM}<attached: 00000012-PHOTO-2024-04-25-10-00-00.jpg> {LRM}<This message was edited>", "The view", True, True),
        ("@\u2068~\u202fBen\u2069 come here", "@Ben come here", False, True),
        (
            f"{LRM}POLL:\nWhere to?\n{LRM}OPTION: Rome ({LRM}2 votes)\n{LRM}OPTION: Paris (again) ({LRM}1 vote)",
            "Where to?\nRome\nParis (again)",
            False,
            True,
        ),
        ("\nan empty first line", "an empty first line", False, False),
        ("two\n\nparagraphs  with   blanks\n\n", "two\n\nparagraphs  with   blanks", False, False),
        ("a\u2028b\x0bc\x85d", "a\u2028b\x0bc\x85d", False, False),  # separators of Unicode are no line ends
        ("one\rtwo", "one\ntwo", False, False),
    ],
)
def test_captions_edits_and_polls_keep_what_was_said(body: str, expected: str, edited: bool, ios: bool, tmp_path: Path) -> None:
    head = "[25/04/2024, 10:0{}:00] {}: " if ios else "25/04/2024, 10:0{} - {}: "
    path = chat(tmp_path, head.format(0, "Ben") + "hi", head.format(1, "Ana") + body, head.format(2, "Ben") + "ok")
    messages, _ = read(path)
    assert [(m.text, m.edited) for m in messages] == [("hi", False), (expected, edited), ("ok", False)]


def test_reasons_and_samples_are_reported(tmp_path: Path) -> None:
    lines = [
        "the tail of a message",
        *(f"25/04/2024, 10:0{n} - Ana: {text}" for n, text in enumerate(["hi", "", "<Media omitted>", "Missed video call"])),
    ]
    _, report = read(chat(tmp_path, *lines, "25/04/2024, 10:05 - You deleted this group's icon"))
    assert report.skipped == {BEFORE_THE_FIRST: 1, WITHOUT_TEXT: 1, MEDIA: 1, CALLS: 1, NOTICES: 1}
    assert report.samples[CALLS] == ["Missed video call"] and report.read == 6


# --- Files ---


@pytest.mark.parametrize(
    "text",
    [
        "Dear diary,\nnothing happened.\n",
        "2024-04-25\n\nMet Ana: she is well.\n\n2024-04-26\n\nRain.\n",
        "2024-04-25 10:00 - woke up\n2024-04-25 11:00 - breakfast with Ana: nice\n2024-04-25 12:00 - walk\n",
        "[2024-04-25 10:00:00] ERROR: disk full\n[2024-04-25 10:00:01] app.INFO: ok\n",
        "[2024-04-25 10:00:00] <ana> hi\n[2024-04-25 10:00:01] <ben> ho\n",
        "Chat export: Ana\nExported on: 2026-05-01 12:00:00\n\n[2024-05-01 10:01:00] You: hi\n[2024-05-01 10:02:00] Ana: ho\n",
        '[{"sender": "Ana", "text": "25/04/2024, 10:00 - Ana: hi"}]',
        "date,sender,text\n25/04/2024 10:00,Ana,hi\n",
        "From ana@example.org Thu Apr 25 10:00:00 2024\nSubject: hi\n\n25/04/2024 hello\n",
        "", "\n\n", "\x00\x01", "[", "25/04/2024", "25/04/2024, 10:00 - ", "99/99/9999, 99:99 - Ana: hi",
    ],
)  # fmt: skip
def test_other_texts_are_not_claimed(text: str, tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text(text or " ")
    (tmp_path / "other.txt").write_text("x")
    assert not [source for bundle in read_bundles(tmp_path) for source in FORMAT.claim(bundle)]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("WhatsApp Chat with Ana (1).txt", "Ana"), ("WhatsApp Chat - Ana.txt", "Ana"), ("WhatsApp-Chat mit Jörg.txt", "Jörg"), ("Chat de WhatsApp con Eva.txt", "Eva"),
        ("Discussion WhatsApp avec Zoé.txt", "Zoé"), ("Chat WhatsApp con Gia.txt", "Gia"), ("Conversa do WhatsApp com Rui.txt", "Rui"), ("Conversa no WhatsApp com Rui.txt", "Rui"),
        ("WhatsApp-chat met Sem.txt", "Sem"), ("Emre ile WhatsApp Sohbeti.txt", "Emre"), ("Czat WhatsApp z Łucja.txt", "Łucja"), ("Чат WhatsApp с контактом Анна.txt", "Анна"),
        ("Бесіда WhatsApp з Оксана.txt", "Оксана"), ("دردشة واتساب مع ليلى.txt", "ليلى"), ("צ'אט WhatsApp עם נועה.txt", "נועה"), ("मीरा के साथ WhatsApp चैट.txt", "मीरा"),
        ("Chat WhatsApp dengan Sari.txt", "Sari"), ("花子とのWhatsAppチャット.txt", "花子"), ("지민님과의 WhatsApp 대화.txt", "지민"), ("WhatsApp 与 王芳 的对话.txt", "王芳"),
        ("WhatsApp-chatt med Åsa.txt", "Åsa"), ("Chat WhatsApp s uživatelem Šárka.txt", "Šárka"), ("Trip (2024).txt", "Trip (2024)"), ("notes.txt", "notes"),
    ],
)  # fmt: skip
def test_a_chat_is_named_after_its_file_in_every_language(name: str, title: str, tmp_path: Path) -> None:
    messages, _ = read(chat(tmp_path, "25/04/2024, 10:00 - Ana: hi", name=name))
    assert messages[0].conversation == title


def test_a_nameless_chat_is_named_after_its_zip_or_folder(tmp_path: Path) -> None:
    (tmp_path / "all" / "WhatsApp Chat - Ben").mkdir(parents=True)
    chat(tmp_path / "all" / "WhatsApp Chat - Ben", "25/04/2024, 10:00 - Ben: hi", name="_chat.txt")
    with zipfile.ZipFile(tmp_path / "all" / "WhatsApp Chat - Cara.zip", "w") as archive:
        archive.writestr("_chat.txt", "[25/04/2024, 10:00:00] Cara: hi\r\n")
        archive.writestr("notes.txt", "my notes: 25/04/2024\n")
        archive.writestr("00000001-notes.txt", "Carla's notes\n")
        archive.writestr("00000002-WhatsApp Chat with Zed.txt", "25/04/2024, 10:00 - Zed: a chat that was sent\n")
    messages, report = read(tmp_path / "all")
    assert [(m.conversation, m.sender) for m in messages] == [("Ben", "Ben"), ("Cara", "Cara")]
    assert report.skipped == {MEDIA: 2}  # what was sent is nobody's speech, nor a diary
    assert read(tmp_path / "all" / "WhatsApp Chat - Ben" / "_chat.txt")[0][0].conversation == "Ben"


def test_a_newer_export_is_the_same_chat_and_a_namesake_is_not(tmp_path: Path) -> None:
    for folder, names in (("a", "AB"), ("b", "AB"), ("c", "AC")):
        (tmp_path / folder).mkdir()
        lines = [f"25/04/2024, 10:0{minute} - {name}: hi" for minute, name in enumerate(names)]
        chat(tmp_path / folder, *lines, name="WhatsApp Chat with Family.txt")
    messages, _ = read(tmp_path)
    assert [m.conversation for m in messages] == ["Family"] * 4 + ["Family (2)"] * 2


@pytest.mark.parametrize(
    ("count", "media", "warned"), [(39_950, False, True), (39_000, False, False), (10_000, True, True), (10_000, False, False)]
)
def test_an_export_at_whatsapps_limit_is_called_cut_off(count: int, media: bool, warned: bool, tmp_path: Path) -> None:
    lines = [f"25/04/2024, 10:00 - Ana: {number}" for number in range(count - 1)]
    lines.append("25/04/2024, 10:01 - Ana: IMG-20240425-WA0001.jpg (file attached)" if media else "25/04/2024, 10:01 - Ana: end")
    _, report = read(chat(tmp_path, *lines))
    assert any("older ones are missing" in warning for warning in report.warnings) == warned


@pytest.mark.parametrize(
    ("end", "ios"),
    [("26/04/2024, 1", False), ("26/04/2024, 10:00 ", False), ("26/04/2024, 10:00 - ", False), ("26/04/2024, 10:00 - Be", False), ("26/04/2024, 10:00 - Ben", False),
     ("[26/04/2024, 10:0", True), ("[26/04/2024,", True), ("[26/04/2024, 10:00:05] B", True), ("26/04/2024, 10:00 - Ben: caf\N{REPLACEMENT CHARACTER}", False)],
)  # fmt: skip
def test_a_last_line_that_breaks_off_is_warned_of(end: str, ios: bool, tmp_path: Path) -> None:
    head = "[25/04/2024, 10:0{}:00] {}: hi" if ios else "25/04/2024, 10:0{} - {}: hi"
    path = tmp_path / "chat.txt"
    path.write_text("\n".join([head.format(0, "Ana"), head.format(1, "Ben"), head.format(2, "Ana"), end]), encoding="utf-8")
    _, report = read(path)
    assert ["breaks off" in warning for warning in report.warnings] == [True]


@pytest.mark.parametrize("end", ["my birthday:\n26/04/2024", "the code is 26", "x\n26/04/2024, at ten", "fine\n\n", "Ben"])
def test_a_whole_last_line_is_not_warned_of(end: str, tmp_path: Path) -> None:
    _, report = read(chat(tmp_path, "25/04/2024, 10:00 - Ben: hi", f"25/04/2024, 10:01 - Ana: {end}"))
    assert not report.warnings


# --- Size ---


def test_memory_stays_small_and_time_short_however_long_the_chat(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    start = datetime(2020, 1, 13)
    path.write_text("".join(f"{start + timedelta(minutes=n):%d/%m/%Y, %H:%M} - Ana: {'word ' * 20}{n}\n" for n in range(20_000)))
    bundle = read_bundles(path)[0]
    claimed = FORMAT.claim(bundle)
    began = time.process_time()
    assert sum(1 for _ in FORMAT.parse(claimed, bundle, Report(), Options())) == 20_000
    assert time.process_time() - began < 5  # some 0.2 s where nothing else runs
    tracemalloc.start()
    assert sum(1 for _ in FORMAT.parse(claimed, bundle, Report(), Options())) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000 < path.stat().st_size


def test_a_message_without_end_is_cut_and_hostile_headers_take_no_time(tmp_path: Path) -> None:
    endless = ["25/04/2024, 10:00 - Ana: begin", *(["x" * 1000] * 500), "25/04/2024, 10:01 - Ana: end"]
    messages, report = read(chat(tmp_path, *endless))
    assert len(messages[0].text) < 201_000 and messages[1].text == "end" and sum(report.skipped.values()) == 1
    randomly = random.Random(7)
    hostile = [
        f"{randomly.randint(1, 28):02}/{randomly.randint(1, 12):02}/20{randomly.randint(10, 24)}, 10:{n % 60:02} - "
        + randomly.choice([f"Name {n}: x", f'Ana changed "{n}: x', f"no sender {n}", "Ana: hi", "[" * 50 + ": x"])
        for n in range(20_000)
    ]
    began = time.process_time()
    read(chat(tmp_path, *hostile))
    assert time.process_time() - began < 10


# --- Random chats ---

Stamp = Callable[[datetime], str]
HALF = {"am": "pm", "a.\u00a0m.": "p.\u00a0m.", "ص": "م", "오전": "오후", "午前": "午後", "上午": "下午", "पूर्वाह्न": "अपराह्न", "AM": "PM"}
DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def _twelve(moment: datetime, am: str, seconds: bool = False, zero: bool = False) -> str:
    hour = moment.hour % 12 if zero else moment.hour % 12 or 12
    clock = f"{hour}:{moment:%M:%S}" if seconds else f"{hour}:{moment:%M}"
    half = am if moment.hour < 12 else HALF[am]
    return f"{half}{clock}" if am in ("上午", "午前") else f"{half} {clock}" if am == "오전" else f"{clock}{NNBSP}{half}"


STAMPS: list[Stamp] = [
    lambda t: f"{t.month}/{t.day}/{t:%y}, {_twelve(t, 'AM')} - ",
    lambda t: f"[{t.month}/{t.day}/{t:%y}, {_twelve(t, 'AM', True)}] ",
    lambda t: f"{t:%d/%m/%Y, %H:%M} - ",
    lambda t: f"[{t:%d/%m/%Y, %H:%M:%S}] ",
    lambda t: f"{t:%d/%m/%y}, {_twelve(t, 'am')} - ",
    lambda t: f"{t:%d.%m.%y, %H:%M} - ",
    lambda t: f"[{t:%d.%m.%y, %H:%M:%S}] ",
    lambda t: f"{t.day}/{t.month}/{t:%y} {t.hour}:{t:%M} - ",
    lambda t: f"[{t:%d/%m/%y}, {_twelve(t, chr(97) + '.' + chr(160) + 'm.', True)}] ",
    lambda t: f"{t:%d/%m/%Y à %H:%M} - ",
    lambda t: f"[{t:%d/%m/%Y %H:%M:%S}] ",
    lambda t: f"{t:%d-%m-%Y %H:%M} - ",
    lambda t: f"[{t.day}.{t.month}.{t.year} klo {t.hour}.{t:%M.%S}] ",
    lambda t: f"\u200f{t.day}\u200f/{t.month}\u200f/{t.year}، {_twelve(t, 'ص')} - ".translate(DIGITS),
    lambda t: f"\u200f[{t.day}\u200f/{t.month}\u200f/{t.year}, {_twelve(t, 'ص', True)}] ".translate(DIGITS),
    lambda t: f"{t:%d/%m/%y}, {_twelve(t, 'पूर्वाह्न')} - ",
    lambda t: f"{t:%d/%m/%y %H.%M} - ",
    lambda t: f"{t:%Y/%m/%d %H:%M} - ",
    lambda t: f"[{t:%Y/%m/%d} {_twelve(t, '午前', True, True)}] ",
    lambda t: f"{t.year}. {t.month}. {t.day}. {_twelve(t, '오전')} - ",
    lambda t: f"[{t.year}. {t.month}. {t.day}. {_twelve(t, '오전', True)}] ",
    lambda t: f"{t.year}/{t.month}/{t.day} {_twelve(t, '上午')} - ",
    lambda t: f"{t.year}年{t.month}月{t.day}日 {_twelve(t, '上午')} - ",
    lambda t: f"{t:%Y-%m-%d %H:%M} - ",
    lambda t: f"[{t:%Y-%m-%d %H:%M:%S}] ",
    lambda t: f"{t:%H:%M}, {t.day}/{t.month}/{t.year} - ",
    lambda t: f"[{t:%H:%M:%S}, {t:%d/%m/%Y}] ",
]
NAMES = ["Ana", "Ben 🎉", "Dr:Who", "12:30 club", "+49 171 555 0100", "O'Brien", "Joe Left-Right", "花子", "علي", "Ana Ruiz", "Ben - work"]
WORDS = [
    "ok",
    "see you at 10:30",
    "note: buy eggs",
    "I moved to Lisbon",
    "😀👍🏽",
    "שלום",
    "مرحبا",
    "こんにちは",
    "25/04/2024",
    "3.4. is fine",
    "- eggs",
    "(maybe)",
    "a - b",
    "",
    "  two  blanks",
]
lines = st.one_of(st.sampled_from(WORDS), st.text("abcäé 0123456789:/.-,!?😀", max_size=30))


@st.composite
def chats(draw: st.DrawFn) -> tuple[Stamp, list[tuple[datetime, str, list[str]]]]:
    """A form of header and messages in order of time, some with lines that look like headers; the first is on a day over 12."""
    place = draw(st.integers(0, len(STAMPS) - 1))
    stamp, moment = STAMPS[place], datetime(2023, draw(st.integers(1, 11)), draw(st.integers(13, 28)), draw(st.integers(0, 23)), 5)
    people = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    messages = []
    for number in range(draw(st.integers(1, 12))):
        moment += timedelta(minutes=draw(st.integers(0, 3000)))
        body = draw(st.lists(lines, min_size=1, max_size=4))
        if number and draw(st.booleans()):
            other = STAMPS[(place + draw(st.integers(1, len(STAMPS) - 1))) % len(STAMPS)](moment)
            if _mask(other) != _mask(stamp(moment)):
                body.append(f"{other}{draw(st.sampled_from([*people, 'Zed']))}: {draw(lines)}")
        if number and draw(st.booleans()):
            outside = moment + timedelta(days=draw(st.integers(40, 300)))
            body.append(stamp(outside) + draw(st.sampled_from([f"Dinner {number}: at the harbour", f"dinner {number} at the harbour"])))
        messages.append((moment, draw(st.sampled_from(people)), body))
    messages = [(m, name, body) for m, name, body in messages if "\n".join(body).strip()]
    # Somebody who was heard before speaks last: what is after a lookalike tells that it is one.
    last = messages[-1][0] + timedelta(minutes=5) if messages else moment
    return stamp, [
        (moment - timedelta(days=1, hours=moment.hour) if not messages else messages[0][0], people[0], ["hello"]),
        *messages,
        (last, people[0], ["bye"]),
    ]


def _mask(stamp: str) -> str:
    """How a stamp is written, without its numbers and day part: two that agree in it cannot be told apart."""
    kept = "".join("0" if letter.isdigit() else letter for letter in stamp.replace("\u200f", ""))
    while "00" in kept:
        kept = kept.replace("00", "0")
    for am, pm in HALF.items():
        kept = kept.replace(pm, am)
    return kept.casefold().replace(NNBSP, " ")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chats(), st.sampled_from(["\n", "\r\n"]))
def test_random_chats_in_every_form_come_back_as_they_were(drawn: tuple[Stamp, list[tuple[datetime, str, list[str]]]], end: str) -> None:
    stamp, messages = drawn
    text = "".join(stamp(moment) + f"{name}: " + end.join(body) + end for moment, name, body in messages)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.txt"
        path.write_bytes(text.encode())
        parsed, report = read(path)
    seconds = "S" if any(part in stamp(datetime(2023, 5, 17, 10, 11, 57)) for part in ("57", "٥٧")) else ""
    expected = [
        (name, moment if seconds else moment.replace(second=0), "\n".join(body).strip().strip("\u200f")) for moment, name, body in messages
    ]
    assert [(m.sender, m.timestamp, m.text) for m in parsed] == expected
    assert not report.skipped


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(GOLDEN)), st.integers(0, 2**32))
def test_a_damaged_export_gives_messages_or_a_sentence(fixture: str, seed: int) -> None:
    randomly, data = random.Random(seed), bytearray((FIXTURES / f"{fixture}.txt").read_bytes())
    for _ in range(randomly.randint(1, 5)):
        place = randomly.randrange(len(data) or 1)
        kind = randomly.randrange(4)
        if kind == 0:
            del data[place:]
        elif kind == 1:
            del data[place : place + randomly.randint(1, 200)]
        elif kind == 2:
            data[place : place + 1] = bytes(randomly.randrange(256) for _ in range(randomly.randint(1, 4)))
        else:
            data[place:place] = data[: randomly.randint(1, 300)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.txt"
        path.write_bytes(bytes(data))
        try:
            messages, _ = read(path)
        except BadExport:
            return
    assert all(message.sender and message.text for message in messages)


def test_an_attached_file_of_the_year_0_does_not_stop_the_import(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ben.txt"
    path.write_text("01/02/2024, 10:00 - Ben: IMG-00000102-WA0001.jpg (file attached)\n01/02/2024, 10:01 - Ben: hi\n")
    assert [message.text for message in read(path)[0]] == ["hi"]
