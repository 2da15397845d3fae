"""The clock of the work: it stands still while this process is paused, or waits once more for its turn.

In: the seconds of a pause. Out: seconds that only differences of mean anything. Budgets are counted on it: a run that was paused for an hour has
as much time left as before.
"""

import time

_stood_still = 0.0


def worked() -> float:
    """Seconds on the clock of the work; it never goes back."""
    return time.monotonic() - _stood_still


def stand_still(seconds: float) -> None:
    """The last `seconds` were no work."""
    global _stood_still
    _stood_still += seconds
