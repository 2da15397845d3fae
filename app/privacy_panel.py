"""The Privacy panel: what is stored where, what is encrypted, how to remove it; the lock; what was forgotten, with its certificates."""

from typing import Any

import gradio as gr

from app import sentences as say
from app.edge import PageError, listen, store
from app.fragments import escape, render_note, render_table, say_moment
from app.locking import lock_minutes, lock_now
from app.speakers import SPEAKERS
from app.visitor import Shared
from memory.store import (
    allow_adapter,
    change_passphrase,
    data_folder,
    decrypt,
    encrypt,
    is_encrypted,
    is_locked,
    list_adapters,
    list_certificates,
    load_profile,
    plain_backups,
    unlock,
)

WATCH_SECONDS = 5.0
SHOWN = 20


def state_of_lock() -> str:
    """ "plain", "open" or "locked"."""
    home = data_folder()
    if not is_encrypted(home):
        return "plain"
    return "locked" if is_locked(home) else "open"


def unlock_store(passphrase: str) -> str:
    """Unlocks the visitor's store; returns a sentence (HTML). Raises WrongPassphrase."""
    unlock(data_folder(), passphrase)
    return render_note(say.UNLOCKED, "good")


def lock_store() -> str:
    """Locks the visitor's store at once; returns a sentence (HTML)."""
    if state_of_lock() == "plain":
        raise PageError(say.NOT_ENCRYPTED)
    lock_now(data_folder())
    return render_note(say.LOCKED)


def encrypt_store(present: str, new: str, again: str) -> str:
    """Encrypts the store, or changes its passphrase; returns what is now true (HTML)."""
    if new != again:
        raise PageError(say.PASSPHRASES_DIFFER)
    SPEAKERS.release()  # nobody else may have the file open
    home = data_folder()
    if is_encrypted(home):
        change_passphrase(home, present, new)
        return render_note(say.PASSPHRASE_CHANGED, "good")
    encrypt(home, new)
    left = "".join(render_note(say.PLAIN_BACKUP.format(name=name), "bad") for name in plain_backups(home))
    return render_note(say.ENCRYPTED, "good") + left


def decrypt_store(present: str) -> str:
    """Takes the encryption off; returns a sentence (HTML)."""
    SPEAKERS.release()
    decrypt(data_folder(), present)
    return render_note(say.DECRYPTED)


def render_storage() -> str:
    """What is stored where, whether it is encrypted, and how to remove it (HTML)."""
    home, state = data_folder(), state_of_lock()
    held = {"plain": say.STORE_PLAIN, "open": say.STORE_OPEN, "locked": say.STORE_LOCKED}[state].format(minutes=f"{lock_minutes():g}")
    note = render_note(held, "plain" if state == "plain" else "good")
    return f'{note}<p class="note">{escape(say.STORAGE_FOLDER.format(home=home))}</p>{_render_places()}'


def _render_places() -> str:
    """The table of what is stored; each cell carries its heading, for on a narrow screen a row becomes a list (page.css)."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in say.STORAGE_HEAD)
    rows = (
        "".join(f'<td data-head="{escape(heading)}">{escape(cell)}</td>' for heading, cell in zip(say.STORAGE_HEAD, row, strict=True))
        for row in say.STORAGE
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table class="grid"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def render_forgotten(name: str) -> str:
    """The certificates of a profile, and whether its adapter knows something that was forgotten (HTML)."""
    if not name:
        return render_note(say.CHOOSE_PROFILE)
    with store() as db:
        profile = load_profile(db, name)
        rows, adapters = list_certificates(db, profile.id), list_adapters(db, profile.id)
    stale = [adapter for adapter in adapters if adapter.stale]
    lines = [render_note(say.STALE_ALLOWED if adapter.allowed else say.STALE, "bad") for adapter in stale if adapter.current]
    if not rows:
        return "".join([*lines, render_note(say.NOTHING_FORGOTTEN)])
    table = [
        (
            row["certificate"], say_moment(row["forgotten_at"]), say.FORGOTTEN_KINDS[row["kind"]].format(number=row["number"]),
            say.TRACES_DUE if row["traces_found"] is None else row["traces_found"], row["adapter"] or ("-" if not row["stale_adapters"] else say.DUE),
        )
        for row in rows[:SHOWN]
    ]  # fmt: skip
    return "".join(lines) + render_table(say.CERTIFICATES_HEAD, table, numbers=(0, 3))


def use_stale(name: str, allowed: bool) -> str:
    """Uses the current adapter although it knows something forgotten, or does not; returns the panel's part (HTML)."""
    with store() as db:
        profile = load_profile(db, name)
        for adapter in list_adapters(db, profile.id):
            if adapter.current and adapter.stale:
                allow_adapter(db, profile.id, adapter.id, allowed)
    return render_forgotten(name)


