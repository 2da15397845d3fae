"""Long work as child processes: the command a person would type comes in, a process that outlives the page comes out.

Its state is read from the store (a run, a report). A small record of the process beside its log covers the seconds before
the child has written there, and a child that dies before it can.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from sqlite_utils import Database

from app import sentences as say
from app.edge import PageError
from memory.errors import RunInProgress
from memory.store import Profile, Run, active_run, data_folder, hand_over, in_folder, open_store
from memory.store.database import FILE_NAME
from memory.store.engine import PIPE
from memory.store.files import LOG, put_aside
from memory.store.leases import end_silent, is_alive, process_start
from tuning.accelerator import QUEUE

ROOT = Path(__file__).resolve().parents[1]

_starting = threading.Lock()


@dataclass(frozen=True)
class Job:
    """One child process of a kind (inject, evaluate) for a profile: is it alive, when it began, where its log is."""

    kind: str
    alive: bool
    started: float
    log: Path

    @property
    def error(self) -> str | None:
        """The sentence with which the command ended, if it ended with one (`--json` prints it as an object)."""
        for line in reversed(_tail(self.log)):
            if line.startswith('{"error"'):
                try:
                    return str(json.loads(line)["error"])
                except ValueError:
                    return None
        return None

    @property
    def lines(self) -> list[str]:
        """The end of the log, which says how far the child is."""
        return _tail(self.log)


def start_inject(profile: Profile, budget: str, base: str, minutes: float | None = None, trials: int | None = None) -> Job:
    """Starts an injection of a profile; raises RunInProgress if one is alive or just starting."""
    options = [f"--budget={budget}", f"--base={base}"]
    set_minutes, set_trials = limits()
    minutes, trials = minutes or set_minutes, trials or set_trials
    options += [f"--minutes={minutes}"] if minutes else []
    options += [f"--trials={trials}"] if trials else []
    return _start("inject", profile, options, hub=is_hub_name(base))


def limits() -> tuple[float | None, int | None]:
    """Minutes and trials of an injection, where the environment sets them: for tests and impatient people; the dial stays the only control on the screen."""
    return _number("KEEPSAKE_MINUTES"), int(_number("KEEPSAKE_TRIALS") or 0) or None


def start_evaluate(profile: Profile, questions: Path | None = None) -> Job:
    """Starts a measurement with a file of questions or the profile's own; raises RunInProgress if one is alive."""
    return _start("evaluate", profile, [f"--questions={questions}"] if questions else [], hub=False)


def find_job(kind: str, profile: Profile) -> Job | None:
    """The newest child process of a kind for a profile, alive or ended, or None."""
    record, log = _paths(kind, profile)
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
        return Job(kind, is_alive(said["pid"], said.get("began")), float(said["started"]), log)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_hub_name(base: str) -> bool:
    """Whether a base id names a model of the hub (as in tuning/bases.py: owner/name, and no folder of that name)."""
    return base.count("/") == 1 and not base.startswith((".", "/", "~")) and not Path(base).is_dir()


def _start(kind: str, profile: Profile, options: Sequence[str], hub: bool) -> Job:
    with _starting:
        _refuse_second(kind, profile)
        record, log = _paths(kind, profile)
        command = [sys.executable, "-u", "-m", "tuning", kind, f"--profile={profile.name}", *options, "--json"]
        put_aside(log)  # the log of the run before is kept
        # Its owner's only; written at its end, so that the child can cut it short while it writes (tuning/pulse.py).
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as out:
            key = hand_over(data_folder() / FILE_NAME)
            child = subprocess.Popen(
                command, cwd=ROOT, env=environment(hub, bool(key)) | {LOG: str(log)}, stdin=subprocess.PIPE if key else subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True,
            )  # fmt: skip
            if child.stdin:
                child.stdin.write(key.encode())
                child.stdin.close()
        started = time.time()
        with open(os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out_record:
            json.dump({"pid": child.pid, "began": process_start(child.pid), "started": started}, out_record)
    threading.Thread(target=child.wait, daemon=True).start()  # reaps it, so that it is not left as a zombie
    return Job(kind, True, started, log)


def _refuse_second(kind: str, profile: Profile) -> None:
    """Raises RunInProgress: two heavy processes slow each other down, and the store refuses a second injection anyway."""
    db = open_store()
    try:
        run = active_run(db, profile.id)
    finally:
        db.close()
    if run is not None and kind == "evaluate":
        raise RunInProgress(say.INJECTING_NOW)
    if run is not None:
        raise RunInProgress(say.BUSY_RUN.format(run=run.id, done=run.progress))
    for other, sentence in (("inject", say.BUSY_STARTING), ("evaluate", say.ALREADY_MEASURING)):
        job = find_job(other, profile)
        if job and job.alive:
            raise RunInProgress(sentence)


def stop_starting(profile: Profile) -> bool:
    """Ends an injection that has not yet a run in the store to be cancelled; True if there was one."""
    record, _ = _paths("inject", profile)
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not is_alive(said["pid"], said.get("began")):
        return False
    psutil.Process(said["pid"]).terminate()
    record.unlink(missing_ok=True)  # what was cancelled so early leaves nothing to tell
    return True


def end_silent_run(db: Database, run: Run) -> None:
    """Ends the process of a run that is frozen or hangs, and so cannot hear that it is to stop; does nothing to another."""
    found = end_silent(db, run.id)
    if found and is_alive(*found):
        psutil.Process(found[0]).kill()


def environment(hub: bool, keyed: bool) -> dict[str, str]:
    """Of a child process: the visitor's data, the page's queue, the hub only if the person asked for it."""
    # The child works on the data of the visitor who started it.
    with in_folder(None):
        queue = data_folder()  # all visitors of this page train on one machine
    environment = {QUEUE: str(queue), **os.environ, "KEEPSAKE_HOME": str(data_folder())}
    environment |= {PIPE: "1"} if keyed else {}  # the key itself goes through the child's standard input
    # Only the page's own default is lifted, and only for a hub model that the person chose.
    if hub and environment.get("KEEPSAKE_HUB_ON_REQUEST"):
        environment.pop("HF_HUB_OFFLINE", None)
    return environment


def _paths(kind: str, profile: Profile) -> tuple[Path, Path]:
    folder = data_folder() / "jobs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{kind}-{profile.id}.json", folder / f"{kind}-{profile.id}.log"


def _tail(log: Path, size: int = 8192) -> list[str]:
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - size))
            return stream.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(name: str) -> float | None:
    given = os.environ.get(name)
    try:
        return float(given) if given else None
    except ValueError as error:
        raise PageError(f"{name} must be a number, not {given!r}.") from error
