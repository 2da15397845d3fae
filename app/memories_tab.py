"""The Memories tab: everything that Keepsake holds about the person as facts, to be found, put right, kept from being learnt, or deleted.

A page of facts is a group of checkboxes: what is ticked is what the buttons below act on.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from app import sentences as say
from app.downloads import listen_download, write_download
from app.edge import PageError, listen, store
from app.fragments import escape, render_note
from app.visitor import Panel, Shared, chosen_profile
from memory.proof import collect_texts, count_traces
from memory.store import (
    Memory,
    add_memory,
    count_rows,
    count_states,
    data_folder,
    edit_memory,
    forget_all,
    forget_facts,
    list_memories,
    list_sources,
    load_memory,
    pin_memories,
    skip_memories,
)
from memory.store.database import to_json

PAGE = 20
LONGEST_FACT, SHOWN_LETTERS = 500, 160


def show_memories(name: str, words: str, state: str, source: str, page: int) -> tuple[Any, ...]:
    """A page of memories: (checkboxes, counts in words, place in the list, page, back button, forward button)."""
    if not name:
        nothing = gr.CheckboxGroup(choices=[], value=[], visible=False)
        return nothing, render_note(say.CHOOSE_PROFILE), "", 0, gr.Button(interactive=False), gr.Button(interactive=False)
    with store() as db:
        profile = chosen_profile(db, name)
        counts = count_states(db, profile.id)
        found, total = list_memories(db, profile.id, words, state, source, PAGE, page * PAGE)
        if page and not found:  # what stood on the last page is gone
            page = max(0, (total - 1) // PAGE)
            found, total = list_memories(db, profile.id, words, state, source, PAGE, page * PAGE)
    choices = [(label(memory), memory.id) for memory in found]
    place = say.MEMORIES_PLACE.format(first=page * PAGE + 1, last=page * PAGE + len(found), total=total) if found else say.MEMORIES_NONE
    return (
        gr.CheckboxGroup(choices=choices, value=[], visible=bool(found)),
        render_counts(counts),
        f'<p class="muted" role="status">{escape(place)}</p>',
        page,
        gr.Button(interactive=page > 0),
        gr.Button(interactive=(page + 1) * PAGE < total),
    )


def label(memory: Memory) -> str:
    """A memory in two lines: what it says; its state and the message it came from."""
    marks = [say.MEMORY_STATES[memory.state]]
    if memory.said:
        said = " ".join(memory.said.split())
        said = said if len(said) <= SHOWN_LETTERS else said[:SHOWN_LETTERS].rsplit(" ", 1)[0] + " ..."
        place = ", ".join(filter(None, (memory.conversation, (memory.said_at or "")[:10])))
        marks.append(say.MEMORY_FROM.format(said=said, place=place))
    else:
        marks.append(say.MEMORY_SOURCES.get(memory.source, memory.source))
    return f"{say.PINNED_MARK if memory.pinned else ''}{memory.text}\n{' · '.join(marks)}"


def render_counts(counts: dict[str, int]) -> str:
    """How many facts are in which state, as a row of figures."""
    total = sum(count for state, count in counts.items() if state != "pinned")
    items = [
        (say.MEMORIES_ALL, total),
        *((say.MEMORY_STATES[state], count) for state, count in counts.items() if state in say.MEMORY_STATES),
    ]
    cells = "".join(f"<li><b>{count}</b> {escape(words)}</li>" for words, count in items if count or words == say.MEMORIES_ALL)
    return f'<ul class="figures">{cells}</ul><p class="muted">{escape(say.MEMORY_STATES_MEAN)}</p>'


def act(name: str, action: str, ids: Sequence[int] | None) -> str:
    """Pins, unpins, skips or learns again the ticked facts, or deletes them for good; returns what was done (HTML)."""
    if not ids:
        raise PageError(say.TICK_FIRST)
    with store() as db:
        profile = chosen_profile(db, name)
        if action == "delete":
            went = forget_facts(db, profile.id, list(ids))
            words = {"facts": went["facts"], "adapters": went["adapters_stale"], "certificate": went["certificate"]}
            return render_note(say.MEMORIES_DELETED.format(**words), "good")
        change = pin_memories if action in ("pin", "unpin") else skip_memories
        count = change(db, profile.id, ids, action in ("pin", "skip"))
    return render_note(say.MEMORIES_DONE[action].format(count=count), "good")


def add(name: str, text: str) -> str:
    """Adds a typed fact; returns what was done (HTML)."""
    with store() as db:
        add_memory(db, chosen_profile(db, name).id, " ".join(text.split())[:LONGEST_FACT])
    return render_note(say.MEMORY_ADDED, "good")


def edit(name: str, ids: Sequence[int] | None, text: str) -> str:
    """Corrects the one ticked fact; returns what was done (HTML)."""
    if not ids or len(ids) != 1:
        raise PageError(say.TICK_ONE)
    with store() as db:
        edit_memory(db, chosen_profile(db, name).id, ids[0], " ".join(text.split())[:LONGEST_FACT])
    return render_note(say.MEMORY_EDITED, "good")


def look_at(name: str, ids: Sequence[int] | None) -> tuple[Any, ...]:
    """What is shown of the ticked facts: (how many, the text to edit, the messages it came from) - the last two for one only."""
    ids = ids or []
    ticked = f'<p class="muted" role="status">{escape(say.TICKED.format(count=len(ids)))}</p>' if ids else ""
    if len(ids) != 1:
        return ticked, gr.Column(visible=False), "", ""
    with store() as db:
        profile = chosen_profile(db, name)
        memory = load_memory(db, profile.id, ids[0])
        sources = list_sources(db, profile.id, ids[0])
    items = "".join(
        f'<li class="me"><span class="who">{escape(row["sender"])} · {escape(row["conversation"])} · '
        f"{escape((row['timestamp'] or say.UNDATED)[:16].replace('T', ' '))}</span>{escape(row['text'])}</li>"
        for row in sources
    )
    said = f'<ul class="messages">{items}</ul>' if items else render_note(say.MEMORY_TYPED)
    return ticked, gr.Column(visible=True), memory.text, said


def export_memories(name: str) -> str:
    """Every fact with its state and source as a JSON file; returns its path."""
    from dataclasses import asdict

    with store() as db:
        memories, _ = list_memories(db, chosen_profile(db, name).id)
    content = to_json({"profile": name, "memories": [asdict(memory) for memory in memories]})
    return write_download(f"{name}-memories.json", lambda path: path.write_text(content, encoding="utf-8"))


def delete_everything(name: str, typed: str) -> str:
    """Deletes all of a profile but its name, then looks for it in the files; returns the proof in words (HTML)."""
    with store() as db:
        profile = chosen_profile(db, name)
        if typed.strip() != profile.name:
            raise PageError(say.TYPE_THE_NAME.format(name=profile.name))
        texts = collect_texts(db, profile.id)
        went = forget_all(db, profile.id)
        left = sum(count_rows(db, profile.id).values())
    searched, found = count_traces(data_folder(), texts)
    rows = ", ".join(f"{count} {say.ROWS[kind]}" for kind, count in went.items() if count and kind in say.ROWS) or "0"
    said = say.EVERYTHING_GONE if not left and not found else say.SOMETHING_LEFT
    proof = said.format(rows=rows, left=left, texts=len(texts), megabytes=searched / 1e6, found=found)
    return render_note(proof, "good" if not left and not found else "bad")


def build_memories_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it."""
    counts = gr.HTML(render_note(say.CHOOSE_PROFILE), js_on_load=None, elem_id="memory-counts")
    with gr.Row():
        words = gr.Textbox(label=say.SEARCH, placeholder=say.SEARCH_HINT, scale=3, min_width=200, max_length=200, elem_id="memory-search")
        state = gr.Dropdown(
            label=say.STATE, choices=[(say.ANY, ""), *((text, key) for key, text in say.MEMORY_STATES.items())], value="", scale=2,
            min_width=140, filterable=False, elem_id="memory-state",
        )  # fmt: skip
        source = gr.Dropdown(
            label=say.SOURCE, choices=[(say.ANY, ""), *((text, key) for key, text in say.MEMORY_SOURCES.items())], value="", scale=2,
            min_width=140, filterable=False,
        )  # fmt: skip
    note = gr.HTML(js_on_load=None, elem_id="memory-note")
    ticked = gr.CheckboxGroup(label=say.MEMORIES, choices=[], visible=False, show_select_all=True, elem_id="memories")
    page = gr.State(0)
    with gr.Row(elem_classes="actions"):
        back = gr.Button(say.BACK, size="sm", interactive=False, min_width=100, scale=0)
        place = gr.HTML(js_on_load=None, elem_id="memory-place", min_width=140)
        forward = gr.Button(say.FORWARD, size="sm", interactive=False, min_width=100, scale=0)
    chosen = gr.HTML(js_on_load=None, elem_id="memory-ticked")
    with gr.Row(elem_classes="actions"):
        buttons = {key: gr.Button(text, size="sm", min_width=120, elem_id=f"memory-{key}") for key, text in say.MEMORY_ACTIONS.items()}
        delete = gr.Button(say.DELETE, size="sm", variant="stop", min_width=120, elem_id="memory-delete")
    with gr.Column(visible=False, variant="panel", elem_id="memory-sure") as sure:
        gr.HTML(f'<p class="note bad">{escape(say.DELETE_SURE)}</p>', js_on_load=None)
        with gr.Row(elem_classes="actions"):
            yes = gr.Button(say.DELETE_YES, variant="stop", size="sm", min_width=160, elem_id="memory-delete-yes")
            no = gr.Button(say.KEEP, size="sm", min_width=120)
    with gr.Column(visible=False, variant="panel", elem_id="memory-one") as one:
        text = gr.Textbox(label=say.EDIT, max_length=LONGEST_FACT, elem_id="memory-text")
        with gr.Row(elem_classes="actions"):
            save = gr.Button(say.SAVE_FACT, size="sm", min_width=120, elem_id="memory-save")
        said = gr.HTML(js_on_load=None, elem_id="memory-said")
    with gr.Row(elem_classes="row-end"):
        new = gr.Textbox(label=say.ADD_FACT, placeholder=say.ADD_FACT_HINT, scale=4, max_length=LONGEST_FACT, elem_id="memory-new")
        add_button = gr.Button(say.ADD, scale=0, min_width=110, elem_id="memory-add")
    with gr.Row(elem_classes="actions"):
        export = gr.Button(say.EXPORT_MEMORIES, size="sm", min_width=180, elem_id="memory-export")
    listen_download(export, export_memories, shared.profile, "memory-file")
    with gr.Accordion(say.DELETE_EVERYTHING, open=False, elem_id="forget-all"):
        gr.HTML(f'<p class="note">{escape(say.DELETE_EVERYTHING_TEXT)}</p>', js_on_load=None)
        with gr.Row(elem_classes="row-end"):
            typed = gr.Textbox(label=say.DELETE_EVERYTHING_LABEL, scale=3, elem_id="forget-name")
            forget = gr.Button(say.DELETE_EVERYTHING_YES, variant="stop", scale=0, min_width=180, elem_id="forget-yes")
        proof = gr.HTML(js_on_load=None, elem_id="forget-proof")

    given: list[Any] = [shared.profile, words, state, source]
    listed: list[Any] = [ticked, counts, place, page, back, forward]
    details: list[Any] = [chosen, one, text, said]

    def refresh(name: str) -> tuple[Any, ...]:
        return *show_memories(name, "", "", "", 0), "", "", "", *look_at(name, None), gr.Column(visible=False), "", ""

    def from_start(name: str, searched: str, chosen_state: str, chosen_source: str) -> tuple[Any, ...]:
        return *show_memories(name, searched, chosen_state, chosen_source, 0), *look_at(name, None)

    def turn_page(step: int) -> Any:
        return lambda name, w, s, o, now: (*show_memories(name, w, s, o, max(0, now + step)), *look_at(name, None))

    for event in (words.change, state.change, source.change):
        listen(event, from_start, given, [*listed, *details], trigger_mode="always_last")
    for button, step in ((back, -1), (forward, 1)):
        listen(button.click, turn_page(step), [*given, page], [*listed, *details])
    listen(ticked.change, look_at, [shared.profile, ticked], details)
    done = [
        listen(button.click, lambda name, ids, key=key: act(name, key, ids), [shared.profile, ticked], note)
        for key, button in buttons.items()
    ]
    listen(delete.click, lambda ids: gr.Column(visible=bool(ids)) if ids else _tick_first(), ticked, sure)
    listen(no.click, lambda: gr.Column(visible=False), None, sure)
    gone = listen(
        yes.click, lambda name, ids: (act(name, "delete", ids), gr.Column(visible=False)), [shared.profile, ticked], [note, sure],
        progress="minimal",
    )  # fmt: skip
    saved = listen(save.click, edit, [shared.profile, ticked, text], note)
    added = [listen(event, lambda name, typed_text: (add(name, typed_text), ""), [shared.profile, new], [note, new])
             for event in (add_button.click, new.submit)]  # fmt: skip
    forgotten = listen(forget.click, lambda name, given_name: (delete_everything(name, given_name), ""), [shared.profile, typed], [proof, typed],
                       progress="minimal")  # fmt: skip
    for event in (*done, gone, saved, *added, forgotten):
        listen(event.success, turn_page(0), [*given, page], [*listed, *details])
        listen(event.success, shared.summarise, shared.profile, shared.summary)
    listen(tab.select, turn_page(0), [*given, page], [*listed, *details])
    return Panel(refresh, [*listed, words, state, source, *details, sure, note, proof])


def _tick_first() -> Any:
    raise PageError(say.TICK_FIRST)
