"""The main job end to end on the embedded base: a chat comes in, an adapter answers; and what happens when it is disturbed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memory.errors import RunInProgress
from memory.importing import import_files
from memory.store import active_run, current_adapter, finish_run, latest_run, list_facts, list_trials, load_profile, open_store, start_run
from tuning.errors import BadQuestions, NoAdapter, NothingToLearn
from tuning.evaluate import evaluate, load_questions, own_questions
from tuning.inject import inject
from tuning.sides import open_speaker

ROOT = Path(__file__).resolve().parents[1]
SIDE_FIELDS = {
    "recall", "recall_ci", "abstention", "false_claims", "rouge1", "rouge2", "rougeL", "persona_f1", "ms_per_answer", "prompt_tokens",
}  # fmt: skip
CHAT = """12/03/2026, 18:01 - Ana Brook: my cat is called Quimbo
12/03/2026, 18:02 - Luis: haha, my dog is called Rex
12/03/2026, 18:03 - Ana Brook: my sister lives in Vellmar
13/03/2026, 09:10 - Ana Brook: I'm allergic to hazelnuts
13/03/2026, 09:11 - Luis: oh no
13/03/2026, 09:12 - Ana Brook: my rent is 940 euros a month
14/03/2026, 20:00 - Ana Brook: see you at eight
"""


@pytest.fixture
def ana(home, tmp_path):
    """A store with a small chat imported."""
    path = tmp_path / "chat.txt"
    path.write_text(CHAT)
    db = open_store()
    import_files(db, "ana", [path], "Ana Brook")
    return db


def command(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KEEPSAKE_HOME": str(home)}
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=280)


def test_a_chat_becomes_an_adapter_that_knows_it(ana, pocket):
    profile = load_profile(ana, "ana")
    result = inject(ana, profile, trials=1, minutes=10, loaded=pocket)
    assert {"adapter", "base", "trials", "best", "seconds"} <= set(result)
    assert {"lora_count", "layers", "rank", "learning_rate"} <= set(result["best"])
    run = latest_run(ana, profile.id)
    assert run.state == "done" and run.progress == 1.0 and len(list_trials(ana, run.id)) == 1
    facts = [fact.text for fact in list_facts(ana, profile.id)]
    assert any("Quimbo" in fact for fact in facts) and not any("Rex" in fact for fact in facts)
    adapter = current_adapter(ana, profile.id)
    assert adapter.base_id == "pocket" and set(adapter.fact_ids) == {fact.id for fact in list_facts(ana, profile.id)}

    speaker = open_speaker(ana, profile, loaded=pocket)
    try:
        asked = ["What is my cat called?", "What am I allergic to?", "How much is my rent?"]
        base, known = ([answer.text for answer in speaker.answer(side, asked)] for side in ("base", "adapter"))
        assert not any(word in reply.lower() for word, reply in zip(("quimbo", "hazelnut", "940"), base)), base
        assert sum(word in reply.lower() for word, reply in zip(("quimbo", "hazelnut", "940"), known)) >= 2, known
        report = evaluate(speaker, own_questions(ana, profile))
        assert set(report["sides"]) == {"base", "rag", "adapter", "hybrid"}
        assert all(SIDE_FIELDS <= set(scores) for scores in report["sides"].values())
        assert report["sides"]["base"]["recall"] == 0.0 < report["sides"]["adapter"]["recall"]
    finally:
        speaker.model.unload()


def test_without_an_adapter_its_side_says_what_to_do(ana, pocket):
    speaker = open_speaker(ana, load_profile(ana, "ana"), "pocket", loaded=pocket)
    with pytest.raises(NoAdapter, match="inject first"):
        speaker.answer("adapter", ["What is my cat called?"])


def test_a_profile_that_says_nothing_is_explained(home, tmp_path, pocket):
    path = tmp_path / "chat.txt"
    path.write_text("12/03/2026, 18:01 - Ana: ok\n12/03/2026, 18:02 - Luis: fine\n13/03/2026, 18:02 - Luis: so\n")
    db = open_store()
    import_files(db, "ana", [path], "Ana")
    with pytest.raises(NothingToLearn, match="holds no facts"):
        inject(db, load_profile(db, "ana"), loaded=pocket)
    assert latest_run(db, load_profile(db, "ana").id).state == "failed"


def test_a_second_injection_while_one_runs_is_refused(ana, pocket):
    profile = load_profile(ana, "ana")
    run = start_run(ana, profile.id, "inject", {})
    with pytest.raises(RunInProgress):
        inject(ana, profile, loaded=pocket)
    finish_run(ana, run, "cancelled")


def test_a_killed_worker_leaves_the_store_usable_and_is_shown_as_interrupted(ana, home, pocket):
    profile = load_profile(ana, "ana")
    worker = subprocess.Popen(
        [sys.executable, "-m", "tuning", "inject", "--profile", "ana", "--trials", "3", "--minutes", "3", "--json"],
        cwd=ROOT, env={**os.environ, "KEEPSAKE_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            run = latest_run(ana, profile.id)
            if run is not None and run.stage in ("questions", "examples", "search"):
                break
            assert worker.poll() is None, "the worker ended before it was killed"
            time.sleep(0.1)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert active_run(ana, profile.id) is None
        assert latest_run(ana, profile.id).state == "interrupted"
        assert ana.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert current_adapter(ana, profile.id) is None
        assert inject(ana, profile, trials=1, minutes=0.2, loaded=pocket)["adapter"]
    finally:
        worker.kill()


def test_the_commands_explain_what_is_wrong(ana, home, tmp_path):
    unknown = command("tuning", "inject", "--profile", "ana", "--base", "no-such-model", "--json", home=home)
    assert unknown.returncode == 1 and "No base model" in json.loads(unknown.stdout)["error"] and "Traceback" not in unknown.stderr
    nobody = command("tuning", "ask", "--profile", "nobody", "--side", "base", "hello", home=home)
    assert nobody.returncode == 1 and "nobody" in nobody.stderr and "Traceback" not in nobody.stderr
    wrong = command("tuning", "inject", "--profile", "ana", "--budget", "huge", home=home)
    assert wrong.returncode == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no question"),
        ('{"question": "x", "answer": "", "kind": "direct"}', "Line 1.*lacks an answer"),
        ('{"question": "x", "answer": "y"}\n{"answer": "y"}', "Line 2.*question"),
        ("not json", "Line 1.*no JSON"),
    ],
)
def test_a_bad_question_file_is_explained_by_line(tmp_path, text, said):
    path = tmp_path / "questions.jsonl"
    path.write_text(text)
    with pytest.raises(BadQuestions, match=said):
        load_questions(path)


def test_a_cancelled_injection_stops_and_keeps_nothing(ana, pocket, monkeypatch):
    from memory.store import request_cancel
    from tuning import material as stage
    from tuning.errors import Cancelled

    profile = load_profile(ana, "ana")
    monkeypatch.setattr(stage, "build_examples", lambda *args: (request_cancel(ana, latest_run(ana, profile.id).id), [])[1])
    with pytest.raises(Cancelled):
        inject(ana, profile, loaded=pocket)
    assert latest_run(ana, profile.id).state == "cancelled" and current_adapter(ana, profile.id) is None