def has_stale(name: str) -> tuple[bool, bool]:
    """Whether the current adapter of a profile knows something forgotten, and whether it is used nevertheless."""
    if not name or state_of_lock() == "locked":
        return False, False
    with store() as db:
        current = next((adapter for adapter in list_adapters(db, load_profile(db, name).id) if adapter.current), None)
    return bool(current and current.stale), bool(current and current.allowed)


def build_lock(profile: gr.State) -> gr.State:
    """The row that asks for the passphrase while the store is locked; returns a state that changes when it was unlocked."""
    opened = gr.State(0)
    with gr.Row(visible=False, elem_classes="row-end", elem_id="lock-row") as row:
        passphrase = gr.Textbox(label=say.PASSPHRASE, info=say.UNLOCK_INFO, type="password", scale=4, min_width=220, elem_id="passphrase")
        button = gr.Button(say.UNLOCK, variant="primary", scale=0, min_width=120, elem_id="unlock")
    timer = gr.Timer(WATCH_SECONDS)

    def watch(name: str) -> tuple[Any, ...]:
        """A locked store takes the profile off the screen, and with it all that is shown of it."""
        locked = state_of_lock() == "locked"
        return gr.Row(visible=locked), "" if locked and name else gr.skip()

    def open_it(given: str, count: int) -> tuple[Any, ...]:
        unlock_store(given)
        gr.Info(say.UNLOCKED)
        return "", gr.Row(visible=False), count + 1

    listen(timer.tick, watch, profile, [row, profile])
    for event in (button.click, passphrase.submit):
        listen(event, open_it, [passphrase, opened], [passphrase, row, opened], progress="minimal")
    return opened


def build_privacy_panel(shared: Shared) -> None:
    """Lays the panel out and wires it."""
    with gr.Accordion(say.PRIVACY, open=False, elem_id="privacy") as panel:
        storage = gr.HTML(js_on_load=None, elem_id="storage")
        with gr.Row(elem_classes="row-end"):
            present = gr.Textbox(label=say.PRESENT_PASSPHRASE, type="password", min_width=180, visible=False, elem_id="present-passphrase")
            new = gr.Textbox(label=say.NEW_PASSPHRASE, info=say.PASSPHRASE_INFO, type="password", min_width=180, elem_id="new-passphrase")
            again = gr.Textbox(label=say.AGAIN, type="password", min_width=180, elem_id="again-passphrase")
        with gr.Row(elem_classes="actions"):
            encrypt_button = gr.Button(say.ENCRYPT, elem_id="encrypt", min_width=180)
            lock_button = gr.Button(say.LOCK, visible=False, elem_id="lock", min_width=160)
            decrypt_button = gr.Button(say.DECRYPT, variant="stop", visible=False, elem_id="decrypt", min_width=180)
        said = gr.HTML(js_on_load=None, elem_id="encryption-said")
        forgotten = gr.HTML(js_on_load=None, elem_id="forgotten")
        nevertheless = gr.Checkbox(label=say.USE_STALE, info=say.USE_STALE_INFO, visible=False, elem_id="use-stale")

    controls: list[Any] = [present, encrypt_button, lock_button, decrypt_button]
    shown: list[Any] = [storage, forgotten, nevertheless, *controls]
    fields: list[Any] = [present, new, again]

    def fitting(**cleared: Any) -> tuple[Any, ...]:
        """What can be done in this state: a plain store has no passphrase that could be changed or taken off."""
        plain = state_of_lock() == "plain"
        return (
            gr.Textbox(visible=not plain, **cleared), gr.Button(say.ENCRYPT if plain else say.CHANGE_PASSPHRASE), gr.Button(visible=not plain), gr.Button(visible=not plain),
        )  # fmt: skip

    def show(name: str) -> tuple[Any, ...]:
        stale, allowed = has_stale(name)
        told = render_note(say.LOCKED) if state_of_lock() == "locked" else render_forgotten(name)
        return render_storage(), told, gr.Checkbox(value=allowed, visible=stale), *fitting()

    def encrypt_and_show(*given: str) -> tuple[Any, ...]:
        return encrypt_store(*given), "", "", render_storage(), *fitting(value="")

    def decrypt_and_show(given: str) -> tuple[Any, ...]:
        return decrypt_store(given), "", "", render_storage(), *fitting(value="")

    def lock_and_show() -> tuple[Any, ...]:
        return lock_store(), render_storage(), ""

    listen(panel.expand, show, shared.profile, shown)
    listen(shared.profile.change, show, shared.profile, shown)
    listen(encrypt_button.click, encrypt_and_show, fields, [said, new, again, storage, *controls], progress="minimal")
    listen(decrypt_button.click, decrypt_and_show, present, [said, new, again, storage, *controls], progress="minimal")
    listen(lock_button.click, lock_and_show, None, [said, storage, shared.profile])
    listen(nevertheless.input, use_stale, [shared.profile, nevertheless], forgotten)
