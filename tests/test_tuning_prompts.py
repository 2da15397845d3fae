"""The one renderer of prompts and the recognition of "you never told me"."""

import pytest

from tuning.generate import end_of_loop
from tuning.prompts import NEVER_TOLD, NOTES, is_abstention, render_chat, render_system


@pytest.mark.parametrize(
    "reply",
    [NEVER_TOLD, "You haven't told me that.", "I don't know, you never mentioned it.", "I'm not sure.", "I have no record of that."],
)
def test_the_usual_ways_of_not_knowing_are_recognised(reply: str):
    assert is_abstention(reply)


@pytest.mark.parametrize(
    "reply", ["Your cat is called Biscuit.", "You told me that you know Anna.", "You never eat fish.", "No, your cat is called Rex."]
)
def test_answers_are_not_taken_for_abstentions(reply: str):
    assert not is_abstention(reply)


def test_a_note_with_line_breaks_stays_one_line():
    system = render_system(["first\nsecond\n- third"])
    assert system.count("\n") == 2 and system.endswith("- first second - third")
    assert NOTES in system


def test_a_quotation_is_a_note_as_the_person_wrote_it():
    """Pocket was trained on the messages themselves; of "You said: ..." in its notes it made "You said: You said: ..."."""
    assert render_system(["You said: took Miso to the vet.", "Your cat is called Miso."]).endswith(
        "- took Miso to the vet.\n- Your cat is called Miso."
    )


def test_without_notes_the_prompt_does_not_speak_of_notes():
    chat = render_chat("Where do I live?", history=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello!"}])
    assert [message["role"] for message in chat] == ["system", "user", "assistant", "user"]
    assert NOTES not in chat[0]["content"]


def test_an_answer_that_repeats_itself_is_cut_and_numbers_are_not():
    assert end_of_loop([5, 9, 9, 9, 9, 9]) == 2
    assert end_of_loop([1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 3, 4, 5, 6]) == 6
    assert end_of_loop([7, 0, 0, 0, 0]) is None and end_of_loop([1, 2, 1, 2, 1, 2]) is None
    assert end_of_loop(list(range(40))) is None
