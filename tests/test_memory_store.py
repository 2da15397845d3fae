"""The store: one real SQLite file in a temporary folder for each test."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from sqlite_utils import Database

from memory.errors import (
    AdapterDamaged,
    BadProfileName,
    DuplicateFact,
    FactsForgotten,
    RunInProgress,
    StoreDamaged,
    StoreUnwritable,
    UnknownFact,
    UnknownProfile,
    UnknownRun,
    UnknownTurn,
)
from memory.importers import ParsedMessage
from memory.store import (
    NewFact,
    active_run,
    add_facts,
    beat,
    cancel_requested,
    check_profile_name,
    create_profile,
    current_adapter,
    delete_profile,
    edit_fact,
    embeddings,
    ensure_profile,
    finish_run,
    forget_all,
    forget_fact,
    forget_message,
    latest_report,
    latest_run,
    list_adapters,
    list_examples,
    list_facts,
    list_messages,
    list_trials,
    list_turns,
    list_votes,
    load_adapter,
    load_profile,
    load_run,
    mark_studied,
    open_store,
    request_cancel,
    save_adapter,
    save_examples,
    save_messages,
    save_report,
    save_trial,
    save_turn,
    save_vote,
    start_run,
    studied_messages,
    supersede,
    transaction,
)

SECRET = "heliotrope"


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_store(tmp_path)


@pytest.fixture
def ana(db: Database) -> int:
    return create_profile(db, "ana").id


def say(db: Database, profile: int, *texts: str, chat: str = "Walk", sender: str = "Ana") -> list[int]:
    """Stores messages of one sender (the person is Ana) and returns the ids of that chat's messages."""
    save_messages(db, profile, [ParsedMessage(chat, sender, "person", None, text) for text in texts], "Ana")
    return [message.id for message in list_messages(db, profile) if message.conversation == chat]


def adapter(db: Database, profile: int, facts: list[int], weights: bytes = b"weights") -> int:
    return save_adapter(db, profile, None, weights, {"r": 8}, "base", "rev", "1", facts, {"recall": 0.9})


def file_holds(folder: Path, word: str) -> bool:
    """Whether the word occurs anywhere in the store's files, the log included."""
    return any(word.encode() in path.read_bytes().lower() for path in folder.glob("keepsake.db*"))


def test_opening_twice_keeps_the_data_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    create_profile(open_store(tmp_path / "home"), "ana")
    again = open_store(tmp_path / "home")
    assert load_profile(again, "ana").name == "ana"
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "home" / "keepsake.db").stat().st_mode) == 0o600
    assert again.journal_mode == "wal" and again.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_many_threads_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            open_store(tmp_path)
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_threads_that_share_a_connection_do_not_mix_their_transactions(db: Database, ana: int) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            try:
                with transaction(db):
                    add_facts(db, ana, [NewFact(f"Fact {number} {turn}.")])
                    if turn % 2:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                pass

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_facts(db, ana)) == 40


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable, match="KEEPSAKE_HOME"):
        open_store(tmp_path / "file" / "home")


def test_a_file_that_is_no_store_or_a_newer_one_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "keepsake.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(StoreDamaged, match="move it away"):
        open_store(tmp_path)
    newer = open_store(tmp_path / "newer")
    newer.table("_sqlite_migrations").insert({"migration_set": "keepsake", "name": "m999_future", "applied_at": "x"})
    with pytest.raises(StoreDamaged, match="newer Keepsake"):
        open_store(tmp_path / "newer")


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a\\b", ".hidden", "a\nb", "a\x00b", "x" * 61])
def test_a_name_that_would_make_trouble_is_refused(name: str) -> None:
    with pytest.raises(BadProfileName):
        check_profile_name(name)


def test_names_are_trimmed_and_composed_and_an_unknown_one_lists_the_others(db: Database) -> None:
    create_profile(db, " Zoe\u0301 ")
    assert load_profile(db, "Zo\u00e9").name == "Zo\u00e9" == ensure_profile(db, "Zo\u00e9").name
    with pytest.raises(UnknownProfile, match='"Zo\u00e9"'):
        load_profile(db, "ana")
    with pytest.raises(BadProfileName, match="already"):
        create_profile(db, "Zo\u00e9")


