"""What many profiles cost, from measured figures: `python -m benchmarks.scale_plan [--profiles 1000 1000000 100000000] [--json]`.

Three small simulations check the arithmetic of docs/scale.md: a queue of injections on a number of workers, the share of requests that
find their adapter in a server's memory when people are asked for by a Zipf law, and where profiles are placed among servers. The figures
come from benchmarks/data/scale_figures.json (`python -m benchmarks.scale_out --figures` measures them).
"""

import argparse
import heapq
import json
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

FIGURES = Path(__file__).parent / "data" / "scale_figures.json"
MONTH = 30 * 24 * 3600.0


def zipf_ranks(people: int, exponent: float, most: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` people asked for, as ranks 0 .. people - 1 with probability ~ (rank + shift) ** -exponent (Zipf-Mandelbrot, drawn by the inverse of
    the continuous distribution); the shift is such that nobody asks more than `most` times as often as the mean, as a plain Zipf law would have it."""
    shift = find_shift(people, exponent, most)
    low, high = _power(shift, exponent), _power(shift + people, exponent)
    drawn = low + rng.random(count) * (high - low)
    places = np.exp(drawn) if abs(exponent - 1) < 1e-9 else ((1 - exponent) * drawn) ** (1 / (1 - exponent))
    return np.clip((places - shift).astype(np.int64), 0, people - 1)


def find_shift(people: int, exponent: float, most: float) -> float:
    """The shift at which the first person's share is `most` / `people` (or 1, the plain law, where that is less)."""
    share = lambda shift: (
        (_power(shift + 1, exponent) - _power(shift, exponent)) / (_power(shift + people, exponent) - _power(shift, exponent))
    )
    low, high = 1.0, float(people)
    if share(low) * people <= most:
        return low
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if share(middle) * people > most else (low, middle)
    return high


def _power(x: float, exponent: float) -> float:
    """The integral of x ** -exponent."""
    return math.log(x) if abs(exponent - 1) < 1e-9 else x ** (1 - exponent) / (1 - exponent)


def hit_rate(ranks: np.ndarray, slots: int) -> float:
    """The share of the later half of the requests whose adapter is among the `slots` used last (an LRU cache, warm by then)."""
    cache: OrderedDict[int, None] = OrderedDict()
    hits, start = 0, len(ranks) // 2
    for place, rank in enumerate(ranks.tolist()):
        if rank in cache:
            cache.move_to_end(rank)
            hits += place >= start
            continue
        cache[rank] = None
        if len(cache) > slots:
            cache.popitem(last=False)
    return hits / (len(ranks) - start)


def queue_of_injections(rate: float, seconds: float, spread: float, workers: int, jobs: int, rng: np.random.Generator) -> dict[str, float]:
    """`jobs` injections that come at random (`rate` a second) to so many workers, first come first served; lengths are log-normal with mean
    `seconds`. Returns how busy the workers are and how long people wait, in seconds."""
    arrivals = np.cumsum(rng.exponential(1 / rate, jobs))
    sigma = math.sqrt(math.log(1 + spread**2))
    lengths = rng.lognormal(math.log(seconds) - sigma**2 / 2, sigma, jobs)
    free = [0.0] * workers
    waits = np.empty(jobs)
    for place, (arrival, length) in enumerate(zip(arrivals.tolist(), lengths.tolist())):
        begin = max(arrival, free[0])
        heapq.heapreplace(free, begin + length)
        waits[place] = begin - arrival
    later = waits[jobs // 4 :]
    busy = rate * seconds / workers
    return {"busy": round(busy, 3), "mean_wait_s": round(float(later.mean()), 1), "p95_wait_s": round(float(np.quantile(later, 0.95)), 1)}


def placement(people: int, exponent: float, most: float, servers: int, slots: int, rng: np.random.Generator) -> dict[str, Any]:
    """Hit rates of a server's cache when requests are spread at random, and when each person has a server (then a server sees every `servers`th
    person, whose law is the same), and the load of the busiest server against the mean when people are hashed to servers."""
    count = max(100_000, 24 * slots)
    everyone = hit_rate(zipf_ranks(people, exponent, most, count, rng), slots)
    own = hit_rate(zipf_ranks(max(1, people // servers), exponent, most, count, rng), slots)
    homes = rng.integers(0, servers, min(people, 4_000_000))  # of the people asked for most, who make the load uneven
    shift = find_shift(people, exponent, most)
    weights = (np.arange(len(homes)) + shift) ** -exponent
    loads: Any = np.bincount(homes, weights, servers)
    rest = people - len(homes)
    loads = loads + float(rest * (people + shift) ** -exponent / servers)
    return {
        "hit_rate": {"at random": round(everyone, 3), "by person": round(own, 3)},
        "busiest_to_mean": round(float(loads.max() / loads.mean()), 2),
    }


def plan(people: int, figures: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Cost and simulated behaviour of so many profiles."""
    rng = np.random.default_rng(options.seed)
    total, size = figures["inject_seconds"], figures["adapter_bytes"]
    # Study and retrieval plan, which the driver of a batch does itself; assumed as a share where they were not measured.
    driver = figures.get("driver_seconds") or options.driver_share * total
    seconds = total - driver
    rate = people * options.injections_a_month / MONTH
    workers = max(1, math.ceil(rate * seconds / options.busy))
    asked = people * options.questions_a_day / 86400.0
    servers = max(1, math.ceil(asked * figures["answer_seconds"] / options.busy))
    slots = max(1, int(options.cache_gb * 1e9 / size))
    jobs = min(200_000, max(20_000, 4 * workers))
    placed = placement(people, options.zipf, options.most, servers, slots, rng)
    misses_a_second = asked / servers * (1 - placed["hit_rate"]["by person"])
    return {
        "profiles": people,
        "adapters_gb": round(people * size / 1e9, 1),
        "store_gb": round(people * figures["store_bytes"] / 1e9, 1),
        "first_injection_worker_days": round(people * total / 86400, 1),
        "first_injection_one_trial_days": round(people * (driver + seconds / figures.get("trials", 2)) / 86400, 1),
        "workers": workers,
        "drivers": max(1, math.ceil(rate * driver / options.busy)),
        "workers_a_driver": round(seconds / driver, 1),
        "queue": queue_of_injections(rate, seconds, options.spread, workers, jobs, rng),
        "servers": servers,
        "questions_a_second": round(asked, 2),
        "adapters_in_a_server": slots,
        "placement": placed,
        "swap_share": round(misses_a_second * figures["swap_seconds"], 4),
        "read_mb_a_second": round(misses_a_second * size / 1e6, 2),
    }


def build_parser() -> argparse.ArgumentParser:
    """Options of the plan."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_plan", description=__doc__)
    parser.add_argument("--profiles", type=int, nargs="+", default=[10**3, 10**6, 10**8])
    parser.add_argument("--injections-a-month", type=float, default=2.0, help="a person, after the first")
    parser.add_argument("--questions-a-day", type=float, default=10.0, help="a person")
    parser.add_argument("--busy", type=float, default=0.7, help="share of the time that workers and servers should work")
    parser.add_argument("--spread", type=float, default=0.5, help="standard deviation of an injection's length, as a share of its mean")
    parser.add_argument("--zipf", type=float, default=0.9, help="how uneven people are: 0 all alike, above 1 a few ask most")
    parser.add_argument("--most", type=float, default=20.0, help="nobody asks more than so many times the mean")
    parser.add_argument("--cache-gb", type=float, default=8.0, help="memory of a server for adapters")
    parser.add_argument(
        "--driver-share", type=float, default=1 / 3, help="of an injection, done by the driver, if the figures do not say it"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--json", action="store_true")
    return parser


def show(results: list[dict[str, Any]]) -> str:
    """The plan as a table."""
    lines = [f"{'':32}" + "".join(f"{row['profiles']:>16,}" for row in results)]
    rows = [
        ("adapters, GB", "adapters_gb"), ("stores, GB", "store_gb"), ("first injection, worker-days", "first_injection_worker_days"), ("the same with one trial", "first_injection_one_trial_days"),
        ("workers", "workers"), ("drivers", "drivers"), ("workers that a driver feeds", "workers_a_driver"), ("servers", "servers"), ("questions a second", "questions_a_second"), ("adapters in a server", "adapters_in_a_server"),
        ("time spent swapping, share", "swap_share"), ("adapters read, MB/s a server", "read_mb_a_second"),
    ]  # fmt: skip
    lines += [f"{title:32}" + "".join(f"{row[key]:>16,}" for row in results) for title, key in rows]
    for title, pick in (
        ("wait for an injection, 95 %, s", lambda row: row["queue"]["p95_wait_s"]), ("hit rate, placed at random", lambda row: row["placement"]["hit_rate"]["at random"]),
        ("hit rate, placed by person", lambda row: row["placement"]["hit_rate"]["by person"]), ("busiest server to mean", lambda row: row["placement"]["busiest_to_mean"]),
    ):  # fmt: skip
        lines.append(f"{title:32}" + "".join(f"{pick(row):>16,}" for row in results))
    return "\n".join(lines)


def main() -> None:
    """Print the plan."""
    options = build_parser().parse_args()
    figures = json.loads(options.figures.read_text())
    results = [plan(people, figures, options) for people in options.profiles]
    print(json.dumps({"figures": figures, "plans": results}, indent=1) if options.json else show(results))


if __name__ == "__main__":
    main()
