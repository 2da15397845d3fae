"""Gemini in Google Takeout, as JSON and as a page: whole results, each trap by itself, random logs there and back, damaged files."""

import json
import tempfile
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import parse_export
from memory.importers.export import NOTHING_DECIDED, Options, ParsedMessage, Report, clean_text
from memory.importers.gemini import BY_DAY, BY_LINK, FORMAT, LOCAL, NO_DATE, UNKNOWN_VERBS
from memory.importers.gemini_dates import read_moment
from memory.importers.gemini_pages import plain_text
from memory.importers.sources import read_bundles

FOLDER = Path(__file__).parent / "fixtures" / "gemini"
LOG, PAGE = FOLDER / "MyActivity.json", FOLDER / "MyActivity.html"
RICH = 'Plant basil & thyme.\n\nSteps\n- Dig\n- Water\n- daily\n\nif a < b:\n    print("hi")\n\nHerb | Sun\nBasil | much\n\nSee the guide.\nBye'


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    bundle, report = read_bundles(path)[0], Report()
    return list(FORMAT.parse(FORMAT.claim(bundle), bundle, report, NOTHING_DECIDED)), report


def rows(messages: list[ParsedMessage]) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in messages]


def asked(path: Path) -> list[str]:
    return [message.text for message in read(path)[0] if message.sender == "user"]


def record(title: str, answer: str = "<p>Yes.</p>", header: str = "Gemini Apps", **more: Any) -> dict[str, Any]:
    answers = {"safeHtmlItem": [{"html": answer}]} if answer else {}
    return {"header": header, "title": title, "time": "2026-07-20T15:20:00.100Z", "products": [header], **answers, **more}


def log(tmp_path: Path, *records: Any) -> Path:
    path = tmp_path / "MyActivity.json"
    path.write_text(json.dumps(records), encoding="utf-8")  # ASCII: other letters stand as \\u0395, as Google writes them
    return path


def card(body: str, chat: str = "", product: str = "Gemini Apps") -> str:
    link = f'<b>Details:</b><br>&emsp;<a href="https://gemini.google.com/app/{chat}">chat</a><br>' if chat else ""
    return (
        '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid"><div class="header-cell mdl-cell">'
        f'<p class="mdl-typography--title">{product}<br></p></div><div class="content-cell mdl-cell mdl-typography--body-1">{body}</div>'
        '<div class="content-cell mdl-cell mdl-typography--body-1 mdl-typography--text-right"></div>'
        f'<div class="content-cell mdl-cell mdl-typography--caption"><b>Products:</b><br>&emsp;{product}<br>{link}</div></div></div>'
    )


def page(tmp_path: Path, cards: Iterable[str], style: str = ".mdl-grid{}", end: str = "</div></body></html>") -> Path:
    path = tmp_path / "MyActivity.html"
    head = f"<html><head><title>My Activity History</title><style>{style}</style></head><body><div class=mdl-grid>"
    path.write_text(f"{head}{''.join(cards)}{end}", encoding="utf-8")
    return path


def test_a_log_with_every_trap_gives_exactly_what_was_said() -> None:
    messages, report = read(LOG)
    herbs = "I have a herb garden in Évora: - basil -"
    assert rows(messages) == [
        (herbs, "user", "2026-07-20T15:20:00.100000+00:00", "And in winter?"),
        (herbs, "assistant", "2026-07-20T15:20:00.100000+00:00", "Keep it inside."),
        (herbs, "user", "2026-07-20T15:15:21.568000+00:00", "I have a herb garden in Évora:\n\n- basil\n- thyme 🌿"),
        (herbs, "assistant", "2026-07-20T15:15:21.568000+00:00", RICH),
        ("My dog is called Bolt", "user", "2026-07-19T09:00:00+00:00", "My dog is called Bolt"),
        ("My dog is called Bolt", "assistant", "2026-07-19T09:00:00+00:00", "Hello Bolt!"),
        ("Gemini 2026-07-18", "user", "2026-07-18T23:59:59+00:00", "Draw a fig"),
        ("Gemini 2026-07-18", "assistant", "2026-07-18T23:59:59+00:00", "First draft\n\nSecond draft"),
        ("Gemini 2026-07-18", "user", "2026-07-18T08:00:00+00:00", "A question without an answer"),
        ("Gemini", "user", "", "When?"),
        ("Gemini", "assistant", "", "Then."),
        ("Gemini 2023-06-01", "user", "2023-06-01T10:00:00+00:00", "my old question"),
        ("Gemini 2023-06-01", "assistant", "2023-06-01T10:00:00+00:00", "An old answer"),
    ]
    assert report.skipped == {
        "system notices": 4, "malformed records": 3, "activity of other Google products": 2, "pictures, sounds and files": 1,
        "messages without text": 1,
    }  # fmt: skip
    assert (report.read, report.notes, report.warnings) == (18, [BY_LINK, BY_DAY], [NO_DATE])


