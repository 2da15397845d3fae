"""Search, the profile form and the demo person; the sentence model is the real one, loaded without a network."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sqlite_utils import Database

from memory import embedder, retrieval, vector_index
from memory.demo import demo_questions, import_demo
from memory.errors import BadForm
from memory.importers import ParsedMessage
from memory.profile_facts import save_profile_form
from memory.retrieval import Hit, embed_missing, fuse, search, search_once, told_once, words_of
from memory.store import (
    NewFact,
    Profile,
    add_facts,
    create_profile,
    embeddings,
    forget_fact,
    forget_message,
    list_facts,
    list_messages,
    load_profile,
    open_store,
    save_messages,
    supersede,
)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_store(tmp_path)


@pytest.fixture
def ana(db: Database) -> Profile:
    return create_profile(db, "ana")


def say(db: Database, profile: int, *said: tuple[str, str]) -> None:
    save_messages(db, profile, [ParsedMessage("Walk", who, "person", None, t) for who, t in said], "Ana")


def texts(db: Database, profile: int, query: str, dense: bool = False, k: int = 8) -> list[str]:
    return [hit.text for hit in search(db, profile, query, k, dense=dense)]


def test_stemmed_words_find_and_only_the_persons_own_words_are_found(db: Database, ana: Profile) -> None:
    say(db, ana.id, ("Ana", "I went hiking in the Alps"), ("Ben", "I hike every weekend"), ("Ana", "Tea please"))
    assert texts(db, ana.id, "Where do I hike?") == ["I went hiking in the Alps"]


@pytest.mark.parametrize("query", ['"', "a AND (", "NEAR(", "cat*", "-", "text:cat", "", "' OR 1=1 --", "¿dónde? 猫"])
def test_no_query_is_taken_for_the_search_engines_own_syntax(db: Database, ana: Profile, query: str) -> None:
    say(db, ana.id, ("Ana", "My cat is Pepper"))
    search(db, ana.id, query, dense=False)


def test_a_question_of_stop_words_alone_still_searches() -> None:
    assert words_of("Who are you?") == ["who", "are", "you"] and words_of("What is my cat's name?") == ["cat", "name"]


def test_superseded_facts_and_excluded_messages_are_left_out(db: Database, ana: Profile) -> None:
    say(db, ana.id, ("Ana", "I moved to Bergen"))
    message = list_messages(db, ana.id)[0].id
    facts = [NewFact("You live in Oslo."), NewFact("You live in Bergen.", message)]
    oslo, bergen = add_facts(db, ana.id, facts)
    supersede(db, oslo, bergen)
    hits = search(db, ana.id, "live Bergen Oslo", dense=False)
    assert {(hit.kind, hit.id, hit.message_id) for hit in hits} == {
        ("fact", bergen, message), ("message", message, message),
    }  # fmt: skip
    forget_fact(db, ana.id, bergen)
    assert search(db, ana.id, "live Bergen Oslo", dense=False) == []


def test_of_two_that_fit_equally_the_newer_comes_first(db: Database, ana: Profile) -> None:
    for rent, said_at in (
        ("950", "2024-01-01T10:00:00"),
        ("1200", "2026-01-01T10:00:00"),
        ("1100", "2025-01-01T10:00:00"),
    ):
        add_facts(db, ana.id, [NewFact(f"Your rent is {rent} euros.", None, "study", said_at)])
    assert [text.split()[3] for text in texts(db, ana.id, "rent")] == ["1200", "1100", "950"]


def test_profiles_do_not_see_each_other(db: Database, ana: Profile) -> None:
    other = create_profile(db, "ben")
    add_facts(db, other.id, [NewFact("Your cat is Pepper.")])
    assert texts(db, ana.id, "cat") == [] and texts(db, other.id, "cat") == ["Your cat is Pepper."]


def test_fusion_prefers_what_both_rankings_hold() -> None:
    scores = fuse([(1.0, [("fact", 1), ("fact", 2)]), (1.0, [("fact", 3), ("fact", 2)])])
    assert max(scores, key=lambda key: scores[key]) == ("fact", 2)


def test_meaning_finds_what_shares_no_word_without_any_network(db: Database, ana: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    embedder.load_embedder.cache_clear()  # loading the model must not use it either
    monkeypatch.setattr(socket.socket, "connect", refuse)
    say(db, ana.id, ("Ana", "I work as a nurse"), ("Ana", "The weather is grey"), ("Ana", "I bought shoes"))
    assert texts(db, ana.id, "profession", dense=True)[0] == "I work as a nurse"
    assert embed_missing(db, ana.id) == 0  # the vectors were kept


def test_vectors_that_were_stopped_go_on_and_say_how_far_they_are(db: Database, ana: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = embedder.Embedder("quick", SimpleNamespace(encode=lambda texts, **_: np.ones((len(texts), 4), np.float32)))
    monkeypatch.setattr(retrieval, "load_embedder", lambda: quick)  # the work is counted here, not the meaning
    monkeypatch.setattr(retrieval, "SAVE_EVERY", 2)
    say(db, ana.id, *(("Ana", f"I like tea number {number}") for number in range(5)))
    steps = retrieval.embed_steps(db, ana.id)
    assert (next(steps), next(steps)) == ((0, 5), (2, 5))
    steps.close()
    told: list[tuple[int, int]] = []
    search(db, ana.id, "tea", progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 3), (3, 3)] and embed_missing(db, ana.id) == 0


def test_a_message_is_understood_with_the_one_before_it(db: Database, ana: Profile) -> None:
    say(db, ana.id, ("Ben", "What do you feed your cat?"), ("Ana", "Only salmon"), ("Ben", "And what did you have for lunch?"),
        ("Ana", "Only rice"))  # fmt: skip
    assert texts(db, ana.id, "What does my cat eat?", dense=True)[0] == "Only salmon"


def test_vectors_are_of_unit_length_and_loaded_once(db: Database, ana: Profile) -> None:
    vectors = embedder.embed(["a cat", "a dog"])
    assert vectors.shape == (2, 384) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert embedder.load_embedder() is embedder.load_embedder()


def test_without_the_packages_for_vectors_words_alone_are_searched(db: Database, ana: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder.load_embedder.cache_clear()
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # import then raises ImportError
    add_facts(db, ana.id, [NewFact("Your cat is Pepper.")])
    assert texts(db, ana.id, "cat", dense=True) == ["Your cat is Pepper."]
    embedder.load_embedder.cache_clear()


def test_importing_memory_loads_neither_torch_nor_the_sentence_model() -> None:
    code = "import sys, memory.__main__; print([m for m in ('torch', 'sentence_transformers', 'tuning', 'app') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_form_becomes_facts_and_the_free_text_messages_to_study(db: Database, ana: Profile) -> None:
    save_profile_form(db, ana, {"Name": "Ana Ruiz", "city": " Oslo ", "hobbies": "chess"}, "I sing. I climb!\nMy cat is old")
    assert [(f.text, f.source) for f in list_facts(db, ana.id)] == [
        ("Your name is Ana Ruiz.", "profile"), ("You live in Oslo.", "profile"), ("Your hobbies are chess.", "profile"),
    ]  # fmt: skip
    said = list_messages(db, ana.id, only_me=True)
    assert [(m.conversation, m.sender, m.text) for m in said] == [
        ("About me", "Ana Ruiz", text) for text in ("I sing.", "I climb!", "My cat is old")
    ]


def test_changing_the_form_edits_its_facts_and_keeps_what_did_not_change(db: Database, ana: Profile) -> None:
    profile = save_profile_form(db, ana, {"city": "Oslo", "job": "nurse"}, "I sing. I climb.")
    sing = list_messages(db, ana.id)[0].id
    add_facts(db, ana.id, [NewFact("You sing.", sing), NewFact("You climb.", sing + 1)])
    profile = save_profile_form(db, profile, {"city": "Bergen"}, "I sing. I dance.")
    assert {f.text for f in list_facts(db, ana.id)} == {"You live in Bergen.", "You sing."}
    assert next((m.id, m.text) for m in list_messages(db, ana.id)) == (sing, "I sing.")
    save_profile_form(db, profile, {"city": "Oslo"}, "")
    assert [f.text for f in list_facts(db, ana.id)] == ["You live in Oslo."] and list_messages(db, ana.id) == []


def test_forgetting_reaches_into_the_form_and_the_free_text(db: Database, ana: Profile) -> None:
    profile = save_profile_form(db, ana, {"city": "Oslo", "birthplace": "Oslo"}, "I sing. My code is 4711.")
    city = next(f.id for f in list_facts(db, ana.id) if f.text == "You live in Oslo.")
    forget_fact(db, ana.id, city)
    forget_message(db, ana.id, next(m.id for m in list_messages(db, ana.id) if "4711" in m.text))
    profile = load_profile(db, "ana")
    assert (profile.form, profile.about) == ({"birthplace": "Oslo"}, "I sing.")


@pytest.mark.parametrize(("form", "about"), [({"": "x"}, ""), ({"a": "x" * 501}, ""), ({}, "x" * 20_001)])
def test_a_form_that_cannot_be_kept_is_refused_and_changes_nothing(db: Database, ana: Profile, form: dict[str, str], about: str) -> None:
    with pytest.raises(BadForm):
        save_profile_form(db, ana, form, about)
    assert load_profile(db, "ana") == ana


def test_the_demo_imports_twice_to_the_same_profile_and_answers_its_questions(db: Database) -> None:
    profile = import_demo(db)
    stored = list_messages(db, profile.id)
    assert import_demo(db) == profile and list_messages(db, profile.id) == stored
    assert profile.me == "Nora Lindqvist" and not any(m.me for m in stored if m.sender == "Tomas Wilder")
    questions = [question for question in demo_questions() if question.get("answer")]
    found = sum(
        any(question["answer"].lower() in text.lower() for text in texts(db, profile.id, question["question"], dense=True))
        for question in questions
    )
    # 0.92 when this was written; words alone reach 0.78 and vectors of single messages 0.89.
    assert found / len(questions) > 0.88


def test_the_store_of_vectors_survives_a_changed_model_name(db: Database, ana: Profile) -> None:
    add_facts(db, ana.id, [NewFact("Your cat is Pepper.")])
    fact = list_facts(db, ana.id)[0].id
    embeddings.save(db, "fact", [fact], np.ones((1, 3)), "other-model")
    assert texts(db, ana.id, "cat", dense=True) == ["Your cat is Pepper."]


@pytest.mark.parametrize(("words", "count"), [(6, 70_000), (4, 5), (1, 40_000), (12, 33_000)])
def test_the_distances_of_codes_are_the_bits_that_differ(words: int, count: int) -> None:
    rng = np.random.default_rng(words)
    codes, asked = (rng.integers(0, 2**64, size=shape, dtype=np.uint64) for shape in ((words, count), (words,)))
    codes[:, 0], codes[:, -1] = ~asked, asked  # every bit, and none
    distances, counted = vector_index.hamming(codes, asked)
    assert (distances == np.bitwise_count(codes ^ asked[:, None]).sum(axis=0)).all()
    assert distances[0] == 64 * words and distances[-1] == 0 and (counted == np.bincount(distances, minlength=64 * words + 1)).all()


def test_the_best_of_many_are_those_of_a_whole_order_ties_by_their_place() -> None:
    rng = np.random.default_rng(0)
    cosines = np.round(rng.standard_normal(5000), 1).astype(np.float32)  # many ties
    ids = np.arange(5000) + 7
    right = np.argsort(-cosines, kind="stable")[:60]
    assert vector_index._best(ids, cosines, 60) == [(int(ids[place]), float(cosines[place])) for place in right]


def test_a_forked_process_embeds_questions_with_a_thread_of_its_own() -> None:
    assert retrieval._reader().submit(lambda: 7).result(timeout=20) == 7
    child = os.fork()
    if child == 0:  # nothing of pytest may run in it
        code = 1
        try:
            code = 0 if retrieval._reader().submit(lambda: 7).result(timeout=20) == 7 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def hit(kind: str, number: int, text: str, score: float, message: int | None) -> Hit:
    return Hit(kind, number, text, score, None, True, message, score)


def test_a_fact_and_its_message_are_one_line_and_nothing_said_is_lost() -> None:
    whole = [hit("message", 1, "my sister is called Mina", 0.9, 1), hit("fact", 1, "Your sister is called Mina.", 0.5, 1)]
    assert [(one.text, one.score, one.cosine) for one in told_once(whole)] == [("Your sister is called Mina.", 0.9, 0.9)]
    less = [hit("fact", 2, "Your sister spends Sunday on Sunday.", 0.9, 2), hit("message", 2, "my sister spends Sunday bouldering", 0.5, 2)]
    assert [(one.text, one.score) for one in told_once(less)] == [("my sister spends Sunday bouldering", 0.9)]
    two = [hit("message", 3, "I moved to Oslo and I now work as a baker, what a year", 0.9, 3)]
    two += [hit("fact", 3, "You moved to Oslo.", 0.8, 3), hit("fact", 4, "You work as a baker.", 0.7, 3)]
    assert told_once(two) == two  # two facts and something that neither says
    long = [
        hit("message", 5, "I moved to Oslo. " + "It was a long day with many boxes. " * 8, 0.9, 5),
        hit("fact", 5, "You moved to Oslo.", 0.8, 5),
    ]
    assert told_once(long) == long
    apart = [hit("message", 6, "my sister is called Mina", 0.9, 6), hit("fact", 6, "Your sister is called Mina.", 0.5, None)]
    assert told_once(apart) == apart  # from the profile form: no message is its source


def test_as_many_different_lines_are_found_as_were_asked_for(db: Database, ana: Profile) -> None:
    said = [
        f"my {who} lives in {where}" for who, where in (("sister", "Oslo"), ("brother", "Bergen"), ("aunt", "Narvik"), ("uncle", "Bodo"))
    ]
    say(db, ana.id, *(("Ana", text) for text in said))
    numbers = {message.text: message.id for message in list_messages(db, ana.id)}
    add_facts(db, ana.id, [NewFact(text.replace("my", "Your") + ".", message_id=numbers[text]) for text in said])
    assert len({one.message_id for one in search(db, ana.id, "Where does my family live?", 4)}) < 4  # or this test shows nothing
    assert len({one.message_id for one in search_once(db, ana.id, "Where does my family live?", 4)}) == 4
