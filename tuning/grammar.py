"""The grammar of a plain fact: what it speaks of, how, and its value; and the sentences that this gives. English only.

In: a fact in the second person ("Your cat is called Biscuit."). Out: `Parts`, and questions, reversals and yes/no questions made of them.
A small base cannot write such views itself; a rule never invents a value.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """One way in which a fact ties its value: a pattern for the words between, and the sentences that it allows.

    In the sentences `{my}` is the subject with its owner ("my cat"), `{v}` the value, `{verb}` the plain form of the matched verb, `{link}` the
    matched words; `{am}`, `{I}`, `{do}`, `{have}`, `{mine}` follow the person who speaks.
    """

    name: str
    pattern: str
    asks: tuple[str, ...]
    reversal: tuple[str, ...] = ()
    yes: str = ""
    value: str = r".+"


@dataclass(frozen=True)
class Parts:
    """A fact taken apart: `subject` is what stands after "Your" (None where the fact is about the person), `value` what it says."""

    subject: str | None
    link: Link
    words: str
    value: str


_DATE = r"(?:.*\d.*|.*(?:day|tomorrow|January|February|March|April|May|June|July|August|September|October|November|December|morning|evening|noon).*)"
_MONEY = r"(?:about |around )?(?:[$€£]\s?\d.*|\d[\d.,]* (?:euros?|dollars?|pounds?|francs?|kronor).*)"

_OF_A_THING = (
    Link(
        "name", r"(?:is called|is named|goes by the name|has the name)",
        ("What is {my} called?", "What's the name of {my}?", "What name does {my} have?", "I forgot the name of {my}, what is it?", "How do I call {my}?"),
        ("Who is {v}?", "Who or what is {v}?", "{v}, who was that again?"), "Is {my} called {v}?",
    ),
    Link(
        "name", r"(?<=name )is",
        ("What is {my}?", "Tell me {my}.", "Do you know {my}?", "I forgot {my}, what is it?"),
        ("Who is {v}?", "Whose name is {v}?"), "Is {my} {v}?",
    ),
    Link(
        "birthday", r"(?<=birthday )is(?: on)?",
        ("When is {my}?", "On which day is {my}?", "What date is {my}?", "When do I have to think of {my}?"),
        ("Whose birthday is {v}?", "Who has a birthday on {v}?", "What is on {v}?"), "Is {my} on {v}?",
    ),
    Link(
        "home", r"(?:lives?|is living|are living) (?:in|at|on)|(?:has |have )?moved to",
        ("Where does {my} live?", "In which place does {my} live?", "Where would I visit {my}?", "Where is the home of {my}?", "Which town is {my} in?"),
        ("Who lives in {v}?", "Who do I know in {v}?", "{v}, who lives there?"), "Does {my} live in {v}?",
    ),
    Link(
        "job", r"works? as",
        ("What does {my} do for a living?", "What is the job of {my}?", "What does {my} work as?", "Which profession does {my} have?"),
        ("Who works as {v}?", "Who do I know that works as {v}?"), "Does {my} work as {v}?",
    ),
    Link(
        "employer", r"works? (?:at|for|in)",
        ("Where does {my} work?", "Which company does {my} work for?", "Who employs {my}?", "At which place does {my} work?"),
        ("Who works at {v}?", "Who do I know at {v}?"), "Does {my} work at {v}?",
    ),
    Link(
        "day", r"(?:is|are|was|were|starts?|begins?) (?:due )?(?:on|in|at)",
        ("When is {my}?", "On which day is {my}?", "What date is {my}?", "When do I have {my}?"),
        ("What is on {v}?", "What happens on {v}?", "What do I have on {v}?"), "Is {my} on {v}?", _DATE,
    ),
    Link(
        "place", r"(?:is|are|was|were) (?:on|in|at|behind|near)",
        ("Where is {my}?", "In which place is {my}?", "Where do I find {my}?"), ("What is at {v}?",), "",
    ),
    Link(
        "price", r"(?:is|are|costs?|was|were)",
        ("How much is {my}?", "What does {my} cost?", "What do I pay for {my}?", "How high is {my}?"),
        ("What costs {v}?", "What do I pay {v} for?"), "Is {my} {v}?", _MONEY,
    ),
    Link(
        "age", r"(?:is|are)", ("How old is {my}?", "What age is {my}?", "Which age has {my}?"), (), "Is {my} {v}?", r"\d+ (?:years|months|weeks) old.*",
    ),
    Link(
        "have", r"(?:has|have)", ("What does {my} have?", "Tell me what {my} has.", "What is it that {my} has?"), ("Who has {v}?",), "Does {my} have {v}?",
    ),
    Link(
        "do", r"(?P<verb>plays|drives|studies|speaks|likes|loves|hates|eats|drinks|collects|teaches|wants|needs|weighs|takes|prefers|owns|sings|"
        r"runs|rides|wears|repairs|restores|sells|makes|cooks|grows|keeps|writes|paints|reads|watches)",
        ("What does {my} {verb}?", "Tell me what {my} {link}.", "Do you know what {my} {link}?"), ("Who {link} {v}?",), "Does {my} {verb} {v}?",
    ),
    Link(
        "be", r"(?:is|are|was|were)",
        ("What is {my}?", "What's {my}?", "Tell me {my}.", "Do you remember {my}?", "I forgot, what is {my}?"), ("What is {v}?",), "Is {my} {v}?",
    ),
)  # fmt: skip

_OF_THE_PERSON = (
    Link(
        "feel", r"(?:are|'re) (?P<verb>allergic to|afraid of|scared of|good at|bad at|interested in|married to|from|proud of|into|a fan of)",
        ("What {am} {I} {verb}?", "Which thing {am} {I} {verb}?", "Do you know what {I} {am} {verb}?", "Remind me what {I} {am} {verb}."),
        ("What about {v} and me?",), "{Am} {I} {verb} {v}?",
    ),
    Link(
        "home", r"live (?:in|at|on)",
        ("Where {do} {I} live?", "Where is {mine} home?", "In which place {do} {I} live?", "Which town {am} {I} living in?"),
        ("Who lives in {v}?", "What do I have to do with {v}?"), "{Do} {I} live in {v}?",
    ),
    Link(
        "job", r"work as",
        ("What {do} {I} do for a living?", "What is {mine} job?", "What {do} {I} work as?", "Which profession {do} {I} have?"),
        ("Who works as {v}?",), "{Do} {I} work as {v}?",
    ),
    Link(
        "employer", r"work (?:at|for|in)",
        ("Where {do} {I} work?", "Which company {do} {I} work for?", "Who {am} {I} employed by?"), ("What is {v} to me?", "Who works at {v}?"), "{Do} {I} work at {v}?",
    ),
    Link(
        "pay", r"(?P<verb>pay|earn)", ("How much {do} {I} {verb}?", "What {do} {I} {verb}?"), ("What is {v}?",), "{Do} {I} {verb} {v}?", r".*\d.*",
    ),
    Link(
        "did", r"(?P<verb>grew up in|were born in|were born on|moved to|broke|bought|sold|adopted|won|lost|found|visited|met|finished|started|studied|got|joined|went to|signed up for)",
        (), ("What about {v}?", "What did I tell you about {v}?"), "",
    ),
    Link(
        "own", r"(?P<verb>have|own|need|want|use|keep|take|run|get)", (), ("What about {v} and me?", "What did I say about {v}?"), "{Do} {I} {verb} {v}?",
    ),
    Link(
        "there", r"(?P<verb>climb|sing|swim|train|volunteer|shop|study|play|run) (?:at|in|on)",
        ("Where {do} {I} {verb}?", "At which place {do} {I} {verb}?"), ("What do I do at {v}?", "What about {v} and me?"), "",
    ),
    Link(
        "do", r"(?P<verb>play|drive|sing|study|speak|drink|eat|collect|hate|love|like|prefer|climb|"
        r"wear|enjoy|read|watch|grow|teach|go to|train for|plan to|dream of)",
        ("What {do} {I} {verb}?", "Tell me what {I} {verb}.", "Do you know what {I} {verb}?", "Remind me what {I} {verb}.", "What was it that {I} {verb}?"),
        ("What about {v} and me?", "What did I say about {v}?"), "{Do} {I} {verb} {v}?",
    ),
    Link(
        "cannot", r"(?:can't|cannot) (?P<verb>stand|eat|drink|have|find)", ("What can't {I} {verb}?", "Tell me what {I} can't {verb}.", "Which thing can't {I} {verb}?"),
        ("What about {v} and me?", "What did I say about {v}?"), "",
    ),
    Link("be", r"(?:are|'re|were)", ("What did I say that {I} {am}?",), (), "{Am} {I} {v}?"),
)  # fmt: skip

_PERSONS = {
    "first": {"am": "am", "I": "I", "do": "do", "have": "have", "mine": "my", "Am": "Am", "Do": "Do"},
    "second": {"am": "are", "I": "you", "do": "do", "have": "have", "mine": "your", "Am": "Are", "Do": "Do"},
    "third": {"am": "is", "I": "the user", "do": "does", "have": "has", "mine": "the user's", "Am": "Is", "Do": "Does"},
}


def take_apart(fact: str) -> Parts | None:
    """The parts of a fact, or None where its grammar is none of those known."""
    text = fact.strip().rstrip(".!")
    for opener, links in (
        (r"Your (?P<subject>[A-Za-z][\w' -]{1,40}?)\s+", _OF_A_THING),
        (r"You(?P<subject>)(?: |(?='re))", _OF_THE_PERSON),
    ):
        for link in links:
            match = re.match(rf"{opener}(?P<words>{link.pattern})\s+(?P<value>{link.value})$", text)
            if match and not _VERB_INSIDE.search(match["subject"]) and not match["value"].startswith(("been ", "to ", "not ", "never ")):
                return Parts(_unnamed(match["subject"]), link, match["words"].strip(), core_value(match["value"].strip()))
    return None


_ASIDE = re.compile(
    r",\s(?!\d)|[:;]\s|\s\(|\s(?:and (?:still|that's|you|he|she|it|they|we)|so|because|since|but|which|who|when|while|if|after tax|instead)\b"
)
_NAMED = frozenset(
    "brother sister mother father mum dad aunt uncle cousin grandmother grandfather grandma grandpa niece nephew son daughter husband wife partner "
    "boyfriend girlfriend friend boss manager colleague neighbour landlord landlady flatmate roommate dentist doctor teacher coach tutor therapist vet "
    "godmother godfather stepbrother stepsister dog cat parrot rabbit hamster horse puppy kitten bike boat car plant monstera".split()
)


def core_value(value: str) -> str:
    """A value without what was said beside it: "1080 euros, heating not included" -> "1080 euros"."""
    core = re.sub(r" (?:now|already|anyway)$", "", _ASIDE.split(value)[0].strip())
    return core if len(core) > 1 else value


def _unnamed(subject: str) -> str | None:
    """A subject as one asks about it: "brother Emil" -> "brother"; None where the fact is about the person."""
    match = re.match(r"(.*?\b([a-z]+)) (?:(?:Mr|Mrs|Ms|Dr)\.? )?[A-Z]\w+(?: [A-Z]\w+)?$", subject)
    return (match[1] if match and match[2] in _NAMED else subject) or None


def naming_of(fact: str, strict: bool = False) -> tuple[str, str] | None:
    """The subject and the name that a fact gives it: ("sister", "Mina") from "Your sister is called Mina." or "Your sister Mina sings.".

    `strict`: the second form only of people, animals and things that bear names, for "Your flight to Rome is late." names nobody.
    """
    text = fact.strip().rstrip(".!")
    match = re.match(r"Your ([a-z][a-z -]+?)(?: is called| is named|'s name is| goes by the name) (?P<name>[A-Z][\w' .-]{1,30})$", text)
    if match is None:
        match = re.match(r"Your ([a-z][a-z -]+?) (?P<name>(?:(?:Mr|Mrs|Ms|Dr)\.? )?[A-Z]\w+(?: [A-Z]\w+)?)\b(?!')", text)
        match = match if match and (not strict or match[1].split()[-1] in _NAMED) else None
    return (match[1], match["name"]) if match and not _VERB_INSIDE.search(match[1]) else None


_VERB_INSIDE = re.compile(r"\b(?:is|are|was|were|has|have|that|who|which|and|lives|works|can't|doesn't|isn't|will|would)\b")


def questions_of(parts: Parts, person: str = "first") -> list[str]:
    """Questions that the fact answers, asked by the person ("first"), to the person ("second") or about the person ("third")."""
    return [_fill(form, parts, person) for form in parts.link.asks if parts.value.lower() not in _fill(form, parts, person).lower()]


def reversals_of(parts: Parts) -> list[str]:
    """Questions from the value back to the fact ("Whose birthday is 3 May?")."""
    return [_fill(form, parts, "first") for form in parts.link.reversal]


def yes_no_of(parts: Parts, value: str) -> str | None:
    """A yes/no question whether the fact's value is `value`; None where its grammar gives none."""
    return _fill(parts.link.yes, parts, "first", value) if parts.link.yes else None


