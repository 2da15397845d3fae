"""The heads of a mail: who wrote it, when and about what, and why it may be nobody's words.

Real mails break the rules that the email package reads heads by, so their raw texts are read here.
"""

import re
from binascii import a2b_base64, a2b_qp
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from memory.importers.email_parts import decoded
from memory.importers.export import BOTS, DELETED, HIDDEN, NOTICES, clean_text

NO_SUBJECT = "No subject"
LONGEST_HEAD, LONGEST_SENDER = 8_000, 1_000  # letters; more is an attack on the searches below
YEARS = (1980, 2100)  # a clock that was never set says 1970 or 1904

_ADDRESS = re.compile(r"([^\s<>\"',;:()]+@[^\s<>\"',;:()]+)")
_IN_ANGLES = re.compile(r"<\s*([^<>]*@[^<>\s]*)")
_WORD = re.compile(r"=\?([^?\s]+)\?([BbQq])\?([^?]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s*{_WORD.pattern})*")
_PREFIX = re.compile(
    r"\s*\[?(?:re|aw|antw(?:oord|ort)?|sv|vs|r|rif|res|odp|vá|ynt|ang|回复|回覆|答复|答覆|отв|ответ|返信|회신"
    r"|(?P<on>fwd?|wg|tr|rv|enc|vb|vl|doorst|i|pd|továbbítás|ilt|转发|轉寄|轉發|пересл|転送|전달))"
    r"(?:\[\d+\]|\(\d+\)|\^\d+)?\s?[:：]\]?\s*",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"(?:.*[._+-])?(?:no[._-]?reply|do[._-]?not[._-]?reply|nicht[._-]?antworten|ne[._-]?pas[._-]?repondre|n[aã]o[._-]?responda|no[._-]?responder)"
    r"(?:[._+-].*)?@.*|(?:mailer-daemon|postmaster|bounces?|notifications?|newsletters?|alerts?|auto-?confirm|news|mailings?)(?:[+-].*)?@.*",
    re.IGNORECASE,
)
_SPAM = frozenset(
    "spam junk junk-e-mail bulk spamverdacht skräppost søppelpost roskaposti спам 迷惑メール 스팸함 垃圾邮件 垃圾郵件".split()
)
_TRASH = frozenset(
    "trash bin deleted papierkorb corbeille papelera cestino lixeira lixo reciclagem prullenbak prullenmand kosz papperskorgen papirkurv "
    "roskakori корзина ゴミ箱 휴지통 已删除邮件 垃圾桶 垃圾箱".split()
) | {"deleted messages", "deleted items", "gelöschte elemente", "çöp kutusu"}
_DRAFTS = frozenset(
    "draft drafts entwürfe brouillons borradores bozze rascunhos concepten utkast kladder luonnokset taslaklar черновики 下書き 임시보관함 "
    "草稿".split()
) | {"wersje robocze"}
_OF_MACHINES = ("List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Failed-Recipients", "X-Auto-Response-Suppress")
_AUTOMATIC = re.compile(
    r"\s*(?:automatic reply|auto[- ]?reply|out of (?:the )?office|automatische antwort|abwesenheitsnotiz|réponse automatique|respuesta automática|"
    r"risposta automatica|resposta automática|automatisch antwoord|autosvar|automatyczna odpowiedź|автоматический ответ)\s*[:：]",
    re.IGNORECASE,
)


def head(mail: Message, name: str) -> str:
    """A head as it stands in the file, in one line; "" where there is none."""
    raw = next((str(value) for key, value in mail.raw_items() if key.casefold() == name.casefold()), "")
    raw = re.sub(r"\r?\n|\r", "", raw[:LONGEST_HEAD])
    # The parser takes letters that are not ASCII for broken ones; they are UTF-8 or Windows Latin.
    return decoded(raw.encode("utf-8", "surrogateescape"), "utf-8") if re.search("[\udc80-\udcff]", raw) else raw


def _spoken(text: str) -> str:
    """The text of a head with its encoded words (RFC 2047) decoded, in one line."""
    return " ".join(clean_text(_WORDS.sub(_decoded_words, text)).split())


