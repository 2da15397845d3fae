"""Secrets and contact data in a text become typed placeholders that keep the sentence: text comes in, text and what was found come out.

What can be checked is checked (card numbers by Luhn's sum, IBANs modulo 97, telephone numbers by the numbering plans in `phonenumbers`), so
that dates, prices and order numbers stay. Everything here is linear in the length of the text.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

KINDS: dict[str, str] = {
    "key": "keys and access tokens",
    "password": "passwords and PINs",
    "card": "card numbers",
    "iban": "bank accounts (IBAN)",
    "id": "tax and social security numbers",
    "email": "e-mail addresses",
    "phone": "telephone numbers",
    "address": "street addresses",
    "ip": "network addresses",
}
PLACEHOLDERS = {kind: f"[{'e-mail' if kind == 'email' else 'id number' if kind == 'id' else kind}]" for kind in KINDS}
_Find = Callable[[str], Iterator[tuple[int, int]]]
_GONE = "\N{OBJECT REPLACEMENT CHARACTER}"
_LEFT = re.compile(f"[^{_GONE}]+")
PIECE = 50_000  # letters that are looked at together


@dataclass(frozen=True)
class Finding:
    """A stretch of the original text, its kind, and a masked excerpt that may be shown."""

    kind: str
    start: int
    end: int
    shown: str


@dataclass(frozen=True)
class Redacted:
    """The text with placeholders, and what stood in their place (in order)."""

    text: str
    found: list[Finding]


def redact(text: str, keep: frozenset[str] = frozenset(), region: str | None = None) -> Redacted:
    """Replace every kind but those in `keep`; `region` ("DE") is the country whose numbers are written without a prefix."""
    if not _HINT.search(text):
        return Redacted(text, [])
    found = [finding for start, piece in _pieces(text) for finding in _find(piece, start, keep, region)]
    parts, place = [], 0
    for finding in found:
        parts += [text[place : finding.start], PLACEHOLDERS[finding.kind]]
        place = finding.end
    return Redacted("".join([*parts, text[place:]]), found)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces of `PIECE` letters at most, cut at blanks, with where they begin: no search may take long."""
    start = 0
    while len(text) - start > PIECE:
        blank = max(text.rfind(" ", start, start + PIECE), text.rfind("\n", start, start + PIECE))
        end = blank + 1 if blank > start else start + PIECE
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _find(left: str, begin: int, keep: frozenset[str], region: str | None) -> list[Finding]:
    """What is found in a piece that begins at `begin`, in order."""
    text, taken = left, []
    folded, digits = text.casefold(), len(_DIGIT.findall(text))
    phones: _Find = partial(_phones, region=region)
    for kind, find in (*_FINDERS, ("phone", phones)):
        if kind in keep or digits < _FEWEST_DIGITS.get(kind, 0) or not _has_any(folded, _SIGNS.get(kind)):
            continue
        spans = [span for start, end in find(left) for span in _left_of(left, start, end)]
        taken += [(start, end, kind) for start, end in spans]
        for start, end in spans:  # what was found is no part of anything else
            left = left[:start] + _GONE * (end - start) + left[end:]
    return [Finding(kind, begin + start, begin + end, mask(text[start:end])) for start, end, kind in sorted(taken)]


