"""The plain chat: one chosen side answers, with the adapter as strong as wanted; answers can be copied, stopped, written again, and questions edited."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from app import sentences as say
from app.blind import REMEMBERED_TURNS
from app.edge import PageError, listen, store
from app.slices import on_gpu
from app.speakers import SPEAKERS, queue_options
from app.stopping import STOPS
from app.visitor import Shared, adapter_in_use, chosen_profile
from memory.store import save_turn

STRONGEST = 2.0

# Of one visitor, on the server: "chat" (id) and "turns", each with question, answer and notes.
State = dict[str, Any]


def new_state() -> State:
    """A chat that has not begun."""
    return {"chat": uuid.uuid4().hex, "turns": []}


def write(name: str, state: State | None, side: str, strength: float, question: str, temporary: bool) -> Iterator[tuple[State, bool]]:
    """Writes one side's answer to a question: (state, whether it has ended), again and again; stored at its end unless temporary."""
    question = " ".join(question.split())[: say.LONGEST_QUESTION]
    if not question:
        raise PageError(say.NO_QUESTION)
    if side not in say.SIDES:
        raise PageError(say.NO_SIDE)
    state = state or new_state()
    with store() as db:
        profile = chosen_profile(db, name)
        if side in ("adapter", "hybrid") and adapter_in_use(db, profile) is None:
            raise PageError(say.NO_ADAPTER_SIDE)
    turn: dict[str, Any] = {"question": question, "answer": "", "notes": []}
    earlier, chat = list(state["turns"]), state["chat"]
    state = {**state, "turns": [*earlier, turn]}
    yield state, False
    try:
        with SPEAKERS.turn(profile) as place:
            for before in place.places():
                if STOPS.asked(chat):
                    raise PageError(say.STOPPED_WAITING)
                turn["status"] = say.WAITING.format(before=before)
                yield state, False
            turn.pop("status", None)
            speaker = place.speaker
            stream = speaker.stream(side, question, history_of(earlier), min(STRONGEST, max(0.0, float(strength))))
            turn["notes"] = list(stream.notes)
            while not STOPS.asked(chat) and stream.step():
                turn["answer"] = stream.text
                yield state, False
            turn["answer"] = stream.text or say.EMPTY_ANSWER
            if not temporary:
                detail = {"notes": [turn["notes"], []], "plain": True, "strength": strength, "adapter": speaker.adapter_id}
                with store() as db:
                    save_turn(db, profile.id, chat, question, side, "", stream.text, "", detail)
    finally:
        STOPS.clear(chat)
    yield state, True


def history_of(turns: Sequence[dict[str, Any]]) -> list[Any]:
    """The last turns as messages of a chat."""
    history: list[Any] = []
    for turn in turns[-REMEMBERED_TURNS:]:
        history += [{"role": "user", "content": turn["question"]}, {"role": "assistant", "content": turn["answer"]}]
    return history


def render_messages(state: State | None) -> list[dict[str, Any]]:
    """The chat as gr.Chatbot shows it: question, the lines that were read (folded), answer."""
    messages: list[dict[str, Any]] = []
    for turn in (state or {}).get("turns", []):
        messages.append({"role": "user", "content": turn["question"]})
        if turn["notes"]:
            messages.append(
                {"role": "assistant", "content": "\n".join(turn["notes"]), "metadata": {"title": say.LINES_READ, "status": "done"}}
            )
        messages.append({"role": "assistant", "content": turn["answer"] or turn.get("status") or say.THINKING})
    return messages


def turn_of_message(state: State, index: int) -> int:
    """The place of the turn that a shown message belongs to."""
    place, seen = 0, 0
    for place, turn in enumerate(state["turns"]):
        seen += 3 if turn["notes"] else 2
        if index < seen:
            return place
    return place


def build_plain_chat(shared: Shared, temporary: gr.Checkbox) -> tuple[list[Any], Any]:
    """Lays the chat out and wires it; returns its outputs and how another profile changes them."""
    state = gr.State(None)
    with gr.Row():
        side = gr.Dropdown(
            label=say.SIDE, choices=[(words, key) for key, words in say.SIDES.items()], value="hybrid", filterable=False, min_width=180,
            elem_id="side",
        )  # fmt: skip
        strength = gr.Slider(
            0, STRONGEST, value=1.0, step=0.05, label=say.STRENGTH, info=say.STRENGTH_INFO, min_width=220, elem_id="strength"
        )
    chat = gr.Chatbot(
        label=say.PLAIN, height=420, buttons=["copy"], editable="user", render_markdown=False, sanitize_html=True, elem_id="plain-chat",
        placeholder=say.PLAIN_EMPTY, allow_file_downloads=False, allow_tags=False, feedback_options=None,
    )  # fmt: skip
    with gr.Row(elem_classes="row-end"):
        question = gr.Textbox(
            label=say.QUESTION, placeholder=say.QUESTION_HINT, scale=5, max_length=say.LONGEST_QUESTION, elem_id="plain-question"
        )
        button = gr.Button(say.ASK, variant="primary", scale=0, min_width=110, elem_id="plain-ask")
        stop_button = gr.Button(say.STOP, variant="stop", visible=False, scale=0, min_width=110, elem_id="plain-stop")
        fresh = gr.Button(say.NEW_CHAT, scale=0, min_width=110, elem_id="plain-new")

    writing: list[Any] = [chat, state, question, button, stop_button]
    given: list[Any] = [shared.profile, state, side, strength]

    def show(name: str, kept: State | None, chosen: str, strong: float, asked: str, unsaved: bool) -> Iterator[tuple[Any, ...]]:
        try:
            for now, done in on_gpu(write)(name, kept, chosen, strong, asked, unsaved):
                yield render_messages(now), now, "", gr.Button(visible=done), gr.Button(visible=not done)
        except Exception:
            yield render_messages(kept), kept, asked, gr.Button(visible=True), gr.Button(visible=False)
            raise

    def retry(name: str, kept: State | None, chosen: str, strong: float, unsaved: bool, event: gr.RetryData) -> Iterator[tuple[Any, ...]]:
        kept = kept or new_state()
        place = turn_of_message(kept, int(event.index if isinstance(event.index, int) else event.index[0]))
        asked = kept["turns"][place]["question"]
        yield from show(name, {**kept, "turns": kept["turns"][:place]}, chosen, strong, asked, unsaved)

    def edit(name: str, kept: State | None, chosen: str, strong: float, unsaved: bool, event: gr.EditData) -> Iterator[tuple[Any, ...]]:
        kept = kept or new_state()
        place = turn_of_message(kept, int(event.index if isinstance(event.index, int) else event.index[0]))
        yield from show(name, {**kept, "turns": kept["turns"][:place]}, chosen, strong, str(event.value), unsaved)

    def start_over(_: str = "") -> tuple[Any, ...]:
        return [], None, "", gr.Button(visible=True), gr.Button(visible=False)

    asking: dict[str, Any] = {**queue_options(), "trigger_mode": "once", "progress": "minimal"}
    for event in (button.click, question.submit):
        listen(event, show, [*given, question, temporary], writing, **asking)
    listen(chat.retry, retry, [*given, temporary], writing, **asking)
    listen(chat.edit, edit, [*given, temporary], writing, **asking)
    listen(stop_button.click, lambda kept: STOPS.ask(kept["chat"]) if kept else None, state, None)
    for event in (fresh.click, chat.clear, temporary.input):
        listen(event, start_over, None, writing)
    return writing, start_over
