"""The sentences that the fields of a profile's form stand for: a field and its value come in, a fact's text comes out.

Part of the store, because forgetting such a fact must empty its field too.
"""

ABOUT_ME = "About me"  # the conversation that holds the sentences of the free text

SENTENCES = {
    "city": "You live in {}.",
    "home": "You live in {}.",
    "job": "Your job is {}.",
    "languages": "You speak {}.",
    "age": "You are {} years old.",
}


def fact_of_field(field: str, value: str) -> str:
    """The sentence that a field stands for: "Your cat is Biscuit."."""
    verb = "are" if field.endswith("s") and not field.endswith(("ss", "us", "is")) else "is"
    return SENTENCES.get(field, f"Your {field} {verb} {{}}.").format(value.rstrip("."))
