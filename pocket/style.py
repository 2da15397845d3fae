"""How people type: small distortions of a message that keep its values whole. In: text. Out: text."""

from random import Random

OPENERS = (
    "btw,|oh and|hey,|so,|fun fact:|just so you know,|not sure I told you but|by the way,|quick update:|random, but|guess what,|ok so|"
    "before I forget:|honestly,|well,|hi!|good morning!|one more thing:|sooo|also,|haha|ugh,|finally news:|hello again."
).split("|")
CLOSERS = (
    "lol|anyway, how are you?|haha|can you believe it?|what do you think?|so yeah|just saying|talk later!|any tips?|:)|wish me luck|"
    "can you help me with a plan?|what would you do?|thanks!|not that it matters|let me know what you think|do you have an idea?|crazy, right?|"
    "can you write that down?|please keep that in mind|how was your day?|I'm so tired today|the weather is awful here|it was a long day"
).split("|")
CORRECTORS = (
    "actually,|correction:|update:|scratch that,|sorry, wrong:|small change:|news:|change of plan:|not anymore,|as of today,|oh, I meant:|"
    "it's different now:|I was wrong earlier,|ignore the old one,|I take that back,|new info:|things have moved on,|no longer true,|to correct myself,"
).split("|")
ACKS = "Got it.|Nice!|Thanks for telling me.|Good to know.|Noted.|That's great.|I see.|Okay!|I'll remember that.|Oh, lovely.|Sounds good.".split(
    "|"
)


def casual(text: str, rng: Random) -> str:
    """The text as typed in a messenger: lower case, missing full stop, a typo in a long word; names keep their capital."""
    if rng.random() < 0.3:
        text = text[:1].lower() + text[1:] if not text.startswith(("I ", "I'")) else text
    if rng.random() < 0.3:
        text = text.rstrip(".")
    if rng.random() < 0.15:
        text = text.replace("I'm", "im").replace("don't", "dont").replace("can't", "cant").replace("it's", "its")
    if rng.random() < 0.1:
        text = text.replace("I ", "i ")
    return _typo(text, rng) if rng.random() < 0.08 else text


def question(text: str, rng: Random) -> str:
    """A question as typed: sometimes lower case, without its mark, or with a greeting before it."""
    draw = rng.random()
    if draw < 0.15:
        text = text[:1].lower() + text[1:] if not text.startswith(("I ", "I'")) else text
    elif draw < 0.22:
        text = rng.choice(("Hey, ", "Hi! ", "Sorry, ", "So, ", "Hmm, ", "One more: ")) + text
    if rng.random() < 0.15:
        text = text.rstrip("?.")
    return text


def digress(text: str, rng: Random, share: float = 0.35) -> str:
    """The text with something before or after it that tells nothing, in a `share` of cases."""
    if rng.random() < share / 2:
        text = f"{rng.choice(OPENERS)} {text}"
    if rng.random() < share / 2:
        end = "" if text.endswith((".", "!", "?")) else rng.choice((".", ",", "..."))
        text = f"{text}{end} {rng.choice(CLOSERS)}"
    return text


def _typo(text: str, rng: Random) -> str:
    words = text.split()
    places = [index for index, word in enumerate(words) if word.isalpha() and word.islower() and len(word) > 4]
    if places:
        place = rng.choice(places)
        at = rng.randrange(1, len(words[place]) - 2)
        word = words[place]
        words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)
