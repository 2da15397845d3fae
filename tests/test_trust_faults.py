"""The fault bench itself: a dozen faults of every kind on the real store, and proof that it would notice a loss."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import faults
from memory.store import create_profile, list_messages, load_profile, open_store, save_messages

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the bench forks, kills and limits as Linux does")


def test_a_dozen_faults_of_every_kind_lose_nothing() -> None:
    report = faults.run(12, seed=3)
    assert report["failures"] == [] and report["survived"] == 12 and set(report["kinds"]) == set(faults.KINDS)
    ended = " ".join(said for kind in report["ended"].values() for said in kind)
    assert "bug" not in ended and "inject the profile's facts again" in ended


def test_the_bench_notices_what_is_gone_or_half_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with closing(open_store(home)) as db:
        profile = create_profile(db, "ana").id
        save_messages(db, profile, faults.batch(1), "Ana")
        save_messages(db, profile, faults.batch(2)[:7], "Ana")
    said = faults.lost(home, ["batch 1", "batch 3", "adapter 4 abc"])
    assert [line.split(":")[0] for line in said] == ["batch 3", "adapter 4 is gone", "chat 2 is half there (7)"]


def test_an_error_in_a_child_is_told_and_its_last_words_are_kept(tmp_path: Path) -> None:
    def task(said: int) -> None:
        import os

        os.write(said, b"batch 1\n")
        with closing(open_store(tmp_path)) as db:
            list_messages(db, load_profile(db, "nobody").id)

    lines, ended = faults.in_child(task)
    assert lines[0] == "batch 1" and ended.startswith("sentence There is no profile")
