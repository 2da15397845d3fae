"""The Import tab: dropped exports are looked at, then imported; a form comes in; the profile's messages and senders are shown.

An uploaded file lies in Gradio's cache only until it is imported or removed; then it is deleted, whatever came of it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import sentences as say
from app.edge import PageError, listen, store
from app.fragments import escape, render_note, render_table
from app.visitor import Panel, Shared
from memory.embedder import NoEmbedder
from memory.errors import KeepsakeError
from memory.importers.whatsapp_dates import ORDERS
from memory.importing import ImportOptions, import_files, preview_files
from memory.profile_facts import LONGEST_ABOUT, LONGEST_VALUE, save_profile_form
from memory.retrieval import embed_steps
from memory.store import Profile, list_persons, list_senders, load_profile, newest_messages, set_me, undo_import

SHOWN_MESSAGES, SHOWN_LETTERS, SHOWN_SENDERS = 12, 400, 30


def look_at(name: str, uploads: Sequence[str] | None, me: str | None, order: str | None, redact: bool, mask: bool) -> tuple[Any, ...]:
    """What an import of the uploads would do: the report (HTML), who may be the person, the open question of dates, the button.

    `me` and `order` are what was chosen so far; a sentence stands in the report's place where a file cannot be read.
    """
    if not uploads:
        return (
            "",
            gr.Radio(choices=[], value=None, visible=False),
            gr.Radio(value=None, visible=False),
            gr.Button(say.IMPORT, interactive=False),
        )
    try:
        with store() as db:
            report = preview_files(db, name or "me", map(Path, uploads), me, ImportOptions(order, redact, mask_names=mask))
    except KeepsakeError as error:
        hidden = gr.Radio(choices=[], value=None, visible=False), gr.Radio(value=None, visible=False)
        return render_note(_without_places(say.told(str(error)), uploads), "bad"), *hidden, gr.Button(say.IMPORT, interactive=False)
    people = [row["sender"] for row in report["senders"] if row["conversations"]][:SHOWN_SENDERS]
    return (
        render_report(report),
        gr.Radio(choices=people, value=report["me"] if report["me"] in people else None, visible=len(people) > 1),
        gr.Radio(value=order, visible=report["ambiguous_dates"] or order is not None),
        gr.Button(say.IMPORT_COUNT.format(count=report["kept"]), interactive=True),
    )


def import_uploads(
    name: str, uploads: Sequence[str] | None, me: str | None = None, order: str | None = None, redact: bool = True, mask: bool = False
) -> tuple[str, int | None]:
    """Imports the uploaded files into a profile and deletes them; returns the result in words (HTML) and the import's number."""
    paths = [Path(upload) for upload in uploads or []]
    try:
        if not name:
            raise PageError(say.CHOOSE_PROFILE)
        if not paths:
            raise PageError(say.NO_FILES)
        with store() as db:
            result = import_files(db, name, paths, me, ImportOptions(order, redact, mask_names=mask))
            return render_import(result), result["import_id"] if result["imported"] else None
    finally:
        delete_uploads(uploads)


def import_and_clear(
    name: str, uploads: Sequence[str] | None, me: str | None = None, order: str | None = None, redact: bool = True, mask: bool = False
) -> tuple[Any, ...]:
    """As import_uploads, with the sentence of a refused file in the result's place; the field and the report are emptied."""
    hidden = gr.Radio(choices=[], value=None, visible=False), gr.Radio(value=None, visible=False), gr.Button(say.IMPORT, interactive=False)
    if not name:
        raise PageError(say.CHOOSE_PROFILE)  # the files stay, so that nothing has to be dropped again
    try:
        said, number = import_uploads(name, uploads, me, order, redact, mask)
        return None, said, *hidden, number, gr.Button(visible=number is not None)
    except KeepsakeError as error:
        return None, render_note(_without_places(say.told(str(error)), uploads), "bad"), *hidden, None, gr.Button(visible=False)


def prepare_search(name: str) -> Iterator[str]:
    """Makes the sentence vectors of what was imported, saying how far it is (HTML); a page that is closed leaves the rest to the first search."""
    if not name:
        return
    try:
        with store() as db:
            for done, total in embed_steps(db, load_profile(db, name).id):
                yield render_note(say.PREPARING.format(done=done, total=total))
        yield ""
    except NoEmbedder:
        yield ""  # words alone are searched then, as the log says


def undo(name: str, number: int | None) -> tuple[str, Any]:
    """Takes back the import that was just made; returns a sentence (HTML) and hides the button."""
    with store() as db:
        went = undo_import(db, load_profile(db, name).id, number or 0)
    return render_note(say.UNDONE.format(**went), "good"), gr.Button(visible=False)


def delete_uploads(uploads: Sequence[str] | None) -> None:
    """Deletes uploaded files from Gradio's cache."""
    for upload in uploads or []:
        # Gradio gives each upload a folder of its own, named by its hash.
        Path(upload).unlink(missing_ok=True)
        with suppress(OSError):  # not empty, or not there
            Path(upload).parent.rmdir()


