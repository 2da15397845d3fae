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

from pocket.corpus import Corpus, Document

WEIGHTS = Path(__file__).parent / "weights"
VOCABULARY = 4096
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
    """Arrays of shape (rows, length): ids, position in the document, document number in the row (-1 pads), weight of each token."""

    ids: np.ndarray
    positions: np.ndarray
    documents: np.ndarray
    weights: np.ndarray


class Packer:
    """Encodes documents and fills batches; a batch depends on (seed, number) alone."""

    def __init__(self, tokenizer: Any, corpus: Corpus, rows: int, length: int, seed: int) -> None:
        self.tokenizer, self.corpus, self.rows, self.length, self.seed = tokenizer, corpus, rows, length, seed
        self.end: int = tokenizer.convert_tokens_to_ids(END)
        self.role_ids: dict[str, int] = {role: tokenizer.convert_tokens_to_ids(token) for role, token in ROLES.items()}

    def encode(self, document: Document) -> tuple[list[int], list[float]]:
        """Token ids of a document and the loss weight of each (role marks weigh nothing, an end mark as its turn)."""
        texts = self.tokenizer([turn.text for turn in document], add_special_tokens=False)["input_ids"]
        ids: list[int] = []
        weights: list[float] = []
        for turn, tokens in zip(document, texts):
            ids += [self.role_ids[turn.role], *tokens, self.end]
            weights += [0.0, *[turn.weight] * len(tokens), turn.weight]
        return ids, weights

    def batch(self, number: int) -> Batch:
        """Batch `number`: documents drawn until the rows are full, first fit."""
        rng = Random(f"{self.seed}:{number}")
        shape = (self.rows, self.length)
        ids, positions, weights = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        documents = np.full(shape, -1, np.int64)
        used, count, misses = [0] * self.rows, [0] * self.rows, 0
        while misses < 6:
            tokens, weight = self.encode(self.corpus.document(rng))
            tokens, weight = tokens[: self.length], weight[: self.length]
            row = next((row for row in range(self.rows) if used[row] + len(tokens) <= self.length), None)
            if row is None:
                misses += 1
                continue
            span = slice(used[row], used[row] + len(tokens))
            ids[row, span], weights[row, span], positions[row, span] = tokens, weight, range(len(tokens))
            documents[row, span] = count[row]
            used[row] += len(tokens)
            count[row] += 1
        return Batch(ids, positions, documents, weights)


def main() -> None:
    """Train the tokenizer on a sample of the corpus and save it."""
    corpus = Corpus()
    documents = [corpus.document(Random(f"tokenizer:{number}")) for number in range(15000)]
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