def _left_of(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What of a span is not gone already: "pin: sk-..." is a key, and not the same letters once more as a password."""
    for match in _LEFT.finditer(text, start, end):
        if match[0].strip():
            yield match.span()


def mask(text: str) -> str:
    """An excerpt that shows the form and little else: first letter and digit stay, the rest become stars ("a**@*******.***")."""
    shown, kept = [], 1
    for letter in text[:40]:
        shown.append(letter if not letter.isalnum() or kept > 0 else "*")
        kept -= letter.isalnum()
    return "".join(shown)


# Nothing can be found in a text without one of these, and most messages have none: the cheapest test comes first.
_HINT = re.compile(
    r"\d|@|pass|pwd|\bpw\b|\bpin\b|kennwort|contrase|clave|mot de passe|senha|mdp|-----BEGIN|token|secret|key|\w{20}", re.IGNORECASE
)

# What every find of a kind has in it: looking for that first makes reading an export three times as fast.
_DIGIT = re.compile(r"\d")
_FEWEST_DIGITS = {"iban": 2, "card": 13, "id": 6, "address": 1, "ip": 1, "phone": 3}
_SIGNS = {
    "password": tuple("pass pwd pw pin kennwort contrase clave senha mdp wachtwoord wifi wi-fi wlan".split()) + ("mot de passe",),
    "email": ("@",), "ip": (".", ":"),
}  # fmt: skip
_KEY_SIGNS = tuple(
    "-----BEGIN eyJ sk- ghp_ gho_ ghs_ ghu_ github_pat_ glpat- hf_ xox pypi- npm_ dop_v1_ sq0csp- rk_live_ sk_live_ sk_test_ pk_live_ SG. AKIA ASIA AIza :AA".split()
)
_NAMED_KEY_SIGNS = ("key", "token", "bearer", "secret", "recovery code", "seed phrase")

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\Z)"
    r"|\beyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,2000}"
    r"|\b(?:sk-(?:ant-|proj-)?|ghp_|gho_|ghs_|ghu_|github_pat_|glpat-|hf_|xox[abprs]-|pypi-|npm_|dop_v1_|sq0csp-|rk_live_|sk_live_|sk_test_|pk_live_|SG\.)"
    r"[\w.-]{12,200}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}|\b\d{8,10}:AA[\w-]{32,36}\b",
    re.DOTALL,
)
_NAMED_KEY = re.compile(
    r"\b(?:api[ _-]?key|access[ _-]?key|secret(?:[ _-]?key)?|(?:access|auth|bearer|refresh|api)[ _-]?token|token|bearer|client[ _-]?secret|recovery (?:key|code)|"
    r"seed phrase|wi-?fi key)\b(?: is|:|=| was| ist| es| est)*[ \t]*[\"'`]?([\w.+/=~-]{12,200})",
    re.IGNORECASE,
)
_URL_SECRET = re.compile(
    r"(?i)\bhttps?://(?:[^\s/@:]{1,64}:([^\s/@]{1,128})@|\S{1,300}?[?&](?:token|key|api_key|apikey|access_token|secret|password|sig|signature)=([^\s&#]{6,300}))"
)
_PASSWORD = re.compile(
    r"(?i)\b(?:(?:my |the |new |old |our )?(?:wi-?fi |wlan[- ]?|login |bank |card |phone |sim |netflix |router |e-?mail |account |alarm |door )?"
    r"(?:password|passwort|passcode|passphrase|pwd|pw|kennwort|pin(?:[- ]?(?:code|number|nummer))?|contraseña|contrasena|clave|mot de passe|mdp|senha|wachtwoord))"
    r"(?:[ ]?(?:is now|is|was|ist|lautet|es|est|é|=|:))+[ \t]*[\"'`“”«]?([^\s\"'`“”»,;]{3,64})"
)
# Named and then simply written, "pin 4711", or after the name of the network: only what has a digit, for the words are common ones.
_BARE_PASSWORD = re.compile(
    r"(?i)\b(?:(?:password|passwort|passcode|pwd|pw|kennwort|pin(?:[- ]?(?:code|nummer))?|contraseña|contrasena|mot de passe|mdp|senha|wachtwoord)[ \t]+"
    r"|(?:wi-?fi|wlan)(?:[ ]?(?:is now|is|ist|=|:|->))+[ \t]*(?=[a-z]\S{7}))(?=\S*\d)([^\s\"'`“”»,;]{4,64})"
)
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-]|[.,]\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{2,4}){3,8}(?![A-Za-z0-9])")
_IDS: list[tuple[re.Pattern[str], Callable[[str], bool]]] = [
    (re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"), lambda _: True),  # United States
    (re.compile(r"\b(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"), lambda _: True),  # United Kingdom
    (re.compile(r"(?<![\w.])[XYZ]?\d{7,8}-?[A-HJ-NP-TV-Z](?!\w)"), lambda text: _is_dni(text)),  # Spain
    (re.compile(r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"), lambda text: _is_cpf(text)),  # Brazil
    (re.compile(r"(?<!\d)[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?!\d)"), lambda text: _is_nir(text)),  # France
    (re.compile(r"(?i)(?:steuer-?(?:id|nummer|identifikationsnummer)|idnr)\D{0,12}(\d{2} ?\d{3} ?\d{3} ?\d{3})(?!\d)"), lambda _: True),  # Germany
    (re.compile(r"(?i)\b(?:passport|reisepass|pasaporte|passeport)(?: (?:no|number|nr|num[eé]ro))?\.?(?: is|:| ist| es| est)+ *([A-Z0-9]{8,9})\b"), lambda t: any(map(str.isdigit, t))),
]  # fmt: skip
_IP = re.compile(
    r"(?<![\w.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\w]|\.\d)|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![\w:])"
)
_VERSION = re.compile(r"(?i)(?:version|v|release|firmware|build|ver\.?|section|chapter|kapitel)[ :.]*$")

_WORD = r"[A-ZÄÖÜÀ-Ý][A-Za-zÀ-ÿ'’.-]{1,24}"
_TAIL = rf"(?:,? (?:(?:apt|apartment|flat|unit|suite)\.? ?#?\w{{1,5}}))?(?:,? ?(?:[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}|(?:{_WORD},? )?(?:[A-Z]{{2}} )?\d{{4,5}}(?:-\d{{4}})?(?: {_WORD})?)\b)?"
_ADDRESSES: tuple[tuple[tuple[str, ...] | None, re.Pattern[str]], ...] = (
    # 14 Marlow Street, 221b Baker Street, Flat 3
    (
        None,
        re.compile(
            rf"\b\d{{1,5}}[a-zA-Z]? (?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.? )?(?:{_WORD} ){{1,3}}"
            r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Boulevard|Blvd|Terrace|Close|Crescent|Way|Gardens|Grove|Hill|Row|Mews|Parade|Quay|Walk)\b\.?"
            + _TAIL
        ),
    ),
    # Lindenstraße 12a, 10115 Berlin; Kerkstraat 5; Am Markt 3 is too near to ordinary words
    (
        tuple("strasse str. weg gasse allee platz ring damm ufer straat laan plein gracht kade".split()),
        re.compile(
            rf"\b(?:{_WORD}[ -])?[A-ZÄÖÜ][\wäöüß]{{2,24}}(?:straße|strasse|str\.|weg|gasse|allee|platz|ring|damm|ufer|straat|laan|plein|gracht|kade)"
            r" \d{1,4} ?[a-zA-Z]?\b" + _TAIL
        ),
    ),
    (
        ("strasse", "weg", "allee", "platz", "gasse"),
        re.compile(rf"\b(?:{_WORD} )?(?:Straße|Strasse|Weg|Allee|Platz|Gasse) \d{{1,4}}[a-z]?\b" + _TAIL),
    ),
    # 12 rue de la Paix, 75002 Paris
    (
        None,
        re.compile(
            r"(?i)\b\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|impasse|allée|chemin|quai|cours)"
            r"(?: (?:de|du|des|la|le|les|d'|l')){0,3} ?(?-i:[A-ZÀ-Ý][\wÀ-ÿ'’-]{1,24})(?: (?-i:[A-ZÀ-Ý][\wÀ-ÿ'’-]{1,24})){0,3}"
            + rf"(?-i:{_TAIL})"
        ),
    ),
    # Calle de Alcalá 12, Via Roma 5, Rua Augusta 100
    (
        tuple("calle c/ avenida avda plaza paseo via piazza corso rua praça travessa".split()),
        re.compile(
            r"\b(?:[Cc]alle|C/|[Aa]venida|Avda\.?|[Pp]laza|[Pp]aseo|[Vv]ia|[Vv]iale|[Pp]iazza|[Cc]orso|[Rr]ua|[Pp]raça|[Tt]ravessa)"
            rf"(?: (?:de|del|della|delle|dei|do|da|dos|das|la|las|los|el)){{0,2}}(?: {_WORD}){{1,4}},? (?:n\.?º? ?)?\d{{1,4}}\b" + _TAIL
        ),
    ),
)


def _has_any(text: str, signs: tuple[str, ...] | None) -> bool:
    return signs is None or any(sign in text for sign in signs)


def _emails(text: str) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in _EMAIL.finditer(text))


def _keys(text: str) -> Iterator[tuple[int, int]]:
    spans = [match.span() for match in _KEY.finditer(text)] if _has_any(text, _KEY_SIGNS) else []
    if _has_any(text.casefold(), _NAMED_KEY_SIGNS):
        spans += [match.span(1) for match in _NAMED_KEY.finditer(text) if _looks_random(match[1])]
    if "://" in text:
        spans += [match.span(1) if match[1] else match.span(2) for match in _URL_SECRET.finditer(text)]
    end = 0
    for start, stop in sorted(spans):
        if start >= end:
            yield start, stop
            end = stop


def _passwords(text: str) -> Iterator[tuple[int, int]]:
    end = 0
    for start, stop in sorted({*_told_passwords(text), *_bare_passwords(text)}):
        if start >= end:
            yield start, stop
            end = stop


def _bare_passwords(text: str) -> Iterator[tuple[int, int]]:
    for match in _BARE_PASSWORD.finditer(text):
        word = match[1].rstrip(".!?)")
        if len(word) >= 4 and not word.startswith("["):
            yield match.start(1), match.start(1) + len(word)


def _told_passwords(text: str) -> Iterator[tuple[int, int]]:
    for match in _PASSWORD.finditer(text):
        word = match[1].rstrip(".!?)")
        # "the password is wrong" tells nothing; one with a digit, a sign or capitals inside does, and so does whatever follows a colon.
        told = (
            any(not letter.isalpha() for letter in word)
            or not word[1:].islower()
            or match[0][: match.start(1) - match.start()].rstrip(" \"'`“«")[-1:] in ":="
        )
        if word and told and not word.startswith("["):
            yield match.start(1), match.start(1) + len(word)


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if 13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 1 and _luhn(digits):
            yield match.span()


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(text):
        # The last group may be the next word ("... 3000 BIC"): shorter readings are tried from the end.
        found = match[0]
        while len(found) >= 15:
            if _is_iban(re.sub(r"[ -]", "", found)):
                yield match.start(), match.start() + len(found)
                break
            cut = max(found.rfind(" "), found.rfind("-"))
            if cut < 0:
                break
            found = found[:cut]


def _ids(text: str) -> Iterator[tuple[int, int]]:
    end = 0
    for start, stop in sorted(
        match.span(pattern.groups) for pattern, valid in _IDS for match in pattern.finditer(text) if valid(match[pattern.groups])
    ):
        if start >= end:
            yield start, stop
            end = stop


def _ips(text: str) -> Iterator[tuple[int, int]]:
    for match in _IP.finditer(text):
        if not _VERSION.search(text[max(0, match.start() - 14) : match.start()]):
            yield match.span()


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    end = 0
    folded = text.casefold()
    looked_for = (pattern for signs, pattern in _ADDRESSES if _has_any(folded, signs))
    for start, stop in sorted(match.span() for pattern in looked_for for match in pattern.finditer(text)):
        if start >= end:
            yield start, stop
            end = stop


_MANY_DIGITS = re.compile(r"\d(?:\D{0,3}\d){6,}")
_NO_PHONE = re.compile(r"^\d{4}[-./]\d{1,2}[-./]\d{1,2}|^\d{1,2}[-./]\d{1,2}[-./]\d{2,4}\b|^\d+$|^\d{1,3}(?:[.,]\d{3})+")
_NAMES_PHONE = re.compile(
    r"(?i)(?:call|phone|ring|text|tel|mobile|cell|handy|whatsapp|number|nummer|número|numéro|anrufen|llama|appelle|reach|fax|☎|📞)"
)


def _phones(text: str, region: str | None) -> Iterator[tuple[int, int]]:
    """Numbers with a country prefix anywhere; without one those of `region`, or of any large country where the words speak of a telephone."""
    if not _MANY_DIGITS.search(text):
        return
    import phonenumbers  # its tables take a moment to load, and most texts hold no number

    regions: list[str | None] = [None] if region is None else [None, region]
    if region is None and _NAMES_PHONE.search(text):
        regions += ["US", "GB", "DE", "FR", "ES", "IT", "NL", "BR", "IN", "AU"]
    seen: set[tuple[int, int]] = set()
    for where in regions:
        for match in phonenumbers.PhoneNumberMatcher(text, where, leniency=phonenumbers.Leniency.VALID):
            plain = where is not None and _NO_PHONE.match(match.raw_string.strip())
            if plain and not (match.raw_string.isdigit() and 9 <= len(match.raw_string) <= 12 and _near(text, match.start)):
                continue
            if not any(match.start < end and start < match.end for start, end in seen):
                seen.add((match.start, match.end))
                yield match.start, match.end


def _near(text: str, place: int) -> bool:
    """Whether the words just before a bare run of digits call it a telephone number."""
    return bool(_NAMES_PHONE.search(text[max(0, place - 30) : place]))


_FINDERS: tuple[tuple[str, _Find], ...] = (
    ("key", _keys), ("password", _passwords), ("email", _emails), ("iban", _ibans), ("card", _cards), ("id", _ids), ("ip", _ips), ("address", _addresses),
)  # fmt: skip


def _luhn(digits: str) -> bool:
    """Luhn's check sum (ISO/IEC 7812-1)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 13616: the country moved to the end, letters as numbers, modulo 97 leaves 1."""
    if not 15 <= len(text) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def _is_dni(text: str) -> bool:
    number = text.replace("-", "")
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return len(number) == 9 and "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1]


def _is_cpf(text: str) -> bool:
    digits = [int(letter) for letter in text if letter.isdigit()]
    if len(set(digits)) == 1:
        return False
    checks = [sum(digit * (length + 1 - place) for place, digit in enumerate(digits[:length])) * 10 % 11 % 10 for length in (9, 10)]
    return checks == digits[9:]


def _is_nir(text: str) -> bool:
    number = text.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return len(number) == 15 and 97 - int(number[:13]) % 97 == int(number[13:])


def _looks_random(text: str) -> bool:
    """Whether a word is a key and not language: letters and digits mixed, with much surprise a letter (Shannon's entropy)."""
    entropy = -sum(text.count(letter) / len(text) * math.log2(text.count(letter) / len(text)) for letter in set(text))
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text)) and entropy > 3.0
