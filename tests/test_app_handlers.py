"""The page's handlers, without a browser: a real store in a temporary folder, a tiny real model on disk, no network."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from app import blind, chat_tab, endpoints, import_tab, inject_tab, page, profiles_tab, results_tab, turn_card, visitor, welcome_tab, worker
from app import sentences as say
from app.edge import PageError, explained
from app.fragments import escape, render_table, say_moment, say_seconds
from app.run_card import say_outcome
from app.speakers import Speakers
from app.worker import Job
from memory.demo import import_demo
from memory.errors import BadProfileName, RunInProgress
from memory.store import (
    ABOUT_ME,
    Profile,
    active_run,
    beat,
    cancel_requested,
    finish_run,
    latest_run,
    list_facts,
    list_messages,
    list_turns,
    list_votes,
    load_profile,
    open_store,
    save_adapter,
    save_report,
    save_trial,
    save_turn,
    save_vote,
    start_run,
)
from tuning.errors import UnknownBase

ROOT = Path(__file__).resolve().parents[1]
NASTY = '<img src=x onerror="alert(1)"> {{7*7}} ${7*7}'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "home"
    monkeypatch.setenv("KEEPSAKE_HOME", str(folder))
    yield folder


@pytest.fixture
def demo() -> Profile:
    db = open_store()
    try:
        return import_demo(db)
    finally:
        db.close()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Llama with pocket's tokenizer, saved as a transformers folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=64, max_position_embeddings=2048, tie_word_embeddings=True, bos_token_id=None, eos_token_id=1,
        pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(ROOT / "pocket" / "weights" / name, folder)
    return folder


def give_adapter(profile: Profile, base: Path, seed: int = 0) -> int:
    """A fresh adapter of the base, stored as the profile's current one."""
    from tuning.adapters import LoraPlan, attach, to_bytes
    from tuning.bases import load_base, resolve_base
    from tuning.prompts import PROMPT_VERSION

    loaded = load_base(resolve_base(str(base)))
    weights, config = to_bytes(attach(loaded, LoraPlan(rank=4), seed), loaded.base)
    metrics = {"retrieval": {"k": 2, "sources": ["facts", "messages"]}}
    db = open_store()
    try:
        return save_adapter(db, profile.id, None, weights, config, loaded.base.id, loaded.base.revision, PROMPT_VERSION, [], metrics)
    finally:
        db.close()


# Header


def test_the_demo_is_one_click_and_a_second_click_changes_nothing() -> None:
    assert welcome_tab.prepare_demo() == welcome_tab.prepare_demo()
    assert visitor.profile_names() == ["demo"] and page.first_choice(None) == "demo"
    assert "no adapter yet" in visitor.render_summary("demo")


def test_a_bad_profile_name_gives_a_sentence_and_no_profile() -> None:
    with pytest.raises(BadProfileName, match="slash"):
        profiles_tab.create("Nora/Ada")
    profiles_tab.create("Nora")
    with pytest.raises(BadProfileName, match="already"):
        profiles_tab.create("Nora")
    assert visitor.profile_names() == ["Nora"]


def test_the_page_opens_with_the_remembered_profile_or_the_newest(demo: Profile) -> None:
    profiles_tab.create("Ada")
    assert page.first_choice("demo") == "demo"
    assert page.first_choice("gone") == "Ada"


# Import


