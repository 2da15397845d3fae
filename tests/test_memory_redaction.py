"""Redaction: what must not be learnt becomes a placeholder, and what only looks like it stays."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memory import redaction
from memory.redaction import KINDS, PLACEHOLDERS, redact

CAUGHT = [
    ("email", "write to ana.ruiz+spam@example.co.uk please", "ana.ruiz+spam@example.co.uk"),
    ("email", "<bob_1@mail.example.org>", "bob_1@mail.example.org"),
    ("email", "ANA@EXAMPLE.COM, thanks", "ANA@EXAMPLE.COM"),
    ("phone", "call me on +44 20 7946 0958 tonight", "+44 20 7946 0958"),
    ("phone", "+1 (415) 555-2671 is my new number", "+1 (415) 555-2671"),
    ("phone", "my number is 415-555-2671", "415-555-2671"),
    ("phone", "ruf mich an: 030 901820, Handy", "030 901820"),
    ("phone", "mi móvil, llama al 612 345 678", "612 345 678"),
    ("phone", "+49 151 23456789", "+49 151 23456789"),
    ("phone", "whatsapp +91 98765 43210", "+91 98765 43210"),
    ("phone", "text 07400 123456 when you are there", "07400 123456"),
    ("card", "card 4111 1111 1111 1111 exp 12/27", "4111 1111 1111 1111"),
    ("card", "5500005555555559", "5500005555555559"),
    ("card", "amex 378282246310005!", "378282246310005"),
    ("card", "4012-8888-8888-1881", "4012-8888-8888-1881"),
    ("iban", "DE89 3704 0044 0532 0130 00 is my account", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB29NWBK60161331926819", "GB29NWBK60161331926819"),
    ("iban", "to FR14 2004 1010 0505 0001 3M02 606 please", "FR14 2004 1010 0505 0001 3M02 606"),
    ("iban", "NL91ABNA0417164300 BIC ABNANL2A", "NL91ABNA0417164300"),
    ("key", "sk-proj-abcdEFGH1234567890ijkl", "sk-proj-abcdEFGH1234567890ijkl"),
    ("key", "export GH=ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("key", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("key", "hf_abcdefghijKLMNOP1234567890", "hf_abcdefghijKLMNOP1234567890"),
    ("key", "my api key: 9f8e7d6c5b4a39281706abcd", "9f8e7d6c5b4a39281706abcd"),
    ("key", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"),
    ("key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    ("key", "https://ana:hunter2secret@example.org/x", "hunter2secret"),
    ("key", "https://example.org/a?id=3&token=abc123def456", "abc123def456"),
    ("password", "my password is Hunter2!", "Hunter2"),
    ("password", "PW: correcthorse", "correcthorse"),
    ("password", "the wifi password is now blue-Otter-77", "blue-Otter-77"),
    ("password", "my pin: 4821", "4821"),
    ("password", "Das Passwort lautet Sommer2024", "Sommer2024"),
    ("password", "la contraseña es Gato_99", "Gato_99"),
    ("password", "le mot de passe est Soleil12", "Soleil12"),
    ("password", "pin is 0007", "0007"),
    ("password", "card in the drawer, pin 4711", "4711"),
    ("password", "wifi: Sonne1234 for the guests", "Sonne1234"),
    ("password", "Passwort Sommer2024 hat nicht funktioniert", "Sommer2024"),
    ("id", "my ssn is 536-22-8745", "536-22-8745"),
    ("id", "NI number AB 12 34 56 C", "AB 12 34 56 C"),
    ("id", "DNI 12345678Z", "12345678Z"),
    ("id", "NIE X1234567L", "X1234567L"),
    ("id", "cpf 529.982.247-25", "529.982.247-25"),
    ("id", "Steuer-ID: 12 345 678 901", "12 345 678 901"),
    ("id", "my passport number is C01X00T47", "C01X00T47"),
    ("ip", "ssh into 192.168.178.23 first", "192.168.178.23"),
    ("ip", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"),
    ("address", "I live at 14 Marlow Street", "14 Marlow Street"),
    ("address", "ship to 221b Baker Street, London NW1 6XE please", "221b Baker Street"),
    ("address", "1600 Pennsylvania Avenue NW", "1600 Pennsylvania Avenue"),
    ("address", "wir wohnen in der Lindenstraße 12a, 10115 Berlin", "Lindenstraße 12a, 10115 Berlin"),
    ("address", "Berliner Str. is wrong, it is Hauptstr. 5", "Hauptstr. 5"),
    ("address", "12 rue de la Paix, 75002 Paris", "12 rue de la Paix"),
    ("address", "Calle de Alcalá 45, Madrid", "Calle de Alcalá 45"),
    ("address", "Via Roma 5", "Via Roma 5"),
    ("address", "Kerkstraat 17, Utrecht", "Kerkstraat 17"),
]  # fmt: skip

KEPT = """
my flat is number 14
call me at 5
room 4021 at the hotel
born 1989-04-12 in Porto
that was 12.05.2019 or so
$1,299.00 for a phone
I paid 1.299,00 euros
version 1.2.3.4 is out
firmware v10.0.0.1 broke it
order 10023 arrived
the train leaves at 17:45 on 03/04/2024
he ran 10 km in 48:32
she is 1.75 m tall, 62 kg
the score was 102-98
I forgot my password again
the password is wrong
my pin is somewhere in the drawer
wifi: only 2 bars upstairs
wifi is 2.4GHz here
a pin in the map
password rules are silly
the pin 3 of the chip
a token of love
the key is under the mat
keys: two for the front door
secret santa is on the 12th
I have 3 cats, 2 dogs and 11 fish
2024, 2025 and 2026
ISBN 978-3-16-148410-0
flight LH1234 to Oslo
gate B12, seat 14C
my locker code is K7-204
chapter 3, page 112
see you on 5th Avenue
a street with 40 houses
we walked down the street for 2 hours
ring me at ten
section 10.20.30.40 of the law
@ana did you see that
love @ first sight
12345
1234567890123456
tracking 1Z 999 AA1 01 2345 6784
temperature 21.5 degrees
50% off until 30 June
the bus 42 stops at 8:15, 8:30 and 8:45
my favourite number is 7
apartment with 3 rooms
I weigh 81.4 now
my car has 142 000 km
the year 1984 by Orwell
DE is my country
it costs 20 20 20
vitamins B12 and D3
the token ring network
Street food festival on 12 May
14 people in the room
we met in 2011 at 9 pm
that is 100,000 steps
""".strip().split("\n")


@pytest.mark.parametrize(("kind", "text", "secret"), CAUGHT)
def test_what_must_not_be_learnt_is_replaced(kind: str, text: str, secret: str) -> None:
    redacted = redact(text)
    assert [found.kind for found in redacted.found] == [kind]
    assert secret not in redacted.text and PLACEHOLDERS[kind] in redacted.text
    assert all(secret not in found.shown for found in redacted.found)


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text).text == text


def test_the_sentence_around_it_stays() -> None:
    assert redact("Mail me (ana@example.org) or call +44 20 7946 0958, ok?").text == "Mail me ([e-mail]) or call [phone], ok?"


def test_a_kind_can_be_kept() -> None:
    text = "ana@example.org, 14 Marlow Street"
    assert redact(text, keep=frozenset({"address"})).text == "[e-mail], 14 Marlow Street"
    assert redact(text, keep=frozenset(KINDS)).text == text


def test_a_region_lets_bare_numbers_be_known() -> None:
    assert redact("030 901820", region="DE").text == "[phone]" and redact("030 901820").text == "030 901820"


WORDS = st.sampled_from(
    [secret for _, _, secret in CAUGHT] + ["hello", "and", "my cat", "12", "\n", "é😀", "[e-mail]", "pin:", "+", "4111 1111"]
)


@settings(max_examples=200, deadline=None)
@example("pin: sk-proj-abcdEFGH1234567890ijkl")  # a key, and not once more a password
@given(st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=8).map(" ".join))
def test_spans_are_those_of_the_original_and_doing_it_again_changes_nothing(text: str) -> None:
    redacted = redact(text)
    by_hand = text
    for found in reversed(redacted.found):
        by_hand = by_hand[: found.start] + PLACEHOLDERS[found.kind] + by_hand[found.end :]
    assert by_hand == redacted.text
    if not any(letter.isdigit() for letter in redacted.text):  # two halves may make a new number once what stood between them is gone
        assert redact(redacted.text).text == redacted.text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(WORDS, st.sampled_from(KEPT), st.text(max_size=8)), max_size=8).map(" ".join))
def test_looking_for_signs_first_changes_nothing(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_has_any", lambda text, signs: True)
        patch.setattr(redaction, "_FEWEST_DIGITS", {})
        thorough = redact(text)
    assert redact(text) == thorough


@pytest.mark.parametrize(
    "piece", ["a", "1 ", "@", "a.", "1-", "password ", "AA11 ", "A ", "12 Aaa ", "https://", "+1", "eyJ", "x:", "token token "]
)
def test_long_texts_take_linear_time(piece: str) -> None:
    import time

    def seconds(count: int) -> float:
        text, started = piece * count, time.perf_counter()
        redact(text)
        return time.perf_counter() - started

    seconds(100)
    assert seconds(40_000 // len(piece)) < 40 * max(seconds(4_000 // len(piece)), 0.02)


def test_a_secret_deep_inside_a_long_text_is_found_too() -> None:
    long = "we walked on " * 12_000
    redacted = redact(f"{long}and my mail is ana@example.org. {long}")
    assert redacted.text == f"{long}and my mail is [e-mail]. {long}" and redacted.found[0].start == len(long) + len("and my mail is ")
