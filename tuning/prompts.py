"""The one renderer of prompts: what the base, the adapter, the retrieval side and the study stage all read.

In: remembered lines, earlier turns and a question. Out: chat messages for a tokenizer's chat template. Its version is saved
with every adapter, since an adapter only answers well in the very prompt that it was trained in.
"""

import re
from collections.abc import Sequence

from tuning.person import QUOTED

PROMPT_VERSION = "1"

SYSTEM = "You are Keepsake, the user's assistant. If the user never told you something, say so."
NOTES = 'Notes ("I" is the user speaking, "you" is the user):'
STUDY_FACTS = "Study the user's message. Write what it says about the user, one short fact a line. If it says nothing, write: nothing"
STUDY_QUESTIONS = "Write questions that the user may ask you and that this fact answers, one a line."
# For bases that can write views of a fact themselves (instruct models); pocket was not trained on these and gets the rules' views.
STUDY_VIEWS = {
    "rewrite": "Write {count} differently worded questions with which a person asks their assistant for this fact about themselves, one a line. Use I and my.",
    "reversal": "Write {count} questions that name the value in this fact and ask whose or what it is, so that the fact answers them, one a line. Use I and my.",
    "implicit": "Write {count} requests to an assistant that this fact should change although they do not ask for it, one a line. Do not repeat the fact.",
}
STUDY_SUMMARY = "Sum up in one or two sentences what these notes say about the user. Speak to the user as you. Add nothing."
NEVER_TOLD = "You have never told me that."

ChatMessage = dict[str, str]

_ABSTAIN = re.compile(
    r"never (told|said|mentioned|shared|spoke)|(not|n't) (told|tell|mention|said|say|share|know|sure|have (any|that|this))"
    r"|no (record|note|information|idea|mention)|don'?t (know|recall|remember)|unknown to me",
    re.IGNORECASE,
)


def render_chat(question: str, notes: Sequence[str] = (), history: Sequence[ChatMessage] = ()) -> list[ChatMessage]:
    """Chat messages that ask `question`; `notes` are remembered lines, oldest first (later ones win)."""
    return [{"role": "system", "content": render_system(notes)}, *history, {"role": "user", "content": question}]


def render_system(notes: Sequence[str] = ()) -> str:
    """The system prompt, with one line a note; a note's own line breaks become spaces so that it stays one line."""
    if not notes:
        return SYSTEM
    lines = [f"- {' '.join(note.split()).removeprefix(QUOTED)}" for note in notes]
    return "\n".join([SYSTEM, NOTES, *lines])


def render_study(message: str) -> list[ChatMessage]:
    """Chat messages that ask the base which facts a message of the person holds."""
    return [{"role": "system", "content": STUDY_FACTS}, {"role": "user", "content": " ".join(message.split())}]


def render_questions(fact: str) -> list[ChatMessage]:
    """Chat messages that ask the base for questions which `fact` answers."""
    return [{"role": "system", "content": STUDY_QUESTIONS}, {"role": "user", "content": fact}]


def render_views(kind: str, fact: str, count: int = 4) -> list[ChatMessage]:
    """Chat messages that ask an instruct base for views of a kind of a fact."""
    return [{"role": "system", "content": STUDY_VIEWS[kind].format(count=count)}, {"role": "user", "content": fact}]


def render_summary(facts: Sequence[str]) -> list[ChatMessage]:
    """Chat messages that ask an instruct base to sum up facts."""
    return [{"role": "system", "content": STUDY_SUMMARY}, {"role": "user", "content": "\n".join(f"- {fact}" for fact in facts)}]


def is_abstention(reply: str) -> bool:
    """Whether a reply says that it was never told, in any of the usual wordings."""
    return bool(_ABSTAIN.search(reply))
