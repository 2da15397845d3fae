"""A real Ray cluster of several nodes on this machine: every profile gets one whole adapter, also when a node dies in the middle."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from test_tuning_many import BUDGET, make_people, prepare_fixed

from benchmarks.cluster import STORE_BYTES, start_cluster, stop_cluster
from benchmarks.invented_people import examples_of
from memory.store import current_adapter, latest_run, list_adapters, load_adapter, load_profile
from memory.store.batches import batch_progress
from tuning.engines import Work
from tuning.engines.work import do_work
from tuning.inject import BUDGETS
from tuning.many import inject_many
from tuning.priors import load_prior
from tuning.sides import open_speaker

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-scale.txt runs the tests of the cluster")

PROFILES = 40
COMPARED = 4  # searched again here, to see that the winners are the same
EPOCHS = 2
CLIENT_PORT = 10001  # below those that Ray gives to its workers
DEATH_AT = 10  # profiles stored when the node is killed

pytestmark = pytest.mark.slow  # a cluster of three nodes: minutes


@pytest.fixture
def cluster(monkeypatch):
    """A head that runs nothing and two nodes with a processor and half-usable GPU each (a GPU only in Ray's books)."""
    for name in ("OMP_NUM_THREADS", "RAY_USAGE_STATS_ENABLED", "RAY_worker_niceness"):
        monkeypatch.setenv(name, "")  # start_cluster sets them; afterwards they are as they were
    made = start_cluster(2, gpus=1)
    yield made
    stop_cluster(made)


@pytest.mark.timeout(1500)  # two minutes on a quiet machine; the cluster's processes starve on a busy one
def test_forty_profiles_are_injected_once_each_although_a_node_dies(home, cluster, tiny_folder, monkeypatch):
    from tuning.bases import load_base, resolve_base
    from tuning.engines.ray_engine import RayEngine

    monkeypatch.setitem(BUDGETS, "quick", replace(BUDGETS["quick"], epochs=EPOCHS))
    people = make_people(PROFILES)
    loaded = load_base(resolve_base(str(tiny_folder)), "fp32")
    names = [f"person{number}" for number in range(PROFILES)]
    places: set[str] = set()
    killed: list[float] = []

    def say(event: dict) -> None:
        places.update(
            row["detail"].rpartition(" on node ")[2] for row in batch_progress(people)["profiles"] if " on node " in row["detail"]
        )
        assert event["running"] <= 2 + 2, "back-pressure: two places and two ahead"
        if event["event"] == "done" and event["done"] == DEATH_AT and not killed:
            cluster.remove_node(cluster.workers[0], allow_graceful=False)
            killed.append(time.monotonic())

    def open_engine(hear):
        engine = RayEngine(hear, cluster.address, 1.0)
        assert engine.slots == 2 and RayEngine(hear, cluster.address, 0.25, 0.25).slots == 8  # fractions of a GPU
        return engine

    result = inject_many(people, names, open_engine, say=say, loaded=loaded, prepare_profile=prepare_fixed, **BUDGET)
    assert (result["done"], result["failed"], result["engine"]) == (PROFILES, 0, "ray") and killed
    assert [row["profile"] for row in result["profiles"]] == names and len({row["node"] for row in result["profiles"]}) >= 2
    assert len(places) >= 2, "workers tell where they are, through the board, as command and page show it"
    told = batch_progress(people)
    assert (told["done"], told["state"], told["engine"]) == (PROFILES, "done", "ray") and len(
        {row["node"] for row in told["profiles"]}
    ) >= 2
    ids = {}
    for name in names:
        adapters = list_adapters(people, load_profile(people, name).id)
        assert len(adapters) == 1 and adapters[0].current, f"{name} has {len(adapters)} adapters"
        ids[name] = adapters[0].id
        assert load_adapter(people, adapters[0].id).sha256  # the hash of the bytes is checked on loading
    speaker = open_speaker(people, load_profile(people, "person39"), loaded=loaded)
    assert speaker.adapter_id == ids["person39"] and speaker.answer("adapter", ["What is my cat called?"])
    speaker.model.unload()
    _check_winners(people, loaded, ids)

    again = inject_many(people, names, open_again, say=lambda event: None, loaded=loaded, prepare_profile=prepare_fixed, **BUDGET)
    assert (again["skipped"], again["done"]) == (PROFILES, 0)  # a second call goes on where the first stopped

    # Fewer profiles than places: the trials of one run side by side, with the winner that this machine finds for the same width and prior.
    half = lambda hear: RayEngine(hear, cluster.address, 0.5, 0.5)
    prior = load_prior(people, loaded)  # by now the forty have taught something
    wide = inject_many(people, ["person0"], half, loaded=loaded, prepare_profile=prepare_fixed, **(BUDGET | {"seed": 4}))
    assert wide["done"] == 1 and latest_run(people, load_profile(people, "person0").id).settings["side_by_side"] == 2
    work = work_of(0, loaded)
    with one_thread():
        here = do_work(replace(work, seed=4, width=2, options={**work.options, "prior": prior}), lambda *told: True, loaded)
    assert here.found.best.plan == current_adapter(people, load_profile(people, "person0").id).metrics["plan"]


def open_again(hear):
    from tuning.engines.local import LocalEngine

    return LocalEngine(hear)


@contextmanager
def one_thread():
    """As many threads as a worker has: sums of floats depend on it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _check_winners(db, loaded, ids) -> None:
    """The same seed gives the same winner here, to the bytes."""
    with one_thread():
        for number in range(COMPARED):
            stored = load_adapter(db, ids[f"person{number}"])
            here = do_work(work_of(number, loaded), lambda *told: True, loaded)
            assert here.found.best.plan == stored.metrics["plan"], f"person{number}"
            assert here.found.weights == stored.weights


def work_of(number: int, loaded) -> Work:
    """What the driver sends of a person."""
    options = {"recipe": BUDGETS["quick"].recipe, "prior": load_prior(None, loaded), "sampler": "gp", "facts": []}
    base = loaded.base
    return Work(
        0, base.id, base.revision, "fp32", tuple(examples_of(number)), BUDGET["trials"], EPOCHS, BUDGET["minutes"], BUDGET["seed"], options
    )


@pytest.fixture
def strangers(monkeypatch):
    """A cluster that somebody started elsewhere: nothing there knows where Keepsake lies. Gives the address for clients."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = [sys.executable, "-m", "ray.scripts.scripts"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    given = [
        f"--port={port}",
        f"--ray-client-server-port={CLIENT_PORT}",
        "--include-dashboard=false",
        f"--object-store-memory={STORE_BYTES}",
    ]
    subprocess.run([*command, "start", "--head", "--num-cpus=1", *given], check=True, env=environment, cwd="/", timeout=300)
    yield f"ray://127.0.0.1:{CLIENT_PORT}"
    subprocess.run([*command, "stop"], env=environment, cwd="/", timeout=300)


@pytest.mark.timeout(900)
def test_a_cluster_that_was_started_elsewhere_is_sent_what_it_needs(home, strangers, tiny_folder, monkeypatch):
    from tuning.bases import load_base, resolve_base
    from tuning.engines.ray_engine import RayEngine

    monkeypatch.setitem(BUDGETS, "quick", replace(BUDGETS["quick"], epochs=EPOCHS))
    people = make_people(2)
    loaded = load_base(resolve_base(str(tiny_folder)), "fp32")
    result = inject_many(
        people, ["person0", "person1"], lambda hear: RayEngine(hear, strangers), loaded=loaded, prepare_profile=prepare_fixed, **BUDGET
    )
    assert (result["done"], result["failed"]) == (2, 0), result
    assert all(len(list_adapters(people, load_profile(people, name).id)) == 1 for name in ("person0", "person1"))
