"""The Profiles tab: people are created, chosen, renamed, copied, taken along as one file, brought back, and deleted for good."""

from pathlib import Path
from typing import Any

import gradio as gr

from app import sentences as say
from app.downloads import listen_download, write_download
from app.edge import PageError, listen, store
from app.fragments import escape, render_note, render_table, say_moment
from app.handover import hand_over, set_endpoint
from app.import_tab import delete_uploads
from app.speakers import SPEAKERS
from app.visitor import Panel, Shared, adapter_in_use, chosen_profile, profile_names
from memory.store import (
    active_run,
    count_rows,
    create_profile,
    data_folder,
    delete_profile,
    duplicate_profile,
    export_profile,
    import_profile,
    list_adapters,
    list_profiles,
    rename_profile,
    use_adapter,
)


def create(name: str) -> str:
    """A new profile; returns its name as stored."""
    with store() as db:
        return create_profile(db, name).name


def rename(name: str, new: str) -> str:
    """Gives the chosen profile another name; returns it as stored."""
    with store() as db:
        return rename_profile(db, chosen_profile(db, name).id, new).name


def duplicate(name: str, new: str) -> str:
    """Copies all of the chosen profile; returns the copy's name."""
    with store() as db:
        profile = chosen_profile(db, name)
        return duplicate_profile(db, profile.id, new.strip() or say.COPY_OF.format(name=profile.name)[:60]).name


def export(name: str) -> str:
    """All of the chosen profile as one file; returns its path."""
    with store() as db:
        profile = chosen_profile(db, name)
        return write_download(f"{profile.name}.keepsake", lambda path: export_profile(db, profile.id, path))


def bring_back(upload: str | None, new: str) -> tuple[str, str]:
    """A profile from a file that was exported, which is deleted then; returns its name and what came with it (HTML)."""
    if not upload:
        raise PageError(say.NO_PROFILE_FILE)
    try:
        with store() as db:
            profile, rows = import_profile(db, Path(upload), new.strip() or None)
    finally:
        delete_uploads([upload])
    kinds = ("messages", "facts", "adapters", "turns", "votes")
    said = say.PROFILE_BACK.format(name=profile.name, **{kind: rows.get(kind, 0) for kind in kinds})
    return profile.name, render_note(said, "good")


def delete(name: str, typed: str) -> str:
    """Deletes the chosen profile for good, if its name was typed; returns what went (HTML)."""
    with store() as db:
        profile = chosen_profile(db, name)
        if typed.strip() != profile.name:
            raise PageError(say.TYPE_THE_NAME.format(name=profile.name))
        if active_run(db, profile.id):
            raise PageError(say.DELETE_RUNNING)
        went = delete_profile(db, profile.id)
    SPEAKERS.forget(data_folder(), profile.id, patience=0.0)
    rows = ", ".join(f"{count} {say.ROWS[kind]}" for kind, count in went.items() if count and kind in say.ROWS) or "0"
    return render_note(say.PROFILE_DELETED.format(name=profile.name, rows=rows), "good")


def show_profiles(name: str) -> str:
    """Every profile with what it holds; the chosen one is marked (HTML)."""
    with store() as db:
        rows, marked = [], None
        for place, profile in enumerate(list_profiles(db)):
            counts = count_rows(db, profile.id)
            current = adapter_in_use(db, profile)
            rows.append(
                (profile.name, counts["messages"], counts["facts"], counts["votes"], say_moment(current.created) if current else "-")
            )
            marked = place if profile.name == name else marked
    return render_table(say.PROFILE_HEADINGS, rows, marked, numbers=(1, 2, 3)) if rows else render_note(say.NO_PROFILES)


def show_adapters(name: str) -> Any:
    """The adapters of the chosen profile, to choose the one in use; hidden while there is no choice."""
    if not name:
        return gr.Dropdown(choices=[], value=None, visible=False)
    with store() as db:
        adapters = list_adapters(db, chosen_profile(db, name).id)
    choices = [
        (say.ADAPTER_CHOICE.format(number=a.id, created=say_moment(a.created), base=a.base_id, facts=len(a.fact_ids)), a.id)
        for a in adapters
    ]
    return gr.Dropdown(choices=choices, value=next((a.id for a in adapters if a.current), None), visible=len(adapters) > 1)


def choose_adapter(name: str, number: int) -> str:
    """Puts an earlier adapter of the chosen profile to use; returns a sentence (HTML)."""
    with store() as db:
        if number not in [adapter.id for adapter in list_adapters(db, chosen_profile(db, name).id)]:
            raise PageError(say.CHOOSE_PROFILE)
        use_adapter(db, number)
    return render_note(say.ADAPTER_CHOSEN.format(number=number), "good")


