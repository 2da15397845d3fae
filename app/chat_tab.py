"""The Chat tab: a question comes in, two nameless answers are written side by side, a vote brings the sides to light.

The plain chat with one side is app/plain_chat.py.
"""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import gradio as gr

from app import sentences as say
from app.blind import Answers, as_turn, draw_sides, keep_answers, keep_vote, write_answers
from app.edge import PageError, listen, store
from app.fragments import escape, render_note
from app.plain_chat import build_plain_chat
from app.slices import on_gpu
from app.speakers import SPEAKERS, queue_options
from app.stopping import STOPS
from app.turn_card import render_live, render_turn
from app.visitor import Panel, Shared, adapter_in_use, chosen_profile
from memory.demo import demo_questions
from memory.store import Profile, allow_adapter, find_vote, list_examples, list_turns, load_profile, load_turn, save_judgement

SUGGESTIONS = 3

# Of one visitor, on the server: "chat" (id), "turn" (number awaiting its vote, or None), "judged" (the turn that was voted on last),
# "order" (the sides of a chat that is shuffled once), "unsaved" (turns of a temporary chat, by their place).
State = dict[str, Any]


def new_state() -> State:
    """A chat that has not begun."""
    return {"chat": uuid.uuid4().hex, "turn": None, "judged": None, "order": None, "unsaved": []}


def ask(
    name: str, state: State | None, pair: str, question: str, shuffle: str = "turn", temporary: bool = False
) -> Iterator[tuple[str, State, bool]]:
    """Writes both answers to a question: (HTML of the turn, state, whether it may be voted on), again and again.

    The turn is stored when both have ended (never in a temporary chat); only then can it be voted on.
    """
    profile = check_ready(name)
    question = " ".join(question.split())[: say.LONGEST_QUESTION]
    if not question:
        raise PageError(say.NO_QUESTION)
    state = {**(state or new_state()), "turn": None, "judged": None}
    answers = Answers(question, _order(state, pair, shuffle))
    state["order"] = answers.sides if shuffle == "chat" else None
    chat = state["chat"]
    yield render_live(answers, say.THINKING), state, False
    try:
        with SPEAKERS.turn(profile, rows=2) as turn:
            for before in turn.places():
                if STOPS.asked(chat):
                    raise PageError(say.STOPPED_WAITING)
                yield render_live(answers, say.WAITING.format(before=before)), state, False
            with store() as db:
                earlier = state["unsaved"] if temporary else list_turns(db, profile.id, chat)
                for _ in write_answers(turn.speaker, answers, earlier, lambda: STOPS.asked(chat)):
                    yield render_live(answers), state, False
                if temporary:
                    state = {**state, "unsaved": [*state["unsaved"], as_turn(chat, answers)], "turn": 0}
                else:
                    number = keep_answers(db, profile, chat, answers, turn.speaker.adapter_id, turn.speaker.loaded.base.id)
                    state = {**state, "turn": number}
    finally:
        STOPS.clear(chat)
    yield render_live(answers, finished=True), state, True


def _order(state: State, pair: str, shuffle: str) -> tuple[str, str]:
    """The sides, drawn anew unless the chat is shuffled once and still compares the same two."""
    order = state.get("order")
    if shuffle == "chat" and order and set(order) == set(pair.split("-")):
        return order[0], order[1]
    return draw_sides(pair)


def vote(name: str, state: State | None, choice: str) -> tuple[str, State]:
    """Stores the vote and reveals the sides: (HTML of the turn, state). In a temporary chat nothing is stored."""
    if not state or state.get("turn") is None:
        if state and state.get("judged") is not None:
            raise PageError(say.ALREADY_VOTED)
        raise PageError(say.NO_TURN)
    if state["turn"] == 0:
        return render_turn(state["unsaved"][-1], choice), {**state, "turn": None, "judged": 0}
    with store() as db:
        turn = keep_vote(db, chosen_profile(db, name), state["chat"], state["turn"], choice)
    return render_turn(turn, choice), {**state, "turn": None, "judged": turn.id}