def test_the_same_fact_in_other_words_case_is_one_fact(db: Database, ana: int) -> None:
    ids = add_facts(db, ana, [NewFact("Your cat is Pepper."), NewFact("your  cat is pepper"), NewFact("Your dog is Rex.")])
    assert ids[0] == ids[1] and len(set(ids)) == 2
    assert [fact.text for fact in list_facts(db, ana)] == ["Your cat is Pepper.", "Your dog is Rex."]


def test_a_superseded_fact_leaves_the_list_and_moving_back_revives_it(db: Database, ana: int) -> None:
    oslo, bergen = add_facts(db, ana, [NewFact("You live in Oslo."), NewFact("You live in Bergen.")])
    supersede(db, oslo, bergen)
    assert [fact.id for fact in list_facts(db, ana)] == [bergen]
    supersede(db, bergen, oslo)
    assert [fact.id for fact in list_facts(db, ana)] == [oslo]
    assert {fact.id: fact.superseded_by for fact in list_facts(db, ana, active_only=False)} == {
        oslo: None,
        bergen: oslo,
    }


def test_a_fact_said_again_takes_the_newer_time_never_the_older(db: Database, ana: int) -> None:
    for said_at in ("2024-05-01T10:00:00", "2024-06-01T10:00:00", "2023-01-01T10:00:00"):
        add_facts(db, ana, [NewFact("You live in Oslo.", said_at=said_at)])
    assert list_facts(db, ana)[0].said_at == "2024-06-01T10:00:00"


def test_an_edited_fact_loses_its_examples_and_study_cannot_restore_the_old_text(db: Database, ana: int) -> None:
    rex, tea = add_facts(db, ana, [NewFact("Your dog is Rexx."), NewFact("You like tea.")])
    run = start_run(db, ana, "inject", {})
    save_examples(db, run, [{"fact_id": rex, "prompt": "?"}])
    edit_fact(db, rex, "Your dog is Rex.")
    assert list_examples(db, run) == [] and add_facts(db, ana, [NewFact("Your dog is Rexx.")]) == []
    with pytest.raises(DuplicateFact):
        edit_fact(db, rex, "you like tea")
    edit_fact(db, rex, "Your dog is Rexx.")  # the person may change their mind
    assert [fact.text for fact in list_facts(db, ana)] == ["Your dog is Rexx.", "You like tea."]
    assert tea == list_facts(db, ana)[1].id


def test_studied_messages_are_remembered_per_studier(db: Database, ana: int) -> None:
    ids = say(db, ana, "a", "b")
    mark_studied(db, [*ids, 999], "model-1")
    mark_studied(db, ids, "model-1")
    assert studied_messages(db, ana, "model-1") == set(ids) and studied_messages(db, ana, "model-2") == set()


def test_forgetting_a_fact_takes_all_that_was_made_of_it(db: Database, ana: int, tmp_path: Path) -> None:
    message = say(db, ana, "My cat loves the garden")[0]
    cat, tea = add_facts(db, ana, [NewFact(f"Your cat is {SECRET.title()}.", message), NewFact("You like tea.")])
    run = start_run(db, ana, "inject", {})
    rows: list[dict[str, object]] = [
        {"fact_id": cat, "q": 1},
        {"fact_ids": [tea, cat], "q": 2},
        {"fact_id": tea, "q": 3},
        {"fact_id": tea, "prompt": f"Known: Your cat is {SECRET.title()}."},
    ]
    save_examples(db, run, rows)
    embeddings.save(db, "fact", [cat], np.ones((1, 4)), "m")
    with_cat, without = adapter(db, ana, [cat, tea]), adapter(db, ana, [tea])
    save_report(db, ana, "recall", {"misses": [f"Your cat is {SECRET.title()}."]})
    went = forget_fact(db, ana, cat)
    assert went == {"facts": 1, "examples": 3, "adapters_stale": 1, "reports": 1, "turns": 0, "messages_excluded": 1, "certificate": 1}
    assert [row["q"] for row in list_examples(db, run)] == [3]
    assert {a.id: (bool(a.stale), a.usable) for a in list_adapters(db, ana)} == {with_cat: (True, False), without: (False, True)}
    assert list(embeddings.read_vectors(db, ana, "fact", "m")) == []
    assert list_messages(db, ana)[0].excluded
    assert not file_holds(tmp_path, SECRET)
    with pytest.raises(UnknownFact):
        forget_fact(db, ana, cat)


