"""The Chat tab: a question comes in, two nameless answers are written side by side, a vote brings the sides to light."""

import random
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import sentences as say
from app.blind import Answers, draw_sides, keep_answers, keep_vote, write_answers
from app.edge import PageError, listen, store
from app.fragments import escape, render_note
from app.speakers import SPEAKERS
from app.visitor import Panel, Shared
from memory.demo import demo_questions
from memory.store import Profile, Turn, list_adapters, list_examples, list_turns, list_votes, load_profile

SUGGESTIONS = 3

State = dict[str, Any]  # of one visitor, on the server: "chat" (id), "turn" (number awaiting its vote, or None)


def new_state() -> State:
    """A chat that has not begun."""
    return {"chat": uuid.uuid4().hex, "turn": None}


def ask(name: str, state: State | None, pair: str, question: str) -> Iterator[tuple[str, State, bool]]:
    """Writes both answers to a question: (HTML of the turn, state, whether it may be voted on), again and again.

    The turn is stored when both have ended; only then does it have a number that can be voted on.
    """
    profile = check_ready(name)
    question = " ".join(question.split())[: say.LONGEST_QUESTION]
    if not question:
        raise PageError(say.NO_QUESTION)
    answers = Answers(question, draw_sides(pair))
    state = {**(state or new_state()), "turn": None}
    yield render_live(answers, say.THINKING), state, False
    with SPEAKERS.speaking(profile) as speaker, store() as db:
        for _ in write_answers(speaker, answers, list_turns(db, profile.id, state["chat"])):
            yield render_live(answers), state, False
        turn = keep_answers(db, profile, state["chat"], answers, speaker.adapter_id, speaker.loaded.base.id)
    yield render_live(answers, finished=True), {**state, "turn": turn}, True


def vote(name: str, state: State | None, choice: str) -> tuple[str, State]:
    """Stores the vote and reveals the sides: (HTML of the turn, state)."""
    if not state:
        raise PageError(say.NO_TURN)
    with store() as db:
        profile = _chosen(db, name)
        turn = keep_vote(db, profile, state["chat"], state["turn"], choice)
    return render_turn(turn, choice), {**state, "turn": None}


def check_ready(name: str) -> Profile:
    """The profile, if it has an adapter to compare; raises PageError with what to do first."""
    with store() as db:
        profile = _chosen(db, name)
        if not any(adapter.current for adapter in list_adapters(db, profile.id)):
            raise PageError(say.NO_ADAPTER)
        return profile


def show_turns(name: str, state: State | None) -> str:
    """The stored turns of this chat, oldest first; sides are named only where a vote was given."""
    if not name or not state:
        return ""
    with store() as db:
        profile = _chosen(db, name)
        turns = list_turns(db, profile.id, state["chat"])
        votes = {vote.turn_id: vote.choice for vote in list_votes(db, profile.id)}
    return "".join(render_turn(turn, votes.get(turn.id), past=True) for turn in turns)


def suggest_questions(name: str) -> list[str]:
    """A few questions to begin with: the demo's for the demo person, else held-out ones of the newest adapter."""
    if not name:
        return []
    with store() as db:
        profile = load_profile(db, name)
        current = next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)
        if current is None:
            return []
        if name == "demo":
            known = [row["question"] for row in demo_questions() if row["kind"] != "unknown"]
        else:
            rows = list_examples(db, current.run_id) if current.run_id else []
            known = [row["question"] for row in rows if row.get("split") == "test" and row.get("kind") == "recall"]
    return random.sample(known, min(SUGGESTIONS, len(known)))


def render_live(answers: Answers, status: str = "", finished: bool = False) -> str:
    """A turn being written: nothing in it depends on which side is which."""
    bodies = [_answer(text or status, writing=not finished) for text in answers.texts]
    panes = [_pane(title, body) for title, body in zip(say.PANES, bodies, strict=True)]
    return _render_panes(answers.question, panes, say.VOTE_PROMPT if finished else "")


def render_turn(turn: Turn, choice: str | None, past: bool = False) -> str:
    """A stored turn; with its vote, the sides and the lines that were read."""
    panes = []
    sides = ((turn.left_side, turn.left_text), (turn.right_side, turn.right_text))
    for place, (title, (side, text)) in enumerate(zip(say.PANES, sides, strict=True)):
        reveal = _reveal(side, turn.detail.get("notes", [[], []])[place], short=past) if choice else ""
        head = f"{title}: {say.SIDES.get(side, side)}" if choice else title
        panes.append(_pane(head, _answer(text or say.EMPTY_ANSWER) + reveal, chosen=choice == ("left", "right")[place]))
    return _render_panes(turn.question, panes, say.VOTED[choice] if choice else say.NOT_VOTED, past)


def _render_panes(question: str, panes: Sequence[str], line: str, past: bool = False) -> str:
    foot = f'<p class="muted verdict">{escape(line)}</p>' if line else ""
    kind = "turn past" if past else "turn"
    return f'<div class="{kind}"><p class="question">{escape(question)}</p><div class="panes">{"".join(panes)}</div>{foot}</div>'


