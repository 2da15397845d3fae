"""Answers written together are those written one at a time, token for token, on the real embedded base, with adapters of unlike shapes."""

import threading

import pytest
import torch

from tuning.adapters import LoraPlan, attach, detach, to_bytes
from tuning.crowd import Crowd, Row
from tuning.errors import NoAdapter
from tuning.generate import Stream
from tuning.loose import from_weights
from tuning.prompts import render_chat
from tuning.rounds import Rounds, Writing

PLANS = (
    LoraPlan(("all",), rank=16, alpha=32), LoraPlan(("late", "early"), rank=4), LoraPlan(("middle",), rank=8, targets="all"),
)  # fmt: skip
NOTES = ["Your cat is called Biscuit.", "You live in Vellmar, near the old mill.", "Your dentist is Doctor Aumann."]
QUESTIONS = (
    "What is my cat called?", "Tell me a story about the sea, please, and make it a long one.", "Hi!", "Who is my dentist?",
    "What should I cook tonight?", "Do you know my sister?",
)  # fmt: skip
LENGTH = 14


class Endless(Stream):
    """An answer that does not heed its end, so that what is compared is long."""

    def __post_init__(self):
        super().__post_init__()
        self._ends = set()


@pytest.fixture(scope="module")
def people(pocket):
    """Four people: their stored adapters (the last has none), and each one's answers, written alone the usual way with PEFT around the base."""
    found = []
    for seed, plan in enumerate((*PLANS, None)):
        model = attach(pocket, plan, seed) if plan else None
        stored = None
        if model is not None:
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(parameter, std=0.12)
            model.eval()
            stored = to_bytes(model, pocket.base)
        alone = []
        for number in range(len(QUESTIONS)):
            stream = asked(pocket, number)
            while stream.step():
                pass
            alone.append(stream.text)
        if model is not None:
            detach(model)
        found.append((from_weights(pocket, *stored) if stored else None, alone))
    assert len({tuple(alone) for _, alone in found}) == 4
    return found


def asked(pocket, number, kind=Endless):
    """A question's stream; prompts are of unlike lengths."""
    return kind(pocket, render_chat(QUESTIONS[number], NOTES[: number % 4]), LENGTH)


def test_rows_that_join_and_leave_midway_are_written_as_alone(pocket, people):
    crowd, rows = Crowd(pocket), []

    def join(*who):
        new = [(Row(asked(pocket, number), people[person][0]), people[person][1][number]) for person, number in who]
        crowd.begin([row for row, _ in new])
        rows.extend(new)

    join((0, 0))
    assert [crowd.step() for _ in range(3)] and rows[0][0].stream.cache is not None, "one alone keeps its own cache"
    join((1, 1), (3, 3))
    crowd.step()
    join((2, 2), (0, 4))
    for _ in range(3):
        crowd.step()
    gone = rows.pop(1)[0]
    crowd.leave(gone)
    crowd.leave(gone)  # twice is once
    stands = gone.stream.text
    join((2, 5))
    most = 0
    while crowd.rows:
        most = max(most, len(crowd.rows))
        crowd.step()
    assert most == 5 and gone.stream.text == stands and gone.stream.cache is None
    assert people[1][1][1].startswith(stands) and stands
    for row, alone in rows:
        assert row.error is None and row.stream.text == alone and row.stream.done
        assert row.stream.cache.get_seq_length() == len(row.stream.read), "the next turn of the conversation goes on from there"
    assert not crowd._slots._rooms, "nothing is kept of those who have left"


def test_the_next_turn_goes_on_from_a_cache_that_was_among_others(pocket, people):
    loras, alone = people[0]
    crowd = Crowd(pocket)
    rows = [Row(asked(pocket, 0), loras), Row(asked(pocket, 1), people[1][0])]
    crowd.begin(rows)
    while crowd.rows:
        crowd.step()
    history = [{"role": "user", "content": QUESTIONS[0]}, {"role": "assistant", "content": alone[0]}]
    texts = []
    for before in (rows[0].stream, None):
        row = Row(Endless(pocket, render_chat(QUESTIONS[3], (), history), LENGTH, before=before), loras)
        assert bool(row.stream.read) == (before is not None)
        crowd.begin([row])
        while crowd.rows:
            crowd.step()
        texts.append(row.stream.text)
    assert texts[0] == texts[1]


def test_a_weaker_adapter_is_between_the_base_and_the_adapter(pocket, people):
    loras = people[0][0]
    ids = torch.tensor([asked(pocket, 1).prompt_tokens] * 4)
    strengths = (0.0, 0.5, 1.0)
    acting = [(place, place + 1, loras, strength) for place, strength in enumerate(strengths)]
    none, half, full, bare = Crowd(pocket).read(ids, 2, acting)
    assert torch.allclose(none, bare, atol=1e-4) and not torch.allclose(full, bare, atol=0.1)
    assert (half - bare).abs().mean() < (full - bare).abs().mean() and not torch.allclose(half, bare, atol=0.01)
    crowd = Crowd(pocket)
    rows = [Row(asked(pocket, 1), loras, strength) for strength in (0.0, 1.0)]
    crowd.begin(rows)
    while crowd.rows:
        crowd.step()
    assert [row.stream.text for row in rows] == [people[3][1][1], people[0][1][1]]


