"""What a profile's votes come to: votes, turns and judgements come in, counts with their intervals come out, nothing is said in words here."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from memory.store import Judgement, Turn, Vote
from tuning.scores import wilson_interval


@dataclass(frozen=True)
class Share:
    """A part of a whole with its 95 % interval (Wilson)."""

    part: int
    whole: int

    @property
    def share(self) -> float:
        """0 to 1; 0 of nothing is 0."""
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        low, high = wilson_interval(self.part, self.whole)
        return low, high

    def row(self) -> dict[str, Any]:
        """For an export."""
        return {"part": self.part, "of": self.whole, "share": round(self.share, 4), "interval": list(self.interval)}


@dataclass(frozen=True)
class PairTally:
    """The votes between two sides: wins of the first among the decided ones; ties and both-bad apart."""

    side: str
    other: str
    wins: Share
    ties: int
    both_bad: int


def tally_pairs(votes: Iterable[Vote], pairs: Iterable[str]) -> list[PairTally]:
    """One tally for each pair (such as "adapter-rag") that has votes."""
    found = []
    votes = list(votes)
    for pair in pairs:
        side, other = pair.split("-")
        counted = Counter(vote.winner or vote.choice for vote in votes if {vote.left_side, vote.right_side} == {side, other})
        if counted:
            wins = Share(counted[side], counted[side] + counted[other])
            found.append(PairTally(side, other, wins, counted["tie"], counted["both_bad"]))
    return found


def tally_position(votes: Iterable[Vote]) -> Share:
    """How often the left answer won, of the decided votes: half would be no bias."""
    decided = [vote for vote in votes if vote.winner]
    return Share(sum(vote.choice == "left" for vote in decided), len(decided))


def tally_length(votes: Iterable[Vote], turns: Iterable[Turn]) -> Share:
    """How often the longer answer won, of the decided votes whose answers differ in length."""
    texts = {turn.id: (len(turn.left_text), len(turn.right_text)) for turn in turns}
    decided = [(vote, *texts[vote.turn_id]) for vote in votes if vote.winner and vote.turn_id in texts]
    uneven = [(vote, left, right) for vote, left, right in decided if left != right]
    return Share(sum((left > right) == (vote.choice == "left") for vote, left, right in uneven), len(uneven))


def tally_judgements(judgements: Sequence[Judgement]) -> dict[str, dict[str, Share]]:
    """By side: how often the memory used was called relevant, and how often accurate, where that was said."""
    found: dict[str, dict[str, Share]] = {}
    for side in dict.fromkeys(said.side for said in judgements):
        own = [said for said in judgements if said.side == side]
        found[side] = {
            key: Share(sum(getattr(said, key) is True for said in own), sum(getattr(said, key) is not None for said in own))
            for key in ("relevant", "accurate")
        }
    return found


def break_even(seconds: float, adapter_ms: float, rag_ms: float) -> int | None:
    """After how many answers the time of injecting has been saved against retrieving; None if an answer is not faster."""
    return round(1000 * seconds / (rag_ms - adapter_ms)) if rag_ms > adapter_ms else None
