"""Every sentence that the page shows: `say.NAME` is the sentence in the language of the page that is being built or answered.

A language is a module with the names of en.py (a test holds that none is missing and that the fields in braces agree). A page speaks one: "/" English,
"/de" German.
"""

import re
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import Any

from app.sentences import de, en, told_de

LANGUAGES: dict[str, ModuleType] = {"en": en, "de": de}
TOLD: dict[str, dict[str, str]] = {"de": told_de.TOLD}  # what memory/ and tuning/ say, by its English form

_language: ContextVar[str] = ContextVar("language", default="en")


def speak(language: str) -> None:
    """From here on, in this thread's context, sentences are in this language."""
    _language.set(language)


def language() -> str:
    """The language that is spoken now, such as "de"."""
    return _language.get()


def told(text: str) -> str:
    """What memory/ or tuning/ say in English, in the language that is spoken now; as it is where that has no words for it."""
    for english, meant in _forms(language()):
        if found := english.fullmatch(text):
            return meant.format(*found.groups())
    return text


@cache
def _forms(name: str) -> list[tuple[re.Pattern[str], str]]:
    forms = TOLD.get(name, {})
    return [(re.compile(re.escape(english).replace(r"\{\}", "(.*?)"), re.DOTALL), meant) for english, meant in forms.items()]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    # A sentence that was not yet translated is said in English rather than not at all.
    return getattr(LANGUAGES[_language.get()], name) if hasattr(LANGUAGES[_language.get()], name) else getattr(en, name)
