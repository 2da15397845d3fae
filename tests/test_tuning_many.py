"""Many profiles on the engine of one machine: one adapter each, a failure ends only its own, a second call goes on; and what a worker sees."""

import ast
import json
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.invented_people import examples_of
from memory.store import (
    NewFact,
    add_facts,
    create_profile,
    current_adapter,
    delete_profile,
    latest_run,
    list_adapters,
    list_facts,
    load_profile,
    load_run,
    open_store,
    request_cancel,
    request_pause,
)
from memory.store.batches import batch_progress
from tuning.accelerator import accelerator
from tuning.engines import Done, Work, open_engine
from tuning.engines.local import LocalEngine
from tuning.engines.rounds import play_turn, search_in_rounds
from tuning.engines.work import do_work
from tuning.errors import BadProfileList, EngineMissing, NothingToLearn
from tuning.half import plain
from tuning.inject import BUDGETS, Prepared
from tuning.many import _width, chosen_profiles, inject_many
from tuning.priors import load_prior
from tuning.recipe import Recipe
from tuning.scale_commands import is_this_machine, show_many, show_progress
from tuning.sides import RetrievalPlan
from tuning.study import StudyReport

ROOT = Path(__file__).resolve().parents[1]
BUDGET = {"trials": 2, "minutes": 30.0, "seed": 3}

slow = pytest.mark.slow  # several searches: minutes


def prepare_fixed(db, profile, reporter, loaded, settings):
    """In place of the study of a chat, which needs a base that can read: fixed examples beside the profile's one fact."""
    facts = list_facts(db, profile.id)
    if not facts:
        raise NothingToLearn(f'The profile "{profile.name}" holds no facts.')
    reporter.tell("examples", 0.3, force=True)
    return Prepared(facts, examples_of(int(profile.name.removeprefix("person"))), StudyReport()), RetrievalPlan()


def make_people(count: int):
    """A store with so many profiles of a fact each."""
    db = open_store()
    for number in range(count):
        profile = create_profile(db, f"person{number}")
        add_facts(db, profile.id, [NewFact(f"Your cat is called Nim{number}0.", source="user")])
    return db


def run(db, names, loaded, said=None, **changes):
    return inject_many(
        db, names, lambda hear: LocalEngine(hear), say=(said if said is not None else []).append, loaded=loaded,
        prepare_profile=prepare_fixed, **(BUDGET | changes),
    )  # fmt: skip


@slow
def test_each_profile_gets_one_adapter_and_a_second_call_goes_on(home, tiny):
    db = make_people(3)
    create_profile(db, "person3")  # without facts: fails, and the others do not mind
    names = [f"person{number}" for number in (0, 3, 1, 2)]
    said: list[dict] = []
    result = run(db, names, tiny, said)
    assert (result["done"], result["failed"], result["ok"], result["engine"]) == (3, 1, False, "local")
    assert [row["profile"] for row in result["profiles"]] == names and "holds no facts" in result["profiles"][1]["error"]
    assert {"profile", "event", "done", "failed", "running", "of"} <= set(said[0]) and json.dumps(said)
    weights = [current_adapter(db, load_profile(db, f"person{number}").id).weights for number in range(3)]
    assert len(set(weights)) == 3 and latest_run(db, load_profile(db, "person0").id).state == "done"
    progress = batch_progress(db)
    assert (progress["done"], progress["failed"], progress["of"]) == (3, 1, 4) and "3 done" in show_progress(progress)
    assert "person3: failed" in show_many(result)

    again = run(db, names, tiny)
    assert (again["skipped"], again["done"], again["failed"]) == (3, 0, 1)
    assert all(len(list_adapters(db, load_profile(db, f"person{number}").id)) == 1 for number in range(3))
    progress = batch_progress(db)
    assert (progress["skipped"], progress["failed"], progress["of"], progress["state"]) == (3, 1, 4, "done")
    # The places of a cluster go to the one profile that is left, not to those that are passed over.
    settings = latest_run(db, load_profile(db, "person3").id).settings
    wide = SimpleNamespace(name="ray", slots=4)
    assert _width(db, names, wide, tiny.base, settings) == 2 and _width(db, names, wide, tiny.base, settings | {"seed": 9}) == 1
    assert "3 up to date" in show_progress(progress) and "It has ended" in show_progress(progress)


