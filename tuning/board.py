"""Where workers of a cluster write how far they are, and read whether to stop: words come in, the driver reads them.

A module of its own that imports nothing, since Ray gives it a process of its own, which need not hold torch.
"""


class Board:
    """An actor beside the driver on which workers write how far they are; losing it loses no work."""

    def __init__(self) -> None:
        self.told: dict[int, tuple[float, str]] = {}
        self.stopped: set[int] = set()

    def tell(self, key: int, share: float, detail: str) -> bool:
        """Note progress; False when the work is to stop."""
        self.told[key] = (share, detail)
        return key not in self.stopped

    def stop(self, key: int) -> None:
        """Let the work stop at its next word."""
        self.stopped.add(key)

    def read(self) -> dict[int, tuple[float, str]]:
        """What was told since the last reading."""
        told, self.told = self.told, {}
        return told
