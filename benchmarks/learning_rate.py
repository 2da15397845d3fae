"""Which learning rate and rank trial 0 should have: the same invented facts, one injection a setting, in one run.

    python -m benchmarks.learning_rate --json

In: pocket (or --base) and invented facts of the exam banks. Out: for each setting recall on phrasings never trained on and false claims.
"""

import argparse
import json

from benchmarks.precision import add_options, invented_examples, measure


def main() -> None:
    """Measure each learning rate and rank."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning_rate", description="Compare learning rates and ranks of trial 0.")
    add_options(parser)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--rates", default="0.001,0.002,0.004,0.008")
    parser.add_argument("--ranks", default="16")
    options = parser.parse_args()
    examples = invented_examples(options.facts, options.seed)
    rows = []
    for rank in map(int, options.ranks.split(",")):
        for rate in map(float, options.rates.split(",")):
            result = measure(
                options.base, options.precision, examples, options.epochs, options.seed, learning_rate=rate, rank=rank, alpha=2 * rank
            )
            rows.append({"rank": rank, "learning_rate": rate, **result})
            if not options.json:
                print(
                    f"rank {rank:2}  learning rate {rate:.4f}  recall {result['recall']:.0%}  invents {result['false_claims']:.0%}  {result['train_seconds']:.0f} s"
                )
    if options.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
