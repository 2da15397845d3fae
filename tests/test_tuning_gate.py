"""What is surely not about the person is answered by the base; everything that may be is not kept from the adapter."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from memory.embedder import NoEmbedder
from memory.store import create_profile, open_store
from tuning import gate
from tuning.forgetting import make_probe, mean_loss, measure_forgetting
from tuning.gate import is_plain_english, load_gate, may_be_personal, vocabulary
from tuning.negatives import probe_prompts
from tuning.sides import Speaker, strength_of

PERSONAL = (
    "What is my cat called?", "Which film should I watch tonight?", "What should I cook tonight?", "what's her name again?", "Who is Mina?", "and the dog?",
    "Do you remember me?", "Where does Omar work?", "Wie heißt die Katze?", "¿Cómo se llama el gato?", "猫叫什么名字？", "Any gift ideas?", "",
)  # fmt: skip
GENERAL = ("How do I boil an egg?", "What is the capital of France?", "Tell me a joke.", "hi", "How many days are in a week?")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(gate, "_known", {})


def test_general_questions_are_told_from_those_that_may_be_about_the_person():
    assert dict(zip(PERSONAL, may_be_personal(PERSONAL))) == dict.fromkeys(PERSONAL, True)
    assert dict(zip(GENERAL, may_be_personal(GENERAL))) == dict.fromkeys(GENERAL, False)
    assert may_be_personal([]) == []


def test_hand_written_questions_of_the_demo_person_all_reach_the_adapter():
    asked = [json.loads(line)["question"] for line in (Path(__file__).parents[1] / "memory/demo/questions.jsonl").read_text().splitlines()]
    assert len(asked) > 100 and all(may_be_personal(asked))


def test_only_plain_english_that_hints_at_nobody_is_judged():
    assert is_plain_english("How do I boil an egg?") and len(vocabulary()) > 5000
    for question in ("How do I boil my egg?", "Who invented the kettle?", "Wie geht es dir?", "Xqzv?", "?"):
        assert not is_plain_english(question)


def test_without_a_sentence_model_or_a_classifier_the_adapter_hears_everything(monkeypatch):
    def none(texts):
        raise NoEmbedder("none")

    monkeypatch.setattr(gate, "embed", none)
    assert may_be_personal(GENERAL) == [True] * len(GENERAL)
    monkeypatch.setattr(gate, "_known", {})
    monkeypatch.setattr(gate, "load_gate", lambda: None)
    assert may_be_personal(GENERAL) == [True] * len(GENERAL)


def test_what_is_remembered_stays_bounded(monkeypatch):
    monkeypatch.setattr(gate, "KEPT_MOST", 3)
    assert may_be_personal([*GENERAL, *PERSONAL]) == [False] * len(GENERAL) + [True] * len(PERSONAL)
    assert len(gate._known) <= 3 and may_be_personal(GENERAL[:2]) == [False, False]


def test_an_adapter_rests_at_a_general_question_that_opens_a_chat_and_no_other():
    def chat(question, *before):
        return [{"role": "system", "content": "..."}, *before, {"role": "user", "content": question}]

    assert strength_of("adapter", [], chat("How do I boil an egg?")) == 0 == strength_of("hybrid", ["a line"], chat("Tell me a joke."))
    assert strength_of("adapter", [], chat("What is my cat called?")) == 1
    assert strength_of("adapter", [], chat("How do I boil an egg?", *chat("x")[1:], {"role": "assistant", "content": "y"})) == 1


def test_a_general_question_is_answered_as_by_the_base_however_it_is_asked(pocket, model, home):
    db = open_store()
    speaker = Speaker(db, create_profile(db, "ana"), pocket, model)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    asked = ["How do I boil an egg?", "What is my cat called?"]
    base, own = ([answer.text for answer in speaker.answer(side, asked, 12)] for side in ("base", "adapter"))
    assert own[0] == base[0] and own[1] != base[1]
    for question, text in zip(asked, own):
        stream = speaker.stream("adapter", question)
        stream.stream.max_new_tokens = 12
        while stream.step():
            pass
        assert stream.text == text


def test_forgetting_is_told_with_and_without_the_gate(pocket, model):
    prompts = [*probe_prompts()[:6], "Which film should I watch tonight?"]
    probe = make_probe(pocket, model, prompts)
    found = measure_forgetting(pocket, probe, may_be_personal(prompts))
    assert found["perplexity_rise"] > 2 * abs(found["gated_perplexity_rise"]) and found["prompts_heard"] == 1
    bare = replace(probe, losses=probe.losses.clone())
    assert mean_loss(bare.losses) == probe.loss and torch.equal(probe.losses[:, 1] > 0, torch.ones(len(prompts), dtype=torch.bool))


def test_the_shipped_classifier_was_made_by_its_script():
    made = load_gate()
    assert made is not None and made.weights.shape == (384,) and made.least < 0