@slow
def test_what_was_said_since_is_learnt_by_the_next_call(home, tiny, monkeypatch):
    db = make_people(2)
    run(db, ["person0", "person1"], tiny, trials=1)
    monkeypatch.setattr("memory.store.facts.now", lambda: "2999-01-01T00:00:00+00:00")
    add_facts(db, load_profile(db, "person1").id, [NewFact("Your dog is called Rolf.", source="user")])
    result = run(db, ["person0", "person1"], tiny, trials=1)
    assert [row["state"] for row in result["profiles"]] == ["skipped", "done"]
    assert run(db, ["person0"], tiny, trials=1, seed=4)["done"] == 1  # another job is not the one that was done


@slow
def test_a_paused_profile_stands_still_and_others_have_the_accelerator(home, tiny):
    """The page said "paused", and the search went on."""
    db = make_people(1)
    seen: list[tuple[float, float]] = []

    def look_and_resume(run_id):
        watching = open_store()
        with accelerator():
            before = load_run(watching, run_id).progress
            time.sleep(1.5)
            seen.append((before, load_run(watching, run_id).progress))
            request_pause(watching, run_id, False)
        watching.close()

    class Pausing(list):
        def append(self, event):
            super().append(event)
            if event["event"] == "begun":
                run_id = latest_run(db, load_profile(db, "person0").id).id
                request_pause(db, run_id)
                threading.Thread(target=look_and_resume, args=(run_id,)).start()

    assert run(db, ["person0"], tiny, Pausing(), trials=1)["done"] == 1
    assert seen == [(0.3, 0.3)]


@slow
def test_one_profile_can_be_cancelled_and_the_others_go_on(home, tiny):
    db = make_people(2)
    said: list[dict] = []

    class Cancelling(list):
        def append(self, event):
            super().append(event)
            if event["event"] == "begun" and event["profile"] == "person0":
                request_cancel(db, latest_run(db, load_profile(db, "person0").id).id)

    said = Cancelling()
    result = run(db, ["person0", "person1"], tiny, said)
    assert [row["state"] for row in result["profiles"]] == ["failed", "done"] and "cancelled" in result["profiles"][0]["error"]
    assert latest_run(db, load_profile(db, "person0").id).state == "cancelled"
    assert current_adapter(db, load_profile(db, "person0").id) is None


@slow
def test_a_driver_that_stops_leaves_nothing_half_done(home, tiny):
    db = make_people(2)

    class Stopped(list):
        def append(self, event):
            if event["event"] == "done":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(db, ["person0", "person1"], tiny, Stopped())
    assert current_adapter(db, load_profile(db, "person0").id) is not None and latest_run(db, load_profile(db, "person1").id) is None
    assert [row["state"] for row in run(db, ["person0", "person1"], tiny)["profiles"]] == ["skipped", "done"]


def test_a_bug_in_one_profile_ends_no_other_and_leaves_no_live_run(home, tiny):
    db = make_people(3)

    def prepare(db, profile, *rest):
        if profile.name == "person0":
            raise ZeroDivisionError("a bug")
        delete_profile(db, profile.id)  # by another process, while its examples are made
        raise NothingToLearn("no facts")

    said: list[dict] = []
    result = inject_many(db, ["person0", "person1"], lambda hear: LocalEngine(hear), say=said.append, loaded=tiny, prepare_profile=prepare)
    assert [row["state"] for row in result["profiles"]] == ["failed", "failed"] and "ZeroDivisionError" in result["profiles"][0]["error"]
    assert latest_run(db, load_profile(db, "person0").id).state == "failed"
    assert (batch_progress(db)["failed"], batch_progress(db)["of"]) == (1, 1)  # who was deleted is not counted


def test_a_profile_deleted_while_it_is_searched_ends_only_its_own_search(home, tiny):
    db = make_people(2)
    heard: list[bool] = []

    class Elsewhere(LocalEngine):
        """Tells progress from outside the work, as the engine of a cluster does."""

        def wait(self, seconds):
            if self._queue and seconds > 0:
                work = self._queue.popleft()
                if not heard:
                    delete_profile(db, load_profile(db, "person0").id)
                heard.append(self._hear(work.key, 0.5, "trial 1 of 2"))
                return [Done(work.key, error="stopped", cancelled=True)]
            return []

    result = inject_many(db, ["person0", "person1"], Elsewhere, loaded=tiny, prepare_profile=prepare_fixed, **BUDGET)
    assert heard == [False, True] and [row["state"] for row in result["profiles"]] == ["failed", "failed"]


