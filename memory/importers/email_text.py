"""What the sender of a mail says in it: its whole text comes in, the new words come out.

Answered and forwarded mails, signatures and what a phone adds are cut. Answers between the lines of a quoted mail are kept.
"""

import re

_FROM = "From|Von|De|Da|Van|Fra|Från|Od|Lähettäjä|Feladó|Gönderen|Kimden|От|发件人|寄件者|差出人|보낸 사람"
_OTHER = (
    "Sent|Date|To|Cc|Bcc|Subject|Reply-To|Importance|Attachments|Gesendet|Datum|An|Betreff|Antwort an|Envoyé|Date d['’]envoi|À|A|Objet|"
    "Enviado|Enviado el|Enviada em|Enviado em|Fecha|Para|Asunto|Assunto|Inviato|Data|Oggetto|Verzonden|Aan|Onderwerp|Sendt|Dato|Til|Emne|"
    "Skickat|Till|Ämne|Wysłano|Do|DW|Temat|Lähetetty|Päiväys|Vastaanottaja|Aihe|Küldve|Címzett|Tárgy|Gönderildi|Tarih|Kime|Konu|"
    "Отправлено|Дата|Кому|Тема|发送时间|日期|收件人|主题|寄件日期|收件者|主旨|送信日時|日時|宛先|件名|보낸 날짜|날짜|받는 사람|제목"
)
# The heads of another mail as Outlook and forwarding programs write them: "From:", then at least two more lines of the kind.
_HEADS = re.compile(
    rf"^[ \t]*\*?(?:{_FROM})[ \t\u00a0]?[:：]\*?[ \t\u00a0]*\S.*\n(?:[ \t]+\S.*\n)?"
    rf"(?:[ \t]*\*?(?:{_OTHER})[ \t\u00a0]?[:：]\*?.*\n(?:[ \t]+\S.*\n)?){{2}}",
    re.MULTILINE | re.IGNORECASE,
)
_ANSWERED = (
    "original message|original appointment|reply message|(?:ursprüngliche|original)[ -]?nachricht|message d['’]origine|mensaje original|"
    "messaggio originale|mensagem original|oorspronkelijk bericht|oprindelig meddelelse|opprinnelig melding|ursprungligt meddelande|"
    "wiadomość oryginalna|alkuperäinen viesti|исходное сообщение"
)
_PASSED_ON = (
    "forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado|messaggio inoltrato|mensagem encaminhada|"
    "doorgestuurd bericht|videresendt (?:besked|melding)|vidarebefordrat meddelande|wiadomość przekazana|przekazana wiadomość|"
    "välitetty viesti|пересылаемое сообщение"
)
_PASSED_ON_BY_APPLE = (
    "begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)|début du message (?:réexpédié|transféré)|"
    "inicio del mensaje reenviado|inizio messaggio inoltrato|begin doorgestuurd bericht|início da mensagem (?:re)?encaminhada"
)
_ANSWERED_RULE = re.compile(rf"^[ \t]*[-_*]{{2,}}[ \t]*(?:{_ANSWERED})[ \t]*[-_*]{{2,}}", re.MULTILINE | re.IGNORECASE)
_PASSED_ON_RULE = re.compile(
    rf"^[ \t]*(?:[-_*]{{2,}}[ \t]*(?:{_PASSED_ON})[ \t]*[-_*]{{2,}}|(?:{_PASSED_ON_BY_APPLE})[ \t\u00a0]?[:：])",
    re.MULTILINE | re.IGNORECASE,
)
# "On Fri, 3 May 2024 at 10:15, Ben <ben@x.org> wrote:", often broken into two or three lines.
_WROTE = re.compile(
    r".*(?:\b(?:wrote|a écrit|escribió|ha scritto|scrisse|escreveu|napisał(?:\(a\)|a)?|pisze|kirjoitti|написал(?:\(а\)|а)?|пишет)|写道|寫道|작성|"
    r"\b(?:schrieb|schreef|skrev)\b.{0,120}|<[^<>\s]+@[^<>\s]+>) ?(?:[:：]| -{2,})"
)
_MOMENT = re.compile(r"(?:\b(?:19|20)\d\d\b|\d{1,2}[./-]\d{1,2}[./-]\d{2}|年).*?\d{1,2}[:.h]\d\d")
_ADDRESS = re.compile(r"\S@\S")
_ON = re.compile(r"\s*-*\s*(?:On|Am|Le|El|Il|Em|Op|Den|På|W dniu|Dnia)\b")
_SENTENCE_END = re.compile(r"(?<![ap]\.m)(?<![ap]\. m)[.!?…。！？]$")
_LINES_OF_WROTE, _LETTERS_OF_WROTE = 3, 300
_LINES_OF_SIGNATURE = 10
_DEVICE = re.compile(
    r"(?:(?:sent|gesendet|envoyé|enviad[oa]|inviato|verzonden|verstuurd|sendt|skickat|wysłan[eoy]|lähetetty|отправлено)\s+"
    r"(?:from|via|using|with|von|mit|aus|über|de|depuis|à partir|desde|do|dal?|con|vanaf|met|fra|från|ze?|с|из)\b.{0,40}?"
    r"\b(?:i?phone|ipad|android|samsung|galaxy|blackberry|huawei|xiaomi|pixel|mobile?|handy|smartphone|tablet|telefono?|telefoon|móvil|"
    r"celular|portable|outlook|yahoo|gmx|web\.de|aol|mail|gmail|proton|spark)\b.{0,60}"
    r"|(?:get|holen sie sich|télécharger|obtener|obtenir|scarica|download|hämta|ophalen) outlook \w+\b.{0,60}|von meinem .{1,30} gesendet)",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"\A-----BEGIN PGP SIGNED MESSAGE-----\n(?:[^\n]+\n)*\n(.*?)\n-----BEGIN PGP SIGNATURE-----.*", re.DOTALL)
