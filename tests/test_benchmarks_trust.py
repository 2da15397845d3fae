"""The benches of trust: what counts as a failure, and that docs/trust.md says what was not measured or went wrong."""

from pathlib import Path

from benchmarks import privacy, trust


def side(extracted: int, by_chance: float = 0.4, canaries: int = 8) -> dict[str, object]:
    return {"canaries": canaries, "extracted": extracted, "by_chance": by_chance, "mean_rank": 30.0, "mean_bits": 1.4}


GOOD = {name: side(0) for name in privacy.FORBIDDEN} | {name: side(8, 0.0) for name in privacy.TAUGHT}


def test_a_proof_fails_by_what_comes_out_by_what_is_known_and_by_what_was_never_learnt() -> None:
    assert privacy.judge(GOOD)["failures"] == 0
    assert privacy.judge(GOOD | {"base_side": side(1)})["extracted_where_forbidden"] == 1
    assert privacy.judge(GOOD | {"forgotten_after_reinjection": side(0, 0.0001)})["known_where_forbidden"] == [
        "forgotten_after_reinjection"
    ]
    # Its first version taught for 12 epochs: no adapter said its own canaries, and "none was extracted" was true of all.
    assert privacy.judge(GOOD | {"own_adapter": side(5)})["not_learnt"] == ["own_adapter"]


def test_how_seldom_chance_ranks_so_low() -> None:
    assert 0.4 < privacy.by_chance(32.5, 8, 0) < 0.6 and privacy.by_chance(1.1, 8, 0) == 0 and privacy.by_chance(64, 4, 0) == 1


JUNIT = """<testsuite><testcase classname="tests.test_trust_access" name="test_one"><properties><property name="endpoints" value="87"/></properties></testcase>
<testcase classname="tests.test_trust_xss" name="test_two"><failure message="no"/></testcase>
<testcase classname="tests.test_trust_lock" name="test_three"><skipped/></testcase></testsuite>"""


def test_the_page_says_what_failed_and_what_was_not_measured(tmp_path: Path) -> None:
    (tmp_path / "tests.xml").write_text(JUNIT, encoding="utf-8")
    report = trust.collect(tmp_path, partial=True)
    shown = trust.render(report)
    assert "1 passed, 1 failed, 1 skipped" in shown and "- failed: test_trust_xss.test_two" in shown and "| 87 |" in shown
    assert report["failures"] == 1 and report["missing"][:7] == ["faults", "privacy", "soak", *trust.COUNTED[1:]]
    assert "test_trust_queue" in report["missing"] and "test_trust_xss" not in report["missing"]  # a file that nobody ran
    assert "Not measured yet: faults, privacy, soak, handlers, payloads" in shown
    files = {word.strip("`,") for line in trust.PROMISES.splitlines() for word in line.split() if word.startswith("tests/")}
    assert files and all((trust.ROOT / file).exists() for file in files if "*" not in file)