def upload(tmp_path: Path, name: str, content: bytes) -> Path:
    """A file as Gradio leaves it: in a folder of its own."""
    folder = tmp_path / "cache" / name.replace(".", "-")
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_an_import_tells_its_counts_and_deletes_the_upload(tmp_path: Path) -> None:
    profiles_tab.create("Ada")
    lines = [{"conversation": "Ben", "sender": s, "timestamp": "2026-01-02T10:00:00", "text": t} for s, t in
             (("Ada", "I bake bread"), ("Ben", NASTY))]  # fmt: skip
    content = "\n".join(map(json.dumps, lines)).encode()
    path = upload(tmp_path, "chat.jsonl", content)
    assert "2 imported, 0 there already" in import_tab.import_uploads("Ada", [str(path)])[0]
    assert not path.parent.exists()
    again = upload(tmp_path, "chat.jsonl", content)
    assert "Nothing new: all 2" in import_tab.import_uploads("Ada", [str(again)])[0]
    shown = "".join(map(str, import_tab.show_profile("Ada")))
    assert "<img" not in shown and escape(NASTY) in shown


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b'{"kind": "something else"}'])
def test_a_bad_file_gives_a_sentence_stores_nothing_and_is_deleted(tmp_path: Path, content: bytes) -> None:
    profiles_tab.create("Ada")
    path = upload(tmp_path, "export.zip" if content[:2] == b"PK" else "export.json", content)
    emptied, said, *_ = import_tab.import_and_clear("Ada", [str(path)])
    assert emptied is None and 'class="note bad"' in said and "Traceback" not in said and str(path.parent) not in said
    assert not path.exists()
    db = open_store()
    assert list_messages(db, load_profile(db, "Ada").id) == []
    db.close()


def test_dates_that_fit_both_orders_are_asked_about_once(tmp_path: Path) -> None:
    profiles_tab.create("Ada")
    path = upload(tmp_path, "chat.txt", b"03/04/2024, 10:00 - Ada: I moved to Lisbon\n05/04/2024, 10:00 - Ben: nice\n")
    report, _, question, _ = import_tab.look_at("Ada", [str(path)], None, None, True, False)
    assert question.visible and "orders" not in report and "day-month" not in report
    report, _, question, _ = import_tab.look_at("Ada", [str(path)], None, "month-day-year", True, False)
    assert question.visible and question.value == "month-day-year" and report.count("month-day-year (as asked for)") == 1
    assert import_tab.import_uploads("Ada", [str(path)])[0].count("fit both orders") == 1  # nobody answered: how it was read is said


def test_an_import_without_a_profile_or_a_file_says_what_is_missing(tmp_path: Path) -> None:
    path = upload(tmp_path, "chat.txt", b"x")
    with pytest.raises(PageError, match="profile"):
        import_tab.import_uploads("", [str(path)])
    assert not path.exists()
    profiles_tab.create("Ada")
    with pytest.raises(PageError, match="Drop"):
        import_tab.import_uploads("Ada", None)


def test_who_is_me_can_be_changed_later(demo: Profile) -> None:
    radio, table, *_ = import_tab.show_profile("demo")
    assert radio.choices == [("Nora Lindqvist",) * 2, ("Tomas Wilder",) * 2] and radio.value == "Nora Lindqvist"
    assert "<td>you</td>" in table
    import_tab.choose_sender("demo", "Tomas Wilder")
    assert import_tab.show_profile("demo")[0].value == "Tomas Wilder"


def test_the_form_becomes_facts_and_keeps_fields_that_the_page_does_not_show() -> None:
    profiles_tab.create("Ada")
    import_tab.save_about_you("Ada", "Ada", "3 May 1990", "Porto", "baker", "Dutch", "I bake at night. I have a dog.")
    db = open_store()
    profile = load_profile(db, "Ada")
    assert profile.form["city"] == "Porto"
    assert "You live in Porto." in [fact.text for fact in list_facts(db, profile.id)]
    assert [m.text for m in list_messages(db, profile.id) if m.conversation == ABOUT_ME] == [
        "I bake at night.",
        "I have a dog.",
    ]
    db.close()


# Inject


def test_an_unknown_base_and_an_empty_profile_are_told_before_anything_starts(demo: Profile) -> None:
    with pytest.raises(UnknownBase, match="pocket"):
        inject_tab.start("demo", "quick", "no such base")
    profiles_tab.create("Ada")
    with pytest.raises(PageError, match="empty"):
        inject_tab.start("Ada", "quick", "pocket")
    assert worker.find_job("inject", demo) is None


