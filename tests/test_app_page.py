"""What a person does with their memories, profiles, chats and results, through the page's handlers and the real store."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import (
    chat_tab,
    inject_tab,
    memories_tab,
    page,
    plain_chat,
    profiles_tab,
    report_file,
    results_tab,
    tally,
    turn_card,
    visitor,
    welcome_tab,
)
from app import sentences as say
from app.edge import PageError, in_language
from app.run_card import seconds_left
from app.speakers import Speakers
from app.worker import Job
from memory.demo import import_demo
from memory.errors import BadProfileName, DuplicateFact
from memory.store import (
    Memory,
    Profile,
    active_run,
    add_memory,
    beat,
    cancel_requested,
    count_rows,
    finish_run,
    list_judgements,
    list_memories,
    list_turns,
    list_votes,
    load_profile,
    open_store,
    save_adapter,
    save_judgement,
    save_point,
    save_report,
    save_trial,
    save_turn,
    save_vote,
    start_run,
)
from tests.test_app_handlers import NASTY, give_adapter, scores, tiny_base

__all__ = ["tiny_base"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("KEEPSAKE_HOME", str(folder))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return folder


@pytest.fixture
def db() -> Iterator[Any]:
    opened = open_store()
    yield opened
    opened.close()


@pytest.fixture
def demo(db: Any) -> Profile:
    return import_demo(db)


# Memories


def test_memories_are_listed_a_page_at_a_time_and_what_is_typed_is_text(db: Any, demo: Profile) -> None:
    for number in range(30):
        add_memory(db, demo.id, f"You own book {number}.")
    add_memory(db, demo.id, f"You wrote {NASTY}.")
    ticked, counts, place, page, back, forward = memories_tab.show_memories("demo", "", "", "", 0)
    assert len(ticked.choices) == memories_tab.PAGE and "1 to 20 of 36" in place and forward.interactive and not back.interactive
    assert "<b>36</b>" in counts
    ticked, _, place, page, back, forward = memories_tab.show_memories("demo", "", "", "", 1)
    assert "21 to 36 of 36" in place and back.interactive and not forward.interactive
    # A page that is gone (its facts were deleted) is the last one.
    assert memories_tab.show_memories("demo", "", "", "", 9)[3] == 1
    found = memories_tab.show_memories("demo", "BOOK 7", "", "", 0)[0].choices
    assert [text.split("\n")[0] for text, _ in found] == ["You own book 7."]
    assert memories_tab.show_memories("", "", "", "", 0)[0].choices == []


def test_a_memory_is_added_edited_pinned_skipped_and_deleted(db: Any, demo: Profile) -> None:
    memories_tab.add("demo", "  Your cat is   called Biscuit. ")
    with pytest.raises(DuplicateFact):
        memories_tab.add("demo", "your cat is called biscuit")
    fact = next(memory.id for memory in list_memories(db, demo.id)[0] if "Biscuit" in memory.text)
    memories_tab.edit("demo", [fact], "Your cat is called Crumb.")
    for action, state in (("pin", "pinned"), ("skip", "skipped")):
        memories_tab.act("demo", action, [fact])
        assert [memory.id for memory in list_memories(db, demo.id, state=state)[0]] == [fact]
    memories_tab.act("demo", "learn", [fact])
    memories_tab.act("demo", "unpin", [fact])
    assert list_memories(db, demo.id, state="skipped")[1] == list_memories(db, demo.id, state="pinned")[1] == 0
    _, one, text, said = memories_tab.look_at("demo", [fact])
    assert one.visible and text == "Your cat is called Crumb." and say.MEMORY_TYPED in said
    assert "1 facts are gone" in memories_tab.act("demo", "delete", [fact])
    with pytest.raises(PageError, match="Tick"):
        memories_tab.act("demo", "delete", [])
    with pytest.raises(PageError, match="exactly one"):
        memories_tab.edit("demo", [1, 2], "x")


def test_everything_is_deleted_only_when_its_name_was_typed_and_the_proof_reads_the_files(db: Any, demo: Profile, home: Path) -> None:
    exported = json.loads(Path(memories_tab.export_memories("demo")).read_text())
    assert exported["memories"][0]["state"] == "new"
    with pytest.raises(PageError, match='Type "demo"'):
        memories_tab.delete_everything("demo", "dem")
    (home / "left.txt").write_text(max((m["text"] for m in exported["memories"]), key=len), encoding="utf-8")
    db.close()
    kept = memories_tab.collect_texts

    def also(opened: Any, profile: int) -> list[str]:
        return [*kept(opened, profile), (home / "left.txt").read_text()]

    memories_tab.collect_texts = also  # type: ignore[assignment]
    try:
        assert "1 of" in memories_tab.delete_everything("demo", "demo")  # the copy that lies about is found
    finally:
        memories_tab.collect_texts = kept
    (home / "left.txt").unlink()
    welcome_tab.prepare_demo()
    assert "Proof: 0 rows are left, and none of 200" in memories_tab.delete_everything("demo", "demo")


# Profiles


def test_a_profile_goes_out_as_a_file_is_deleted_and_comes_back(db: Any, demo: Profile, tmp_path: Path) -> None:
    before = count_rows(db, demo.id)
    path = Path(profiles_tab.export("demo"))
    assert path.name == "demo.keepsake" and zipfile.is_zipfile(path)
    with pytest.raises(PageError, match="Type"):
        profiles_tab.delete("demo", "")
    assert "522" in profiles_tab.delete("demo", "demo") and visitor.profile_names() == []
    name, said = profiles_tab.bring_back(str(path), "")
    assert name == "demo" and "522 messages" in said and not path.exists()
    assert count_rows(db, load_profile(db, "demo").id) == before
    with pytest.raises(PageError, match="Drop"):
        profiles_tab.bring_back(None, "")


def test_a_profile_is_renamed_and_copied_and_a_running_one_is_not_deleted(db: Any, demo: Profile) -> None:
    assert profiles_tab.rename("demo", "Nora") == "Nora"
    assert profiles_tab.duplicate("Nora", "") == "Nora (copy)"
    with pytest.raises(BadProfileName):
        profiles_tab.duplicate("Nora", "Nora (copy)")
    assert "Nora (copy)" in profiles_tab.show_profiles("Nora")
    start_run(db, demo.id, "inject", {})
    with pytest.raises(PageError, match="cancel it first"):
        profiles_tab.delete("Nora", "Nora")


def test_the_next_step_follows_what_a_profile_holds(demo: Profile, tiny_base: Path) -> None:
    assert welcome_tab.next_step("") is None and welcome_tab.next_step("demo")[0] == "inject"  # type: ignore[index]
    assert welcome_tab.begin("") == "me" and welcome_tab.begin("me") == "me" and welcome_tab.next_step("me")[0] == "import"  # type: ignore[index]
    give_adapter(demo, tiny_base)
    assert welcome_tab.next_step("demo")[0] == "chat"  # type: ignore[index]
    # The button appears: with one output, Gradio would take a tuple for the button's value and never show it.
    fns = [fn for fn in page.build_page().fns.values() if [getattr(block, "elem_id", "") for block in fn.outputs] == ["onward"]]
    try:
        assert fns and all(getattr(fn.fn("demo"), "visible", None) is True for fn in fns if fn.fn)
    finally:
        say.speak("en")  # the last of them spoke German, and so would all tests after this one


# Inject


def test_a_run_is_paused_resumed_and_cancelled_while_paused(db: Any, demo: Profile) -> None:
    run = start_run(db, demo.id, "inject", {"budget": "quick", "base": "pocket", "minutes": 3})
    beat(db, run, state="running", stage="search", progress=0.5)
    for share in (0.1, 0.5):
        save_point(db, run, 0, share, loss=2 - share)
    save_point(db, run, 0, 1.0, recall=0.5, abstention=0.75)
    assert "Loss, trial 1: 1.5" in inject_tab.show_run("demo") and "50% to the letter" in inject_tab.show_run("demo")
    assert say.PAUSED in inject_tab.pause("demo") and inject_tab.is_paused("demo")
    assert say.PAUSED not in inject_tab.pause("demo", False)
    inject_tab.pause("demo")
    inject_tab.cancel("demo")
    assert cancel_requested(db, run) and not inject_tab.is_paused("demo")


def test_an_injection_that_only_starts_can_be_cancelled_but_not_paused_yet(demo: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = Job("inject", True, 4e9, Path("none.log"))
    monkeypatch.setattr(inject_tab, "find_job", lambda kind, profile: starting)
    shown, _, start, pause, resume, cancel, *_ = inject_tab._screen("demo", inject_tab.show_run("demo"))
    assert say.STARTING in shown and not start.interactive
    assert cancel.visible and not pause.visible and not resume.visible


def test_the_time_left_follows_progress_and_budget_and_is_not_said_too_early(db: Any, demo: Profile) -> None:
    run_id = start_run(db, demo.id, "inject", {"minutes": 3})

    def at(progress: float, stage: str = "study") -> Any:
        beat(db, run_id, state="running", stage=stage, progress=progress)
        return active_run(db, demo.id)

    assert seconds_left(at(0.01), 10) is None
    assert seconds_left(at(0.5), 60) == 60
    assert seconds_left(at(0.4, "search"), 150) == 30  # the budget ends it
    assert seconds_left(at(0.25, "search"), 600) == 1800  # far beyond the budget: not "5 seconds left"


def test_the_end_card_compares_the_sides_and_says_what_to_use(db: Any, demo: Profile) -> None:
    run = start_run(db, demo.id, "inject", {})
    card = {
        "known": 60, "unknown": 40, "hits": {"adapter": 57, "rag": 49, "hybrid": 59}, "invents": {"adapter": 1, "rag": 8, "hybrid": 1},
    }  # fmt: skip
    finish_run(
        db,
        run,
        "done",
        result={"advice": {"card": card, "side": "hybrid", "sure": False}, "best": {"trial": 0}, "facts": 66, "bytes": 1000},
    )
    shown = inject_tab.show_run("demo")
    for part in ("knows 57 of 60", "invents on 1 of 40", "Retrieval: 49 of 60", "Use both together.", "intervals overlap"):
        assert part in shown


def test_plots_are_drawn_once_a_trial_has_ended_and_again_only_when_there_is_another(db: Any, demo: Profile) -> None:
    run = start_run(db, demo.id, "inject", {})
    assert not inject_tab.draw_plots("demo", "")[1].visible
    for number, score in enumerate((0.2, 0.5, 0.4)):
        plan = {"lora_count": 1 + number, "layer_sets": ["all"], "rank": 8, "learning_rate": 0.003 * (1 + number)}
        save_trial(db, run, number, plan, {"score": score}, "complete", 1.0, 1000 * (number + 1))
    key, group, *plots = inject_tab.draw_plots("demo", "")
    assert group.visible and [plot.visible for plot in plots] == [True, True, True]
    assert "score" not in repr(inject_tab.draw_plots("demo", key))


# Chat


def test_a_temporary_chat_is_revealed_and_nothing_of_it_is_stored(
    db: Any, demo: Profile, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_adapter(demo, tiny_base)
    monkeypatch.setattr(chat_tab, "SPEAKERS", Speakers())
    state = list(chat_tab.ask("demo", chat_tab.new_state(), "adapter-rag", "Who am I?", "turn", True))[-1][1]
    revealed, state = chat_tab.vote("demo", state, "tie")
    assert say.SIDES["adapter"] in revealed and say.NOT_STORED in chat_tab.judge("demo", state, "left", "yes", None)
    assert list_turns(db, demo.id) == [] and list_votes(db, demo.id) == []


def test_a_chat_may_be_shuffled_once_and_be_stopped(demo: Profile, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_adapter(demo, tiny_base)
    monkeypatch.setattr(chat_tab, "SPEAKERS", Speakers())
    state, orders = chat_tab.new_state(), set()
    for _ in range(5):
        steps = chat_tab.ask("demo", state, "adapter-rag", "Who am I?", "chat")
        for shown, state, _done in steps:
            if " writing" in shown:
                chat_tab.stop(state)  # ends at the next token
        orders.add(state["order"])
    assert len(orders) == 1
    assert not chat_tab.STOPS.asked(state["chat"])


def test_an_adapter_that_knows_something_forgotten_answers_only_if_the_person_says_so(db: Any, demo: Profile) -> None:
    fact = add_memory(db, demo.id, "You own a yacht.")
    save_adapter(db, demo.id, None, b"w", {}, "pocket", "1", "1", [fact], {})
    chat_tab.check_ready("demo")
    assert "1 adapters" in memories_tab.act("demo", "delete", [fact]) and chat_tab.is_stale("demo")
    with pytest.raises(PageError, match="inject again"):
        chat_tab.check_ready("demo")
    chat_tab.allow_stale("demo")
    assert chat_tab.check_ready("demo").name == "demo" and not chat_tab.is_stale("demo")


def test_the_heavy_modules_may_be_wanted_by_several_threads_at_once(home: Path) -> None:
    # In a process of its own, for here they are loaded already: transformers' first import in two threads at once used to fail now and then.
    code = (
        "import threading; from app import welcome_tab, warm\n"
        "bad = []\n"
        "def work(call):\n"
        "    try: call()\n"
        "    except Exception as error: bad.append(error)\n"
        "calls = [welcome_tab.describe_machine, warm.warm_up]\n"
        "threads = [threading.Thread(target=work, args=[call]) for call in calls * 2]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "raise SystemExit(repr(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(say.__file__).parents[2], timeout=280).returncode == 0


def test_what_is_said_of_the_memories_is_stored_with_its_side(db: Any, demo: Profile) -> None:
    turn = save_turn(db, demo.id, "c", "Who?", "rag", "adapter", "a", "b", {})
    state = {**chat_tab.new_state(), "chat": "c", "turn": turn}
    _, state = chat_tab.vote("demo", state, "left")
    chat_tab.judge("demo", state, "left", "yes", None)
    chat_tab.judge("demo", state, "left", "yes", "no")
    assert [(said.side, said.relevant, said.accurate) for said in list_judgements(db, demo.id)] == [("rag", True, False)]
    with pytest.raises(PageError):
        chat_tab.judge("demo", chat_tab.new_state(), "left", "yes", None)


def test_the_words_that_the_adapter_lifted_are_marked_after_the_vote_only(db: Any, demo: Profile) -> None:
    pieces = [{"text": "Your cat is ", "lift": 0.1}, {"text": "<b>", "lift": 4.0}]
    number = save_turn(db, demo.id, "c", "q", "adapter", "rag", "Your cat is <b>", "x", {"lifts": [pieces, []], "notes": [[], ["a line"]]})
    turn = list_turns(db, demo.id)[0]
    assert turn.id == number and "<mark" not in turn_card.render_turn(turn, None)
    shown = turn_card.render_turn(turn, "left")
    assert "<mark" in shown and "&lt;b&gt;</mark>" in shown and "a line" in shown


def test_a_plain_chat_answers_with_one_side_is_retried_and_may_be_weakened(
    db: Any, demo: Profile, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PageError, match="choose retrieval"):
        list(plain_chat.write("demo", None, "adapter", 1.0, "Hello", False))
    give_adapter(demo, tiny_base)
    monkeypatch.setattr(plain_chat, "SPEAKERS", Speakers())
    state, done = list(plain_chat.write("demo", None, "hybrid", 0.5, "Where do I live?", False))[-1]
    assert done and len(state["turns"][0]["notes"]) == 2
    shown = plain_chat.render_messages(state)
    assert [message["role"] for message in shown] == ["user", "assistant", "assistant"] and "metadata" in shown[1]
    assert plain_chat.turn_of_message(state, 2) == 0
    list(plain_chat.write("demo", state, "rag", 1.0, "And my cat?", True))
    stored = list_turns(db, demo.id)
    assert [(turn.left_side, turn.right_side) for turn in stored] == [("hybrid", "")] and results_tab.show_results("demo")


# Results


def vote(db: Any, profile: Profile, sides: tuple[str, str], texts: tuple[str, str], choice: str) -> int:
    turn = save_turn(db, profile.id, "c", "=q", *sides, *texts, {})
    save_vote(db, turn, choice)
    return turn


def test_bias_of_place_and_length_and_the_judgements_are_counted(db: Any, demo: Profile) -> None:
    for number in range(12):
        turn = vote(db, demo, ("adapter", "rag"), ("long answer", "x") if number else ("same", "same"), "left")
        save_judgement(db, turn, "left", number < 9, True if number else None)
    votes = list_votes(db, demo.id)
    assert (tally.tally_position(votes).part, tally.tally_length(votes, list_turns(db, demo.id)).whole) == (12, 11)
    assert tally.tally_judgements(list_judgements(db, demo.id))["adapter"]["relevant"].row()["share"] == 0.75
    shown = results_tab.show_results("demo")
    assert say.BIAS_POSITION_SEEN in shown and "75%" in shown
    assert tally.break_even(100, 20, 70) == 2000 and tally.break_even(100, 70, 20) is None


def test_results_go_out_as_csv_json_and_one_html_file_that_needs_no_network(db: Any, demo: Profile) -> None:
    vote(db, demo, ("adapter", "rag"), (NASTY, "=1+1"), "left")
    run = start_run(db, demo.id, "inject", {})
    save_trial(db, run, 0, {"rank": 8}, {"score": 0.5}, "complete", 1.0, 10)
    finish_run(db, run, "done", result={"seconds": 60, "bytes": 10, "facts": 2, "peak_memory_mb": 1400})
    report = {"sides": {"adapter": scores(0.5, 0.4, 0.6), "rag": scores(0.4, 0.3, 0.5)}, "questions": 2, "adapter": None, "answers": []}
    save_report(db, demo.id, "evaluation", report)
    rows = list(csv.DictReader(io.StringIO(report_file.export_votes(db, demo))))
    assert rows[0]["winner"] == "adapter" and rows[0]["right_text"] == "'=1+1" and rows[0]["question"] == "'=q"
    assert json.loads(report_file.export_json(db, demo))["pairs"][0]["wins"]["part"] == 1
    page = Path(results_tab.export("demo", "html")).read_text()
    assert "<img src" not in page and "Plotly.newPlot" in page and "1 of 1 decided" in page and say.RESULTS_COST in page
    # The only addresses in it are names inside plotly's own code, nothing is loaded: no src, no link.
    assert "<script src" not in page and "<link" not in page and "@import" not in page


# Languages


def names(table: Any) -> dict[str, Any]:
    return {name: getattr(table, name) for name in dir(table) if name.isupper()}


def fields(value: Any) -> Any:
    """The fields in braces of a sentence, or of every sentence in a table."""
    import string

    if isinstance(value, str):
        return sorted((field, spec) for _, field, spec, _ in string.Formatter().parse(value) if field is not None)
    if isinstance(value, dict):
        return {key: fields(inner) for key, inner in value.items()}
    return [fields(inner) for inner in value] if isinstance(value, (list, tuple)) else type(value)


def test_every_language_has_every_sentence_with_the_same_fields() -> None:
    english = names(say.LANGUAGES["en"])
    for code, table in say.LANGUAGES.items():
        own = names(table)
        assert set(own) == set(english), code
        for name, value in english.items():
            assert [field for field, _ in _flat(fields(own[name]))] == [field for field, _ in _flat(fields(value))], (code, name)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [item for key in sorted(value) for item in _flat(value[key])]
    if isinstance(value, list):
        return [item for inner in value for item in (_flat(inner) if isinstance(inner, (list, dict)) else [inner])]
    return []


def test_every_sentence_that_the_page_names_exists() -> None:
    import re

    english = names(say.LANGUAGES["en"])
    used = {
        name for path in Path(say.__file__).parents[1].glob("*.py") for name in re.findall(r"\bsay\.([A-Z][A-Z_]+)\b", path.read_text())
    }
    assert used - set(english) - {"LANGUAGES"} == set() and set(english) - used == set()


def test_no_sentence_is_named_twice() -> None:
    import ast
    from collections import Counter

    for table in say.LANGUAGES.values():
        tree = ast.parse(Path(str(table.__file__)).read_text(encoding="utf-8"))
        named = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        assert [name for name, count in named.items() if count > 1] == [], table.LANGUAGE


def test_a_handler_speaks_the_language_of_its_page() -> None:
    seen = []
    for code in say.LANGUAGES:
        in_language(lambda: seen.append(say.language()), code)()
        say.speak("en")
        assert [*in_language(lambda: (yield say.LANGUAGE), code)()] == [say.LANGUAGES[code].LANGUAGE]
        say.speak("en")
    assert seen == list(say.LANGUAGES)


def test_a_memory_names_its_conversation_and_its_day_where_it_has_one() -> None:
    def memory(when: str | None) -> Memory:
        return Memory(1, "You sing.", "learnt", "active", "study", False, None, "I sing", "Ana", "About me", when)

    assert memories_tab.label(memory(None)).endswith("(About me)")  # not "(About me, )"
    assert memories_tab.label(memory("2026-05-03T10:00:00")).endswith("(About me, 2026-05-03)")