_SECRET = re.compile(r"^-----BEGIN PGP MESSAGE-----.*?(?:^-----END PGP MESSAGE-----$|\Z)", re.DOTALL | re.MULTILINE)


def new_words(text: str) -> tuple[str, bool]:
    """What the sender wrote anew, and whether the mail passes another one on."""
    text = _SECRET.sub("", _SIGNED.sub(r"\1", text.replace("\r\n", "\n").replace("\r", "\n").strip("\n") + "\n"))
    passed_on = _PASSED_ON_RULE.search(text)
    for rule in (_PASSED_ON_RULE, _ANSWERED_RULE, _HEADS):
        if found := rule.search(text):
            text = text[: found.start()]
    lines = _without_attributions(text.split("\n"))
    for place, line in enumerate(lines):
        if line == "-- " or (line in ("--", "--\u00a0") and len(lines) - place <= _LINES_OF_SIGNATURE):
            del lines[place:]
            break
    lines = [line for line in lines if not _is_quoted(line)]
    while lines and _is_ending(lines[-1]):
        lines.pop()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)), passed_on is not None


def _is_quoted(line: str) -> bool:
    return line.startswith((">", " >"))


def _without_attributions(lines: list[str]) -> list[str]:
    """The lines without those that introduce a quoted mail, and without that mail where its lines are not marked."""
    kept: list[str] = []
    place = 0
    while place < len(lines):
        length = _length_of_attribution(lines[place : place + _LINES_OF_WROTE])
        after = next((line for line in lines[place + length :] if line.strip()), "") if length else ""
        if not length:
            kept.append(lines[place])
        elif not _is_quoted(after):
            if _is_certain(" ".join(lines[place : place + length]), is_last=not after):
                return kept
            kept += lines[place : place + length]
        place += length or 1
    return kept


def _is_certain(said: str, is_last: bool) -> bool:
    """Whether an attribution is one although no marked lines follow, and not a sentence like "My sister wrote:"."""
    address, moment = _ADDRESS.search(said), _MOMENT.search(said)
    return bool(moment and (address or _ON.match(said)) or (is_last and (address or moment)))


def _length_of_attribution(lines: list[str]) -> int:
    """How many of the lines are an attribution; 0 if the first does not begin one."""
    joined = ""
    for count, line in enumerate(lines, 1):
        if not line.strip() or _is_quoted(line):
            return 0
        joined += " " + line.strip().replace("\u00a0", " ")
        if len(joined) <= _LETTERS_OF_WROTE and _WROTE.fullmatch(joined):
            return 0 if count > 1 and _is_whole(lines[1:count], joined) else count
        if _SENTENCE_END.search(joined) and not (_ON.match(joined) and re.search(r"\d", joined)):
            return 0
    return 0


def _is_whole(later: list[str], joined: str) -> bool:
    """Whether an attribution is one without its first line, which then is what somebody wrote above it."""
    said = " ".join(line.strip() for line in later)
    told = _MOMENT.search(said) or (not _MOMENT.search(joined) and said[:1].isalnum())
    return bool(told and _WROTE.fullmatch(said))


def _is_ending(line: str) -> bool:
    """Whether a last line is no one's words: blank, a rule, or what a phone adds."""
    line = line.strip(" \t\u00a0")
    return not line.strip("_-=*─") or bool(_DEVICE.fullmatch(line))
