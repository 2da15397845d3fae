"""Mails: the whole result of a folder with every trap, each trap by itself, random mailboxes there and back, damaged files."""

import io
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.generator import BytesGenerator
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.errors import BadExport
from memory.importers import email as room
from memory.importers import parse_export
from memory.importers.email import FORMAT
from memory.importers.email_heads import moment_of, sender_of, subject_of
from memory.importers.email_parts import text_of_html
from memory.importers.email_text import new_words
from memory.importers.export import ParsedExport
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures"
FOLDER = FIXTURES / "email"


def rows(export: ParsedExport) -> list[tuple[str, str, str, str]]:
    return [(m.conversation, m.sender, m.timestamp.isoformat() if m.timestamp else "", m.text) for m in export.messages]


def heads(text: str) -> EmailMessage:
    return message_from_bytes(text.encode("utf-8"), policy=policy.default)  # type: ignore[return-value]


def test_a_folder_with_every_trap_gives_exactly_what_was_said() -> None:
    export = parse_export(FOLDER)
    hello = "Hi Ana,\n\nmy dog is called Bruno.\n\tHe is  4.\nFrom here on he is yours.\n\nFrom now on, Wednesday, call me at 10:00 until 2024 ends"
    assert rows(export) == [
        ("Keys", "Ben Okafor", "2024-05-03T10:00:00", "I keep the spare keys at my mother’s."),
        ("Casa", "Gia Rossi", "2024-05-04T07:59:00+00:00", "Abito a Torino."),
        ("Phone 📞 and a dog", "Jörg Müller", "2024-05-01T08:00:00+00:00", hello),
        ("Phone 📞 and a dog", "Ana Ruiz", "2024-05-01T08:30:00+00:00", "I would love to have him."),
        ("Phone 📞 and a dog", "Jörg Müller", "2024-05-01T09:00:00+00:00", "Wirklich? Das kostet 5 €.\n\nMorgen um drei. Grüße"),
        ("Trip", "Cara Lind", "2024-05-01T09:30:00+00:00", "I moved to Bergen & like it.\nMy street\nis steep"),
        ("Trip (2)", "dan@example.org", "2024-05-01T09:40:00+00:00", "My sister Eva joins us\n\nby train\n\nAnd my uncle."),
        ("Recipe", "Ana Ruiz", "2024-05-01T10:11:00+00:00", "My grandmother made this."),
        ("Photo 2", "Ana Ruiz", "2024-05-01T10:13:00+00:00", "This is my garden:\n\nand my árbol"),
        ("Café à Lyon", "Zoë Léon", "2024-05-01T11:00:00+00:00", "J’habite à Lyon"),
        ("Olá", "Rui", "2024-05-01T11:01:30+00:00", "Moro em Évora"),
        ("No subject", "Ana Ruiz", "2024-05-01T11:03:00+00:00", "Subjectless but said"),
    ]
    assert export.skipped == {
        "deleted messages": 2, "messages of bots": 6, "hidden messages": 1, "forwarded messages": 1, "pictures, sounds and files": 1,
        "mails that stand in several folders": 1, "malformed records": 1, "system notices": 1, "messages without text": 1,
    }  # fmt: skip
    assert (export.format, export.report.read, export.report.warnings) == ("email", 27, [])
    assert export.notes == ["Times are the sender's local time: the export names no time zone."]
    assert [m.reply_to for m in export.messages if m.reply_to] == [hello[:80], "I would love to have him."]
    assert {m.role for m in export.messages} == {"person"}