def test_a_page_with_every_trap_gives_exactly_what_was_said() -> None:
    messages, report = read(PAGE)
    soup = "I cook for my son Tomás: - <b>soup</b> -"
    assert rows(messages) == [
        (soup, "user", "2026-09-03T06:12:52+00:00", "And the sauce?"),
        (soup, "assistant", "2026-09-03T06:12:52+00:00", "Lemon & dill.\n\nNote\n- one\n- two"),
        (soup, "user", "2026-09-03T06:05:26+00:00", "I cook for my son Tomás:\n  - <b>soup</b>\n  - 2 cakes"),
        (soup, "assistant", "2026-09-03T06:05:26+00:00", RICH),
        ("Gemini 2026-09-02", "user", "2026-09-02T14:36:40+00:00", "Draw a cat as a cook"),
        ("Gemini 2026-09-02", "user", "2026-09-02T15:00:00+00:00", "Remind me of this:\nAug 1, 2026, 9:00:00\u202fAM PDT\nbuy 2 melons."),
        ("Gemini 2026-09-02", "assistant", "2026-09-02T15:00:00+00:00", "I will."),
        ("Gemini 2026-09-02", "user", "2026-09-02T08:00:00", "What is there?"),  # IST may be Indian, Irish or Israeli
        ("Gemini 2026-09-02", "assistant", "2026-09-02T08:00:00", "A page."),
        ("Gemini", "user", "", "A date nobody can read"),
        ("Gemini", "assistant", "", "Indeed."),
        ("Gemini 2026-09-01", "user", "2026-09-01T15:00:00+00:00", "No answer"),
    ]
    assert report.skipped == {"system notices": 2, "activity of other Google products": 1, "malformed records": 1}
    assert (report.read, report.notes, report.warnings) == (11, [BY_LINK, BY_DAY, LOCAL], [NO_DATE])


def test_a_takeout_gives_gemini_and_no_other_product_in_any_language(tmp_path: Path) -> None:
    path = tmp_path / "takeout.zip"
    searches = (FOLDER / "other.json").read_text(encoding="utf-8")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Takeout/Meine Aktivitäten/Gemini-Apps/MeineAktivitäten.json", LOG.read_bytes())
        archive.writestr("Takeout/Meine Aktivitäten/Bard/MeineAktivitäten.html", PAGE.read_bytes())
        archive.writestr("Takeout/Meine Aktivitäten/Google Suche/MeineAktivitäten.json", searches)
        archive.writestr(
            "Takeout/Meine Aktivitäten/YouTube/MeineAktivitäten.html",
            page(tmp_path, [card("Watched gemini", product="YouTube")]).read_bytes(),
        )
        archive.writestr("Takeout/Gemini/gemini_gems_data.html", "<div>Gemini gem</div>")
        archive.writestr("Takeout/archive_browser.html", "<html><body>Gemini Apps</body></html>")
    claimed = [source.name.split("/")[2] for source in FORMAT.claim(read_bundles(path)[0])]
    assert sorted(claimed) == ["Bard", "Gemini-Apps"]


def test_no_other_room_takes_these_files_and_none_of_theirs_is_taken() -> None:
    assert {parse_export(path).format for path in [LOG, PAGE]} == {"gemini"}
    claimed = FORMAT.claim(read_bundles(FOLDER.parent)[0])
    assert claimed and all(source.name.startswith("gemini") for source in claimed)


