"""From the first person to the second: what somebody says of themselves, as one would say it back to them.

In: sentences. Out: sentences. English only.
"""

import re

_FLIPS = {
    "i": "you", "i'm": "you're", "i've": "you've", "i'd": "you'd", "i'll": "you'll", "my": "your", "me": "you", "mine": "yours",
    "myself": "yourself", "am": "are", "we": "you", "our": "your", "us": "you",
}  # fmt: skip


def flip_person(sentence: str) -> str:
    """A first-person sentence in the second person: "I love my dog." -> "You love your dog."."""
    words = sentence.split()
    out = []
    for index, word in enumerate(words):
        core = word.strip(".,!?;:").lower()
        flipped = _FLIPS.get(core)
        if core == "was" and index and words[index - 1].lower() == "i":
            flipped = "were"
        out.append(word if flipped is None else word.lower().replace(core, flipped))
    text = " ".join(out)
    return text[:1].upper() + text[1:]


_OPENER = re.compile(
    r"^(?:(?:btw|so|oh|and|but|also|well|ok|okay|hey|hi|hello|yes|yeah|no|haha|lol|ugh|by the way|fun fact|actually|anyway|honestly|finally|"
    r"update|correction|because|since|then|maybe|sorry|thanks)\b[,:! ]*)+",
    re.IGNORECASE,
)
_OWN = re.compile(r"(?:I|I'm|Im|I've|I'd|I'll|My|We|We're|Our)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|\s+(?:lol|haha)\b\s*|(?<=\w)\s*[;(]\s*")
LONGEST_SENTENCE = 18  # words


def said_back(message: str) -> list[str]:
    """The plain statements that a message makes about its writer, in the second person; questions and wishes are left out."""
    found = []
    for sentence in _SENTENCE.split(message):
        text = _OPENER.sub("", sentence.strip()).strip(" ,-)")
        words = text.split()
        if text.endswith("?") or not 4 <= len(words) <= LONGEST_SENTENCE or not _OWN.match(text):
            continue
        if re.match(
            r"(?:I|we) (?:think|guess|hope|know|mean|wish|swear|promise|see|was thinking|don't know)\b|I'll\b", text, re.IGNORECASE
        ):
            continue
        plain = re.sub(r"\b[Ii]m\b", "I'm", re.sub(r"\bi\b", "I", text.rstrip(".!")))
        found.append(flip_person(re.sub(r",? (?:btw|lol|haha|though|by the way)$", "", plain)) + ".")
    return found


QUOTED = "You said: "  # how a fact begins that is the person's message to the letter, and how pocket answers from raw messages
LONGEST_QUOTE = 30  # words


def quote_back(message: str) -> list[str]:
    """A message to the letter as one fact ("You said: took Miso to the vet"), unless it is a question, or too short or long to stand alone."""
    text = " ".join(message.split())
    if not 4 <= len(text.split()) <= LONGEST_QUOTE or re.fullmatch(r"[^.!?]*\?\W*", text):
        return []
    return [QUOTED + text + ("" if text.endswith((".", "!", "?")) else ".")]


def unflip_person(fact: str) -> str | None:
    """A fact in the first person again: "Your cat is called Biscuit." -> "My cat is called Biscuit."; None where "you" may be "I" or "me"."""
    if fact.startswith(QUOTED):
        return None
    rest = re.sub(r"^(?:You're|You are)\b", "", fact)
    if rest == fact:
        rest = re.sub(r"^You(?:'ve|'d)?\b", "", fact)
    if re.search(r"\b[Yy]ou(?:'\w+)?\b|\byourself\b", rest):
        return None
    text = re.sub(r"^(?:You're|You are)\b", "I am", fact)
    text = re.sub(r"^You were\b", "I was", text)
    text = re.sub(r"^You('ve|'d)?\b", r"I\1", text)
    return re.sub(r"\byours\b", "mine", re.sub(r"\byour\b", "my", re.sub(r"^Your\b", "My", text)))
