"""The commands that measure speed, at their smallest: what they compute is right, whatever the times are."""

import argparse
import json

import pytest
import torch

from benchmarks import chat, gpu, injection, performance, scaling
from benchmarks.curves import draw_curves
from memory.store import open_store


def test_the_gpu_command_says_that_there_is_none_and_ends_well(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu", "--json"])
    gpu.main()
    assert "no CUDA GPU" in json.loads(capsys.readouterr().out)["skipped"]


def test_a_random_base_of_four_bits_trains_like_its_weights_in_full(monkeypatch):
    monkeypatch.setattr(gpu, "STEPS", 1)
    report = gpu.measure(["tiny"], "cpu", peer=False)
    assert report["shapes"]["tiny"]["identity"] is True and report["gradient_cosine"]["tiny"] > 0.999
    assert report["shapes"]["tiny"]["ours"]["ms"] > 0 and report["shapes"]["tiny"]["both_sides"]["speedup"] > 0


def test_the_exponent_of_growth():
    rows = [{"size": size, "seconds": 0.5 * size**1.5, "peak_memory_mb": 100.0} for size in (10, 100, 1000)]
    assert scaling.exponent(rows) == pytest.approx(1.5, abs=0.01) and scaling.exponent(rows[:1]) is None


def test_curves_are_drawn_for_every_kind(tmp_path):
    draw_curves(
        {"facts": [{"size": 20, "seconds": 1.0, "peak_memory_mb": 300.0}, {"size": 60, "seconds": 4.0, "peak_memory_mb": 310.0}]},
        tmp_path / "a.svg",
    )
    assert (tmp_path / "a.svg").read_text().count("<circle") == 4


def test_adapters_are_swapped_on_one_base(tiny, tmp_path):
    row = chat.measure_swaps(open_store(tmp_path), tiny, profiles=2, rounds=2)
    assert row["swap_p95_ms"] > 0 < row["swap_rebuilt_p50_ms"] and len(row["memory_mb_after_each_round"]) == 2 * 2  # either way in turn
    assert not any("lora" in name for name, _ in tiny.model.named_parameters())


def test_both_sides_are_timed_on_the_same_answers(tiny):
    assert chat.measure_sides(tiny, ["Where do I live?"])["same_answers"] == "1 of 1"


def test_people_at_once_are_timed_on_the_same_answers(tiny, monkeypatch):
    monkeypatch.setattr(chat, "PEOPLE", (1, 3))
    found = chat.measure_people(tiny, 2)
    assert list(found) == ["1", "3"] and all(
        row["same_answers"] == "2 of 2" and row["tokens_a_second"]["at_once"] > 0 for row in found.values()
    )


def test_both_sides_of_injection_get_the_same_plans_of_one_lora(pocket, monkeypatch):
    monkeypatch.setattr(injection, "build_examples", lambda *given: [])
    options = argparse.Namespace(base="pocket", facts=3, trials=3, epochs=2, seed=0, batches=1, turns=1)
    first, second = injection.make_work(options), injection.make_work(options)
    assert first == second and len(first["plans"]) == 3 and first["plans"][0]["layers"] == "all"
    assert len(injection.invented_facts(120, 0)[0]) == 120  # more than there are relations


def test_the_page_names_what_was_not_measured(tmp_path):
    (tmp_path / "gpu.json").write_text(json.dumps({"skipped": "There is no CUDA GPU here."}))
    assert "1 raw files" in performance.write_performance(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "There is no CUDA GPU here." in text and text.count("Not measured yet") == 3