@pytest.mark.parametrize("kind", ["fact", "message"])
@pytest.mark.parametrize("text", [f'my "{SECRET}"\nhas been é ' + "so very " * 60 + "ill", "pin 42"])
def test_examples_with_a_forgotten_message_in_their_notes_go_with_it(db: Database, ana: int, tmp_path: Path, kind: str, text: str) -> None:
    """Notes of an example are lines as retrieval brings them: facts, and messages on one line, shortened where they are long; a secret may be short."""
    message, other = say(db, ana, text, "I wrote pin 42 down and drink tea")
    fact, tea = add_facts(db, ana, [NewFact("Your old friend is ill.", message), NewFact("You drink tea.", other)])
    run = start_run(db, ana, "inject", {})
    line = " ".join(text.split())
    notes = [[line if len(line) < 300 else f"{line[:280]} ..."], ["I wrote pin 42 down and drink tea"], []]
    save_examples(db, run, [{"fact_id": tea, "notes": lines, "q": n} for n, lines in enumerate(notes)])
    went = forget_fact(db, ana, fact) if kind == "fact" else forget_message(db, ana, message)
    assert went["examples"] == 1 and [row["q"] for row in list_examples(db, run)] == [1, 2]
    assert kind == "fact" or not file_holds(tmp_path, SECRET)


def test_a_forgotten_fact_comes_back_by_the_persons_hand_only(db: Database, ana: int) -> None:
    first, second = say(db, ana, "My cat is Pepper", "Pepper is my cat")
    fact = add_facts(db, ana, [NewFact("Your cat is Pepper.", first), NewFact("Your cat is Pepper.", second)])[0]
    forget_fact(db, ana, fact)
    assert all(message.excluded for message in list_messages(db, ana))  # both say it
    assert add_facts(db, ana, [NewFact("your cat is pepper"), NewFact("The cat's name is Pepper.", first)]) == []
    assert len(add_facts(db, ana, [NewFact("Your cat is Pepper.", source="user")])) == 1


def test_a_fact_of_another_profile_cannot_be_forgotten_from_here(db: Database, ana: int) -> None:
    other = create_profile(db, "ben").id
    fact = add_facts(db, other, [NewFact("You like tea.")])[0]
    with pytest.raises(UnknownFact):
        forget_fact(db, ana, fact)
    assert len(list_facts(db, other)) == 1


def test_forgetting_a_message_takes_its_facts_unless_another_message_says_so(db: Database, ana: int, tmp_path: Path) -> None:
    first, second = say(db, ana, f"I live in {SECRET} street and like tea", "Tea again")
    add_facts(db, ana, [NewFact(f"You live in {SECRET} street.", first), NewFact("You like tea.", first),
                        NewFact("You like tea.", second), NewFact("You like jazz.", None)])  # fmt: skip
    home, tea, _ = (fact.id for fact in list_facts(db, ana))
    adapter(db, ana, [home]), adapter(db, ana, [tea])
    went = forget_message(db, ana, first)
    assert (went["messages"], went["facts"], went["adapters_stale"]) == (1, 1, 1)
    assert [(f.text, f.message_id) for f in list_facts(db, ana)] == [
        ("You like tea.", second),
        ("You like jazz.", None),
    ]
    assert not file_holds(tmp_path, SECRET)


def test_forgetting_all_leaves_the_name_and_nothing_else(db: Database, ana: int, tmp_path: Path) -> None:
    message = say(db, ana, f"My password is {SECRET}")[0]
    fact = add_facts(db, ana, [NewFact(f"Your password is {SECRET}.", message)])[0]
    run = start_run(db, ana, "inject", {})
    save_examples(db, run, [{"fact_id": fact, "a": SECRET}])
    adapter(db, ana, [fact], SECRET.encode())
    save_vote(db, save_turn(db, ana, "c", SECRET, "a", "b", SECRET, SECRET, {}), "left")
    save_report(db, ana, "recall", {"x": SECRET})
    went = forget_all(db, ana)
    assert went == {name: 1 for name in ("messages", "facts", "runs", "adapters", "turns", "reports", "examples", "votes", "certificate")}
    assert load_profile(db, "ana").id == ana and not file_holds(tmp_path, SECRET)
    assert len(say(db, ana, f"My password is {SECRET}")) == 1  # a fresh start


def test_a_deleted_profile_leaves_nothing_in_the_file_and_others_untouched(db: Database, ana: int, tmp_path: Path) -> None:
    other = create_profile(db, "ben").id
    say(db, other, "I like tea")
    say(db, ana, f"My password is {SECRET}")
    delete_profile(db, ana)
    assert not file_holds(tmp_path, SECRET) and len(list_messages(db, other)) == 1