@pytest.mark.parametrize("content", [
    '[{"title": "Gemini Apps", "mapping": {}}]', '[{"uuid": "1", "chat_messages": [{"text": "\\"header\\": \\"Gemini Apps\\""}]}]',
    '{"header": "Gemini Apps"}', "[]", "<html>mdl- Gemini Apps</html>", "Gemini Apps",
])  # fmt: skip
def test_other_files_are_not_claimed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert FORMAT.claim(read_bundles(path)[0]) == []


def test_a_page_is_known_though_its_styles_are_longer_than_a_head(tmp_path: Path) -> None:
    path = page(tmp_path, [card("Prompted&nbsp;hi<br>Sep 2, 2026, 9:00:00 AM PDT<br><p>Yes</p>")], style=".mdl-cell{margin:1em}" * 60_000)
    assert asked(path) == ["hi"]


def test_cards_across_the_pieces_in_which_a_page_is_read_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows(read(PAGE)[0])
    for size in (7, 64, 1000):
        monkeypatch.setattr("memory.importers.gemini_pages.PIECE", size)
        assert rows(read(PAGE)[0]) == whole


@pytest.mark.parametrize(("header", "title"), [
    ("Gemini Apps", "Prompted I live in Ulm"), ("Gemini Apps", "Asked I live in Ulm"), ("Bard", "Said I live in Ulm"),
    ("Gemini-Apps", "Eingegebener Prompt: I live in Ulm"), ("Applications\u00a0Gemini", "Prompt\u00a0: I live in Ulm"),
    ("Gemini-appar", "Gav instruktionen\u00a0I live in Ulm"), ("Aplicaciones de Gemini", "Has dicho: I live in Ulm"),
    ("Gemini アプリ", "送信したメッセージ: I live in Ulm"), ("Εφαρμογές Gemini", "Υποβλήθηκε το ερώτημα I live in Ulm"),
    ("Gemini 앱", "I live in Ulm"), ("Gemini 앱", "분기된 I live in Ulm"),
])  # fmt: skip
def test_the_verb_of_a_known_language_is_not_the_persons_word(tmp_path: Path, header: str, title: str) -> None:
    assert asked(log(tmp_path, record(title, header=header))) == ["I live in Ulm"]


def test_an_unknown_verb_is_learnt_from_a_file(tmp_path: Path) -> None:
    titles = [f"Zadano pytanie:\u00a0{word}" for word in ("Kto?", "Co to?", "Gdzie?", "Kiedy?", "Czy to ja?", "Czy to ty?")]
    branched = [f"Rozgałęziono:\u00a0{number}" for number in range(5)]
    assert asked(log(tmp_path, *map(record, titles + branched)))[:6] == ["Kto?", "Co to?", "Gdzie?", "Kiedy?", "Czy to ja?", "Czy to ty?"]


def test_words_that_a_person_often_begins_with_are_not_taken_for_a_verb(tmp_path: Path) -> None:
    korean = [f"번역: {number}" for number in range(9)] + [f"질문 {number}" for number in range(4)]
    assert asked(log(tmp_path, *(record(title, header="Gemini 앱") for title in korean))) == korean
    english = [f"Prompted translate: {number}" for number in range(9)]
    path = log(tmp_path, *map(record, english))
    assert asked(path) == [f"translate: {number}" for number in range(9)]
    assert UNKNOWN_VERBS not in read(path)[1].notes


def test_a_turn_of_several_branches_is_told_once_and_under_its_chats_first_question(tmp_path: Path) -> None:
    def links(*ids: str) -> dict[str, Any]:
        return {"details": [{"url": f"https://gemini.google.com/app/{chat}"} for chat in ids]}

    path = log(
        tmp_path, record("Prompted second", time="2026-01-02T00:00:00Z", **links("aaaaaaaa")),
        record("Created Gemini Canvas titled X", "", time="2025-12-31T00:00:00Z", **links("aaaaaaaa")),
        record("Branched first", time="2026-01-01T00:00:00Z", **links("aaaaaaaa", "bbbbbbbb")),
        record("Prompted first", time="2026-01-03T00:00:00Z", **links("cccccccc")),
    )  # fmt: skip
    found = [(m.conversation, m.text) for m in read(path)[0] if m.sender == "user"]
    assert found == [("first", "second"), ("first", "first"), ("first (2)", "first")]


