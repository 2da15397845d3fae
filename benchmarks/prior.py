"""The prior that ships for a base: a thorough search on several generated persons, its trials as gains, its best plan as trial 0.

    python -m benchmarks.prior                                      # pocket, 5 persons, 30 trials each: hours on two cores
    python -m benchmarks.prior --profiles 1 --facts 20 --trials 4   # the smallest run

In: pocket (or --base). Out: tuning/priors/<base>.json. Raw trials lie in results/prior; a person that has a file is not searched again.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.ablations import make_case
from benchmarks.quality import RESULTS, machine, write_row
from memory.store import Trial
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.clock import worked
from tuning.priors import MOST, PRIORS, Prior, best_parameters, load_prior, observations_of, write_prior
from tuning.recipe import Recipe
from tuning.search import search


def search_person(loaded: LoadedBase, number: int, options: argparse.Namespace) -> dict[str, Any]:
    """All trials of one generated person, as a raw row."""
    case = make_case(loaded, options.facts, 1000 + number)  # persons that no other benchmark asks
    examples = case.examples(loaded, Recipe(), number)
    deadline = worked() + 60 * options.minutes
    found = search(
        loaded,
        examples,
        options.trials,
        options.epochs,
        deadline,
        number,
        recipe=Recipe(),
        facts=case.facts,
        prior=load_prior(None, loaded),
    )
    trials = [
        {"number": trial.number, "values": trial.values, "state": trial.state, "parameters": trial.parameters} for trial in found.trials
    ]
    return {"base": loaded.base.id, "revision": loaded.base.revision, "facts": options.facts, "trials": trials, "machine": machine()}


def join(rows: list[dict[str, Any]], fallback: dict[str, Any]) -> Prior:
    """The prior of several persons' trials; without any gain the plan that the searches began with."""
    runs = [
        [Trial(0, trial["number"], {}, trial["values"], trial["state"], None, trial["parameters"]) for trial in row["trials"]]
        for row in rows
    ]
    seen = observations_of(runs)
    ranked = sorted(seen, key=lambda observation: -abs(observation.gain))[:MOST]
    return Prior(best_parameters(seen) or fallback, ranked)


def main() -> None:
    """Search every person that has no raw file yet, then write the prior file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prior", description="Make the prior that ships for a base.")
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--facts", type=int, default=60)
    parser.add_argument("--profiles", type=int, default=5)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=180.0, help="a person at most")
    parser.add_argument("--results", type=Path, default=RESULTS.parent, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=PRIORS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    loaded = load_base(resolve_base(options.base))
    rows = []
    for number in range(options.profiles):
        path = options.results / "prior" / f"p{number}-{options.facts}.json"
        if not path.exists() or json.loads(path.read_text())["revision"] != loaded.base.revision:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_row(path, search_person(loaded, number, options))
            print(f"{time.strftime('%H:%M:%S')} person {number} searched", file=sys.stderr)
        rows.append(json.loads(path.read_text()))
    count = sum(len(row["trials"]) for row in rows)
    about = f"{count} trials on {len(rows)} generated persons of {options.facts} facts, base {loaded.base.revision}"
    name = Path(loaded.base.id).name
    write_prior(options.out / f"{name}.json", join(rows, load_prior(None, loaded).first), about)
    print(f"{options.out / f'{name}.json'}: {about}.")


if __name__ == "__main__":
    main()