def test_weights_that_do_not_fit_are_refused(pocket, tiny, people):
    model = attach(tiny, LoraPlan(rank=4), 0)
    weights, config = to_bytes(model, tiny.base)
    detach(model)
    with pytest.raises(NoAdapter, match="does not fit"):
        from_weights(pocket, weights, config)
    with pytest.raises(NoAdapter, match="no layer"):
        from_weights(tiny, weights, {"adapters": {"lora0": {**config["adapters"]["lora0"], "layers_to_transform": [0, 7]}}})


class Breaks(Endless):
    """An answer that fails at its fifth token."""

    def take(self, token):
        if len(self._tokens) == 4:
            raise RuntimeError("broken")
        return super().take(token)


def test_what_breaks_one_row_does_not_hurt_the_others(pocket, people):
    rounds = Rounds(pocket)
    good = Writing(rounds, [Row(asked(pocket, 1), people[0][0])])
    bad = Writing(rounds, [Row(asked(pocket, 0, Breaks), people[1][0])])
    good.step()
    with pytest.raises(RuntimeError, match="broken"):
        while bad.step():
            pass
    while good.step():
        pass
    assert good.texts == [people[0][1][1]]
    # An adapter that breaks the whole pass: the row that wears it ends, the others go on.
    torn = from_torn(people[1][0])
    rows = [Row(asked(pocket, number), people[person][0]) for person, number in ((0, 1), (1, 0), (2, 2))]
    crowd = Crowd(pocket)
    crowd.begin(rows)
    rows[1].loras = torn
    while crowd.rows:
        crowd.step()
    assert rows[1].error is not None and rows[0].error is None and rows[2].error is None
    assert (rows[0].stream.text, rows[2].stream.text) == (people[0][1][1], people[2][1][2])


def from_torn(loras):
    """The same with factors of a wrong width in a late layer."""
    factors = dict(loras.factors)
    key = max(factors)
    factors[key] = (factors[key][0][:, :5], factors[key][1])
    return type(loras)(factors)


def test_many_threads_get_their_own_answers_and_share_passes(pocket, people, monkeypatch):
    rounds, passes, real = Rounds(pocket), [], Crowd.step

    def counted(crowd):
        passes.append(len(crowd.rows))
        return real(crowd)

    monkeypatch.setattr(Crowd, "step", counted)
    found, errors = {}, []
    together = threading.Barrier(6)

    def ask(place):
        try:
            person, number = place % 4, place % len(QUESTIONS)
            together.wait()
            writing = Writing(rounds, [Row(asked(pocket, number), people[person][0])])
            if place == 5:  # goes away in the middle
                writing.step(), writing.step()
                rounds.leave(writing.rows)
                return
            before = ""
            while writing.step():
                assert len(writing.texts[0]) >= len(before)
                before = writing.texts[0]
            found[place] = writing.texts[0] == people[person][1][number], writing.tokens[0]
        except Exception as error:  # noqa: BLE001 - told by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=ask, args=[place]) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and found == {place: (True, LENGTH) for place in range(5)}
    assert max(passes) >= 3, "answers were written together"
    assert not rounds._crowd.rows and not rounds._busy


def test_who_leaves_while_a_pass_is_on_does_not_wait_for_it(pocket, people):
    rounds = Rounds(pocket)
    writings = [Writing(rounds, [Row(asked(pocket, number), people[number][0])]) for number in (0, 1)]
    for writing in writings:
        writing.step()
    with rounds.alone() as crowd:
        rounds.leave(writings[0].rows)  # as Python does it that closes a forgotten generator in this very thread
        assert len(crowd.rows) == 2
    assert rounds._crowd.rows == writings[1].rows
    while writings[1].step():
        pass
    assert writings[1].texts == [people[1][1][1]] and not rounds._gone


def test_both_answers_of_a_pair_get_on_together(pocket, people):
    rounds = Rounds(pocket)
    other = Writing(rounds, [Row(asked(pocket, 4), people[2][0])])
    pair = Writing(rounds, [Row(asked(pocket, 0), people[0][0]), Row(asked(pocket, 3))])
    other.step()
    more, seen = pair.step(), []
    while more:
        seen.append(pair.tokens)
        more = pair.step()
    assert all(left == right for left, right in seen) and len(seen) == LENGTH
    assert pair.texts == [people[0][1][0], people[3][1][3]]
    while other.step():  # what others' passes have written is there at once
        pass
    assert other.texts == [people[2][1][4]]
