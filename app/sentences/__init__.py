"""Every sentence that the page shows: `say.NAME` is the sentence in the language of the page that is being built or answered.

A language is a module with the names of en.py (a test holds that none is missing and that the fields in braces agree). A page speaks one: "/" English,
"/de" German.
"""

from contextvars import ContextVar
from types import ModuleType
from typing import Any

from app.sentences import de, en

LANGUAGES: dict[str, ModuleType] = {"en": en, "de": de}

_language: ContextVar[str] = ContextVar("language", default="en")


def speak(language: str) -> None:
    """From here on, in this thread's context, sentences are in this language."""
    _language.set(language)


def language() -> str:
    """The language that is spoken now, such as "de"."""
    return _language.get()


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    # A sentence that was not yet translated is said in English rather than not at all.
    return getattr(LANGUAGES[_language.get()], name) if hasattr(LANGUAGES[_language.get()], name) else getattr(en, name)