def judge(name: str, state: State | None, place: str, relevant: str | None, accurate: str | None) -> str:
    """Stores whether the memory in one answer of the turn voted on last was relevant and accurate; returns a sentence (HTML)."""
    number = (state or {}).get("judged")
    if number is None:
        raise PageError(say.NO_TURN)
    if number == 0:
        return render_note(say.NOT_STORED)
    with store() as db:
        turn = load_turn(db, chosen_profile(db, name).id, number)
        save_judgement(db, turn.id, place, _truth(relevant), _truth(accurate))
    return render_note(say.JUDGED, "good")


def _truth(given: str | None) -> bool | None:
    return None if given not in ("yes", "no") else given == "yes"


def stop(state: State | None) -> None:
    """Ends the answers that are being written in this chat, with what stands there."""
    if state:
        STOPS.ask(state["chat"])


def check_ready(name: str) -> Profile:
    """The profile, if it has an adapter to compare; raises PageError with what to do first."""
    with store() as db:
        profile = chosen_profile(db, name)
        adapter = adapter_in_use(db, profile)
        if adapter is None:
            raise PageError(say.NO_ADAPTER)
        if not adapter.usable:
            raise PageError(say.STALE_ADAPTER)
        return profile


def allow_stale(name: str) -> None:
    """Uses the adapter in use although it knows something that was forgotten since."""
    with store() as db:
        profile = chosen_profile(db, name)
        adapter = adapter_in_use(db, profile)
        if adapter is None:
            raise PageError(say.NO_ADAPTER)
        allow_adapter(db, profile.id, adapter.id)


def is_stale(name: str) -> bool:
    """Whether the profile's adapter is refused because it knows something forgotten."""
    if not name:
        return False
    with store() as db:
        adapter = adapter_in_use(db, chosen_profile(db, name))
    return adapter is not None and not adapter.usable


def show_turns(name: str, state: State | None) -> str:
    """The turns of this chat so far, oldest first; sides are named only where a vote was given."""
    if not name or not state:
        return ""
    with store() as db:
        profile = chosen_profile(db, name)
        turns = list_turns(db, profile.id, state["chat"])
        votes = {turn.id: find_vote(db, turn.id) for turn in turns}
    return "".join(render_turn(turn, votes[turn.id], past=True) for turn in turns)


def suggest_questions(name: str) -> list[str]:
    """A few questions to begin with: the demo's for the demo person, else held-out ones of the newest adapter."""
    if not name:
        return []
    with store() as db:
        profile = load_profile(db, name)
        current = adapter_in_use(db, profile)
        if current is None:
            return []
        if name == "demo":
            known = [row["question"] for row in demo_questions() if row["kind"] != "unknown"]
        else:
            rows = list_examples(db, current.run_id) if current.run_id else []
            known = [row["question"] for row in rows if row.get("split") == "test" and row.get("kind") == "recall"]
    return random.sample(known, min(SUGGESTIONS, len(known)))