@pytest.mark.parametrize(
    "answer",
    [
        "I live here.\n\nOn Wed, 1 May 2024 at 10:00, Ben <ben@example.org> wrote:\n> Where?",
        "I live here.\n\nOn 1 May 2024, at 10:00, Ben Okafor <ben@example.org>\nwrote:\n\nWhere?",
        "I live here.\n\nAm 01.05.24 um 10:00 schrieb Ben Okafor:\n> Where?",
        "I live here.\n\nLe mer. 1 mai 2024 à 10:00, Ben <ben@example.org> a écrit :\n\n> Where?",
        "I live here.\n\nEl mié, 1 may 2024 a las 10:00, Ben (<ben@example.org>) escribió:\n> Where?",
        "I live here.\n\nIl giorno mer 1 mag 2024 alle ore 10:00 Ben <ben@example.org> ha scritto:\n> Where?",
        "I live here.\n\nEm qua., 1 de mai. de 2024 às 10:00, Ben <ben@example.org> escreveu:\n> Where?",
        "I live here.\n\nOp wo 1 mei 2024 om 10:00 schreef Ben <ben@example.org>:\n> Where?",
        "I live here.\n\nW dniu 1.05.2024 o 10:00, Ben pisze:\n> Where?",
        "I live here.\n\nDen ons 1 maj 2024 kl 10:00 skrev Ben <ben@example.org>:\n> Where?",
        "I live here.\n\nср, 1 мая 2024 г. в 10:00, Ben <ben@example.org>:\n> Where?",
        "I live here.\n\nBen <ben@example.org> 于2024年5月1日周三 10:00写道：\n> Where?",
        "I live here.\n\n2024年5月1日(水) 10:00 Ben <ben@example.org>:\n> Where?",
        "I live here.\n\n---- On Wed, 01 May 2024 10:00:00 +0200 Ben <ben@example.org> wrote ----\n\nWhere?",
        "I live here.\n\n-----Original Message-----\nFrom: Ben\nSent: Monday\n\nWhere?",
        "I live here.\n\n-----Ursprüngliche Nachricht-----\nVon: Ben\n\nWhere?",
        "I live here.\n\n________________________________\nFrom: Ben <ben@example.org>\nSent: Monday, May 1, 2024\nTo: Ana\nSubject: Home\n\nWhere?",
        "I live here.\n\nVon: Ben <ben@example.org>\nGesendet: Mittwoch, 1. Mai 2024 10:00\nAn: Ana\nBetreff: Home\n\nWhere?",
        "I live here.\n\nDe : Ben <ben@example.org>\nEnvoyé : mercredi 1 mai 2024 10:00\nÀ : Ana\nObjet : Home\n\nWhere?",
        "I live here.\n\n*From:* Ben\n*Date:* Wednesday\n*To:* Ana\n\nWhere?",
        "I live here.\n\n-- \nAna Ruiz\nSales",
        "I live here.\n\n--\nAna Ruiz",
        "I live here.\n\nSent from my iPhone",
        "I live here.\n\nVon meinem iPhone gesendet\n",
        "I live here.\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\n",
        "I live here.\n\nEnvoyé de mon iPhone\n\n> Le 1 mai 2024 à 10:00, Ben <ben@example.org> a écrit :\n> \n> Where?",
        "On 1 May 2024, at 10:00, Ben wrote:\n> Where?\n\nI live here.",
        "> Where?\n\nI live here.\n\n> Really?",
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nI live here.\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n",
    ],
)
def test_answered_mails_signatures_and_what_phones_add_are_cut(answer: str) -> None:
    assert new_words(answer)[0].strip() == "I live here."


@pytest.mark.parametrize("above", ["I live here.", "I live here", "I live here\nsince 2019", "I came on 3 May 2024 at 10:15."])
@pytest.mark.parametrize(
    "attribution",
    [
        "On Wed, 1 May 2024 at 10:00, Ben <ben@example.org> wrote:", "Am 01.05.24 um 10:00 schrieb Ben Okafor:", "2024年5月1日(水) 10:00 Ben <ben@example.org>:",
        "On Wed, 1 May 2024 at 10:00, Ben Okafor <\nben@example.org> wrote:", "Le mer. 1 mai 2024 à 10:00, Ben\n<ben@example.org> a écrit :",
        "El mié, 1 may 2024 a las 10:00 a. m.\nBen (<ben@example.org>) escribió:", "Ben <ben@example.org> wrote:",
    ],
)  # fmt: skip
def test_what_stands_right_above_an_attribution_is_kept(above: str, attribution: str) -> None:
    assert new_words(f"{above}\n{attribution}\n> Where?\n")[0].strip() == above