def test_a_purge_that_another_process_blocked_is_done_on_the_next_opening(db: Database, ana: int, tmp_path: Path) -> None:
    message = say(db, ana, f"My password is {SECRET}")[0]
    reader = open_store(tmp_path)
    reader.conn.execute("BEGIN")
    reader.conn.execute("SELECT count(*) FROM messages").fetchone()
    db.execute("PRAGMA busy_timeout = 50")
    forget_message(db, ana, message)
    reader.conn.execute("ROLLBACK")
    reader.close()
    open_store(tmp_path)
    assert list_messages(db, ana) == [] and not file_holds(tmp_path, SECRET)


def test_vectors_of_others_of_excluded_and_of_superseded_rows_are_not_loaded(db: Database, ana: int) -> None:
    mine = say(db, ana, "a", "b")
    theirs = say(db, ana, "c", chat="Other", sender="Ben")
    embeddings.save(db, "message", [*mine, *theirs, 999], np.eye(4), "m")
    fact = add_facts(db, ana, [NewFact("Fact.", mine[0])])[0]
    assert [int(i) for _, ids, _ in embeddings.read_vectors(db, ana, "message", "m") for i in ids] == mine
    forget_fact(db, ana, fact)
    # The vector of the message after an excluded one held an echo of it, so it is gone too and made anew.
    assert list(embeddings.read_vectors(db, ana, "message", "m")) == []
    assert [(row.id, row.before) for row in embeddings.missing(db, ana, "message", "m")] == [(mine[1], "")]


def test_a_second_run_is_refused_while_one_is_alive(db: Database, ana: int) -> None:
    run = start_run(db, ana, "inject", {"dial": "quick"})
    with pytest.raises(RunInProgress, match=f"run {run}"):
        start_run(db, ana, "inject", {})
    beat(db, run, state="running", stage="train", progress=0.5, loss=1.25, detail="Half way.")
    found = active_run(db, ana)
    assert found and (found.progress, found.loss, found.settings) == (0.5, 1.25, {"dial": "quick"})
    finish_run(db, run, "done", {"adapter_id": 1})
    assert active_run(db, ana) is None and load_run(db, run).result == {"adapter_id": 1}
    start_run(db, ana, "inject", {})


CHILD = """
import sys, time
from pathlib import Path
from memory.store import beat, open_store, start_run
db = open_store(Path(sys.argv[1]))
beat(db, start_run(db, int(sys.argv[2]), "inject", {}), state="running", progress=0.3)
print("beating", flush=True)
time.sleep(60)
"""


def test_a_killed_run_is_marked_interrupted_even_while_it_is_a_zombie(db: Database, ana: int, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), str(ana)], stdout=subprocess.PIPE, text=True)
    assert child.stdout and child.stdout.readline() == "beating\n"
    found = active_run(db, ana)
    assert found and (found.pid, found.state) == (child.pid, "running")
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet reaped
    ended = latest_run(db, ana)
    assert ended and (ended.state, ended.progress) == ("interrupted", 0.3) and ended.error
    child.wait()
    start_run(db, ana, "inject", {})


def test_a_reused_process_number_is_not_taken_for_the_run(db: Database, ana: int) -> None:
    run = start_run(db, ana, "inject", {})
    db.execute("UPDATE runs SET pid_started = pid_started - 1000 WHERE id = ?", [run])  # another process, same number
    assert active_run(db, ana) is None and load_run(db, run).state == "interrupted"


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere the system notes the time itself")
def test_a_clock_that_is_set_while_a_run_works_does_not_end_it(db: Database, ana: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start_run(db, ana, "inject", {})
    began = psutil._pslinux.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: began + 100)  # what is reckoned from the clock moves with it
    found = active_run(db, ana)
    assert found and found.id == run and load_run(db, run).state != "interrupted"
    beat(db, run, progress=0.5)


def test_a_parent_that_hands_a_run_to_a_child_that_died_at_once_is_not_stuck(db: Database, ana: int) -> None:
    run = start_run(db, ana, "inject", {})
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    beat(db, run, pid=child.pid)
    assert active_run(db, ana) is None