def _pane(title: str, body: str, chosen: bool = False) -> str:
    return f'<section class="pane{" chosen" if chosen else ""}"><h4>{escape(title)}</h4>{body}</section>'


def _answer(text: str, writing: bool = False) -> str:
    return f'<p class="answer{" writing" if writing else ""}">{escape(text)}</p>'


def _reveal(side: str, notes: Sequence[str], short: bool) -> str:
    reads = side in ("rag", "hybrid")
    said = say.FOUND_NOTHING if reads and not notes else say.SIDE_MEANS.get(side, "")
    if short:
        return ""
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<div class="reveal">{escape(say.SIDES.get(side, side))} {escape(said)}{f"<ul>{lines}</ul>" if lines else ""}</div>'


def _chosen(db: Database, name: str) -> Profile:
    if not name:
        raise PageError(say.CHOOSE_PROFILE)
    return load_profile(db, name)


def build_chat_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it."""
    state = gr.State(None)  # not a function: Gradio would make a public event of it
    notice = gr.HTML(js_on_load=None, elem_id="chat-notice")
    with gr.Row(elem_classes="row-end"):
        pair = gr.Dropdown(
            label=say.PAIR, info=say.PAIR_INFO, choices=[(words, key) for key, words in say.PAIRS.items()], value="adapter-rag",
            filterable=False, scale=4, elem_id="pair",
        )  # fmt: skip
        fresh = gr.Button(say.NEW_CHAT, scale=0, min_width=130, elem_id="new-chat")
    earlier = gr.HTML(js_on_load=None, elem_id="earlier")
    current = gr.HTML(render_note(say.EMPTY_CHAT), js_on_load=None, elem_id="current")
    with gr.Row(elem_id="votes", elem_classes="wide"):
        votes = [gr.Button(words, interactive=False, min_width=110, elem_id=f"vote-{key}") for key, words in say.VOTES.items()]
    with gr.Row(elem_classes="row-end"):
        question = gr.Textbox(
            label=say.QUESTION,
            placeholder=say.QUESTION_HINT,
            scale=5,
            max_length=say.LONGEST_QUESTION,
            elem_id="question",
        )
        button = gr.Button(say.ASK, variant="primary", scale=0, min_width=110, elem_id="ask")
    with gr.Row(elem_id="suggestions"):
        chips = [gr.Button("", size="sm", visible=False, min_width=200) for _ in range(SUGGESTIONS)]

    writing: list[Any] = [current, state, earlier, button, question, *votes]

    def ask_and_show(name: str, kept: State | None, chosen: str, asked: str) -> Iterator[tuple[Any, ...]]:
        """As `ask`, with the buttons: none can be pressed while the answers are written."""
        before = show_turns(name, kept)
        locked = [gr.Button(interactive=False)] * len(votes)
        first = True
        try:
            for shown, now, done in ask(name, kept, chosen, asked):
                if first or done:
                    yield (
                        shown, now, before, gr.Button(interactive=done), gr.Textbox(value="") if first else gr.skip(),
                        *([gr.Button(interactive=True)] * len(votes) if done else locked),
                    )  # fmt: skip
                else:
                    yield (shown, *[gr.skip()] * (len(writing) - 1))
                first = False
        except Exception:
            # The question comes back, the button can be pressed again, and the edge says what was wrong.
            yield "", kept, before, gr.Button(interactive=True), asked, *locked
            raise

    def vote_and_show(name: str, kept: State | None, choice: str) -> tuple[Any, ...]:
        shown, kept = vote(name, kept, choice)
        return shown, kept, *[gr.Button(interactive=False)] * len(votes)

    def start_over() -> tuple[Any, ...]:
        return new_state(), "", render_note(say.EMPTY_CHAT), *[gr.Button(interactive=False)] * len(votes)

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
            blocked = str(error)
        found = [] if blocked else suggest_questions(name)
        shown = [gr.Button(found[place], visible=True) if place < len(found) else gr.Button(visible=False) for place in range(SUGGESTIONS)]
        card = f'<div class="card bad"><p>{escape(blocked)}</p></div>' if blocked else ""
        return card, gr.Button(interactive=not blocked), *shown

    greeting: list[Any] = [notice, button, *chips]
    beginning: list[Any] = [state, earlier, current, *votes]
    # One answer at a time: the model serves all visitors, and who waits is told by the queue.
    asking: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, "trigger_mode": "once"}
    for event in (button.click, question.submit):
        listen(event, ask_and_show, [shared.profile, state, pair, question], writing, **asking)
    for chip in chips:
        listen(chip.click, ask_and_show, [shared.profile, state, pair, chip], writing, **asking)
    for key, vote_button in zip(say.VOTES, votes, strict=True):
        listen(
            vote_button.click,
            lambda name, kept, choice=key: vote_and_show(name, kept, choice),
            [shared.profile, state],
            [current, state, *votes],
        )
    listen(fresh.click, start_over, None, beginning)
    listen(tab.select, greet, shared.profile, greeting)
    return Panel(refresh, [*beginning, *greeting])
