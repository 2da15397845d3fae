"""What the tokens mean before any training: vectors in which a question lies near the line that answers it.

    python -m pocket.lexicon        # writes pocket/runs/lexicon.pt (some minutes)

In: the tokenizer, all-MiniLM-L6-v2 (Apache-2.0, from the package that retrieval uses) and question-line pairs of the training banks. Out: a
vector and a weight a token. A token's start is MiniLM's vector of its text, reduced by principal components; then vectors and weights are
fitted so that the weighted bag of a question points to the bag of its own line among hundreds of others (contrastive, as in
StarSpace, arXiv 1709.03856). `seed.py` writes both into the embedding: the model need not find out anew that a job is work.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoTokenizer

from memory.embedder import embed
from pocket.corpus import Corpus
from pocket.style import casual, digress, question
from pocket.tokens import WEIGHTS

PATH = Path(__file__).parent / "runs" / "lexicon.pt"
SIZE = 64
WHITENING = 0.5  # singular values to this power are divided out: finer differences count more
SILENT = -6.0
PULL = 3.0  # towards MiniLM's vectors, so that words the banks hardly use keep their meaning


@dataclass(frozen=True)
class Lexicon:
    """`vectors` (vocabulary, size), mean length 1; `weights` (vocabulary,): the log of how much a token counts in its line."""

    vectors: Tensor
    weights: Tensor


def load_lexicon(path: Path = PATH) -> Lexicon | None:
    """The fitted lexicon, or None where none was written."""
    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    return Lexicon(state["vectors"], state["weights"])


def start_vectors(tokenizer: Any, size: int = SIZE) -> Tensor:
    """MiniLM's vectors of every token's text, centred, reduced to `size` dimensions and half whitened."""
    texts = [tokenizer.decode([token]).strip() or "." for token in range(len(tokenizer))]
    vectors = np.asarray(embed(texts))
    vectors -= vectors.mean(0)
    _, values, axes = np.linalg.svd(vectors, full_matrices=False)
    reduced = torch.tensor(vectors @ axes[:size].T / values[:size] ** WHITENING, dtype=torch.float32)
    return reduced / reduced.norm(dim=1).mean()


def draw_pairs(corpus: Corpus, rng: Random, count: int) -> list[tuple[str, str]]:
    """Questions with the line that answers each, as said or as a tidy fact."""
    pairs: list[tuple[str, str]] = []
    while len(pairs) < count:
        item = corpus.item(rng)
        if item.ask:
            line = digress(casual(item.said, rng), rng, 0.2) if rng.random() < 0.55 else item.fact
            # In a prompt a line comes after "- ", a message right after its role token: a first word is met with and without its space.
            pairs.append((" " * (rng.random() < 0.3) + question(rng.choice(item.ask), rng), " " * (rng.random() < 0.7) + line))
    return pairs


def count_tokens(encoded: list[list[int]], vocabulary: int) -> Tensor:
    """Bags as rows of counts, (texts, vocabulary)."""
    bags = torch.zeros(len(encoded), vocabulary)
    for row, tokens in enumerate(encoded):
        for token in tokens:
            bags[row, token] += 1
    return bags


def fit(tokenizer: Any, corpus: Corpus, seed: int = 0, pairs: int = 30000, steps: int = 800, batch: int = 256, size: int = SIZE) -> Lexicon:
    """Fit vectors and weights to question-line pairs; the last hundred pairs are held out and their ranking is printed."""
    vocabulary = len(tokenizer)
    drawn = draw_pairs(corpus, Random(seed), pairs)
    asked, lines = (tokenizer([pair[side] for pair in drawn])["input_ids"] for side in (0, 1))
    held = len(drawn) - 400
    seen = torch.ones(vocabulary)
    for tokens in asked[:held] + lines[:held]:
        seen[list(set(tokens))] += 1
    start = start_vectors(tokenizer, size)
    vectors = torch.nn.Parameter(start.clone())
    weights = torch.nn.Parameter(torch.log(torch.log(2 * held / seen).clamp(min=0.3)))
    sharpness = torch.nn.Parameter(torch.tensor(2.5))
    optimizer = torch.optim.Adam([{"params": [vectors], "lr": 2e-3}, {"params": [weights, sharpness], "lr": 1e-2}])
    rng = np.random.default_rng(seed)

    def bags(encoded: list[list[int]]) -> Tensor:
        return normalize(count_tokens(encoded, vocabulary) @ (vectors * weights.exp()[:, None]), dim=1)

    def thin(tokens: list[int]) -> list[int]:
        return [token for token, kept in zip(tokens, rng.random(len(tokens)) > 0.15) if kept] or tokens

    for step in range(steps):
        chosen = rng.choice(held, batch, replace=False)
        scores = bags([thin(asked[i]) for i in chosen]) @ bags([thin(lines[i]) for i in chosen]).T * sharpness.exp()
        own = torch.arange(batch)
        loss = cross_entropy(scores, own) + cross_entropy(scores.T, own) + PULL * ((vectors - start) ** 2).sum(1).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 99:
            with torch.no_grad():
                right = (bags(asked[held:]) @ bags(lines[held:]).T).argmax(1) == torch.arange(len(drawn) - held)
            print(
                f"step {step + 1}: loss {loss.item():.2f}, the right one of 400 held-out lines first: {right.float().mean():.1%}",
                flush=True,
            )
    return Lexicon(*finish(tokenizer, vectors.detach(), weights.detach()))


def finish(tokenizer: Any, vectors: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Turn the axes so that the first ones matter most (a narrow model takes those alone); what holds no letter and no digit counts nothing."""
    _, _, axes = torch.linalg.svd(vectors, full_matrices=False)
    silent = [
        token for token in range(len(weights)) if not any(mark.isalnum() for mark in tokenizer.decode([token], skip_special_tokens=True))
    ]
    weights = weights.clone()
    weights[silent] = SILENT
    return vectors @ axes.T, weights


def random_lexicon(vocabulary: int, size: int, seed: int = 0) -> Lexicon:
    """Vectors that mean nothing, all of one weight: a start without a fitted lexicon."""
    vectors = torch.randn(vocabulary, size, generator=torch.Generator().manual_seed(seed)) / size**0.5
    return Lexicon(vectors, torch.zeros(vocabulary))


def main() -> None:
    """Fit the lexicon and write it."""
    parser = argparse.ArgumentParser(prog="python -m pocket.lexicon", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lexicon = fit(AutoTokenizer.from_pretrained(WEIGHTS), Corpus(), options.seed)
    PATH.parent.mkdir(exist_ok=True)
    torch.save({"vectors": lexicon.vectors, "weights": lexicon.weights}, PATH)


if __name__ == "__main__":
    main()