@pytest.mark.parametrize(
    "text",
    [
        "My sister wrote:\nshe moves to Rome in 2025.",
        "From: the heart\n\nTo: nobody in particular, I say this.",
        "Part one\n--\n" + "and many more lines\n" * 12 + "end",
        "On Monday I wrote to the landlord: the heating broke.",
        "Sent you the keys with Ben.",
        "Meine Schwester schrieb mir gestern:\nsie zieht um.",
        "a -> b, 3 > 2",
    ],
)
def test_words_that_only_look_like_quotes_are_kept(text: str) -> None:
    assert new_words(text) == (text, False)


@pytest.mark.parametrize(
    "rule",
    [
        "---------- Forwarded message ---------",
        "-------- Weitergeleitete Nachricht --------",
        "Begin forwarded message:",
        "Anfang der weitergeleiteten Nachricht:",
        "---------- Messaggio inoltrato ----------",
    ],
)
def test_forwarded_parts_are_dropped_and_known(rule: str) -> None:
    assert new_words(f"Look at this\n\n{rule}\nFrom: Ben\n\nhis words") == ("Look at this", True)


@pytest.mark.parametrize(
    ("written", "subject", "passed_on"),
    [
        ("Re: AW: Antw: SV: Trip", "Trip", False),
        ("RE[2]: Trip", "Trip", False),
        ("Fwd: WG: TR: Trip", "Trip", True),
        ("回复：Trip", "Trip", False),
        ("R: Casa", "Casa", False),
        ("Report: done", "Report: done", False),
        ("Reading list", "Reading list", False),
        ("Re:", "No subject", False),
        ("", "No subject", False),
    ],
)
def test_subjects_lose_their_prefixes_in_many_languages(written: str, subject: str, passed_on: bool) -> None:
    assert subject_of(heads(f"Subject: {written}\n\n")) == (subject, passed_on)


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("Ana Ruiz <Ana@Example.org>", "Ana Ruiz", "ana@example.org"),
        ('"Ruiz, Ana" <ana@example.org>', "Ruiz, Ana", "ana@example.org"),
        ("ana@example.org", "ana@example.org", "ana@example.org"),
        ('"ana@example.org" <ana@example.org>', "ana@example.org", "ana@example.org"),
        ("ana@example.org (Ana Ruiz)", "Ana Ruiz", "ana@example.org"),
        ('"=?UTF-8?Q?J=C3=B6rg?=" <j@example.org>', "Jörg", "j@example.org"),
        ("=?UTF-8?B?8J+Y?= =?UTF-8?B?gEFuYQ==?= <a@example.org>", "😀Ana", "a@example.org"),
        ("=?UTF-8?Q?Ana Mar=C3=ADa?= <a@example.org>", "Ana María", "a@example.org"),
        ("=?x-none?Q?J=C3=B6rg?= <j@example.org>", "Jörg", "j@example.org"),
        ("=?utf-8?B?b?= <j@example.org>", "=?utf-8?B?b?=", "j@example.org"),
        ("Jörg (home) <j@example.org>", "Jörg (home)", "j@example.org"),
        (r'"Ana \"Annie\" Ruiz" <ana@example.org>', 'Ana "Annie" Ruiz', "ana@example.org"),
        ("Ana <ana@@example..org>", "Ana", "ana@@example..org"),
        ("<[odd@example.org]>", "[odd@example.org]", "[odd@example.org]"),
        ("Ana Ruiz ana@example.org", "Ana Ruiz", "ana@example.org"),
        ("Ana Ruiz", "Ana Ruiz", ""),
        ("", "", ""),
    ],
)
def test_senders_are_read_from_broken_heads_too(written: str, name: str, address: str) -> None:
    assert sender_of(heads(f"From: {written}\n\n")) == (name, address)


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Wed, 1 May 2024 10:00:00 -0500", datetime(2024, 5, 1, 15, tzinfo=UTC)),
        ("1 May 24 10:00 EDT", datetime(2024, 5, 1, 14, tzinfo=UTC)),
        ("Wed, 1 May 2024 10:00:00 -0000", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("Wed, 1 May 2024 10:00:00", datetime(2024, 5, 1, 10)),
        ("Thu, 1 Jan 1970 00:00:00 +0000", datetime(2024, 5, 6, 18, 21, 37, tzinfo=UTC)),
        ("rubbish", datetime(2024, 5, 6, 18, 21, 37, tzinfo=UTC)),
        ("Wed, 32 May 2024 99:00:00 +0000", datetime(2024, 5, 6, 18, 21, 37, tzinfo=UTC)),
    ],
)
def test_dates_are_in_utc_and_impossible_ones_give_way_to_the_postmark(date: str, moment: datetime) -> None:
    assert moment_of(heads(f"Date: {date}\n\n"), "From 1@xxx Mon May 06 18:21:37 +0000 2024") == moment


