"""What a question means, taught: the stream is told to hold a sentence's vector where the answer begins.

    python -m pocket.meaning        # writes pocket/runs/meaning.pt (some minutes)

In: sentences of the training banks and of real dialogue, all-MiniLM-L6-v2 (Apache-2.0, from the package that retrieval uses). Out: a pool of
tokens with MiniLM's vectors, and a loss. An adapter can only recall a fact for a wording it never saw if that wording looks to its layers
like one it did see; a model of a few million tokens does not find out by itself that "How do I unwind?" asks for a hobby.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import AutoTokenizer

from memory.embedder import embed
from pocket.corpus import SHARED_DATA, Corpus
from pocket.dialogue import load_sentences
from pocket.items import Item, ask_by_words, give_owner, make_free, make_item
from pocket.model import attention_mask, early_hidden
from pocket.style import casual, question
from pocket.tokens import END, ROLES, WEIGHTS
from tuning.prompts import render_system

PATH = Path(__file__).parent / "runs" / "meaning.pt"
TAPS = (3, 4)  # layers before which the stream should hold the meaning: the feed-forward layers from there on can use it
SIZE = 384  # of MiniLM's vectors
LONGEST = 24  # tokens of a sentence
ITEMS_A_RELATION = 4
SINGLES = 16_000
LENGTH = 256  # of a row
TOGETHER = 4  # sentences of one group in a batch: other wordings, and the same about somebody else
OTHERS = 1024  # vectors of the pool that a batch is told apart from as well
SHARPNESS = 20.0


@dataclass(frozen=True)
class Pool:
    """Sentences in groups of one subject: `tokens` a row each, `vectors` (n, SIZE) of length 1, `starts` the first of each group and the end."""

    tokens: list[list[int]]
    vectors: Tensor
    starts: list[int]


def wordings(item: Item, rng: Random) -> list[str]:
    """Some ways to ask for a fact and to say it, and a question near to it that it does not answer."""
    asked = [question(ask, rng) for ask in rng.sample(item.ask, min(3, len(item.ask)))]
    others = [*item.nearby[:1], *item.yes[:1], ask_by_words(item, rng) or "", casual(item.said, rng)]
    return [text for text in [*asked, *others] if text]


def draw_groups(corpus: Corpus, data: Path, rng: Random) -> list[list[str]]:
    """Sentences in groups: of one relation, of one message, and single ones of real people."""
    groups = []
    for relation in corpus.relations:
        items = [make_item(relation, rng) for _ in range(ITEMS_A_RELATION)]
        groups.append([text for item in items for text in wordings(give_owner(item, rng) if rng.random() < 0.3 else item, rng)])
    groups += [[text for item in make_free(free, rng)[1] for text in wordings(item, rng)] for free in corpus.free]
    spoken = [text for conversation in corpus.dialogue for text in conversation if 3 <= len(text.split()) <= 20]
    single = [*load_sentences(data), *spoken]
    single = rng.sample(single, min(SINGLES, len(single))) + corpus.chatter + corpus.never + [asked for asked, _ in corpus.neutral]
    return [group for group in [*groups, *([text] for text in single)] if group]


def make_pool(tokenizer: Any, corpus: Corpus, data: Path = SHARED_DATA, seed: int = 0) -> Pool:
    """Draw the sentences and ask the teacher for their vectors."""
    groups = draw_groups(corpus, data, Random(seed))
    texts = [text for group in groups for text in group]
    vectors = normalize(torch.tensor(np.asarray(embed(texts)), dtype=torch.float32), dim=1)
    starts = [0, *np.cumsum([len(group) for group in groups]).tolist()]
    return Pool([tokens[:LONGEST] for tokens in tokenizer(texts, add_special_tokens=False)["input_ids"]], vectors, starts)


def load_pool(path: Path = PATH) -> Pool | None:
    """The pool, or None where none was written."""
    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    return Pool(state["tokens"], state["vectors"].float(), state["starts"])


@dataclass(frozen=True)
class Sentences:
    """A batch: packed (rows, LENGTH) as in `tokens.Batch`; `ends` (n,) flat places where answers would begin, -1 pads; what they mean."""

    ids: Tensor
    positions: Tensor
    documents: Tensor
    branches: Tensor
    ends: Tensor
    vectors: Tensor
    others: Tensor


class Lessons:
    """Batches of sentences in the chat's own form; batch number i depends on (seed, i) alone."""

    def __init__(self, tokenizer: Any, pool: Pool, rows: int, seed: int) -> None:
        self.pool, self.rows, self.seed = pool, rows, seed
        role, self.end = (
            {name: tokenizer.convert_tokens_to_ids(token) for name, token in ROLES.items()},
            tokenizer.convert_tokens_to_ids(END),
        )
        self.user, self.assistant = role["user"], role["assistant"]
        self.trunk = [role["system"], *tokenizer(render_system(), add_special_tokens=False)["input_ids"], self.end]
        self.most = rows * (LENGTH // 12)

    def batch(self, number: int) -> Sentences:
        """Rows of one trunk each (the system's words) and as many sentences as fit, every one a branch."""
        rng = Random(f"{self.seed}:meaning:{number}")
        arrays = np.zeros((3, self.rows, LENGTH), np.int64)
        documents = np.full((self.rows, LENGTH), -1, np.int64)
        ends, chosen, row = [], [], 0
        used, branch = self._open(arrays, documents, 0)
        while row < self.rows:
            group = rng.randrange(len(self.pool.starts) - 1)
            members = range(self.pool.starts[group], self.pool.starts[group + 1])
            for place in rng.sample(members, min(TOGETHER, len(members))):
                turn = [self.user, *self.pool.tokens[place], self.end, self.assistant]
                if used + len(turn) > LENGTH:
                    row += 1
                    if row == self.rows:
                        break
                    used, branch = self._open(arrays, documents, row)
                branch += 1
                span = slice(used, used + len(turn))
                arrays[:, row, span] = turn, range(len(self.trunk), len(self.trunk) + len(turn)), [branch] * len(turn)
                documents[row, span] = 0
                used += len(turn)
                ends.append(row * LENGTH + used - 1)
                chosen.append(place)
        ends, chosen = ends[: self.most], chosen[: self.most]
        others = rng.sample(range(len(self.pool.tokens)), min(OTHERS, len(self.pool.tokens)))
        padded = torch.tensor(ends + [-1] * (self.most - len(ends)))
        vectors = torch.zeros(self.most, SIZE)
        vectors[: len(chosen)] = self.pool.vectors[chosen]
        ids, positions, branches = map(torch.from_numpy, arrays)
        return Sentences(ids, positions, torch.from_numpy(documents), branches, padded, vectors, self.pool.vectors[others])

    def _open(self, arrays: np.ndarray, documents: np.ndarray, row: int) -> tuple[int, int]:
        size = len(self.trunk)
        arrays[0, row, :size], arrays[1, row, :size] = self.trunk, range(size)
        documents[row, :size] = 0
        return size, 0


def make_heads(width: int, seed: int = 0) -> nn.ModuleList:
    """A linear map from the stream to MiniLM's space for every tap; used in training alone."""
    torch.manual_seed(seed)
    return nn.ModuleList(nn.Linear(width, SIZE, bias=False) for _ in TAPS)


def meaning_loss(
    model: Any, heads: nn.ModuleList, ids: Tensor, positions: Tensor, documents: Tensor, branches: Tensor, ends: Tensor, vectors: Tensor, others: Tensor, still: bool = False
) -> Tensor:  # fmt: skip
    """How far the stream's view of which sentences are alike is from the teacher's: cross-entropy in nats above the least, over the taps' mean.

    Each sentence is held against all of the batch and `others` by the teacher's vectors (after contrastive representation distillation, Tian et al.,
    arXiv 1910.10699, with the teacher's own similarities as targets). `still`: only the heads learn.
    """
    known = (ends >= 0).float()
    candidates = torch.cat([vectors, others])
    silent = torch.cat([known == 0, torch.zeros(len(others), dtype=torch.bool, device=ids.device)])
    targets = (SHARPNESS * vectors @ candidates.T).masked_fill(silent, -1e9).log_softmax(-1)
    found = []
    with torch.set_grad_enabled(torch.is_grad_enabled() and not still):
        streams = early_hidden(model, ids, positions, attention_mask(documents, branches), TAPS)
    for head, hidden in zip(heads, streams):
        held = hidden.reshape(-1, hidden.shape[-1])[ends.clamp(min=0)]
        own = normalize(head(held * held.square().mean(-1, keepdim=True).clamp(min=1e-6).rsqrt()), dim=-1)
        scores = (SHARPNESS * own @ candidates.T).masked_fill(silent, -1e9).log_softmax(-1)
        found.append(((targets.exp() * (targets - scores)).sum(-1) * known).sum() / known.sum())
    return torch.stack(found).mean()


def main() -> None:
    """Make the pool and write it."""
    parser = argparse.ArgumentParser(prog="python -m pocket.meaning", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pool = make_pool(AutoTokenizer.from_pretrained(WEIGHTS), Corpus(), seed=options.seed)
    PATH.parent.mkdir(exist_ok=True)
    torch.save({"tokens": pool.tokens, "vectors": pool.vectors.half(), "starts": pool.starts}, PATH)
    print(f"{len(pool.tokens)} sentences in {len(pool.starts) - 1} groups")


if __name__ == "__main__":
    main()