def test_many_profiles_are_injected_by_the_recipe_of_the_budget(home, tiny):
    db = make_people(1)
    create_profile(db, "person1")  # without facts: its run fails at once, and keeps its settings
    run(db, ["person1"], tiny)
    assert latest_run(db, load_profile(db, "person1").id).settings["recipe"] == plain(BUDGETS["quick"].recipe.row())


@slow
def test_a_worker_sees_no_name_and_no_store(home, tiny):
    given: list[Work] = []

    class Watching(LocalEngine):
        def submit(self, work: Work) -> None:
            given.append(work)
            super().submit(work)

    db = make_people(1)
    inject_many(db, ["person0"], lambda hear: Watching(hear), loaded=tiny, prepare_profile=prepare_fixed, **BUDGET)
    parcel = pickle.dumps(given[0])
    assert b"person0" not in parcel and str(home).encode() not in parcel and tiny.base.id.encode() in parcel


@slow
def test_trials_side_by_side_end_as_they_do_one_after_the_other(home, tiny):
    base, options = tiny.base, {"prior": load_prior(None, tiny), "sampler": "gp", "recipe": Recipe(), "facts": []}
    work = Work(1, base.id, base.revision, "fp32", tuple(examples_of(1)), 3, 3, 30.0, 3, options)
    go = lambda *told: True
    plain, narrow = (
        do_work(work, go, tiny).found,
        search_in_rounds(tiny, work, 1, lambda turns: [play_turn(work, turn, tiny) for turn in turns]),
    )
    assert [trial.plan for trial in plain.trials] == [trial.plan for trial in narrow.trials] and plain.weights == narrow.weights
    sizes: list[int] = []

    def play(turns):
        sizes.append(len(turns))
        return [play_turn(work, turn, tiny) for turn in reversed(turns)][::-1]  # whoever is first changes nothing

    wide, again = search_in_rounds(tiny, work, 2, play), do_work(replace(work, width=2), go, tiny).found
    assert sizes == [2, 1] and [trial.number for trial in wide.trials] == [0, 1, 2]
    assert wide.trials[0].plan == plain.trials[0].plan and wide.weights == again.weights


def test_the_list_of_profiles_is_read_and_its_mistakes_are_told(home, tmp_path):
    db = make_people(2)
    assert chosen_profiles(db, "all") == ["person0", "person1"]
    names = tmp_path / "names.txt"
    names.write_text("person1  # the second\n\n# nobody\nperson1\n")
    assert chosen_profiles(db, str(names)) == ["person1"]
    names.write_text("# nobody\n")
    for wrong, said in ((str(names), "names no profile"), (str(tmp_path / "gone"), "cannot be read")):
        with pytest.raises(BadProfileList, match=said):
            chosen_profiles(db, wrong)


def test_without_ray_the_command_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineMissing, match="pip install -r requirements-scale.txt"):
        open_engine("ray", lambda *told: True)
    wrong = subprocess.run([sys.executable, "-m", "tuning", "inject", "--engine", "ray"], cwd=ROOT, capture_output=True)
    assert wrong.returncode == 2


def test_a_cluster_that_does_not_come_up_is_a_sentence(monkeypatch):
    def init(**options):
        raise Exception("The current node timed out during startup.")  # noqa: TRY002 - as Ray raises it

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, is_initialized=lambda: False))
    with pytest.raises(EngineMissing, match="did not start on this machine.*timed out"):
        open_engine("ray", lambda *told: True)
    with pytest.raises(EngineMissing, match="No Ray cluster answers at 10.0.0.4:6379"):
        open_engine("ray", lambda *told: True, "10.0.0.4:6379")


def test_nothing_but_its_engine_imports_ray():
    for path in [*ROOT.glob("*.py"), *(file for room in ("memory", "tuning", "app", "pocket") for file in (ROOT / room).rglob("*.py"))]:
        names = [alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import) for alias in node.names]
        names += [str(node.module) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        if any(name.split(".")[0] == "ray" for name in names):
            assert path.name == "ray_engine.py"


def test_addresses_of_this_machine_are_told_from_others():
    assert all(is_this_machine(address) for address in ("auto", "127.0.0.1:6379", "ray://localhost:10001", "[::1]:6379", "local"))
    assert not any(is_this_machine(address) for address in ("10.0.0.4:6379", "ray://gpu.example.org:10001", "127.0.0.1.example.org:1"))
