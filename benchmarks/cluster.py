"""A Ray cluster of several nodes on this machine: how many nodes come in, the running cluster comes out (`ray.cluster_utils.Cluster`)."""

import contextlib
import os
from typing import Any

TRIES = 4
STORE_BYTES = 80 * 2**20  # of each node; Ray's least is 75 MiB


def start_cluster(nodes: int, gpus: float = 0) -> Any:
    """A head that runs nothing and `nodes` nodes of one processor each; `cluster.workers` are the latter.

    `gpus` stand in Ray's books only. Ray gives a node 30 s to come up, which a busy machine may exceed: then the whole is tried again. Raises
    what Ray raises at the last try.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # else the workers starve wherever the machine has other work
    for last in (*[False] * (TRIES - 1), True):
        try:
            return _start(nodes, gpus)
        except Exception:  # noqa: BLE001 - Ray raises a bare Exception when a node is late
            if last:
                raise
    raise AssertionError("never reached")


def stop_cluster(cluster: Any) -> None:
    """End the driver's connection and every process of the cluster."""
    import ray

    ray.shutdown()
    cluster.shutdown()


def _start(nodes: int, gpus: float) -> Any:
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    )
    try:
        cluster.workers = [cluster.add_node(num_cpus=1, num_gpus=gpus, object_store_memory=STORE_BYTES) for _ in range(nodes)]
        cluster.wait_for_nodes()
    except BaseException:
        with contextlib.suppress(Exception):
            stop_cluster(cluster)
        raise
    return cluster
