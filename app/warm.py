"""The heavy modules (torch, transformers), loaded once and by one thread: two first imports of transformers at the same time break each other."""

from memory.loading import LOADING


def warm_up() -> None:
    """Loads what answers, estimates and plots need; returns at once when it is there. Call it before importing from tuning's heavy modules."""
    with LOADING:
        import tuning.inject
        import tuning.lift
        import tuning.sides
        import tuning.study_plots  # noqa: F401
