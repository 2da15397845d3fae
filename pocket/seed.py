"""Initialises a Llama with circuits that find the line a question is about and copy from it, before any training.

In: a `LlamaForCausalLM` with tied embeddings and rotary positions, and a `Lexicon` (what the tokens mean). Out: the same model, its first five
layers seeded.

Without this a model of a few million parameters stays on a plateau for millions of tokens before it learns to copy, and for far longer
before it learns *from where*. The stream is divided into rooms (`Layout`): what a token is (identity), what it means (lexicon), what stood one
and two tokens before it, a code of its line, the bag of its line's words so far, the code of the line that was found. Then

- layer 0: two heads look one and two tokens back (identities squeezed into `back`), one averages the last few identities (`near`);
- layer 1: one head looks for the start of the line or turn (what follows a newline or a role token; a question and its answer count as one)
  and takes what stands in its `near` as the code of the line: every token of a line has the same, no two lines have;
- layer 2: one head averages the meanings of the words with the same code, each by its weight: the `bag`. The token that opens the next
  line belongs to the one before, and so holds the whole line's bag;
- layer 3: one head looks among those openers for a bag like the own one and takes its code (`found`): retrieval inside the model;
- layer 4: two heads look for the last token in the found line and write what followed it there: of eight lines with "is" in them, the value is taken
  from the right one; one makes every word of the found line a little likelier; one is the known induction head with a memory of
  two tokens (Olsson et al. 2022, "In-context learning and induction heads").

Everything trains on from there.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from pocket.lexicon import Lexicon, random_lexicon

THETA = 1e6  # rotary base: a large one leaves half of each head's pairs too slow to matter over a prompt
STD = 0.08  # of an identity dimension; a tied embedding at the usual 0.02 caps the logits
CONSTANT = 0.25  # what dimension 0 holds for every token: the bias that position-only attention needs
WEIGHT_SCALE = 0.06  # of the token weight in dimension 1
MARK = 0.5  # what dimension 2 holds for a token that opens a line or turn
SLOW = 0.02  # radians a position: pairs that rotate less than this hardly move over a prompt and can compare contents
NOISE = 0.02  # what is left of the random start inside the seeded heads
BACK_SCORE = 9.0  # logit margin of the wanted position over its neighbour
MATCH_SCORE = 8.0  # attention logit of one equal token
CODE_SCORE = 10.0  # attention logit of one equal line code
BAG_SCORE = 24.0  # attention logit of a line with the very words of the own one
COPY_GAIN = 3.0
CODE = 40


@dataclass(frozen=True)
class Layout:
    """Which dimensions of the stream hold what; 0 is constant, 1 a token's weight, 2 whether it opens a line or turn, `start` whether the last one did."""

    identity: range
    meaning: range
    back: tuple[range, range]
    near: range
    code: range
    bag: range
    found: range
    start: int


