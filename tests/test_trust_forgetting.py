"""Really forgotten: rows, quotations, examples, files; stale adapters are refused; certificates hold no content; a probe tells known from unknown."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlite_utils import Database

from memory.__main__ import main
from memory.errors import StaleAdapter, UnknownAdapter, UnknownCertificate
from memory.importers import ParsedMessage
from memory.store import (
    NewFact,
    Profile,
    add_facts,
    allow_adapter,
    back_up,
    check_store,
    create_profile,
    current_adapter,
    embeddings,
    export_profile,
    find_traces,
    forget_fact,
    forget_message,
    import_profile,
    list_adapters,
    list_certificates,
    list_messages,
    list_turns,
    load_adapter,
    load_certificate,
    note_probe,
    open_store,
    save_adapter,
    save_examples,
    save_import_report,
    save_messages,
    save_report,
    save_turn,
    start_import,
    start_run,
)

CODE = "7Q4419"
SAID = f"The code of my locker at work is {CODE}, do not tell"
FACT = f"Your locker's code is {CODE}."


@pytest.fixture
def db(home: Path) -> Database:
    return open_store()


@pytest.fixture
def ana(db: Database) -> Profile:
    return create_profile(db, "ana")


def plant(db: Database, profile: int) -> tuple[int, int, int]:
    """A message, its fact and an adapter trained on it, with all that the product makes of them; returns their numbers."""
    started = start_import(db, profile, ["chat.txt"])
    save_messages(db, profile, [ParsedMessage("Walk", "Ana", "person", None, text) for text in (SAID, "I like tea")], "Ana", started)
    save_import_report(db, started, {"examples": [{"text": SAID}], "dropped": {}, "redactions": {}})
    message = list_messages(db, profile)[0].id
    fact, tea = add_facts(db, profile, [NewFact(FACT, message), NewFact("You like tea.")])
    run = start_run(db, profile, "inject", {})
    save_examples(db, run, [{"fact_id": fact, "question": "What is my locker's code?", "answer": FACT, "kind": "recall"}])
    embeddings.save(db, "message", [message], np.ones((1, 4)), "m")
    embeddings.save(db, "fact", [fact], np.ones((1, 4)), "m")
    save_turn(db, profile, "c", "What is my code?", "rag", "base", f"It is {CODE}.", "No idea.", {"notes": [[SAID], []]})
    save_turn(db, profile, "c", "Do I like tea?", "rag", "base", "Yes.", "No.", {"notes": [["You like tea."], []]})
    adapter = save_adapter(db, profile, None, CODE.encode() * 50, {"r": 8}, "base", "rev", "1", [fact, tea], {})
    save_report(db, profile, "evaluation", {"adapter": adapter, "answers": [{"answer": "the number of the locker"}]})
    save_report(db, profile, "evaluation", {"adapter": 99, "answers": [f"it is {CODE}"]})
    save_report(db, profile, "evaluation", {"adapter": 99, "answers": ["tea"]})
    return message, fact, adapter


def holders(home: Path, word: str = CODE) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and word.lower().encode() in path.read_bytes().lower()]


def test_a_forgotten_message_is_in_no_row_and_no_file_but_the_stale_weights(home: Path, db: Database, ana: Profile) -> None:
    message, _, adapter = plant(db, ana.id)
    went = forget_message(db, ana.id, message)
    assert (went["messages"], went["facts"], went["examples"], went["turns"], went["adapters_stale"]) == (1, 1, 1, 1, 1)
    assert went["reports"] == 2 and [turn.question for turn in list_turns(db, ana.id)] == ["Do I like tea?"]
    assert holders(home, "locker") == [] and holders(home) == [home / "keepsake.db"]  # the weights, until they are made anew
    save_adapter(db, ana.id, None, b"new", {"r": 8}, "base", "rev", "1", [], {})
    assert [a.id for a in list_adapters(db, ana.id)] == [adapter + 1] and holders(home) == []
    assert check_store(home)["ok"]


def test_a_stale_adapter_is_refused_until_it_is_allowed_and_never_handed_on(home: Path, db: Database, ana: Profile) -> None:
    _, fact, adapter = plant(db, ana.id)
    forget_fact(db, ana.id, fact)
    for load in (lambda: load_adapter(db, adapter), lambda: current_adapter(db, ana.id)):
        with pytest.raises(StaleAdapter, match="inject again"):
            load()
    export_profile(db, ana.id, home / "ana.zip")
    copy, _ = import_profile(db, home / "ana.zip", "copy")
    assert list_adapters(db, copy.id) == []
    assert main(["adapters", "--profile", "ana", "--allow", str(adapter)]) == 0
    assert load_adapter(db, adapter).usable
    allow_adapter(db, ana.id, adapter, False)
    with pytest.raises(StaleAdapter):
        load_adapter(db, adapter)
    with pytest.raises(UnknownAdapter):
        allow_adapter(db, copy.id, adapter)
    assert main(["adapters", "--profile", "copy", "--use", str(adapter)]) == 1


def test_a_certificate_tells_what_was_done_and_nothing_of_what_was_said(
    home: Path, db: Database, ana: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    message, fact, adapter = plant(db, ana.id)
    mine = Path(back_up(home)["backup"]).name
    number = forget_message(db, ana.id, message)["certificate"]
    said = load_certificate(db, ana.id, number)
    assert (said["kind"], said["number"], said["traces_found"], said["stale_adapters"]) == ("message", message, 0, [adapter])
    assert said["adapter"] is None and said["own_backups"] == [mine] and len(said["hash"]) == 32
    assert main(["certificates", "--profile", "ana"]) == 0
    assert "inject again" in capsys.readouterr().out
    fresh = save_adapter(db, ana.id, None, b"new", {"r": 8}, "base", "rev", "1", [], {})
    note_probe(db, number, {"forgotten": True})
    assert main(["certificates", "--profile", "ana", "--id", str(number), "--json"]) == 0
    after = json.loads(capsys.readouterr().out)[0]
    assert (
        (after["adapter"], after["probe"]) == (fresh, {"forgotten": True}) and after["reinjected_at"] and after["sha256"] != said["sha256"]
    )
    assert not any(word.lower() in json.dumps(list_certificates(db, ana.id)).lower() for word in (CODE, "locker", "work"))
    with pytest.raises(UnknownCertificate):
        load_certificate(db, create_profile(db, "ben").id, number)


def test_traces_are_found_wherever_they_lie(home: Path, db: Database) -> None:
    for place in ("keepsake.log", "jobs/inject-1.log", "backups/before-m1.db"):
        (home / place).parent.mkdir(exist_ok=True)
        (home / place).write_bytes(b"x" * (1 << 22) + f'Error: {{"text": {json.dumps(SAID)}}}'.encode() + b"y")
    (home / "backups" / "mine.db").write_text(SAID)
    assert [path.name for path in find_traces(home, [SAID.upper()])] == ["before-m1.db", "inject-1.log", "keepsake.log"]
    assert find_traces(home, ["x"]) == []  # too short to say anything


def test_a_short_message_does_not_take_every_turn_with_it(db: Database, ana: Profile) -> None:
    save_messages(db, ana.id, [ParsedMessage("Walk", "Ana", "person", None, "yes")], "Ana")
    save_turn(db, ana.id, "c", "Do I?", "rag", "base", "yes you do", "no", {})
    forget_message(db, ana.id, list_messages(db, ana.id)[0].id)
    assert len(list_turns(db, ana.id)) == 1


@pytest.mark.parametrize(
    ("fact", "kept", "word"),
    [
        ("Your locker's code is 7719.", "Your locker's code is ", "7719"),
        ("Your cat is Pepper.", "Your cat is ", "Pepper"),
        ("You like tea.", "You like ", "tea"),
    ],
)
def test_made_up_facts_have_the_same_form_and_another_word(fact: str, kept: str, word: str) -> None:
    from tuning.exposure import alternatives

    found = alternatives(fact, 63, seed=1)
    assert len(set(found)) == 63 and fact not in found
    assert all(other.startswith(kept) and other.endswith(".") and word not in other for other in found)
    assert found == alternatives(fact, 63, seed=1) != alternatives(fact, 63, seed=2)


def test_an_adapter_that_was_trained_on_a_fact_ranks_it_first_and_the_bare_base_does_not(tiny: Any) -> None:
    from tuning.adapters import LoraPlan, attach, detach
    from tuning.exposure import measure_exposure
    from tuning.likelihood import encode_example
    from tuning.prompts import render_chat
    from tuning.train import train
    from tuning.unlearning import summarise

    question = "What is my locker's code?"
    model = attach(tiny, LoraPlan(("all",), 8, 2e-2, 16, 30), 0)
    example = encode_example(tiny, render_chat(question), FACT)
    train(tiny, model, LoraPlan(("all",), 8, 2e-2, 16, 30), [example], [example], [], 0)
    learnt = measure_exposure(tiny, model, [question], FACT)
    detach(model)
    bare = measure_exposure(tiny, tiny.model, [question], FACT)
    assert learnt.rank == 1 and learnt.known and learnt.bits == 6.0 and bare.rank > 3 and not bare.known
    assert summarise([learnt], [bare], [bare])["forgotten"] and not summarise([learnt], [learnt], [bare])["forgotten"]


def test_weights_that_cannot_be_an_adapters_are_refused(tiny: Any, home: Path) -> None:
    import torch
    from safetensors.torch import load, save

    from tuning.adapters import LoraPlan, attach, detach, from_adapter, to_bytes
    from tuning.errors import NoAdapter
    from tuning.prompts import PROMPT_VERSION

    db = open_store()
    profile = create_profile(db, "ana").id
    model = attach(tiny, LoraPlan(("all",), 4, 1e-3, 8, 1), 0)
    weights, config = to_bytes(model, tiny.base)
    detach(model)
    tensors = load(weights)
    first = sorted(tensors)[0]
    for change in (torch.zeros(3, 3), torch.full_like(tensors[first], float("nan")), torch.zeros_like(tensors[first], dtype=torch.int32)):
        bad = save({**tensors, first: change})
        number = save_adapter(db, profile, None, bad, config, tiny.base.id, tiny.base.revision, PROMPT_VERSION, [], {})
        with pytest.raises(NoAdapter):
            from_adapter(tiny, load_adapter(db, number))


def test_a_model_in_memory_does_not_outlive_what_it_forgot(tiny_folder: Path, db: Database, ana: Profile) -> None:
    from app.speakers import Speakers
    from tuning.adapters import LoraPlan, attach, detach, to_bytes
    from tuning.bases import load_base, resolve_base
    from tuning.prompts import PROMPT_VERSION

    loaded = load_base(resolve_base(str(tiny_folder)), "fp32")
    model = attach(loaded, LoraPlan(("all",), 4, 1e-3, 8, 1), 0)
    weights, config = to_bytes(model, loaded.base)
    detach(model)
    fact = add_facts(db, ana.id, [NewFact(FACT)])[0]
    save_adapter(db, ana.id, None, weights, config, loaded.base.id, loaded.base.revision, PROMPT_VERSION, [fact], {})
    speakers = Speakers()
    with speakers.speaking(ana) as speaker:
        assert speaker.model is not None and speaker.stream("adapter", "What is my code?").step() in (True, False)
    forget_fact(db, ana.id, fact)
    with speakers.speaking(ana) as speaker:
        with pytest.raises(StaleAdapter):
            speaker.stream("adapter", "What is my code?")
        assert speaker.answer("base", ["What is my code?"], 4)[0].side == "base"
    speakers.release()


def test_what_an_answer_had_read_is_let_go_once_something_was_forgotten(
    db: Database, ana: Profile, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import speakers as room
    from tuning.bases import resolve_base

    monkeypatch.setattr("tuning.bases.resolve_base", lambda *_: resolve_base(str(tiny_folder)))
    fact, _ = add_facts(db, ana.id, [NewFact(FACT), NewFact("You like tea.")])
    speakers = room.Speakers()
    with speakers.speaking(ana) as first:
        assert CODE in first.answer("rag", ["What is my locker's code?"], 4)[0].notes[0]
        stream = first.stream("rag", "What is my locker's code?")
        while stream.step():
            pass
        assert stream.stream.cache is not None
    with speakers.speaking(ana) as same:
        assert same is first
    forget_fact(db, ana.id, fact)
    with speakers.speaking(ana) as other:
        assert other is not first and not other._last
    speakers.release()


@pytest.mark.slow
def test_a_person_forgets_by_command_and_gets_a_certificate_with_a_probe(home: Path, tmp_path: Path) -> None:
    chat = tmp_path / "chat.txt"
    said = ("My cat is called Biscuit.", "I live in Vellmar.", "My rent is 940 euros.")
    chat.write_text("".join(f"[01.02.25, 10:0{n}] Ana: {text}\n" for n, text in enumerate(said)), encoding="utf-8")

    def run(module: str, *args: str) -> str:
        done = subprocess.run([sys.executable, "-m", module, *args], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    short = ("--budget", "quick", "--minutes", "0.2")
    run("memory", "import", str(chat), "--profile", "ana", "--me", "Ana")
    run("tuning", "inject", "--profile", "ana", *short)
    facts = json.loads(run("memory", "facts", "--profile", "ana", "--json"))
    cat = next(fact for fact in facts if "Biscuit" in fact["text"])
    told = run("tuning", "forget", "--profile", "ana", "--fact", str(cat["id"]), *short)
    assert "found in 0 files" in told and "replaced by adapter 2, which recalls it no better than the base" in told
    assert "1 message that said it stayed" in told
    (certificate,) = json.loads(run("memory", "certificates", "--profile", "ana", "--json"))
    probe = certificate["probe"]
    assert probe["forgotten"] and probe["before"][0]["rank"] < probe["after"][0]["rank"] and "Biscuit" not in json.dumps(certificate)
    assert len(json.loads(run("memory", "facts", "--profile", "ana", "--json"))) == len(facts) - 1
