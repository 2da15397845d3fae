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

from pocket.corpus import MIXTURES, SHARED_DATA, Corpus, Document
from pocket.dialogue import load_sentences

WEIGHTS = Path(__file__).parent / "weights"
VOCABULARY = 8192
# Share of the batches by length of a row: first few lines to choose from, then many.
STAGES = {"near": {256: 0.55, 512: 0.45}, "far": {256: 0.48, 512: 0.4, 1024: 0.12}}
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

    Positions count from the start of a document; every branch goes on where the trunk ended, as if it stood alone. `lines` numbers the lines of
    a trunk that some answer rests on (0: none, 1: the very first token, which stands for "nowhere"); `wanted` is the line that an answer's tokens
    rest on (0: nobody knows).
    """

    ids: np.ndarray
    positions: np.ndarray
    documents: np.ndarray
    branches: np.ndarray
    weights: np.ndarray
    lines: np.ndarray
    wanted: np.ndarray


SINK = 1
LEAD, LEAD_WEIGHT = 5, 4.0  # the first tokens of an answer decide what is told; the rest of a copied line follows by itself


class _Lines:
    """Numbers the source lines of a document: `held` has the line number of a turn's tokens, `number` gives the one of a source.

    The token that opens the next line or turn belongs to the line before it (see seed.py); `before` has that of a turn's role token.
    """

    def __init__(self, document: Document, offsets: list[list[tuple[int, int]]]) -> None:
        self._numbers = {"": SINK}
        self.held = [[0] * len(spans) for spans in offsets]
        self.before = [0] * len(document)
        trunk = [index for index, turn in enumerate(document) if turn.branch == 0 and turn.role != "assistant"]
        for source in dict.fromkeys(turn.source for turn in document if turn.source):
            found = next(((index, at) for index in reversed(trunk) if (at := document[index].text.rfind(source)) >= 0), None)
            if found:
                self._mark(document, offsets[found[0]], *found, source)

    def _mark(self, document: Document, spans: list[tuple[int, int]], turn: int, at: int, source: str) -> None:
        number = self._numbers[source] = len(self._numbers) + 1
        inside = [token for token, (start, stop) in enumerate(spans) if stop > at and start < at + len(source)]
        for token in inside:
            self.held[turn][token] = number
        if inside and inside[-1] + 1 < len(spans):
            self.held[turn][inside[-1] + 1] = number
        else:  # the last line of its turn: the next turn of the person opens, in the trunk or in each branch
            later = [index for index in range(turn + 1, len(document)) if document[index].role == "user"]
            nearest = next((index for index in later if document[index].branch == 0), None)
            opened = [nearest] if nearest is not None else [i for i in later if document[i].branch != document[i - 1].branch]
            for index in opened:
                self.before[index] = number

    def number(self, source: str | None) -> int:
        """The line that holds `source`; 0 where that is not known."""
        return 0 if source is None else self._numbers.get(source, 0)


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
        """A document as rows of ids, positions, branches, loss weights, lines and wanted lines (see `Batch`).

        Role marks weigh nothing, an end mark as its turn.
        """
        encoded = self.tokenizer([turn.text for turn in document], add_special_tokens=False, return_offsets_mapping=True)
        lines = _Lines(document, encoded["offset_mapping"])
        columns: list[tuple[float, ...]] = []
        trunk, place, branch = 0, 0, 0
        for number, (turn, tokens) in enumerate(zip(document, encoded["input_ids"])):
            if turn.branch != branch:
                trunk, place, branch = (place, place, turn.branch) if branch == 0 else (trunk, trunk, turn.branch)
            ids = [self.role_ids[turn.role], *tokens, self.end]
            weights = [0.0, *[turn.weight] * len(tokens), turn.weight]
            if turn.weight == 1.0:
                weights[1 : 1 + LEAD] = [LEAD_WEIGHT] * len(weights[1 : 1 + LEAD])
            wanted = lines.number(turn.source)
            held = [lines.before[number] if number else SINK, *lines.held[number], 0]
            columns += [(token, place + i, branch, weights[i], held[i], wanted) for i, token in enumerate(ids)]
            place += len(ids)
        return np.array(columns, np.float64).T

    def length(self, step: int) -> int:
        """The row length of a step's batches, drawn by its share."""
        return Random(f"{self.seed}:length:{step}").choices(list(self.lengths), [share for share, _ in self.lengths.values()])[0]

    def batch(self, number: int, length: int | None = None) -> Batch:
        """Batch `number`: documents are drawn until the rows (of `length`, else of `length(number)`) are full, first fit.

        Of a document that fits nowhere as a whole the branches that fit are kept, two or more; a longer one without branches is cut.
        """
        rng = Random(f"{self.seed}:{number}")
        length = length or self.length(number)
        mixture = self.lengths[length][1]
        rows = max(1, self.tokens // length)
        arrays = np.zeros((6, rows, length))
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
        return Batch(ids, positions, documents, branches, arrays[3].astype(np.float32), *arrays[4:].astype(np.int64))


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
    # Everyday English beside the banks: a word that is one token brings its meaning along (lexicon.py).
    texts += [text for conversation in corpus.dialogue for text in conversation] + load_sentences(SHARED_DATA)
    tokenizer = train_tokenizer(texts)
    tokenizer.save_pretrained(WEIGHTS)
    sample = 'My cat Quimbo turned 14 on 3 May, "really"\nyes :)'
    assert tokenizer.decode(tokenizer(sample)["input_ids"]) == sample
    size = sum(len(tokens) for tokens in tokenizer(texts)["input_ids"])
    print(f"vocabulary {len(tokenizer)}, {sum(map(len, texts)) / size:.2f} characters a token")


if __name__ == "__main__":
    main()