def test_html_gives_what_is_seen_line_by_line() -> None:
    page = "<p>One &lt;3</p>\n<p>Two<br>three</p><ul><li>a<li>b</ul><pre>x\n y</pre><script>no</script><![if !mso]>end<![bogus]>"
    assert text_of_html(page) == "One <3\n\nTwo\nthree\n\na\nb\nx\ny\nend"


def test_most_of_an_attachment_is_not_held_and_the_text_behind_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONGEST_BASE64", 5)
    part = "--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + ("A" * 76 + "\n") * 1000
    text = "--b\nContent-Type: text/plain\n\nand my roses\n"
    path = tmp_path / "a.eml"
    path.write_text(f"From: Ana <a@example.org>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n{part}{text}--b--\n")
    ((_, raw),) = room._mails(read_bundles(path)[0].sources[0])
    assert len(raw) < 1000 and [m.text for m in parse_export(path).messages] == ["and my roses"]


def test_a_mail_that_cannot_be_read_is_skipped_alone(tmp_path: Path) -> None:
    good = "From: Ana <a@example.org>\nDate: Wed, 1 May 2024 10:00:00 +0000\nSubject: Hi\nMessage-ID: <{}@x>\n\nI live in Porto\n\n"
    bad = (
        "From: Ben <b@example.org>\nContent-Type: text/plain; charset*=utf-8''%E9%00\nContent-Transfer-Encoding: rot13\nSubject: x\n\n?\n\n"
    )
    mark = "From - Wed May 01 10:00:00 2024\n"
    path = tmp_path / "box"
    path.write_text(mark + good.format(1) + mark + bad + mark + "Subject: no sender\n\nx\n\n" + mark + good.format(2))
    texts = [m.text for m in parse_export(path).messages]
    assert texts[0] == texts[-1] == "I live in Porto"


def test_folders_of_spam_trash_and_drafts_are_dropped_by_their_names(tmp_path: Path) -> None:
    mail = "From - Wed May 01 10:00:00 2024\nFrom: Ana <a@example.org>\nDate: Wed, 1 May 2024 10:00:00 +0000\n\nwords\n"
    for name in ("Spam.mbox", "Papierkorb.mbox", "Drafts", "Inbox.mbox"):
        (tmp_path / name).write_text(mail)
    export = parse_export(tmp_path)
    assert export.skipped == {"messages of bots": 1, "deleted messages": 1, "hidden messages": 1} and len(export.messages) == 1


