"""A turn of the blind test in HTML: being written, waiting for its vote, or revealed with what each side read and what the adapter lifted."""

from collections.abc import Sequence
from typing import Any

from app import sentences as say
from app.blind import Answers
from app.fragments import escape
from app.warm import warm_up
from memory.store import Turn


def render_live(answers: Answers, status: str = "", finished: bool = False) -> str:
    """A turn being written: nothing in it depends on which side is which."""
    bodies = [_answer(escape(text or status), writing=not finished) for text in answers.texts]
    panes = [_pane(title, body) for title, body in zip(say.PANES, bodies, strict=True)]
    return _panes(answers.question, panes, say.VOTE_PROMPT if finished else "")


def render_turn(turn: Turn, choice: str | None, past: bool = False) -> str:
    """A finished turn; with its vote, the sides, the lines that were read and the words that the adapter lifted."""
    panes = []
    sides = ((turn.left_side, turn.left_text), (turn.right_side, turn.right_text))
    for place, (title, (side, text)) in enumerate(zip(say.PANES, sides, strict=True)):
        lifts = _at(turn.detail.get("lifts"), place) if choice and not past else []
        body = _answer(render_lifted(text, lifts) if lifts else escape(text or say.EMPTY_ANSWER))
        body += _reveal(side, _at(turn.detail.get("notes"), place), bool(lifts)) if choice and not past else ""
        head = f"{title}: {say.SIDES.get(side, side)}" if choice else title
        panes.append(_pane(head, body, chosen=choice == ("left", "right")[place], copied=text if not past else ""))
    return _panes(turn.question, panes, say.VOTED[choice] if choice else say.NOT_VOTED, past)


def render_lifted(text: str, pieces: Sequence[dict[str, Any]]) -> str:
    """An answer with the words marked that the adapter lifted most over the base; its plain text where the pieces do not make it up."""
    warm_up()
    from tuning.lift import strongest

    if "".join(str(piece["text"]) for piece in pieces).strip() != text.strip():
        return escape(text)
    marked = strongest(pieces)
    parts = []
    for place, piece in enumerate(pieces):
        word = escape(piece["text"])
        title = escape(say.LIFTED_BY.format(times=min(9999.0, 2.718281828 ** float(piece["lift"]))))
        parts.append(f'<mark title="{title}">{word}</mark>' if place in marked else word)
    return "".join(parts)


def _at(values: Any, place: int) -> list[Any]:
    return values[place] if isinstance(values, list) and len(values) > place else []


def _panes(question: str, panes: Sequence[str], line: str, past: bool = False) -> str:
    foot = f'<p class="muted verdict" role="status">{escape(line)}</p>' if line else ""
    kind = "turn past" if past else "turn"
    return f'<div class="{kind}"><p class="question">{escape(question)}</p><div class="panes">{"".join(panes)}</div>{foot}</div>'


def _pane(title: str, body: str, chosen: bool = False, copied: str = "") -> str:
    copy = f'<button type="button" class="copy" data-copy="{escape(copied)}">{escape(say.COPY)}</button>' if copied else ""
    return f'<section class="pane{" chosen" if chosen else ""}" aria-label="{escape(title)}"><h4>{escape(title)}{copy}</h4>{body}</section>'


def _answer(markup: str, writing: bool = False) -> str:
    return f'<p class="answer{" writing" if writing else ""}">{markup}</p>'


def _reveal(side: str, notes: Sequence[str], lifted: bool) -> str:
    reads = side in ("rag", "hybrid")
    said = say.FOUND_NOTHING if reads and not notes else say.SIDE_MEANS.get(side, "")
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    marks = f'<p class="muted">{escape(say.LIFTED_MEANS)}</p>' if lifted else ""
    return f'<div class="reveal">{escape(say.SIDES.get(side, side))} {escape(said)}{f"<ul>{lines}</ul>" if lines else ""}{marks}</div>'
