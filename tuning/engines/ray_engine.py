"""The engine of many machines: each work is a task of a Ray cluster, which finds it a node, and another one if that node is lost.

The only module that imports Ray. In: works. Out: what they found, each once: Ray repeats a task whose node died, and the driver takes a
task's result a single time. Nothing of Ray's own telemetry or dashboard is switched on.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuning.bases import LoadedBase
from tuning.board import Board
from tuning.engines.rounds import Played, Turn, play_turn
from tuning.engines.work import Done, Hear, Work, do_work
from tuning.errors import EngineMissing

RETRIES = 5  # times that Ray begins a task anew after its worker or node died
TELL_SECONDS = 1.0
ROOT = Path(__file__).resolve().parents[2]
SENT = ("memory", "tuning", "pocket/weights")  # to every node
INSTALL = "The engine ray needs Ray, which is not installed: pip install -r requirements-scale.txt, or use --engine local."


def import_ray() -> Any:
    """Ray, silent; raises EngineMissing with how to install it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise EngineMissing(INSTALL) from error
    return ray


@contextmanager
def own_code() -> Iterator[Path]:
    """A folder with what a node runs, to be sent there: code and the embedded base, and nothing else that may lie in this folder.

    Else a node would import whatever stands at this machine's path on its own disk, if anything does (Ray hands on paths, not what they hold).
    """
    with tempfile.TemporaryDirectory(prefix="keepsake-code-") as scratch:
        folder = Path(scratch) / "keepsake"
        for part in SENT:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


def do_on_node(work: Work, board: Any) -> Done:
    """`do_work` on a node, with its progress on the board about once a second."""
    ray = import_ray()
    node = ray.get_runtime_context().get_node_id()[:8]
    last, asked = 0.0, None

    def hear(key: int, share: float, detail: str) -> bool:
        """Never waits: the answer to one word is read before the next is said, since the board may be gone for a while."""
        nonlocal last, asked
        if time.monotonic() - last < TELL_SECONDS:
            return True
        last = time.monotonic()
        if asked is not None:
            if not ray.wait([asked], timeout=0)[0]:
                return True
            answered, asked = asked, None
            try:
                if not ray.get(answered):
                    return False
            except ray.exceptions.RayError:
                pass  # that board was lost with its node; Ray starts another
        asked = board.tell.remote(key, share, f"{detail} on node {node}")
        return True

    done = do_work(work, hear)
    done.node = node
    return done


def play_on_node(work: Work, turn: Turn) -> Played:
    """One trial of a round on a node."""
    return play_turn(work, turn)