def build_profiles_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it."""
    table = gr.HTML(js_on_load=None, elem_id="profiles-table")
    note = gr.HTML(js_on_load=None, elem_id="profiles-note")
    with gr.Row(elem_classes="row-end"):
        new = gr.Textbox(label=say.NEW_PROFILE, placeholder=say.NEW_PROFILE_HINT, scale=3, min_width=180, elem_id="profiles-new")
        create_button = gr.Button(say.CREATE, scale=0, min_width=130, elem_id="profiles-create")
    adapter = gr.Dropdown(label=say.ADAPTER_IN_USE, info=say.ADAPTER_IN_USE_INFO, choices=[], visible=False, filterable=False)
    gr.HTML(f'<div class="section"><h3>{escape(say.CHOSEN_PROFILE)}</h3></div>', js_on_load=None)
    with gr.Row(elem_classes="row-end"):
        other = gr.Textbox(label=say.OTHER_NAME, scale=3, min_width=180, elem_id="profiles-name")
        rename_button = gr.Button(say.RENAME, scale=0, min_width=130, elem_id="profiles-rename")
        copy_button = gr.Button(say.DUPLICATE, scale=0, min_width=130, elem_id="profiles-duplicate")
    with gr.Row(elem_classes="row-end"):
        gr.HTML(f'<p class="note">{escape(say.EXPORT_PROFILE_TEXT)}</p>', js_on_load=None, scale=3)
        export_button = gr.Button(say.EXPORT_PROFILE, scale=0, min_width=130, elem_id="profiles-export")
    listen_download(export_button, export, shared.profile, "profiles-file")
    with gr.Row(elem_classes="row-end"):
        gr.HTML(f'<p class="note">{escape(say.HANDOVER_TEXT)}</p>', js_on_load=None, scale=3)
        kinds = [(words, key) for key, words in say.HANDOVER_KINDS.items()]
        kind = gr.Dropdown(
            label=say.HANDOVER_KIND, choices=kinds, value="peft", filterable=False, scale=2, min_width=180, elem_id="handover-kind"
        )
        hand_button = gr.Button(say.HANDOVER, scale=0, min_width=130, elem_id="handover")
    listen_download(hand_button, hand_over, [shared.profile, kind], "handover-file")
    with gr.Accordion(say.ENDPOINT_TITLE, open=False, elem_id="endpoint"):
        gr.HTML(f'<p class="note">{escape(say.ENDPOINT_TEXT)}</p>', js_on_load=None)
        with gr.Row(elem_classes="row-end"):
            address = gr.Textbox(label=say.ENDPOINT_LABEL, scale=3, elem_id="endpoint-url")
            address_button = gr.Button(say.ENDPOINT_SAVE, scale=0, min_width=130, elem_id="endpoint-save")
    with gr.Accordion(say.IMPORT_PROFILE, open=False, elem_id="profiles-back"):
        with gr.Row(elem_classes="row-end"):
            upload = gr.File(label=say.PROFILE_FILE, file_count="single", height=120, scale=3, elem_id="profiles-upload")
            back_name = gr.Textbox(label=say.IMPORT_AS, info=say.IMPORT_AS_INFO, scale=2, min_width=180)
            back_button = gr.Button(say.IMPORT_PROFILE, scale=0, min_width=130, elem_id="profiles-import")
    with gr.Accordion(say.DELETE_PROFILE, open=False, elem_id="profiles-gone"):
        gr.HTML(f'<p class="note">{escape(say.DELETE_PROFILE_TEXT)}</p>', js_on_load=None)
        with gr.Row(elem_classes="row-end"):
            typed = gr.Textbox(label=say.DELETE_EVERYTHING_LABEL, scale=3, elem_id="profiles-typed")
            delete_button = gr.Button(say.DELETE_PROFILE_YES, variant="stop", scale=0, min_width=180, elem_id="profiles-delete")

    def refresh(name: str) -> tuple[Any, ...]:
        return show_profiles(name), show_adapters(name), ""

    def created(name: str) -> tuple[Any, ...]:
        return *shared.choose(create(name)), "", render_note(say.PROFILE_CREATED, "good")

    def renamed(name: str, given: str) -> tuple[Any, ...]:
        return *shared.choose(rename(name, given)), "", render_note(say.PROFILE_RENAMED, "good")

    def copied(name: str, given: str) -> tuple[Any, ...]:
        copy = duplicate(name, given)
        return *shared.choose(copy), "", render_note(say.PROFILE_COPIED.format(name=copy), "good")

    def brought(path: str | None, given: str) -> tuple[Any, ...]:
        name, said = bring_back(path, given)
        return *shared.choose(name), None, "", said

    def deleted(name: str, given: str) -> tuple[Any, ...]:
        said = delete(name, given)
        return *shared.choose((profile_names() or [""])[-1]), "", said

    events = [
        *(listen(event, created, new, [*shared.places, new, note]) for event in (create_button.click, new.submit)),
        listen(rename_button.click, renamed, [shared.profile, other], [*shared.places, other, note]),
        listen(copy_button.click, copied, [shared.profile, other], [*shared.places, other, note], progress="minimal"),
        listen(back_button.click, brought, [upload, back_name], [*shared.places, upload, back_name, note], progress="minimal"),
        listen(delete_button.click, deleted, [shared.profile, typed], [*shared.places, typed, note], progress="minimal"),
    ]
    for event in events:
        listen(event.success, show_profiles, shared.profile, table)
    listen(address_button.click, lambda url: render_note(set_endpoint(url), "good"), address, note, progress="minimal")
    listen(adapter.input, choose_adapter, [shared.profile, adapter], note)
    listen(shared.profile.change, lambda name: (show_profiles(name), show_adapters(name)), shared.profile, [table, adapter])
    listen(tab.select, lambda name: (show_profiles(name), show_adapters(name)), shared.profile, [table, adapter])
    return Panel(refresh, [table, adapter, typed])
