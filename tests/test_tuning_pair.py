"""Both answers of a pair in one batch are those of one after the other, token for token, on the real embedded base."""

from dataclasses import replace

import torch
from peft.helpers import rescale_adapter_scale

from memory.store import NewFact, add_facts, create_profile, open_store
from tuning.decode import adapter_on
from tuning.generate import Stream, generate
from tuning.pair import PairStream
from tuning.prompts import render_chat
from tuning.sides import WITH_LINES, RetrievalPlan, Speaker, first_plan, open_speaker, render_side, strength_of
from tuning.speed import with_speed

QUESTIONS = (
    "What is my cat called?", "Where do I live?", "Tell me a story about the sea, please, and make it a long one.", "Hi!", "Who is my dentist?",
    "What should I cook tonight?", "Do you know my sister?", "What did I say about the old mill near Vellmar?",
)  # fmt: skip
NOTES = ["Your cat is called Biscuit.", "You live in Vellmar, near the old mill.", "Your dentist is Doctor Aumann."]


def written(loaded, model, question, adapted, length=14):
    notes = [[] if adapter else NOTES for adapter in adapted]
    pair = PairStream(model, [Stream(loaded, render_chat(question, lines), length) for lines in notes], adapted)
    steps, joined = 0, False
    while pair.step():
        steps, joined = steps + 1, joined or pair._joint is not None
    return pair.texts, steps, joined


def test_answers_of_one_batch_are_those_of_one_after_the_other(pocket, model):
    joints = 0
    for place, question in enumerate(QUESTIONS):
        adapted = [(True, False), (False, 0.7), (1.0, 0.7), (0.7, 0.7)][place % 4]
        with with_speed(pair=False):
            apart, steps, joined = written(pocket, model, question, adapted)
        assert not joined
        together = written(pocket, model, question, adapted)
        assert together[:2] == (apart, steps)
        joints += together[2]
    assert joints >= len(QUESTIONS) // 2  # of the others one ended at its first token


def test_the_sides_differ_and_the_bare_row_is_the_bare_base(pocket, model):
    ids = torch.tensor([Stream(pocket, render_chat("Where do I live?")).prompt_tokens] * 2)
    with torch.no_grad(), adapter_on(model, [True, False]):
        both = pocket.model(input_ids=ids).logits
    with torch.no_grad():
        adapted = pocket.model(input_ids=ids).logits[0]
        with model.disable_adapter():
            bare = pocket.model(input_ids=ids).logits[1]
    assert torch.allclose(both[0], adapted, atol=1e-4) and torch.equal(both[1], bare)
    assert not torch.allclose(both[0], both[1], atol=1e-2)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_whose_cache_forgets_is_written_in_turn(pocket, model, monkeypatch):
    monkeypatch.setattr(PairStream, "_may_join", lambda self: False)
    assert not written(pocket, model, QUESTIONS[2], (True, False))[2]


def test_both_answers_end_at_their_longest(pocket, model):
    texts, steps, _ = written(pocket, model, QUESTIONS[2], (True, False), length=3)
    assert steps <= 3 and all(len(pocket.tokenizer(text)["input_ids"]) <= 4 for text in texts)


def test_the_next_turn_reads_only_what_is_new_and_answers_the_same(pocket, model, home):
    speaker = Speaker(open_store(), create_profile(open_store(), "ana"), pocket, model)
    answers = {}
    for known in (False, True):
        history: list[dict[str, str]] = []
        with with_speed(conversation=known):
            for question in QUESTIONS[1:4]:
                streams = [speaker.stream(side, question, history) for side in ("adapter", "base")]
                if history and known:
                    assert len(streams[0].stream.read) > 30 and streams[0].stream.next.shape[1] < len(streams[0].stream.prompt_tokens) // 2
                for stream in streams:
                    stream.stream.max_new_tokens = 8
                pair = speaker.pair(streams)
                while pair.step():
                    pass
                answers.setdefault(known, []).append(pair.texts)
                history += [{"role": "user", "content": question}, {"role": "assistant", "content": pair.texts[0]}]
    assert answers[True] == answers[False]
    first = speaker.stream("adapter", QUESTIONS[1])
    first.step()  # not done: nobody may take its cache
    assert speaker.stream("adapter", QUESTIONS[1]).stream.cache is None and first.step() in (True, False)


def test_beside_retrieved_lines_the_adapter_acts_less_strongly_however_the_answer_is_written(pocket, model, home):
    """Beside lines that hold the answer, an adapter at full strength outvoted them; where nothing near was found, a weakened one knew nothing."""
    db = open_store()
    profile = create_profile(db, "ana")
    add_facts(db, profile.id, [NewFact(note) for note in NOTES])
    speaker = Speaker(db, profile, pocket, model, plan=RetrievalPlan(2, ("facts",), 0.4))
    asked = [*QUESTIONS[:2], "Do you know how heavy a blue whale is?"]
    chats = [render_side(db, profile, speaker.plan, "hybrid", question) for question in asked]
    assert [bool(notes) for _, notes in chats] == [True, True, False]
    with rescale_adapter_scale(model, WITH_LINES):
        expected = generate(pocket, [chat for chat, _ in chats[:2]], 12)
    expected += generate(pocket, [chats[2][0]], 12)
    assert [answer.text for answer in speaker.answer("hybrid", asked, 12)] == expected
    for paired in (True, False):
        for question, text in zip(asked, expected):
            streams = [speaker.stream(side, question) for side in ("hybrid", "base")]
            for stream in streams:
                stream.stream.max_new_tokens = 12
            with with_speed(pair=paired):
                pair = speaker.pair(streams)
                while pair.step():
                    pass
            assert pair.texts[0] == text
    assert [strength_of(side, ["a"]) for side in ("rag", "hybrid")] == [0, WITH_LINES] and strength_of("hybrid", []) == 1
    with_lines, _ = speaker.read_both([5, 6, 7], [8, 9], WITH_LINES)
    assert not torch.allclose(with_lines, speaker.read_both([5, 6, 7], [8, 9])[0], atol=1e-3)


def test_before_anything_is_injected_pocket_reads_few_lines(pocket, home):
    db = open_store()
    speaker = open_speaker(db, create_profile(db, "ana"), loaded=pocket)
    assert speaker.plan.k == 2 and first_plan(replace(pocket.base, id="other")).k == 4