def _fill(form: str, parts: Parts, person: str, value: str | None = None) -> str:
    match = re.match(parts.link.pattern, parts.words)
    verb = (match.groupdict().get("verb") if match else None) or ""
    plain = verb if parts.subject is None else _plain_verb(verb)
    said = re.sub(r"\byour\b", "my", value or parts.value) if person == "first" else value or parts.value
    words = _PERSONS[person] | {"v": said, "link": parts.words, "verb": plain}
    words["my"] = f"{words['mine']} {parts.subject}" if parts.subject else words["I"]
    text = form.format(**words)
    if (
        person == "third" and verb and parts.link.name == "do" and parts.subject is None and "does" not in text.lower()
    ):  # "what the user likes"
        first, _, rest = verb.partition(" ")
        text = text.replace(f"the user {verb}", f"the user {_third_person(first)} {rest}".rstrip())
    return text[:1].upper() + text[1:]


def _third_person(verb: str) -> str:
    """The verb that follows "the user": "grow" -> "grows", "study" -> "studies", "watch" -> "watches"."""
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("ch", "sh", "o")) else "s")


def _plain_verb(verb: str) -> str:
    """The verb that follows "does": "plays" -> "play", "studies" -> "study", "watches" -> "watch"."""
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    return verb[:-2] if verb.endswith(("ches", "shes")) else verb.removesuffix("s")
