"""Engines: where searches run. A `Work` (base id and examples) goes in, a `Done` (adapter bytes) comes out; only the driver writes the store.

`local` runs them here, one after the other; `ray` on the nodes of a Ray cluster. docs/scale.md says when which is worth it.
"""

from tuning.engines.work import Done, Engine, Hear, Work

ENGINES = ("local", "ray")

__all__ = ["ENGINES", "Done", "Engine", "Hear", "Work", "open_engine"]


def open_engine(name: str, hear: Hear, address: str | None = None, cpus: float = 1.0, gpus: float | None = None) -> Engine:
    """The engine of this name; raises EngineMissing when Ray is asked for and not installed, or does not answer."""
    if name == "ray":
        from tuning.engines.ray_engine import RayEngine

        return RayEngine(hear, address, cpus, gpus)
    from tuning.engines.local import LocalEngine

    return LocalEngine(hear)