def test_cancelling_is_asked_for_and_a_run_of_a_forgotten_profile_stops(db: Database, ana: int) -> None:
    run = start_run(db, ana, "inject", {})
    assert not cancel_requested(db, run)
    request_cancel(db, run)
    assert cancel_requested(db, run)
    forget_all(db, ana)
    assert cancel_requested(db, run)
    with pytest.raises(UnknownRun):
        beat(db, run, progress=0.4)


def test_trials_and_examples_come_back_as_they_were_saved(db: Database, ana: int) -> None:
    run = start_run(db, ana, "inject", {})
    save_trial(db, run, 1, {"rank": 8}, {"recall": np.float32(0.5)}, "complete", 2.5, 1000)
    save_trial(db, run, 0, {"rank": 4}, {}, "pruned", None, None)
    save_trial(db, run, 1, {"rank": 16}, {"recall": 0.75}, "complete", 3.0, 2000)
    assert [(t.number, t.params) for t in list_trials(db, run)] == [(0, {"rank": 4}), (1, {"rank": 16})]
    fact = add_facts(db, ana, [NewFact("You like tea.")])[0]
    save_examples(db, run, [{"fact_id": fact, "messages": ["é"]}, {"fact_id": 99}, {"fact_id": None, "kind": "negative"}])
    assert [row.get("kind", row.get("messages")) for row in list_examples(db, run)] == [["é"], "negative"]


def test_the_newest_adapter_is_current_and_a_flipped_bit_is_noticed(db: Database, ana: int) -> None:
    fact = add_facts(db, ana, [NewFact("You like tea.")])[0]
    first, second = adapter(db, ana, [fact], b"one"), adapter(db, ana, [fact], b"two")
    found = current_adapter(db, ana)
    assert found and (found.id, found.weights, found.fact_ids, found.peft_config) == (second, b"two", (fact,), {"r": 8})
    assert [(a.id, a.current, a.weights, a.size) for a in list_adapters(db, ana)] == [
        (second, True, b"", 3), (first, False, b"", 3),
    ]  # fmt: skip
    db.execute("UPDATE adapters SET weights = ? WHERE id = ?", [b"twp", second])
    with pytest.raises(AdapterDamaged, match="inject"):
        load_adapter(db, second)


def test_an_adapter_trained_on_a_fact_that_was_forgotten_meanwhile_is_not_kept(db: Database, ana: int) -> None:
    tea, cat = add_facts(db, ana, [NewFact("You like tea."), NewFact("Your cat is Pepper.")])
    adapter(db, ana, [tea])
    forget_fact(db, ana, cat)
    with pytest.raises(FactsForgotten):
        adapter(db, ana, [tea, cat])
    found = current_adapter(db, ana)
    assert found and found.fact_ids == (tea,)


def test_a_vote_is_kept_once_a_turn_and_knows_its_sides(db: Database, ana: int) -> None:
    turns = [save_turn(db, ana, "c", "q?", "retrieval", "adapter", "a", "b", {"seed": 1}) for _ in range(2)]
    save_vote(db, turns[0], "left")
    save_vote(db, turns[0], "right")
    save_vote(db, turns[1], "tie")
    assert [(v.choice, v.winner) for v in list_votes(db, ana)] == [("right", "adapter"), ("tie", None)]
    assert list_turns(db, ana, "c")[0].detail == {"seed": 1} and list_turns(db, ana, "d") == []
    with pytest.raises(UnknownTurn):
        save_vote(db, 99, "left")


def test_the_latest_report_of_a_kind_counts(db: Database, ana: int) -> None:
    save_report(db, ana, "recall", {"recall": 0.1})
    save_report(db, ana, "recall", {"recall": 0.2})
    assert latest_report(db, ana, "recall") == {"recall": 0.2} and latest_report(db, ana, "votes") is None


def test_no_sql_is_written_outside_of_the_store() -> None:
    root = Path(__file__).parent.parent
    outside = [path for folder in ("memory", "tuning", "app") for path in (root / folder).rglob("*.py")]
    words = ("SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE runs", ".execute(")
    found = [path for path in outside if "memory/store/" not in path.as_posix() and any(w in path.read_text() for w in words)]
    assert found == []


def test_the_document_of_the_store_names_every_table(db: Database) -> None:
    text = (Path(__file__).parent.parent / "docs" / "store.md").read_text()
    hidden = ("_fts", "sqlite_")
    tables = [name for name in db.table_names() if not any(part in name for part in hidden)]
    assert [name for name in tables if f"`{name}`" not in text] == []
