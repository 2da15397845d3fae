"""The lists that ship with the package: a name comes in, the lines come out."""

from pathlib import Path

LISTS = Path(__file__).parent


def read_list(name: str) -> list[str]:
    """The lines of a list, without blank ones and remarks."""
    return [line.strip() for line in (LISTS / name).read_text().splitlines() if line.strip() and not line.startswith("#")]
