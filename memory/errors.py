"""The errors that a person reads: each is one sentence saying what was wrong, where, and what to do next.

They are caught only at the edge (the command line, a button of the screen); anything else is a bug and goes to the log.
"""


class KeepsakeError(Exception):
    """A sentence for the user: what was wrong, where, what to do."""


class UnknownProfile(KeepsakeError):
    """No profile has this name; the text lists those that exist."""


class BadProfileName(KeepsakeError):
    """The name cannot be used for a profile."""


class BadProfileFile(KeepsakeError):
    """A file is not a profile that was exported, or it cannot be written."""


class UnknownSender(KeepsakeError):
    """The sender given as the person occurs nowhere in the export; the text lists those who do."""


class BadExport(KeepsakeError):
    """A file is not a chat export that can be read."""


class BadForm(KeepsakeError):
    """A field of the profile form cannot be stored."""


class UnknownMessage(KeepsakeError):
    """No message of this profile has this number."""


class UnknownImport(KeepsakeError):
    """No import of this profile has this number."""


class UnknownFact(KeepsakeError):
    """No fact of this profile has this number."""


class DuplicateFact(KeepsakeError):
    """The edited text is that of another fact."""


class FactsForgotten(KeepsakeError):
    """Facts were forgotten while an adapter was trained on them, so that adapter may not be kept."""


class UnknownRun(KeepsakeError):
    """The run was removed, for instance because its profile was forgotten."""


class RunInProgress(KeepsakeError):
    """The profile already has a run that is alive."""


class LeaseLost(KeepsakeError):
    """The run belongs to another process by now, or has ended: what this one still does for it must not count."""


class UnknownAdapter(KeepsakeError):
    """No adapter has this number."""


class AdapterDamaged(KeepsakeError):
    """The stored weights differ from those that were saved."""


class StaleAdapter(KeepsakeError):
    """The adapter was trained on something that has been forgotten since, and the person has not allowed it."""


class UnknownTurn(KeepsakeError):
    """No stored turn has this number."""


class StoreUnwritable(KeepsakeError):
    """The data folder or the store in it cannot be created or written."""


class StoreFull(KeepsakeError):
    """The disk is full; nothing of the last change was kept."""


class StoreBusy(KeepsakeError):
    """Another process held the store for longer than the waiting time."""


class StoreDamaged(KeepsakeError):
    """The file is not a readable Keepsake store, or was written by a newer version."""


class BadBackup(KeepsakeError):
    """A backup cannot be made or read."""


class UnknownCertificate(KeepsakeError):
    """No certificate of this profile has this number."""


class StoreLocked(KeepsakeError):
    """The store is encrypted and its passphrase was not given yet."""


class WrongPassphrase(KeepsakeError):
    """The passphrase is not the store's, or cannot be used."""


class NoCipher(KeepsakeError):
    """The package that encrypts is not installed."""