def _without_places(sentence: str, uploads: Sequence[str] | None) -> str:
    """A sentence with the files' names alone: the place in the cache means nothing to the person."""
    for upload in uploads or []:
        sentence = sentence.replace(upload, Path(upload).name)
    return sentence


def choose_sender(name: str, sender: str | None) -> str:
    """Says which sender is the person; returns a sentence (HTML)."""
    if not name or not sender:
        raise PageError(say.CHOOSE_PROFILE)
    with store() as db:
        set_me(db, load_profile(db, name).id, sender)
    return render_note(say.ME_CHANGED.format(sender=sender), "good")


def save_about_you(name: str, *values: str) -> str:
    """Saves the form (values in the order of say.FORM, then the free text); fields of other names are kept."""
    if not name:
        raise PageError(say.CHOOSE_PROFILE)
    *fields, about = values
    with store() as db:
        profile = load_profile(db, name)
        form = {**profile.form, **dict(zip(say.FORM, fields, strict=True))}
        save_profile_form(db, profile, form, about)
    return render_note(say.FORM_SAVED, "good")


def show_profile(name: str) -> tuple[Any, ...]:
    """What the tab shows of a profile: the radio, senders, form fields, free text, messages."""
    if not name:
        empty = [""] * len(say.FORM)
        return (
            gr.Radio(choices=[], visible=False),
            "",
            *empty,
            "",
            render_note(say.NO_MESSAGES),
        )
    with store() as db:
        profile = load_profile(db, name)
        fields = [profile.form.get(field, "") for field in say.FORM]
        return (*_senders(db, profile), *fields, profile.about, render_messages(db, profile))


def render_report(report: dict[str, Any]) -> str:
    """What an import would do, before anything is stored."""
    dropped, period = report["dropped"], report["period"]
    skipped = sum(row["count"] for row in dropped.values())
    lines = [render_note(say.REPORT.format(**report, skipped=skipped), "good")]
    if period["from"]:
        chats = (say.CONVERSATION if report["conversations"] == 1 else say.CONVERSATIONS).format(count=report["conversations"])
        lines.append(render_note(say.PERIOD.format(start=period["from"][:10], end=period["to"][:10], conversations=chats)))
    lines += [render_note(_told(warning), "bad") for warning in report["warnings"]]
    lines += [render_note(say.GAP.format(**gap)) for gap in report["gaps"]]
    if dropped:
        lines.append(
            render_table(
                say.DROPPED_HEAD,
                [(say.told(reason), row["count"], " | ".join(row["samples"])) for reason, row in dropped.items()],
                None,
                (1,),
            )
        )
    if report["redactions"]:
        rows = [(say.told(row["what"]), row["count"], " | ".join(row["samples"])) for row in report["redactions"].values()]
        lines.append(render_table(say.REDACTED_HEAD, rows, None, (1,)))
    # Where both orders fit, the question beside the report says so.
    if report["date_order"] and not report["ambiguous_dates"]:
        lines.append(render_note(_dates(report["date_order"])))
    lines += [render_note(_told(note)) for note in report["notes"]]
    first = [((row["timestamp"] or say.UNDATED).replace("T", " "), row["sender"], row["text"]) for row in report["examples"]]
    return "".join([*lines, f'<h4 class="muted">{say.BEGINNING}</h4>', render_table(say.EXAMPLES_HEAD, first)])


def render_import(result: dict[str, Any]) -> str:
    """The counts of an import, what was left out and why, what was assumed."""
    said = say.IMPORTED if result["imported"] or not result["duplicates"] else say.IMPORTED_NOTHING_NEW
    lines = [render_note(said.format(**result), "good")]
    lines += [render_note(say.SKIPPED.format(count=count, reason=say.told(reason))) for reason, count in result["reasons"].items()]
    guessed = [_dates(result["date_order"])] if result["ambiguous_dates"] else []
    told = [*map(_told, result["warnings"]), *guessed, *map(_told, result["notes"])]
    return "".join([*lines, *map(render_note, told)])


def _told(words: str) -> str:
    """A sentence of an importer in the page's language, the order of dates in it too."""
    return re.sub("|".join(ORDERS), lambda order: say.told(order[0]), say.told(words))


def _dates(orders: str) -> str:
    """How dates were read, of each file (between which "; " stands)."""
    return say.DATES.format(order="; ".join(map(_told, orders.split("; "))))


def render_messages(db: Database, profile: Profile) -> str:
    """The newest messages, newest first, as plain text."""
    items = []
    for message in newest_messages(db, profile.id, SHOWN_MESSAGES):
        text = message.text if len(message.text) <= SHOWN_LETTERS else message.text[:SHOWN_LETTERS] + " ..."
        when = message.timestamp[:16].replace("T", " ") if message.timestamp else say.UNDATED
        left_out = f" · {say.EXCLUDED}" if message.excluded else ""
        who = f"{message.sender} · {message.conversation} · {when}{left_out}"
        items.append(f'<li{" class=me" if message.me else ""}><span class="who">{escape(who)}</span>{escape(text)}</li>')
    return f'<ul class="messages">{"".join(items)}</ul>' if items else render_note(say.NO_MESSAGES)