class RayEngine:
    """Tasks on a cluster: `address` of a running one (`auto`, `host:port`, `ray://host:port`), or one of this machine alone."""

    name = "ray"

    def __init__(self, hear: Hear, address: str | None = None, cpus: float = 1.0, gpus: float | None = None) -> None:
        self.ray = import_ray()
        self._hear = hear
        self._owned = self._connect(address)
        self._cpus, self._gpus = cpus, self._share_of_gpu(gpus)
        # Beside the driver and of no weight, so that a lost node does not take it along.
        here = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(self.ray.get_runtime_context().get_node_id(), soft=True)
        actor = self.ray.remote(Board).options(num_cpus=0, max_restarts=-1, max_task_retries=1, scheduling_strategy=here)
        self._board = actor.remote()
        self._task = self.ray.remote(do_on_node).options(
            num_cpus=self._cpus, num_gpus=self._gpus, max_retries=RETRIES, scheduling_strategy="SPREAD"
        )
        self._trial = self.ray.remote(play_on_node).options(
            num_cpus=self._cpus, num_gpus=self._gpus, max_retries=RETRIES, scheduling_strategy="SPREAD"
        )
        self._loaded: LoadedBase | None = None
        self._wide: dict[int, Future[Done]] = {}
        self._threads = ThreadPoolExecutor(64)  # of searches whose trials run side by side: they only wait here
        self._running: dict[Any, int] = {}
        self._asked = 0.0

    @property
    def slots(self) -> int:
        """How many works the cluster can run at once, as it is now; at least one, since nodes may still come."""
        have = self.ray.cluster_resources()
        by_cpu = have.get("CPU", 0) / self._cpus if self._cpus else float("inf")
        by_gpu = have.get("GPU", 0) / self._gpus if self._gpus else float("inf")
        return max(1, int(min(by_cpu, by_gpu, 10_000)))

    def use(self, loaded: LoadedBase) -> None:
        """The driver's base, with which the plans of trials side by side are made."""
        self._loaded = loaded

    def submit(self, work: Work) -> None:
        """Hand a work to the cluster: as one task, or trial by trial where several of them are to run at once."""
        if work.width > 1:
            self._wide[work.key] = self._threads.submit(do_work, work, self._hear, self._loaded, lambda turns: self._play(work, turns))
            return
        self._running[self._task.remote(work, self._board)] = work.key

    def wait(self, seconds: float) -> list[Done]:
        """What has ended, waiting so many seconds at most for the first; the driver hears of progress meanwhile."""
        self._pass_on()
        if self._wide:
            ended = [key for key, future in self._wide.items() if future.done()]
            if ended:
                return [self._wide.pop(key).result() for key in ended]
            time.sleep(min(seconds, 0.1))
        if not self._running:
            return []
        ready, _ = self.ray.wait(list(self._running), num_returns=1, timeout=seconds)
        if ready:
            ready, _ = self.ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        return [self._take(reference) for reference in ready]

    def close(self) -> None:
        """Stop what runs and leave the cluster; one that was started for this call ends."""
        for reference in self._running:
            self.ray.cancel(reference, force=True)
        self._running.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._owned:
            self.ray.shutdown()

    def _play(self, work: Work, turns: Sequence[Turn]) -> list[Played]:
        given = self.ray.put(work)
        return list(self.ray.get([self._trial.remote(given, turn) for turn in turns]))

    def _connect(self, address: str | None) -> bool:
        if self.ray.is_initialized():
            return False
        common: dict[str, Any] = {"namespace": "keepsake", "log_to_driver": False, "logging_level": "ERROR"}
        try:
            if address:
                with own_code() as folder:
                    self.ray.init(address=address, ignore_reinit_error=True, runtime_env={"working_dir": str(folder)}, **common)
            else:
                self.ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **common)
        except ImportError as error:  # an address that begins with ray:// needs ray[client]
            raise EngineMissing(f"{INSTALL} ({error})") from error
        except Exception as error:  # noqa: BLE001 - Ray raises a bare one where a busy machine does not start it within 30 s
            if not address:
                raise EngineMissing(f"Ray did not start on this machine ({error}): try again, or use --engine local.") from error
            raise EngineMissing(f"No Ray cluster answers at {address} ({error}): start one with `ray start --head`.") from error
        return True

    def _share_of_gpu(self, gpus: float | None) -> float:
        has = self.ray.cluster_resources().get("GPU", 0) > 0
        if gpus and not has:
            raise EngineMissing("The cluster has no GPU: leave --gpus out.")
        return gpus if gpus is not None else 1.0 if has else 0.0

    def _take(self, reference: Any) -> Done:
        key = self._running.pop(reference)
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            cancelled = isinstance(error, self.ray.exceptions.TaskCancelledError)
            return Done(key, error=f"The cluster lost this injection ({type(error).__name__}): start it again.", cancelled=cancelled)

    def _pass_on(self) -> None:
        if time.monotonic() - self._asked < TELL_SECONDS or not self._running:
            return
        self._asked = time.monotonic()
        try:
            told = self.ray.get(self._board.read.remote(), timeout=5)
        except self.ray.exceptions.RayError:
            return
        for key in self._running.values():
            share, detail = told.get(key, (0.0, ""))
            if not self._hear(key, share, detail):
                self._board.stop.remote(key)