@pytest.mark.parametrize(
    "head",
    ["X-Auto-Response-Suppress: All", "Subject: Out of office: Re: trip", "Subject: =?utf-8?Q?Automatische_Antwort:_Reise?=", "Subject: Réponse automatique : trajet"],
)  # fmt: skip
def test_what_a_mailbox_answers_by_itself_is_nobodys_word(head: str, tmp_path: Path) -> None:
    mail = "From: Ana <ana@example.org>\nDate: Fri, 3 May 2024 10:00:00 +0000\n{}\n\nI am away until Monday.\n"
    (tmp_path / "a.eml").write_text(mail.format(head))
    (tmp_path / "b.eml").write_text(mail.format("Subject: Re: the office"))
    export = parse_export(tmp_path)
    assert [m.conversation for m in export.messages] == ["the office"] and sum(export.skipped.values()) == 1


def test_texts_of_other_kinds_are_left_to_their_rooms(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("From Monday to Friday 2024 I work at 10:00\nand then rest\n")
    (tmp_path / "b.txt").write_text("From: Ana\nTo: Ben\n\nA poem\n")
    (tmp_path / "c.md").write_text("Date: May 3, 2024\n\nI live here\n")
    assert FORMAT.claim(read_bundles(tmp_path)[0]) == []


LETTERS = st.characters(categories=["Lu", "Ll", "Lo", "So"])
WORD = st.text(LETTERS, min_size=1, max_size=9)
TEXT = st.lists(st.lists(WORD, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=4).map("\n".join)
NAME = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
MAIL = st.tuples(
    NAME,
    NAME,
    st.integers(400_000_000, 4_000_000_000),
    st.integers(-12, 14),
    TEXT,
    st.sampled_from(["7bit", "base64", "quoted-printable", "html"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(MAIL, min_size=1, max_size=4))
def test_random_mailboxes_come_back_as_they_were(mails: list[tuple[str, str, int, int, str, str]]) -> None:
    box = io.BytesIO()
    for number, (subject, sender, seconds, zone, text, form) in enumerate(mails):
        # The email package loses blanks where it folds a name, so the heads are written without it.
        date = format_datetime(datetime.fromtimestamp(seconds, timezone(timedelta(hours=zone))))
        name, title = Header(sender, "utf-8").encode(), Header(f"Subject {subject}", "utf-8").encode()
        box.write(b"From p@example.org Wed May  1 10:00:00 2024\n")
        box.write(f"From: {name} <p{number}@example.org>\nSubject: {title}\nDate: {date}\nMessage-ID: <{number}@x>\n".encode())
        mail = EmailMessage(policy=policy.default)
        if form == "html":
            mail.set_content("<div>" + "</div><div>".join(text.split("\n")) + "</div>", subtype="html")
        else:
            mail.set_content("From one\n" + text, cte=None if form == "7bit" else form)
        BytesGenerator(box, mangle_from_=True).flatten(mail)
        box.write(b"\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mbox"
        path.write_bytes(box.getvalue())
        export = parse_export(path)
    assert [(m.sender, m.timestamp, m.text) for m in export.messages] == [
        (sender, datetime.fromtimestamp(seconds, UTC), text if form == "html" else "From one\n" + text)
        for _, sender, seconds, _, text, form in mails
    ]
    assert [m.conversation.split(" (")[0] for m in export.messages] == [f"Subject {subject}" for subject, *_ in mails]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_gives_messages_or_a_sentence(data: st.DataObject) -> None:
    raw = (FOLDER / data.draw(st.sampled_from(["takeout.mbox", "Inbox", "letter.eml"]))).read_bytes()
    for _ in range(3):
        start, length = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 40))
        raw = raw[:start] + data.draw(st.binary(max_size=8)) + raw[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) * 2 // 3, len(raw) // 9]))])
        try:
            parse_export(path)
        except BadExport as error:
            assert str(path) in str(error)