def test_a_run_is_shown_from_the_store_through_all_its_states(demo: Profile) -> None:
    assert say.NEVER_RUN in inject_tab.show_run("demo")
    db = open_store()
    run = start_run(db, demo.id, "inject", {"budget": "quick", "base": "pocket"})
    beat(db, run, state="running", stage="search", progress=0.42, loss=1.234, detail="trial 1 of 2")
    plan = {"lora_count": 2, "layer_sets": ["early", "late"], "rank": 8, "learning_rate": 0.003}
    save_trial(db, run, 0, plan, {"recall": 0.8, "false_claims": 0.1}, "complete", 61.2, 1000)
    save_trial(db, run, 1, plan, {"epochs": 3, "loss": 2.0}, "pruned", 20.0, 1000)
    shown = inject_tab.show_run("demo")
    for part in (
        say.STAGES["search"],
        "42%",
        "loss 1.234",
        "trial 1 of 2",
        "early half, late half",
        "left",
        "80%",
        "stopped early",
    ):
        assert part in shown

    def timeless(html: str) -> str:
        return re.sub(r"\d+ s\b", "", html)  # a second may pass between two looks

    assert inject_tab.is_live("demo") and timeless(inject_tab.poll("demo", "")[0]) == timeless(inject_tab.show_run("demo"))
    with pytest.raises(RunInProgress, match="42%"):
        inject_tab.start("demo", "quick", "pocket")
    inject_tab.cancel("demo")
    assert cancel_requested(db, run)
    best = {"trial": 0, "recall": 0.75, "false_claims": 0.1, "known": 60}
    finish_run(db, run, "done", result={"best": best, "facts": 66, "bytes": 820_000})
    shown = inject_tab.show_run("demo")
    assert "Of 60 held-out questions" in shown and "45 right (75%)" in shown and "66 facts in 820 kB" in shown
    assert "chosen" in shown and not inject_tab.is_live("demo")
    with pytest.raises(PageError, match="Nothing is running"):
        inject_tab.cancel("demo")
    db.close()


