"""One study in a real PostgreSQL, two processes, one of them killed in a trial: it ends with the right number of trials and a whole winner."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from benchmarks.invented_people import examples_of
from tuning.errors import SharedStudyFailed
from tuning.recipe import Recipe
from tuning.shared import Job, Place, join, load_job, search_shared
from tuning.space import default_plan, first_parameters

ROOT = Path(__file__).resolve().parents[1]
TRIALS = 4
HEARTBEAT = 4  # seconds: less, and a busy machine takes a living process for dead
HELPER = """
import sys
from tuning.shared import Place, join
print("up", flush=True)
join(Place(sys.argv[1], sys.argv[2], int(sys.argv[3])), on_progress=lambda number, share, loss: print("step", number, flush=True))
"""

pytestmark = pytest.mark.slow  # several searches, in several processes: minutes


@pytest.fixture
def postgres(tmp_path_factory):
    """A PostgreSQL server of its own on the loopback; gives the URL of an empty database."""
    pytest.importorskip("pg8000", reason="pg8000 is not installed: pip install -r requirements-scale.txt runs this test")
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin")) + [str(Path(found).parent) for found in [shutil.which("initdb")] if found]
    if not places:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql runs this test")
    # The server refuses to run as root.
    user = {"user": "postgres"} if os.getuid() == 0 else {}
    folder = Path("/tmp") / f"keepsake-pg-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if user:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", **user}
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    try:
        subprocess.run([f"{places[-1]}/initdb", "-D", folder / "data", "-U", "keeper", "-A", "trust"], check=True, timeout=240, **quiet)
        start = [f"{places[-1]}/pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "-t", "120", "start"]
        subprocess.run(start, check=True, timeout=240, **quiet)
        yield f"postgresql+pg8000://keeper@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([f"{places[-1]}/pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"], timeout=120, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


def make_job(loaded) -> Job:
    first = first_parameters(default_plan(loaded, 2))
    base = loaded.base
    return Job(base.id, base.revision, "fp32", examples_of(1), TRIALS, 2, 5, "tpe", Recipe(), first, time.time() + 3600)


def test_two_processes_share_a_study_and_one_is_killed(postgres, home, tiny):
    place = Place(postgres, "keepsake-test", HEARTBEAT)
    job = make_job(tiny)
    helper = subprocess.Popen(
        [sys.executable, "-c", HELPER, postgres, place.study, str(HEARTBEAT)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    killed: list[str] = []
    assert helper.stdout.readline() == "up\n"

    def kill_in_a_trial() -> None:
        line = helper.stdout.readline()
        killed.append(line)
        helper.send_signal(signal.SIGKILL)

    watcher = threading.Thread(target=kill_in_a_trial, daemon=True)
    watcher.start()

    def on_progress(number: int, share: float, loss: float) -> None:
        # The owner lets its helper come in before it goes on, so that both are in a trial at once.
        if number == 0 and not killed:
            watcher.join(600)

    told: list[int] = []
    result = search_shared(place, job, tiny, lambda trial: told.append(trial.number), on_progress)
    helper.wait(30)
    assert killed[0].startswith("step"), "the helper was not in a trial when it was killed"
    study = optuna.load_study(storage=postgres, study_name=place.study)
    states = [trial.state for trial in study.trials]
    assert sum(state in (TrialState.COMPLETE, TrialState.PRUNED) for state in states) == TRIALS == len(told)
    assert states.count(TrialState.FAIL) == 1 and TrialState.RUNNING not in states
    retried = [trial for trial in study.trials if "failed_trial" in trial.system_attrs]
    assert [trial.system_attrs["failed_trial"] for trial in retried] == [states.index(TrialState.FAIL)]  # by Optuna's own callback
    assert result.best and result.weights and result.proof["max_logit_change"] > 0
    assert study.user_attrs["job"] == ""  # nothing of the person stays in the database
    assert join(place)["trials"] == 0  # who comes late finds it ended


def test_a_winner_of_another_process_is_trained_again_here(home, tiny, tmp_path):
    from tuning.shared import _winner

    job = make_job(tiny)
    result = search_shared(Place(f"sqlite:///{tmp_path}/study.db"), job, tiny, lambda trial: None, lambda *told: None)
    left = (tmp_path / "study.db").read_bytes()
    assert len(left) > 10_000 and not any(example.answer.encode() in left for example in job.examples)  # nor in its free pages
    again = _winner(result.trials, {}, job, tiny, lambda *told: None)
    assert again.best.plan == result.best.plan and again.weights == result.weights


def test_processes_may_come_to_an_empty_database_at_once(tmp_path):
    from tuning.shared import _open

    place, together = Place(f"sqlite:///{tmp_path}/empty.db", "at-once"), threading.Barrier(6)

    def come() -> None:
        together.wait()
        try:
            studies.append(_open(place, "tpe", 0, create=True).study_name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    for _ in range(3):
        studies, failed = [], []
        comers = [threading.Thread(target=come) for _ in range(6)]
        for comer in comers:
            comer.start()
        for comer in comers:
            comer.join()
        assert not failed and studies == ["at-once"] * 6
        (tmp_path / "empty.db").unlink()


def test_a_job_comes_back_as_it_was_sent(home, tiny):
    import json

    job = make_job(tiny)
    assert load_job(json.loads(json.dumps(job.row()))) == job


def test_a_database_that_cannot_be_used_is_explained_without_its_password(home, tiny):
    for url in ("postgresql+pg8000://me:secret@127.0.0.1:9/none", "nonsense://x", "postgresql+nodriver://me:secret@h/db"):
        with pytest.raises(SharedStudyFailed, match="cannot be used") as failed:
            search_shared(Place(url), make_job(tiny), tiny, lambda trial: None, lambda *told: None)
        assert "secret" not in str(failed.value)
