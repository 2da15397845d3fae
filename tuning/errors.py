"""Errors of the tuning stage that a person reads; see `memory/errors.py` for the habit."""

from memory.errors import KeepsakeError


class UnknownBase(KeepsakeError):
    """No base model has this id; the text says what is possible."""


class NothingToLearn(KeepsakeError):
    """The profile holds no fact to inject."""


class NoAdapter(KeepsakeError):
    """The profile has no adapter yet, or none for this base."""


class InactiveAdapter(KeepsakeError):
    """Training left the model unchanged; the text says how that was noticed."""


class BadQuestions(KeepsakeError):
    """A question file cannot be used; the text says which line and why."""


class Cancelled(KeepsakeError):
    """The run was asked to stop."""


class OutOfMemory(KeepsakeError):
    """Not even one example at once fits into the memory."""


class ExportFailed(KeepsakeError):
    """An adapter cannot be handed over; the text says why."""


class BadRecipe(KeepsakeError):
    """A switch of the injection recipe is unknown or has a wrong value."""


class EngineRefused(KeepsakeError):
    """An engine would lay open what the store keeps closed."""


class EngineMissing(KeepsakeError):
    """An engine cannot be used; the text says what to install or start."""


class BadProfileList(KeepsakeError):
    """The list of profiles for an injection of many cannot be used."""


class EndpointFailed(KeepsakeError):
    """A server elsewhere cannot be used; the text says which and why."""


class SharedStudyFailed(KeepsakeError):
    """A study shared by several machines cannot be used; the text says why."""