def layout_of(width: int, head_width: int) -> Layout:
    """Rooms of a stream `width` wide: sizes go with the width, within what one head can carry and compare."""
    identity, meaning, back, code = min(width * 5 // 24, head_width), width * 7 // 48, width // 12, min(CODE, width * 5 // 48)
    starts = [3]
    for size in (identity, meaning, back, back, code, code, meaning, code):
        starts.append(starts[-1] + size)
    if starts[-1] >= width:
        raise ValueError(f"a width of {width} is too small to seed: it needs {starts[-1] + 1}")
    rooms = [range(start, stop) for start, stop in zip(starts, starts[1:])]
    return Layout(rooms[0], rooms[1], (rooms[2], rooms[3]), rooms[4], rooms[5], rooms[6], rooms[7], starts[-1])


class Head:
    """One attention head's rows: `look` adds to query and key, `carry` to value and output. Inputs are what RMSNorm leaves of the stream."""

    def __init__(self, attention: Any, number: int, head_width: int) -> None:
        self.attention = attention
        self.first = number * head_width
        self.width = head_width
        rows = slice(self.first, self.first + head_width)
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[rows] *= NOISE
        attention.o_proj.weight[:, rows] *= NOISE

    def look(self, places: list[int], query: Tensor, key: Tensor) -> None:
        """Add `query` and `key`, each (len(places), width), at these places of the head."""
        rows = torch.tensor(places) + self.first
        self.attention.q_proj.weight[rows] += query
        self.attention.k_proj.weight[rows] += key

    def carry(self, value: Tensor, output: Tensor) -> None:
        """Add `value` (size, width) and `output` (width, size) at the head's first places."""
        rows = slice(self.first, self.first + len(value))
        self.attention.v_proj.weight[rows] += value
        self.attention.o_proj.weight[:, rows] += output


@torch.no_grad()
def seed_circuits(model: LlamaForCausalLM, lexicon: Lexicon | None = None, openers: tuple[int, ...] = (2, 3)) -> LlamaForCausalLM:
    """Write the circuits into layers 0 to 4; without a lexicon every token means something random of its own.

    `openers` are the tokens that begin a line or a turn. Every layer's output projections start smaller by sqrt(2 * layers) (as GPT-2's do), so
    that the random rest does not drown the circuits.
    """
    config: Any = model.config
    heads = config.num_attention_heads
    if config.num_hidden_layers < 5 or heads < 4 or config.num_key_value_heads != heads or not config.tie_word_embeddings:
        raise ValueError("seeding needs five layers and four heads or more, as many key-value heads as heads, and tied embeddings")
    for layer in model.model.layers:
        for output in (layer.self_attn.o_proj, layer.mlp.down_proj):
            output.weight /= math.sqrt(2 * config.num_hidden_layers)
    rooms = layout_of(config.hidden_size, config.head_dim)
    lexicon = lexicon or random_lexicon(config.vocab_size, len(rooms.meaning))
    _seed_embedding(model.model.embed_tokens.weight, rooms, lexicon, openers)
    Circuits(model, rooms).write()
    return model


def _seed_embedding(embedding: Tensor, rooms: Layout, lexicon: Lexicon, openers: tuple[int, ...]) -> None:
    """Constant, weight, opening mark, identity and meaning of every token; the other rooms nearly empty."""
    size = min(len(rooms.meaning), lexicon.vectors.shape[1])
    vectors = lexicon.vectors[:, :size]
    lengths = vectors.norm(dim=1, keepdim=True).clamp(min=1e-6)
    torch.nn.init.normal_(embedding, std=STD * NOISE)
    embedding[:, 0] = CONSTANT
    embedding[:, 1] = WEIGHT_SCALE * (lexicon.weights + lengths[:, 0].log()).clamp(-4, 4)
    embedding[:, 2] = 0.0
    embedding[list(openers), 2] = MARK
    embedding[:, rooms.identity.start : rooms.identity.stop].normal_(std=STD)
    meaning = slice(rooms.meaning.start, rooms.meaning.start + size)
    embedding[:, meaning] = vectors / lengths * STD * math.sqrt(len(rooms.meaning))
    # Every row gets one length: RMSNorm divides by it, and heads that look by position alone need the constant to be the same everywhere.
    free = slice(rooms.identity.start, meaning.stop)
    wanted = (len(rooms.identity) + len(rooms.meaning)) * STD**2 - embedding[:, 1:3].square().sum(1)
    embedding[:, free] *= (wanted / embedding[:, free].square().sum(1)).sqrt()[:, None]


class Circuits:
    """What is needed to write the heads: sizes of the stream before each layer, rotary speeds, places that compare contents."""

    def __init__(self, model: Any, rooms: Layout) -> None:
        self.layers = [layer.self_attn for layer in model.model.layers[:5]]
        config = model.config
        self.width, self.head_width, self.rooms = config.hidden_size, config.head_dim, rooms
        half = self.head_width // 2
        self.speeds = [config.rope_parameters["rope_theta"] ** (-pair / half) for pair in range(half)]
        slow = [pair for pair, speed in enumerate(self.speeds) if speed < SLOW]
        self.places = [place for pair in slow for place in (pair, pair + half)][::-1]  # slowest first
        self.mean = math.sqrt(self.head_width)  # attention divides every score by this
        identity, meaning = len(rooms.identity) * STD**2, len(rooms.meaning) * STD**2
        # What stands in the stream before layer 0, 1, 2, 3, 4 (squared lengths; every room is filled to the length of its source).
        filled = [identity + meaning + CONSTANT**2, 2.17 * identity, identity, meaning, identity]
        self.scales = [math.sqrt(sum(filled[: layer + 1]) / self.width) for layer in range(5)]
        self.lengths = {"identity": math.sqrt(identity), "meaning": math.sqrt(meaning)}

    def write(self) -> None:
        """All seeded heads."""
        one, two, near = self._heads(0, 3)
        self._look_back(one, 1)
        self._look_back(two, 2)
        self._near(near, 0, reach=5, drop=2.0)
        self._bias(near, 0, 1, 1 / WEIGHT_SCALE)  # by weight: marks would make the codes of all lines alike
        near.carry(self._squeeze(self.rooms.near) @ self._room(self.rooms.identity), 0.7 * self.scales[0] * self._room(self.rooms.near).T)
        (opener,) = self._heads(1, 1)
        self._near(opener, 1, reach=10, drop=16.0)
        self._bias(opener, 1, self.rooms.start, 50.0 / MARK)
        opener.carry(self._room(self.rooms.near), 2.4 * self.scales[1] * self._room(self.rooms.code).T)
        (gather,) = self._heads(2, 1)
        self._match(gather, 2, self.rooms.code, self.rooms.code, CODE_SCORE, "identity")
        self._bias(gather, 2, 1, 1 / WEIGHT_SCALE)
        gather.carry(self._room(self.rooms.meaning), 1.7 * self.scales[2] * self._room(self.rooms.bag).T)
        (retrieve,) = self._heads(3, 1)
        self._match(retrieve, 3, self.rooms.bag, self.rooms.bag, BAG_SCORE, "meaning")
        self._bias(retrieve, 3, 2, 30.0 / MARK)
        retrieve.carry(self._room(self.rooms.code), self.scales[3] * self._room(self.rooms.found).T)
        *within, copier, plain = self._heads(4, 4)
        for number, head in enumerate((*within, plain)):
            self._induce(head, 4, number, within=head is not plain)
        self._match(copier, 4, self.rooms.found, self.rooms.code, CODE_SCORE, "identity")
        self._bias(copier, 4, 1, 1 / WEIGHT_SCALE)
        copier.carry(self._room(self.rooms.identity), COPY_GAIN / 3 * self.scales[4] * self._room(self.rooms.identity).T)

    def _heads(self, layer: int, count: int) -> list[Head]:
        return [Head(self.layers[layer], number, self.head_width) for number in range(count)]

    def _room(self, room: range) -> Tensor:
        """Rows that read a room one to one, (size, width)."""
        return torch.eye(self.width)[room.start : room.stop]

    def _squeeze(self, room: range, source: int | None = None, seed: int = 0) -> Tensor:
        """A random map (room, source) that keeps lengths and angles roughly (Johnson-Lindenstrauss); the same one for every call."""
        source = source or len(self.rooms.identity)
        return torch.randn(len(room), source, generator=torch.Generator().manual_seed(seed)) / math.sqrt(len(room))

    def _look_back(self, head: Head, steps: int) -> None:
        """Attend to the token `steps` back by position alone (a sum of cosines that peaks there); carry its squeezed identity."""
        fast = list(range(min(10, self.head_width // 4)))
        margin = sum(1 - math.cos(self.speeds[pair]) for pair in fast) / self.mean
        amplitude = math.sqrt(BACK_SCORE / margin) * self.scales[0] / CONSTANT
        query, key = (torch.zeros(2 * len(fast), self.width) for _ in range(2))
        for place, pair in enumerate(fast):
            key[place, 0] = amplitude
            query[place, 0] = amplitude * math.cos(steps * self.speeds[pair])
            query[place + len(fast), 0] = -amplitude * math.sin(steps * self.speeds[pair])
        head.look(fast + [pair + self.head_width // 2 for pair in fast], query, key)
        room = self.rooms.back[steps - 1]
        value, output = self._squeeze(room) @ self._room(self.rooms.identity), self._room(room).T
        if steps == 1:  # and whether that token opened a line
            value = torch.cat([value, self._room(range(2, 3))])
            output = torch.cat([output, self._room(range(self.rooms.start, self.rooms.start + 1)).T], 1)
        head.carry(value, self.scales[0] * output)

    def _near(self, head: Head, layer: int, reach: float, drop: float) -> None:
        """Favour the last positions by a smooth kernel that has lost `drop` logits after `reach` of them."""
        pairs = [pair for pair, speed in enumerate(self.speeds) if 0.001 < speed < 2.5 / reach]
        lost = sum(1 - math.cos(self.speeds[pair] * reach) for pair in pairs) / self.mean
        query = torch.zeros(len(pairs), self.width)
        query[:, 0] = math.sqrt(drop / lost) * self.scales[layer] / CONSTANT
        head.look(pairs, query, query)

    def _bias(self, head: Head, layer: int, dim: int, gain: float) -> None:
        """Add gain * (what dimension `dim` of the key position holds) to the score, whatever the query."""
        query, key = (torch.zeros(1, self.width) for _ in range(2))
        query[0, 0] = self.scales[layer] / CONSTANT * math.sqrt(self.mean)
        key[0, dim] = gain * self.scales[layer] * math.sqrt(self.mean)
        head.look([self.places[0]], query, key)

    def _match(self, head: Head, layer: int, asked: range, held: range, score: float, unit: str, skip: int = 1) -> None:
        """Add `score` where the query's room equals the key's room; squeezed into the head's slow places from `skip` on where they are too few."""
        size = min(len(self.places) - skip, len(asked))
        gain = math.sqrt(score * self.mean) * self.scales[layer] / self.lengths[unit]
        squeeze = torch.eye(size) if size == len(asked) else self._squeeze(range(size), len(asked), seed=7)
        rows = [gain * squeeze @ self._room(room) for room in (asked, held)]
        head.look(self.places[skip : skip + size], *rows)

    def _induce(self, head: Head, layer: int, seed: int, within: bool) -> None:
        """Look for what stood after the last token in the found line (`within`) or after the last two anywhere; write the token there."""
        rooms, part = self.rooms, len(self.places) // 2
        gain = math.sqrt(MATCH_SCORE * self.mean) * self.scales[layer] / self.lengths["identity"]
        mix = self._squeeze(range(part), len(rooms.back[0]), seed=11 + seed)
        now = mix @ self._squeeze(rooms.back[0]) @ self._room(rooms.identity)
        before, earlier = (mix @ self._room(room) for room in rooms.back)
        head.look(self.places[:part], gain * now, gain * before)
        if within:
            self._match(head, layer, rooms.found, rooms.code, CODE_SCORE, "identity", skip=part)
        else:
            head.look(self.places[part : 2 * part], gain * before, gain * earlier)
        head.carry(self._room(rooms.identity), COPY_GAIN * self.scales[layer] * self._room(rooms.identity).T)