def test_start_comes_back_when_the_process_of_a_finished_run_has_gone(demo: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is done in the store a moment before its process ends: a page that looked then kept a grey Start and a red Cancel for ever."""
    db = open_store()
    run = start_run(db, demo.id, "inject", {"budget": "quick", "base": "pocket"})
    finish_run(db, run, "done", result={"best": {"trial": 0, "recall": 0.5, "false_claims": 0.0, "known": 6}, "facts": 6, "bytes": 1000})
    db.close()
    job = Job("inject", True, 0.0, Path("none.log"))
    monkeypatch.setattr(inject_tab, "find_job", lambda kind, profile: job)
    shown, seen, start, *_ = inject_tab.poll("demo", "")
    assert start.interactive is False and inject_tab.poll("demo", seen) == gr.skip()
    job = Job("inject", False, 0.0, Path("none.log"))
    again = inject_tab.poll("demo", seen)
    assert again != gr.skip() and again[0] == shown and again[2].interactive is True


@pytest.mark.parametrize(("state", "title"), [("cancelled", say.CANCELLED_TITLE), ("failed", say.FAILED_TITLE)])
def test_a_run_that_did_not_finish_is_said_plainly(demo: Profile, state: str, title: str) -> None:
    db = open_store()
    finish_run(db, start_run(db, demo.id, "inject", {}), state, error=NASTY)
    db.close()
    shown = inject_tab.show_run("demo")
    assert title in shown and "<img" not in shown


@pytest.mark.parametrize(("advice", "words"), [
    ({"side": "adapter", "best": "rag", "sure": False, "as_good": True}, say.USE["adapter"] + say.AS_GOOD),
    ({"side": "adapter", "best": "rag", "sure": False}, say.USE["adapter"] + say.NOT_SURE),  # as older runs have it
    ({"side": "rag", "best": "rag", "sure": False, "as_good": False}, say.USE["rag"] + say.NOT_SURE),
    ({"side": "hybrid", "best": "hybrid", "sure": True, "as_good": False}, say.USE["hybrid"]),
])  # fmt: skip
def test_the_end_card_says_why_a_side_that_scored_less_is_advised(demo: Profile, advice: dict[str, Any], words: str) -> None:
    card = {"known": 15, "unknown": 7, "hits": {"adapter": 8, "rag": 10, "hybrid": 11}, "invents": {"adapter": 0, "rag": 0, "hybrid": 2}}
    db = open_store()
    run = start_run(db, demo.id, "inject", {})
    finish_run(db, run, "done", {"best": {}, "advice": {**advice, "card": card}})
    ended = latest_run(db, demo.id)
    db.close()
    assert ended and say_outcome(ended)[-1] == words


@pytest.mark.parametrize(("language", "words"), [("en", "1 Mar, "), ("de", "1. März, ")])
def test_a_moment_is_said_as_the_language_says_it(language: str, words: str) -> None:
    say.speak(language)
    try:
        assert say_moment("2026-03-01T12:00:00+00:00").startswith(words)
    finally:
        say.speak("en")


def test_a_killed_worker_shows_as_interrupted(demo: Profile) -> None:
    db = open_store()
    run = start_run(db, demo.id, "inject", {})
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        beat(db, run, pid=child.pid, state="running", stage="study")
        assert inject_tab.is_live("demo")
        child.kill()
    db.close()
    assert say.INTERRUPTED_TITLE in inject_tab.show_run("demo")


def test_a_started_injection_is_a_process_of_its_own_and_a_second_start_is_refused(
    demo: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Stands in for the command: it ends at once with a sentence, as `python -m tuning` does for an error it explains.
    package = tmp_path / "tuning"
    package.mkdir()
    code = "import json, time; time.sleep(2); print(json.dumps({'error': 'The oven is cold: heat it.'}))"
    (package / "__main__.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(worker, "ROOT", tmp_path)
    shown = inject_tab.start("demo", "quick", "pocket")
    assert say.STARTING in shown
    with pytest.raises(RunInProgress):
        inject_tab.start("demo", "quick", "pocket")
    deadline = time.monotonic() + 20
    while inject_tab.is_live("demo") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "The oven is cold: heat it." in inject_tab.show_run("demo")


def test_a_start_is_cancelled_before_the_child_reaches_the_store(demo: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / "__main__.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    monkeypatch.setattr(worker, "ROOT", tmp_path)
    inject_tab.start("demo", "quick", "pocket")
    assert say.NEVER_RUN in inject_tab.cancel("demo")
    assert not inject_tab.is_live("demo")


def test_only_a_hub_name_lifts_the_page_s_own_offline_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker.is_hub_name("Qwen/Qwen3-0.6B") and not worker.is_hub_name("pocket") and not worker.is_hub_name("./a")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert worker.environment(hub=True, keyed=False)["HF_HUB_OFFLINE"] == "1"
    monkeypatch.setenv("KEEPSAKE_HUB_ON_REQUEST", "1")
    assert "HF_HUB_OFFLINE" not in worker.environment(hub=True, keyed=False)
    assert worker.environment(hub=False, keyed=False)["HF_HUB_OFFLINE"] == "1"


def test_a_hub_model_is_named_with_its_revision_before_anything_is_fetched(demo: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.estimate import estimate_run
    from tuning import inject as stages
    from tuning.errors import UnknownBase

    said = [estimate_run("demo", "quick", base) for base in ("Qwen/Qwen3-0.6B@abc123", "Qwen/Qwen3-0.6B", "pocket", "Qwen/two words")]
    assert "fetches Qwen/Qwen3-0.6B, revision abc123, from the hub" in said[0]
    assert "revision main, whatever that is today" in said[1] and "hub" not in said[2] + said[3]
    seen: list[str] = []

    def fetch(base: Any, precision: str) -> None:
        assert base.revision == "abc123"  # it used to fetch "main", whatever was asked for
        with closing(open_store()) as db:
            seen.append((active_run(db, demo.id) or pytest.fail("no run")).detail)
        raise UnknownBase("The hub was not reached.")

    monkeypatch.setattr(stages, "load_base", fetch)
    with closing(open_store()) as db, pytest.raises(UnknownBase):
        stages.inject(db, demo, base_id="Qwen/Qwen3-0.6B@abc123")
    assert seen == ["Qwen/Qwen3-0.6B, revision abc123, from the hub unless this machine has it"]


# Chat


def test_without_an_adapter_the_chat_says_so(demo: Profile) -> None:
    with pytest.raises(PageError, match="Inject first"):
        list(chat_tab.ask("demo", chat_tab.new_state(), "adapter-rag", "What is my cat called?"))


def test_a_turn_is_blind_until_its_one_vote(demo: Profile, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_adapter(demo, tiny_base)
    monkeypatch.setattr(chat_tab, "SPEAKERS", Speakers())
    state = chat_tab.new_state()
    shown = list(chat_tab.ask("demo", state, "adapter-rag", "What is my  cat called?"))
    for html, _, _ in shown:
        assert not any(word in html.casefold() for word in ("adapter", "retrieval", "rag", "biscuit"))
    # Neither pane is finished before the other, and both stand still only when both have ended.
    assert all(html.count(" writing") == 2 for html, _, _ in shown[:-1]) and " writing" not in shown[-1][0]
    assert [done for _, _, done in shown] == [False] * (len(shown) - 1) + [True]
    state = shown[-1][1]
    db = open_store()
    turn = list_turns(db, demo.id)[0]
    assert {turn.left_side, turn.right_side} == {"adapter", "rag"} and turn.question == "What is my cat called?"
    notes = dict(zip((turn.left_side, turn.right_side), turn.detail["notes"], strict=True))
    assert notes["adapter"] == [] and len(notes["rag"]) == 2
    revealed, after = chat_tab.vote("demo", state, "left")
    assert say.SIDES[turn.left_side] in revealed and escape(notes["rag"][0]) in revealed
    assert list_votes(db, demo.id)[0].winner == turn.left_side
    with pytest.raises(PageError, match="has its vote"):
        chat_tab.vote("demo", after, "right")
    with pytest.raises(PageError, match="Ask a question first"):
        chat_tab.vote("demo", chat_tab.new_state(), "right")
    with pytest.raises(PageError, match="has its vote"):
        chat_tab.vote("demo", state, "right")
    db.close()


def test_the_order_is_drawn_anew_and_fairly() -> None:
    drawn = [blind.draw_sides("adapter-rag") for _ in range(200)]
    assert 50 < drawn.count(("adapter", "rag")) < 150
    with pytest.raises(PageError):
        blind.draw_sides("adapter-<b>")


def test_a_side_remembers_its_own_answers_only(demo: Profile) -> None:
    db = open_store()
    for number in range(5):
        save_turn(db, demo.id, "c", f"q{number}", "rag", "adapter", f"r{number}", f"a{number}", {})
    turns = list_turns(db, demo.id, "c")
    db.close()
    assert [m["content"] for m in blind.history_of("adapter", turns)] == ["q2", "a2", "q3", "a3", "q4", "a4"]
    assert blind.history_of("base", turns) == []


def two_people(demo: Profile, base: Path) -> tuple[int, Profile]:
    """The demo's adapter, and Ada, who has one too."""
    first = give_adapter(demo, base)
    profiles_tab.create("Ada")
    db = open_store()
    ada = load_profile(db, "Ada")
    db.close()
    give_adapter(ada, base, 1)
    return first, ada


def test_the_speaker_is_kept_until_the_adapter_changes_and_another_profile_gets_its_own(demo: Profile, tiny_base: Path) -> None:
    from tuning.loose import Loras

    first, ada = two_people(demo, tiny_base)
    speakers = Speakers()
    with speakers.speaking(demo) as one:
        assert one.adapter_id == first and isinstance(one.model, Loras)
    with speakers.speaking(demo) as two, speakers.speaking(ada) as other:
        assert two is one and other.profile.name == "Ada" and other.loaded is one.loaded and other.model is not two.model
        with speakers.speaking(demo) as third:  # the same person in two places: a speaker each, the adapter once
            assert third is not two and third.model is two.model
        with speakers_free(speakers):
            pass
    base = one.loaded
    assert two.model is None and not speakers._resting and not speakers._worn, "what was released while in use is let go after it"
    second = give_adapter(demo, tiny_base)
    with speakers.speaking(demo) as four:
        assert four.adapter_id == second and four.loaded is base
        assert not any("lora_" in name for name, _ in base.model.named_parameters()), "the base stays bare"
    speakers.release()
    assert speakers._loaded is None


def test_a_base_that_is_not_shared_wears_one_adapter_after_the_other(demo: Profile, tiny_base: Path) -> None:
    from tuning.sides import open_speaker
    from tuning.speed import with_speed

    first, ada = two_people(demo, tiny_base)
    speakers = Speakers()
    with with_speed(decode=False):
        with speakers.speaking(demo) as one:
            assert one.adapter_id == first and speakers._rounds is None
        with speakers.speaking(demo) as two:
            assert two is one
        base, worn = one.loaded, two.model
        with speakers.speaking(ada) as other, speakers_free(speakers):
            assert other.profile.name == "Ada" and other.loaded is base
            assert list(other.model.peft_config) == ["lora0"] and other.model is worn
            with speakers.turn(demo) as waiting:
                assert next(waiting.places()) == 1, "Ada is before"
        second = give_adapter(demo, tiny_base)
        with speakers.speaking(demo) as three:
            assert three.adapter_id == second and three.loaded is base
    profiles_tab.create("Bo")
    db = open_store()
    nobody = open_speaker(db, load_profile(db, "Bo"), str(tiny_base), loaded=base, worn=three.model)
    db.close()
    assert nobody.model is None and not any("lora_" in name for name, _ in base.model.named_parameters()), "Ada's adapter is not Bo's"
    speakers.release()
    assert speakers._loaded is None


class speakers_free:
    """Checks that a speaker in use is not released under the feet of its user."""

    def __init__(self, speakers: Speakers) -> None:
        self.speakers = speakers

    def __enter__(self) -> None:
        self.speakers.release()
        assert self.speakers._loaded is not None

    def __exit__(self, *_: object) -> None: ...


def test_what_a_model_or_a_person_wrote_is_never_markup() -> None:
    answers = blind.Answers(NASTY, ("adapter", "rag"), [NASTY, NASTY])
    assert "<img" not in turn_card.render_live(answers)
    assert "<img" not in render_table(("a",), [(NASTY,)])


# Results


def vote(profile: Profile, left: str, right: str, choice: str) -> None:
    db = open_store()
    save_vote(db, save_turn(db, profile.id, "c", "q", left, right, "l", "r", {}), choice)
    db.close()


def test_ties_and_both_bad_are_kept_apart_from_the_win_rate(demo: Profile) -> None:
    for number in range(6):
        vote(demo, *(("adapter", "rag", "left") if number % 2 else ("rag", "adapter", "right")))
    vote(demo, "rag", "adapter", "left")
    vote(demo, "rag", "adapter", "tie")
    vote(demo, "adapter", "rag", "both_bad")
    shown = results_tab.show_results("demo")
    assert "Adapter won 6 of 7 decided votes against retrieval: 86%" in shown
    assert "ties 1, both bad 1" in shown
    assert "(95 % interval 49% to 97%)" in shown and say.VERDICT_OPEN in shown


def test_retrieval_may_win(demo: Profile) -> None:
    for _ in range(8):
        vote(demo, "adapter", "rag", "right")
    assert "Retrieval wins for you." in results_tab.show_results("demo")


def scores(recall: float, low: float, high: float) -> dict[str, Any]:
    return {
        "recall": recall, "recall_ci": [low, high], "abstention": 0.9, "false_claims": 0.1, "rouge1": 0.5, "rouge2": 0.4,
        "rougeL": 0.5, "persona_f1": 0.6, "ms_per_answer": 12.3, "prompt_tokens": 40.0,
    }  # fmt: skip


def test_a_measurement_is_said_in_words_with_its_table_and_a_sample(demo: Profile) -> None:
    db = open_store()
    answers = [
        {
            "question": "What is my cat called?",
            "answer": "Biscuit",
            "kind": "direct",
            "adapter": "Biscuit.",
            "rag": NASTY,
        },
        {
            "question": "What is my shoe size?",
            "answer": "",
            "kind": "unknown",
            "adapter": "You never told me.",
            "rag": "42",
        },
    ]
    sides = {"rag": scores(0.9, 0.8, 0.95), "adapter": scores(0.5, 0.4, 0.6)}
    save_report(
        db,
        demo.id,
        "evaluation",
        {"sides": sides, "questions": 2, "adapter": None, "base": "pocket", "answers": answers},
    )
    db.close()
    shown = results_tab.show_results("demo")
    assert "Retrieval wins for you on recall" in shown and "<td>Adapter</td>" in shown and "40% to 60%" in shown
    assert shown.count('class="right"') == 2 and shown.count('class="wrong"') == 2 and "<img" not in shown


def test_measuring_needs_an_adapter(demo: Profile) -> None:
    with pytest.raises(PageError, match="no adapter"):
        results_tab.measure("demo")


# Edges


def test_an_error_of_ours_is_its_sentence_and_any_other_goes_to_the_log(home: Path) -> None:
    def ours() -> None:
        raise PageError("Do <b>this</b> first.")

    def bug() -> None:
        raise ZeroDivisionError("secret detail")

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert explained(ours)() == gr.skip()
        assert explained(bug)() == gr.skip()
    texts = [str(warning.message) for warning in said]
    assert texts[0] == "Do &lt;b&gt;this&lt;/b&gt; first."
    assert "ZeroDivisionError" in texts[1] and "secret detail" not in texts[1]
    logged = (home / "keepsake.log").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in logged and "test_app_handlers.py" in logged and "secret detail" not in logged


def test_no_event_of_the_page_can_be_called_from_outside_but_the_few_for_programs() -> None:
    built = page.build_page()
    open_to_programs = {fn.api_name for fn in built.fns.values() if fn.api_visibility != "private" and fn.fn is not None}
    # By token only (tests/test_app_programs.py); events without a function run nothing here.
    assert open_to_programs == set(endpoints.NAMES)


def test_the_page_serves_no_file_of_the_data_folder_and_counts_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    profiles_tab.create("Ada")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(home.parent / "uploads"))
    built = page.build_page()
    page.serve(built, "127.0.0.1", 7899)
    try:
        assert built.local_url == "http://127.0.0.1:7899/" and built.share_url is None
        assert not built.analytics_enabled and not built.enable_monitoring and not built.run_history
        for path in (home / "keepsake.db", ROOT / "app.py", Path("/etc/hostname")):
            with pytest.raises(HTTPError) as refused:
                urlopen(f"http://127.0.0.1:7899/gradio_api/file={path}", timeout=10)
            assert refused.value.code in (401, 403, 404)
    finally:
        built.close()


def test_the_page_can_be_built_without_torch() -> None:
    code = "import sys, app.page; app.page.build_page(); sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, timeout=120).returncode == 0


def test_lengths_of_time_are_said_in_words() -> None:
    assert [say_seconds(s) for s in (0.2, 75, 4000)] == ["0 s", "1 min 15 s", "1 h 6 min"]