def _senders(db: Database, profile: Profile) -> tuple[Any, str]:
    """The radio of those who may be the person, and the table of all senders."""
    rows = list_senders(db, profile.id)
    names = list_persons(db, profile.id)
    radio = gr.Radio(choices=names, value=profile.me if profile.me in names else None, visible=bool(names))
    if not rows:
        return radio, ""
    table = [(row["sender"], row["messages"], say.IS_YOU.lower() if row["me"] else "") for row in rows]
    return radio, render_table((say.SENDER, say.MESSAGES, ""), table, numbers=(1,))


def _pairs(items: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [items[place : place + 2] for place in range(0, len(items), 2)]


def _field(key: str, label: str) -> gr.Textbox:
    return gr.Textbox(label=label, max_length=LONGEST_VALUE, min_width=130, elem_id=f"form-{key}")


def build_import_tab(shared: Shared, _: gr.Tab) -> Panel:
    """Lays the tab out and wires it."""
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            files = gr.File(label=say.FILES, file_count="multiple", file_types=say.FILE_TYPES, height=170, elem_id="files")
            gr.HTML(f'<p class="muted">{say.FILES_HINT}</p>', js_on_load=None)
            who = gr.Radio(label=say.WHICH_IS_YOU, info=say.WHICH_IS_YOU_INFO, choices=[], visible=False, elem_id="who")
            order = gr.Radio(label=say.DATE_ORDER, info=say.DATE_ORDER_INFO, choices=say.DATE_ORDERS, visible=False, elem_id="date-order")
            redact = gr.Checkbox(label=say.REDACT, info=say.REDACT_INFO, value=True, elem_id="redact")
            mask = gr.Checkbox(label=say.MASK, value=False, elem_id="mask")
            with gr.Row():
                button = gr.Button(say.IMPORT, variant="primary", interactive=False, min_width=260, elem_id="import")
                back = gr.Button(say.UNDO, visible=False, min_width=200, elem_id="undo-import")
            result = gr.HTML(js_on_load=None, elem_id="import-result")
            preparing = gr.HTML(js_on_load=None, elem_id="preparing")
            number = gr.State(None)
            pending = gr.State([])
            me = gr.Radio(label=say.WHICH_IS_YOU, info=say.WHICH_IS_YOU_INFO, choices=[], visible=False, elem_id="me")
            me_note = gr.HTML(js_on_load=None)
            senders = gr.HTML(js_on_load=None, elem_id="senders")
        with gr.Column(scale=2, min_width=300):
            gr.HTML(f'<div class="section"><h3>{say.ABOUT_YOU}</h3></div>', js_on_load=None)
            fields = []
            for pair in _pairs(list(say.FORM.items())):
                with gr.Row():
                    fields += [_field(key, label) for key, label in pair]
            about = gr.Textbox(label=say.ABOUT_TEXT, lines=4, max_lines=12, max_length=LONGEST_ABOUT)
            save = gr.Button(say.SAVE_FORM, elem_id="save-form")
            form_note = gr.HTML(js_on_load=None)
    with gr.Accordion(say.NEWEST, open=True):
        messages = gr.HTML(render_note(say.NO_MESSAGES), js_on_load=None, elem_id="messages")

    shown: list[Any] = [me, senders, *fields, about, messages]

    def refresh(name: str) -> tuple[Any, ...]:
        """The tab of another profile: what was said about the last one goes."""
        return (*show_profile(name), "", "", "", gr.Button(visible=False))

    seen: list[Any] = [result, who, order, button]
    given: list[Any] = [shared.profile, files, who, order, redact, mask]
    looked = listen(files.upload, look_at, given, seen, progress="minimal")
    listen(looked.then, lambda uploads: uploads or [], files, pending)
    for change in (who.input, order.input, redact.input, mask.input):
        listen(change, look_at, given, seen)
    cleared = listen(files.clear, delete_uploads, pending)
    listen(cleared.then, lambda: (*look_at("", None, None, None, True, False), []), None, [*seen, pending])
    done = listen(button.click, import_and_clear, given, [files, result, who, order, button, number, back], progress="minimal")
    undone = listen(back.click, undo, [shared.profile, number], [result, back])
    for finished in (done, undone):
        listen(finished.then, show_profile, shared.profile, shown)
        listen(finished.then, shared.summarise, shared.profile, shared.summary)
    listen(done.then, prepare_search, shared.profile, preparing)
    chosen = listen(me.input, choose_sender, [shared.profile, me], me_note)
    listen(chosen.then, show_profile, shared.profile, shown)
    saved = listen(save.click, save_about_you, [shared.profile, *fields, about], form_note)
    listen(saved.then, show_profile, shared.profile, shown)
    listen(saved.then, shared.summarise, shared.profile, shared.summary)
    return Panel(refresh, [*shown, result, me_note, form_note, back])
