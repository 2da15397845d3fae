"""The soak: growth is told from noise, and a short one on the real page, injections and imports leaves nothing behind."""

import time

import pytest

from benchmarks.soak import Work, count, find_growth, main

STILL = {"rss_mb": 800.0, "files": 20, "threads": 17, "children": 0}


def test_growth_is_told_from_noise() -> None:
    assert find_growth(STILL, {**STILL, "rss_mb": 838.0, "files": 23, "threads": 19}) == []
    grown = find_growth(STILL, {"rss_mb": 900.0, "files": 40, "threads": 30, "children": 1})
    assert [said.split(":")[0] for said in grown] == [
        "rss_mb",
        "files",
        "threads",
        "children",
    ] and "800 in the middle, 900 at the end" in grown[0]


def test_a_leak_is_counted_while_the_work_rests() -> None:
    kept = []
    work = Work()
    work.add("leak", lambda number: (time.sleep(0.05), kept.append(open("/dev/null"))))
    work.wait_for(["leak"], 10)
    first = work.rest()
    time.sleep(1.0)
    second = work.rest()
    work.end()
    for handle in kept:
        handle.close()
    assert second["files"] > first["files"] and work.done["leak"] == len(kept) and count()["files"] < first["files"]


@pytest.mark.slow
def test_a_short_soak_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("KEEPSAKE_HOME", "set by the soak")  # put back afterwards, as is the next
    monkeypatch.setenv("GRADIO_TEMP_DIR", "set by the soak")
    assert main(["--minutes", "0.3", "--json"]) == 0