def test_entities_in_a_question_are_letters_in_json_and_escapes_on_a_page(tmp_path: Path) -> None:
    assert asked(log(tmp_path, record("Prompted what is &amp;lt; <b>?"))) == ["what is &amp;lt; <b>?"]
    body = "Prompted&nbsp;what is &amp;amp;lt; &lt;b&gt;?<br>Sep 2, 2026, 9:00:00 AM PDT<br><p>x</p>"
    assert asked(page(tmp_path, [card(body)])) == ["what is &amp;lt; <b>?"]


@pytest.mark.parametrize(("line", "moment"), [
    ("Sep 2, 2026, 1:26:27\u202fPM PDT", "2026-09-02T20:26:27+00:00"), ("Sep 2, 2026, 12:26:27 AM EST", "2026-09-02T05:26:27+00:00"),
    ("May 19, 2026, 7:07:02 PM GMT-03:00", "2026-05-19T22:07:02+00:00"), ("2 Sept 2026, 13:26:27 BST", "2026-09-02T12:26:27+00:00"),
    ("02.09.2026, 13:26:27 MESZ", "2026-09-02T11:26:27+00:00"), ("16. März 2026 um 08:05 MEZ", "2026-03-16T07:05:00+00:00"),
    ("2 sept. 2026, 13:26:27 UTC+02:00", "2026-09-02T11:26:27+00:00"), ("15 août 2026, 13:26:27 CEST", "2026-08-15T11:26:27+00:00"),
    ("2 de septiembre de 2026, 13:26:27 GMT+2", "2026-09-02T11:26:27+00:00"), ("10 de mai. de 2026, 03:46:09 BRT", "2026-05-10T06:46:09+00:00"),
    ("7 gen 2026, 13:26:27 CET", "2026-01-07T12:26:27+00:00"), ("3 mrt 2026 13:26:27 CET", "2026-03-03T12:26:27+00:00"),
    ("2. sep. 2026 13.26.27 CEST", "2026-09-02T11:26:27+00:00"), ("4 juli 2026 09:15:00 CEST", "2026-07-04T07:15:00+00:00"),
    ("2 wrz 2026, 13:26:27 CEST", "2026-09-02T11:26:27+00:00"), ("2 мая 2026 г., 13:26:27 MSK", "2026-05-02T10:26:27+00:00"),
    ("2 Ağu 2026 13:26:27 TRT", "2026-08-02T10:26:27+00:00"), ("2 Μαΐ 2026, 1:26:27 μ.μ. EEST", "2026-05-02T10:26:27+00:00"),
    ("2026年9月2日 13:26:27 JST", "2026-09-02T04:26:27+00:00"), ("2026年6月19日 12:23:08 CST", "2026-06-19T04:23:08+00:00"),
    ("2026年6月19日 下午1:23:08 CST", "2026-06-19T05:23:08+00:00"), ("2026. 9. 2. 오후 1:26:27 GMT+9", "2026-09-02T04:26:27+00:00"),
    ("02/09/2026, 13:26:27 WEST", "2026-09-02T12:26:27+00:00"), ("02/25/2026, 13:26:27 UTC", "2026-02-25T13:26:27+00:00"),
    ("02-Sept-2026, 13:26:27 IST", "2026-09-02T13:26:27"), ("Sep 2, 2026, 13:26:27", "2026-09-02T13:26:27"),
    ("31.02.2026, 10:00:00 MEZ", None), ("Sep 2, 2026, 25:00:00 PDT", None), ("Sep 2, 1026, 10:00:00 PDT", None), ("Sep 2, 2026", None),
    ("My flight is on Sep 2, 2026, 1:26:27 PM PDT", None), ("2 Smarch 2026, 10:00 PDT", None), ("", None),
])  # fmt: skip
def test_dates_are_read_in_many_languages_and_nothing_else_is_a_date(line: str, moment: str | None) -> None:
    found = read_moment(line, NOTHING_DECIDED)
    assert (found.isoformat() if found else None) == moment


