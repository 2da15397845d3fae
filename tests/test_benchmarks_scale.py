"""The simulations of the plan on paper: they agree with what is known in closed form where there is such a thing."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.scale_plan import FIGURES, build_parser, hit_rate, placement, plan, queue_of_injections, zipf_ranks

ROOT = Path(__file__).resolve().parents[1]


def test_a_queue_with_one_worker_waits_as_the_formula_says():
    # Pollaczek-Khinchine: mean wait = rate * E[S^2] / (2 (1 - load)); here E[S] = 10, its spread 0.5, load 0.7.
    found = queue_of_injections(0.07, 10.0, 0.5, 1, 200_000, np.random.default_rng(0))
    expected = 0.07 * 10.0**2 * (1 + 0.5**2) / (2 * 0.3)
    assert abs(found["mean_wait_s"] - expected) < 0.15 * expected
    assert queue_of_injections(0.07, 10.0, 0.5, 10, 20_000, np.random.default_rng(0))["mean_wait_s"] == 0.0


def test_a_cache_keeps_what_is_asked_for_again():
    rng = np.random.default_rng(0)
    alike = zipf_ranks(1000, 0.0, 20.0, 40_000, rng)
    assert abs(hit_rate(alike, 250) - 0.25) < 0.02  # all alike: the share that fits
    assert hit_rate(zipf_ranks(1000, 1.0, 1e9, 40_000, rng), 250) > 0.6  # a plain Zipf law: a few are asked for most
    assert hit_rate(alike, 1000) > 0.99
    capped = np.bincount(zipf_ranks(1000, 1.0, 5.0, 400_000, rng), minlength=1000)
    assert capped.max() < 6.5 * capped.mean() and capped.min() < 0.6 * capped.mean()


def test_people_placed_by_hash_share_the_memory_of_all_servers():
    placed = placement(100_000, 0.9, 20.0, 20, 2_000, np.random.default_rng(0))
    assert placed["hit_rate"]["by person"] > placed["hit_rate"]["at random"] + 0.2 and placed["busiest_to_mean"] > 1.0


def test_the_plan_is_printed_for_all_sizes():
    figures = json.loads(FIGURES.read_text())
    small, large = (plan(people, figures, build_parser().parse_args([])) for people in (10**3, 10**6))
    assert (
        small["workers"] == small["drivers"] == 1
        and large["drivers"] > 10
        and large["workers"] > 100
        and large["adapters_gb"] > 500 * small["adapters_gb"]
    )
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale_plan", "--profiles", "1000", "--json"], cwd=ROOT, capture_output=True, text=True
    )
    assert json.loads(ran.stdout)["plans"][0]["profiles"] == 1000