def _decoded_words(run: re.Match[str]) -> str:
    """Neighbouring encoded words as text; their bytes are joined first, for a letter may be cut between two words."""
    pieces: list[tuple[str, bytes]] = []
    for charset, form, payload in _WORD.findall(run[0]):
        try:
            raw = a2b_base64(payload + "==") if form in "Bb" else a2b_qp(payload, header=True)
        except ValueError:
            return run[0]
        charset = charset.partition("*")[0]
        if pieces and pieces[-1][0] == charset:
            raw = pieces.pop()[1] + raw
        pieces.append((charset, raw))
    return "".join(decoded(raw, charset) for charset, raw in pieces)


def sender_of(mail: Message) -> tuple[str, str]:
    """The name and the address of who wrote a mail, ("", "") where nobody is named; without a name the address stands for it."""
    for name in ("From", "Sender"):
        raw = head(mail, name)[:LONGEST_SENDER]
        found = _IN_ANGLES.search(raw) or _ADDRESS.search(raw)
        address = found[1].casefold() if found else ""
        shown = raw[: found.start()] if found else raw
        if found and not shown.strip() and (comment := re.search(r"\(([^()]+)\)", raw[found.end() :])):
            shown = comment[1]
        shown = _spoken(re.sub(r"\\(.)", r"\1", shown)).strip("\"' ,;<>")
        if shown or address:
            return (address if address and (not shown or "@" in shown) else shown), address
    return "", ""


def subject_of(mail: Message) -> tuple[str, bool]:
    """The subject without "Re:" and "Fwd:" of any language, and whether it said that the mail is passed on."""
    subject, passed_on = _spoken(head(mail, "Subject")), False
    while found := _PREFIX.match(subject):
        passed_on, subject = passed_on or bool(found["on"]), subject[found.end() :]
    return subject.strip() or NO_SUBJECT, passed_on


def moment_of(mail: Message, postmark: str) -> datetime | None:
    """When a mail was sent, in UTC where it names its zone; where that is missing or impossible, when it came in (`postmark`: UTC)."""
    stamp = re.sub(r"^From (?:\S+ )?(?=[A-Z][a-z]{2},? )", "", postmark.strip())
    for written, zone in ((head(mail, "Date"), None), (head(mail, "Received").rpartition(";")[2], None), (stamp, UTC)):
        try:
            moment = parsedate_to_datetime(written)
            if moment.tzinfo is None and written.rstrip().endswith("-0000"):
                zone = UTC
            if YEARS[0] <= moment.year < YEARS[1]:
                moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
                return moment.astimezone(UTC) if moment.tzinfo else moment
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def reason_to_skip(mail: Message, address: str, folders: set[str]) -> str | None:
    """Why a mail is not what a person wrote to somebody, or None; `folders` are the names of where it lies, in lower case."""
    labels = folders | {label.strip().strip('"').casefold() for label in _spoken(head(mail, "X-Gmail-Labels")).split(",")}
    status = re.fullmatch(r"[0-9A-Fa-f]{4}", head(mail, "X-Mozilla-Status").strip())
    if labels & _TRASH or (status and int(status[0], 16) & 8):
        return DELETED
    if labels & _DRAFTS or head(mail, "X-Mozilla-Draft-Info"):
        return HIDDEN
    if labels & _SPAM or head(mail, "X-Spam-Flag").strip().casefold() == "yes":
        return BOTS
    if _MACHINE.fullmatch(address) or any(head(mail, name) for name in _OF_MACHINES) or head(mail, "Return-Path").strip() == "<>":
        return BOTS
    if _AUTOMATIC.match(_spoken(head(mail, "Subject"))):
        return BOTS
    if head(mail, "Auto-Submitted").partition(";")[0].strip().casefold() not in ("", "no"):
        return BOTS
    if (
        head(mail, "Precedence").strip().casefold() in ("bulk", "list", "junk", "auto_reply")
        or mail.get_content_type() == "multipart/report"
    ):
        return BOTS
    if any(part.get_content_type() == "text/calendar" and part.get_param("method") for part in mail.walk()):
        return NOTICES
    return None