def test_the_persons_order_of_day_and_month_counts() -> None:
    found = read_moment("02/09/2026, 13:26:27 UTC", Options("month-day-year"))
    assert found == datetime(2026, 2, 9, 13, 26, 27, tzinfo=UTC)


@pytest.mark.parametrize(("html", "text"), [
    ("a<br/>b<p>c</p><p>d</p>", "a\nb\n\nc\n\nd"), ("<p>a   b\n c</p>", "a b c"), ("<pre>a   b\n  c</pre>", "a   b\n  c"),
    ("&lt;p&gt; &amp;amp; &#39;", "<p> &amp; '"), ("<ul><li>a</li><li><p>b</p></li></ul>", "- a\n- b"), ("<![x>b", "<![x>b"), ("<p>un<b>closed", "unclosed"),
    ("<script>alert(1)</script><SCRIPT>alert(2)</SCRIPT >x", "x"), ("<a href='x'>link</a><img src=x onerror=alert(1)>", "link"), ("1 < 2 <3", "1 < 2 <3"),
])  # fmt: skip
def test_html_becomes_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_files_that_are_cut_off_give_what_is_whole_and_say_so(tmp_path: Path) -> None:
    path = log(tmp_path, record("Prompted one"), record("Prompted two"))
    path.write_text(path.read_text()[:-20])
    assert asked(path) == ["one"] and read(path)[1].warnings == ["MyActivity.json is cut off after 1 records: export your data again."]
    body = "Prompted&nbsp;{}<br>Sep 2, 2026, 9:00:00 AM PDT<br><p>Yes</p>"
    path = page(tmp_path, [card(body.format("one")), card(body.format("two"))[:350]], end="")
    assert asked(path)[0] == "one" and read(path)[1].warnings == ["MyActivity.html is cut off in its last record: export your data again."]


def test_odd_values_everywhere_skip_a_record_and_no_more(tmp_path: Path) -> None:
    odd: list[Any] = [None, True, -1, 1e308, "x", [], {}, [[]], [{}], [{"html": 1, "url": 2}], {"a": []}]
    keys = ("header", "title", "titleUrl", "subtitles", "time", "products", "details", "safeHtmlItem", "attachedFiles")
    records = [record("Prompted hi") | {key: value} for key in keys for value in odd]
    messages, _ = read(log(tmp_path, record("Prompted first"), *odd, *records, record("Prompted sound")))
    assert messages[-2].text == "sound"


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(lambda text: clean_text(text))
TIMES = st.datetimes(datetime(2015, 1, 1), datetime(2199, 12, 30)).map(lambda time: time.replace(microsecond=0, tzinfo=UTC))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, TIMES, WORDS), min_size=1, max_size=6))
def test_random_logs_and_pages_come_back_as_they_were(turns: list[tuple[str, datetime, str]]) -> None:
    records = [record(f"Prompted {question}", f"<pre>{escape(answer)}</pre>", time=time.isoformat()) for question, time, answer in turns]
    cards = [
        card(
            f"Prompted&nbsp;{escape(question)}<br>{time:%b} {time.day}, {time.year}, {time:%I:%M:%S}\u202f{time:%p} UTC<br><pre>{escape(answer)}</pre>"
        )
        for question, time, answer in turns
    ]
    expected = [
        (who, time, clean_text(text)) for question, time, answer in turns for who, text in (("user", question), ("assistant", answer))
    ]
    with tempfile.TemporaryDirectory() as folder:
        for path in (log(Path(folder), *records), page(Path(folder), cards)):
            messages, report = read(path)
            assert [(m.sender, m.timestamp, m.text) for m in messages] == expected
            assert not report.skipped and not report.warnings


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([LOG, PAGE]), st.data())
def test_a_damaged_file_gives_messages_or_a_bad_export(original: Path, data: st.DataObject) -> None:
    content = bytearray(original.read_bytes())
    for _ in range(data.draw(st.integers(0, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
        try:
            assert all(m.text for m in read(path)[0])
        except BadExport:
            pass
