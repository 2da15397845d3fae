"""Pocket's tokenizer and the packing of documents into batches.

    python -m pocket.tokens        # trains the tokenizer into pocket/weights (byte-level BPE, digits one by one)

In: documents of `corpus.py`. Out: token ids with loss weights, packed into rows in which no document sees another.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from pocket.corpus import MIXTURES, Corpus, Document

WEIGHTS = Path(__file__).parent / "weights"
VOCABULARY = 4096
# Share of the batches by length of a row: first few lines to choose from, then many.
STAGES = {"near": {256: 0.7, 512: 0.3}, "far": {256: 0.4, 512: 0.45, 1024: 0.15}}
PAD, END = "<|pad|>", "<|end|>"
ROLES = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# A word keeps the space before it, so that a name is the same tokens wherever it stands in a line; digits and marks stand alone.
_SPLIT = Regex(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z\u00C0-\u024F]+|\d| ?[^\sA-Za-z\d]|\s+")


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with the chat template; loses nothing (decoding gives the text back)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_SPLIT, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [PAD, END, *ROLES.values()]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, bos_token=None, padding_side="left", model_max_length=2048
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


@dataclass(frozen=True)
class Batch:
    """Arrays of shape (rows, length): ids, position, document number in the row (-1 pads), branch (0: trunk), weight of each token.

    Positions count from the start of a document; every branch goes on where the trunk ended, as if it stood alone.
    """

    ids: np.ndarray
    positions: np.ndarray
    documents: np.ndarray
    branches: np.ndarray
    weights: np.ndarray


class Packer:
    """Encodes documents and fills batches of about `tokens` tokens; a batch depends on (seed, number) alone.

    `lengths` maps a row's length to (share of the batches, mixture of documents).
    """

    def __init__(
        self, tokenizer: Any, corpus: Corpus, tokens: int, seed: int, lengths: dict[int, tuple[float, dict[str, float]]] | None = None
    ) -> None:
        self.tokenizer, self.corpus, self.tokens, self.seed = tokenizer, corpus, tokens, seed
        self.lengths = lengths or {length: (share, MIXTURES[length]) for length, share in STAGES["far"].items()}
        self.end: int = tokenizer.convert_tokens_to_ids(END)
        self.role_ids: dict[str, int] = {role: tokenizer.convert_tokens_to_ids(token) for role, token in ROLES.items()}

    def encode(self, document: Document) -> np.ndarray:
        """A document as rows of ids, positions, branches and loss weights (role marks weigh nothing, an end mark as its turn)."""
        texts = self.tokenizer([turn.text for turn in document], add_special_tokens=False)["input_ids"]
        columns: list[tuple[int, int, int, float]] = []
        trunk, place, branch = 0, 0, 0
        for turn, tokens in zip(document, texts):
            if turn.branch != branch:
                trunk, place, branch = (place, place, turn.branch) if branch == 0 else (trunk, trunk, turn.branch)
            ids = [self.role_ids[turn.role], *tokens, self.end]
            weights = [0.0, *[turn.weight] * len(tokens), turn.weight]
            columns += [(token, place + index, branch, weight) for index, (token, weight) in enumerate(zip(ids, weights))]
            place += len(ids)
        return np.array(columns, np.float64).T

    def batch(self, number: int) -> Batch:
        """Batch `number`: a row length is drawn, then documents until the rows are full, first fit.

        Of a document that fits nowhere as a whole the branches that fit are kept, two or more; a longer one without branches is cut.
        """
        rng = Random(f"{self.seed}:{number}")
        length = rng.choices(list(self.lengths), [share for share, _ in self.lengths.values()])[0]
        mixture = self.lengths[length][1]
        rows = max(1, self.tokens // length)
        arrays = np.zeros((4, rows, length))
        documents = np.full((rows, length), -1, np.int64)
        used, count, misses = [0] * rows, [0] * rows, 0
        while misses < 6:
            columns = self.encode(self.corpus.document(rng, mixture))
            row = next((row for row in range(rows) if used[row] + columns.shape[1] <= length), None)
            if row is None:
                row = min(range(rows), key=used.__getitem__)
                columns = _cut(columns, length - used[row])
            size = columns.shape[1]
            if not size:
                misses += 1
                continue
            span = slice(used[row], used[row] + size)
            arrays[:, row, span] = columns
            documents[row, span] = count[row]
            used[row] += size
            count[row] += 1
        ids, positions, branches = arrays[:3].astype(np.int64)
        return Batch(ids, positions, documents, branches, arrays[3].astype(np.float32))


def _cut(columns: np.ndarray, room: int) -> np.ndarray:
    """What of an encoded document fits into `room` tokens: whole branches, at least two; without branches its start, if half of it fits."""
    branches = columns[2]
    if not branches.any():
        return columns[:, :room] if room >= len(branches) / 2 else columns[:, :0]
    fits = branches[room]  # the first branch that does not
    return columns[:, branches < fits] if fits > 2 else columns[:, :0]


def main() -> None:
    """Train the tokenizer on a sample of the corpus and save it."""
    corpus = Corpus()
    documents = [corpus.document(Random(f"tokenizer:{number}")) for number in range(9000)]
    # Every document repeats the system prompt: once is enough for the counts.
    texts = [turn.text if turn.role != "system" else turn.text.split(":\n")[-1] for document in documents for turn in document]
    tokenizer = train_tokenizer(texts)
    tokenizer.save_pretrained(WEIGHTS)
    sample = 'My cat Quimbo turned 14 on 3 May, "really"\nyes :)'
    assert tokenizer.decode(tokenizer(sample)["input_ids"]) == sample
    size = sum(len(tokens) for tokens in tokenizer(texts)["input_ids"])
    print(f"vocabulary {len(tokenizer)}, {sum(map(len, texts)) / size:.2f} characters a token")


if __name__ == "__main__":
    main()