def build_chat_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it."""
    notice = gr.HTML(js_on_load=None, elem_id="chat-notice")
    allow = gr.Button(say.ALLOW_STALE, size="sm", visible=False, elem_id="allow-stale")
    with gr.Row(elem_classes="row-end"):
        mode = gr.Radio(
            label=say.MODE,
            choices=[(words, key) for key, words in say.MODES.items()],
            value="blind",
            scale=3,
            min_width=240,
            elem_id="mode",
        )
        temporary = gr.Checkbox(label=say.TEMPORARY, info=say.TEMPORARY_INFO, scale=3, min_width=220, elem_id="temporary")
    with gr.Column(visible=True, elem_id="blind") as blind_column:
        outputs, refresh, greet, greeting = _build_blind(shared, notice, allow, temporary)
    with gr.Column(visible=False, elem_id="plain") as plain_column:
        plain_outputs, plain_refresh = build_plain_chat(shared, temporary)

    def switch(chosen: str) -> tuple[Any, ...]:
        return gr.Column(visible=chosen == "blind"), gr.Column(visible=chosen == "plain")

    listen(mode.change, switch, mode, [blind_column, plain_column])
    listen(tab.select, greet, shared.profile, greeting)

    def refresh_all(name: str) -> tuple[Any, ...]:
        return *refresh(name), *plain_refresh(name)

    return Panel(refresh_all, [*outputs, *plain_outputs])


def _build_blind(shared: Shared, notice: gr.HTML, allow: gr.Button, temporary: gr.Checkbox) -> tuple[list[Any], Any, Any, list[Any]]:
    state = gr.State(None)  # not a function: Gradio would make a public event of it
    with gr.Row(elem_classes="row-end"):
        pair = gr.Dropdown(
            label=say.PAIR, info=say.PAIR_INFO, choices=[(words, key) for key, words in say.PAIRS.items()], value="adapter-rag",
            filterable=False, scale=4, min_width=200, elem_id="pair",
        )  # fmt: skip
        shuffle = gr.Dropdown(
            label=say.SHUFFLE, choices=[(words, key) for key, words in say.SHUFFLES.items()], value="turn", filterable=False, scale=2,
            min_width=160, elem_id="shuffle",
        )  # fmt: skip
        fresh = gr.Button(say.NEW_CHAT, scale=0, min_width=130, elem_id="new-chat")
    earlier = gr.HTML(js_on_load=None, elem_id="earlier")
    current = gr.HTML(render_note(say.EMPTY_CHAT), js_on_load=None, elem_id="current")
    with gr.Row(elem_id="votes", elem_classes="wide"):
        votes = [gr.Button(words, interactive=False, min_width=110, elem_id=f"vote-{key}") for key, words in say.VOTES.items()]
    gr.HTML(f'<p class="muted keys">{escape(say.VOTE_KEYS)}</p>', js_on_load=None)
    with gr.Column(visible=False, variant="panel", elem_id="judgement") as judgement:
        gr.HTML(f'<p class="note">{escape(say.JUDGE)}</p>', js_on_load=None)
        judged = {}
        with gr.Row():
            for place, title in zip(("left", "right"), say.PANES, strict=True):
                with gr.Column(min_width=240):
                    judged[place] = [
                        gr.Radio(label=f"{title}: {words}", choices=[(say.YES, "yes"), (say.NO, "no")], elem_id=f"{key}-{place}")
                        for key, words in say.JUDGEMENTS.items()
                    ]
        judge_note = gr.HTML(js_on_load=None, elem_id="judge-note")
    waiting = gr.HTML(js_on_load=None, elem_id="waiting")
    with gr.Row(elem_classes="row-end"):
        question = gr.Textbox(
            label=say.QUESTION, placeholder=say.QUESTION_HINT, scale=5, max_length=say.LONGEST_QUESTION, elem_id="question",
        )  # fmt: skip
        button = gr.Button(say.ASK, variant="primary", scale=0, min_width=110, elem_id="ask")
        stop_button = gr.Button(say.STOP, variant="stop", visible=False, scale=0, min_width=110, elem_id="stop")
    last = gr.State("")
    with gr.Row(elem_classes="actions"):
        again = gr.Button(say.ASK_AGAIN, size="sm", visible=False, min_width=150, elem_id="again")
        change = gr.Button(say.CHANGE, size="sm", visible=False, min_width=150, elem_id="change")
    with gr.Row(elem_id="suggestions"):
        chips = [gr.Button("", size="sm", visible=False, min_width=200) for _ in range(SUGGESTIONS)]

    radios = [radio for pair_of_radios in judged.values() for radio in pair_of_radios]
    judging: list[Any] = [judgement, judge_note, *radios]
    writing: list[Any] = [current, state, earlier, button, stop_button, again, change, question, last, *votes, *judging]

    def blank_judging(visible: bool) -> tuple[Any, ...]:
        return gr.Column(visible=visible), "", *[gr.Radio(value=None)] * len(radios)

    def ask_and_show(name: str, kept: State | None, chosen: str, asked: str, shuffled: str, unsaved: bool) -> Iterator[tuple[Any, ...]]:
        """As `ask`, with the buttons: none can be pressed while the answers are written."""
        before = show_turns(name, kept)
        locked = [gr.Button(interactive=False)] * len(votes)
        first = True
        try:
            for shown, now, done in on_gpu(ask)(name, kept, chosen, asked, shuffled, unsaved):
                if first or done:
                    yield (
                        shown, now, before, gr.Button(visible=done), gr.Button(visible=not done), gr.Button(visible=done), gr.Button(visible=done),
                        gr.Textbox(value="") if first else gr.skip(), asked, *([gr.Button(interactive=True)] * len(votes) if done else locked),
                        *blank_judging(False),
                    )  # fmt: skip
                else:
                    yield (shown, *[gr.skip()] * (len(writing) - 1))
                first = False
        except Exception:
            # The question comes back, the button can be pressed again, and the edge says what was wrong.
            hidden = gr.Button(visible=False)
            yield "", kept, before, gr.Button(visible=True), hidden, hidden, hidden, asked, "", *locked, *blank_judging(False)
            raise

    def vote_and_show(name: str, kept: State | None, choice: str) -> tuple[Any, ...]:
        shown, kept = vote(name, kept, choice)
        return shown, kept, *[gr.Button(interactive=False)] * len(votes), *blank_judging(True)

    def start_over() -> tuple[Any, ...]:
        hidden = gr.Button(visible=False)
        return (
            new_state(), "", render_note(say.EMPTY_CHAT), gr.Button(visible=True), hidden, hidden, hidden,
            *[gr.Button(interactive=False)] * len(votes), *blank_judging(False),
        )  # fmt: skip

    def refresh(name: str) -> tuple[Any, ...]:
        """Another profile: another chat."""
        return (*start_over(), *greet(name))

    def greet(name: str) -> tuple[Any, ...]:
        """What stands in the way, if anything, and questions to begin with."""
        try:
            if name:
                check_ready(name)
            blocked = "" if name else say.CHOOSE_PROFILE
        except PageError as error:
            blocked = say.told(str(error))
        found = [] if blocked else suggest_questions(name)
        shown = [gr.Button(found[place], visible=True) if place < len(found) else gr.Button(visible=False) for place in range(SUGGESTIONS)]
        card = f'<div class="card bad"><p>{escape(blocked)}</p></div>' if blocked else ""
        return card, gr.Button(visible=is_stale(name)), gr.Button(interactive=not blocked), *shown

    def allow_and_greet(name: str) -> tuple[Any, ...]:
        allow_stale(name)
        return greet(name)

    greeting: list[Any] = [notice, allow, button, *chips]
    listen(allow.click, allow_and_greet, shared.profile, greeting)
    beginning: list[Any] = [state, earlier, current, button, stop_button, again, change, *votes, *judging]
    # The model serves all visitors, and who waits is told the place in the queue.
    asking: dict[str, Any] = {**queue_options(), "trigger_mode": "once", "progress": "minimal", "show_progress_on": waiting}
    rest: list[Any] = [shuffle, temporary]
    for event in (button.click, question.submit):
        listen(event, ask_and_show, [shared.profile, state, pair, question, *rest], writing, **asking)
    listen(again.click, ask_and_show, [shared.profile, state, pair, last, *rest], writing, **asking)
    for chip in chips:
        listen(chip.click, ask_and_show, [shared.profile, state, pair, chip, *rest], writing, **asking)
    listen(change.click, lambda asked: asked, last, question)
    listen(stop_button.click, stop, state, None)
    for key, vote_button in zip(say.VOTES, votes, strict=True):
        listen(
            vote_button.click,
            lambda name, kept, choice=key: vote_and_show(name, kept, choice),
            [shared.profile, state],
            [current, state, *votes, *judging],
        )
    for place, pair_of_radios in judged.items():
        for radio in pair_of_radios:
            listen(
                radio.input,
                lambda name, kept, relevant, accurate, where=place: judge(name, kept, where, relevant, accurate),
                [shared.profile, state, *pair_of_radios],
                judge_note,
            )
    listen(fresh.click, start_over, None, beginning)
    listen(temporary.input, start_over, None, beginning)
    return [*beginning, *greeting], refresh, greet, greeting
