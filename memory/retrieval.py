"""Search in what a person said: a question comes in, their own facts and messages that may answer it come out.

Two rankings are fused by reciprocal rank (Cormack et al. 2009): BM25 over stemmed words, and cosine of sentence vectors.
A message's vector is the mean of its own and of it together with the message before it: "He only eats salmon" says whose
food it is only beside "How is your cat?". On the demo's 99 questions with an answer, on which the numbers below were also
chosen, against plain vectors and equal weights: first hit right 0.58 -> 0.63, among the first 3 0.79 -> 0.87, among the
first 8 0.89 -> 0.92.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from sqlite_utils import Database

from memory.embedder import Embedder, NoEmbedder, load_embedder
from memory.store import embeddings, fetch_facts, fetch_messages, match_words
from memory.vector_index import nearest

log = logging.getLogger("keepsake")

KINDS = {"facts": "fact", "messages": "message"}
CANDIDATES = 60  # per ranking
RANK_OFFSET = 20  # the paper's 60 is for pools of thousands; a person's history is small, so the top ranks count more
WORDS_WEIGHT = 0.5  # of the ranking by words, against 1 for the ranking by meaning
NEWEST_BONUS = 0.04  # on the newest candidate's score, 0 on the oldest's; under one rank at the top
RECIPE = "+before"  # part of the name that vectors are stored under: another recipe makes new ones
BEFORE_LETTERS = 200
SAVE_EVERY = 512
SHORT_MESSAGE = 200  # letters: of a longer one the fact is the clearer half

_STOP_WORDS = """
    a about all am an and any are as at be been but by can could did do does for from had has have he her his
    how i if in is it its me mine my no not of on or our out she so some tell than that the their them then
    there they this to up us was we were what when where which who whom whose why will with would you your s t
    m re ve d ll
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

Key = tuple[str, int]
_complete: dict[
    tuple[str, int, str, str], tuple[int, int]
] = {}  # what was known of the store when no vector was missing: removals, last number


@dataclass(frozen=True)
class Hit:
    """One find: `kind` is "fact" or "message", `message_id` the message it stems from (its own id for a message), `cosine` how near its meaning
    is to the question's (None where only words found it)."""

    kind: str
    id: int
    text: str
    score: float
    said_at: str | None
    me: bool
    message_id: int | None
    cosine: float | None = None


def search(
    db: Database, profile_id: int, query: str, k: int = 8, sources: Sequence[str] = ("facts", "messages"),
    dense: bool = True, progress: Callable[[int, int], None] | None = None,
) -> list[Hit]:  # fmt: skip
    """The k best facts and own messages for a question, best first; the newest first on equal scores.

    Without the packages for vectors, or with dense=False, words alone decide. Vectors that are missing are made first; `progress` is told how
    many of how many are done.
    """
    kinds = [KINDS[source] for source in sources]
    model = _embedder() if dense and query.strip() else None
    # The words are looked up while the question is embedded: SQLite and torch both let go of Python's lock.
    asked = _reader().submit(model.embed_question, query) if model else None
    rankings = [(WORDS_WEIGHT, _rank_by_words(db, profile_id, kind, query)) for kind in kinds]
    cosines = _cosines(db, profile_id, kinds, model, asked.result(), progress) if model and asked else {}
    rankings += [(1.0, [key for key in cosines if key[0] == kind]) for kind in kinds if cosines]
    scores = fuse(rankings)
    newest_first = sorted(_load(db, list(scores)), key=lambda hit: (hit.said_at or "", hit.id), reverse=True)
    hits = [
        replace(
            hit,
            score=round(scores[hit.kind, hit.id] * (1 + NEWEST_BONUS * (1 - place / len(newest_first))), 6),
            cosine=cosines.get((hit.kind, hit.id)),
        )
        for place, hit in enumerate(newest_first)
    ]
    return sorted(hits, key=lambda hit: -hit.score)[:k]


def search_once(db: Database, profile_id: int, query: str, k: int = 8, sources: Sequence[str] = ("facts", "messages")) -> list[Hit]:
    """As `search`, but nothing twice: where a fact and the message that it stems from are both found, one of them stands for both."""
    return told_once(search(db, profile_id, query, k if len(sources) == 1 else 2 * k, sources))[:k]


def told_once(hits: Sequence[Hit]) -> list[Hit]:
    """Hits without the messages whose facts say all of their words, and without the one fact that says less than its short message.

    What stays of such a pair has the better place and the nearer cosine of the two.
    """
    messages = {hit.message_id: hit for hit in hits if hit.kind == "message"}
    facts: dict[int, list[Hit]] = {}
    for hit in hits:
        if hit.kind == "fact" and hit.message_id is not None and hit.message_id in messages:
            facts.setdefault(hit.message_id, []).append(hit)
    gone: set[Key] = set()
    standing_for: dict[Key, Hit] = {}
    for number, made in facts.items():
        message = messages[number]
        said, kept = set(words_of(message.text)), {word for fact in made for word in words_of(fact.text)}
        if said <= kept:
            out, stays = message, made[0]
        elif len(made) == 1 and len(message.text) <= SHORT_MESSAGE:
            out, stays = made[0], message
        else:
            continue
        gone.add((out.kind, out.id))
        cosines = [hit.cosine for hit in (out, stays) if hit.cosine is not None]
        standing_for[stays.kind, stays.id] = replace(stays, score=max(out.score, stays.score), cosine=max(cosines, default=None))
    left = [standing_for.get((hit.kind, hit.id), hit) for hit in hits if (hit.kind, hit.id) not in gone]
    return sorted(left, key=lambda hit: -hit.score)


def nearness(hits: Sequence[Hit]) -> float:
    """The cosine of the hit that is nearest to the question in meaning; 1.0 where words alone found them, which say nothing of it."""
    return max((hit.cosine for hit in hits if hit.cosine is not None), default=1.0)


def fuse(rankings: Sequence[tuple[float, Sequence[Key]]]) -> dict[Key, float]:
    """Weighted reciprocal rank fusion: the sum over the rankings of weight / (RANK_OFFSET + rank)."""
    scores: dict[Key, float] = {}
    for weight, ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + weight / (RANK_OFFSET + rank)
    return scores


def words_of(query: str) -> list[str]:
    """The words that carry the question's meaning; all of them when there are no others."""
    words = list(dict.fromkeys(re.findall(r"\w+", query.casefold())))
    return [word for word in words if word not in STOP_WORDS] or words


def embed_steps(db: Database, profile_id: int) -> Iterator[tuple[int, int]]:
    """Makes the vectors that are missing, batch by batch, and says before the first and after each how many of how many are done. Raises
    NoEmbedder.

    What was done stays when it is stopped: the next call, or the next search, goes on from there.
    """
    model = load_embedder()
    todo = {kind: _missing(db, profile_id, kind, model) for kind in KINDS.values()}
    total, before = sum(map(len, todo.values())), 0
    if total:
        yield 0, total  # the first batch takes a while: whoever waits learns at once what for
    for kind, rows in todo.items():
        for done in _embed(db, kind, rows, model):
            yield before + done, total
        before += len(rows)


def embed_missing(db: Database, profile_id: int, progress: Callable[[int, int], None] | None = None) -> int:
    """Makes the vectors that are missing and stores them; returns how many. Raises NoEmbedder."""
    total = 0
    for done, total in embed_steps(db, profile_id):
        if progress:
            progress(done, total)
    return total


def _rank_by_words(db: Database, profile_id: int, kind: str, query: str) -> list[Key]:
    words = words_of(query)
    if not words:
        return []
    return [(kind, number) for number in match_words(db, profile_id, kind, words, CANDIDATES)]


@cache
def _reader() -> ThreadPoolExecutor:
    """The thread that embeds questions, one after the other: a new one for each would begin with empty buffers, 2 ms."""
    return ThreadPoolExecutor(1, thread_name_prefix="questions")


os.register_at_fork(after_in_child=_reader.cache_clear)  # its thread stays behind in the parent


def _embedder() -> Embedder | None:
    """The model, or None without the packages for vectors."""
    try:
        return load_embedder()
    except NoEmbedder as error:
        log.warning("Searching by words alone: %s", error)
        return None


def _cosines(
    db: Database, profile_id: int, kinds: Sequence[str], model: Embedder, asked: np.ndarray, progress: Callable[[int, int], None] | None
) -> dict[Key, float]:
    """The nearest of each kind to the question's vector, with their cosines, best first."""
    found: dict[Key, float] = {}
    for kind in kinds:
        _embed_kind(db, profile_id, kind, model, progress)
        found |= {(kind, number): cosine for number, cosine in nearest(db, profile_id, kind, model.name + RECIPE, asked, CANDIDATES)}
    return found


def _embed_kind(db: Database, profile_id: int, kind: str, model: Embedder, progress: Callable[[int, int], None] | None) -> None:
    # Looking for the missing ones reads every row: what was complete once need only be looked at beyond its end, unless something went.
    key = (embeddings.place_of(db), profile_id, kind, model.name)
    state = embeddings.removals(db), embeddings.last_number(db, kind)
    known_removed, known_last = _complete.get(key, (-1, 0))
    if state == (known_removed, known_last):
        return
    todo = _missing(db, profile_id, kind, model, known_last if known_removed == state[0] else 0)
    for done in _embed(db, kind, todo, model):
        if progress:
            progress(done, len(todo))
    _complete[key] = state


def _missing(db: Database, profile_id: int, kind: str, model: Embedder, after: int = 0) -> list[embeddings.Unembedded]:
    return embeddings.missing(db, profile_id, kind, model.name + RECIPE, after)


def _embed(db: Database, kind: str, todo: list[embeddings.Unembedded], model: Embedder) -> Iterator[int]:
    """Saved batch by batch, so that work which is stopped was not for nothing; says how many are done."""
    for start in range(0, len(todo), SAVE_EVERY):
        batch = todo[start : start + SAVE_EVERY]
        embeddings.save(db, kind, [row.id for row in batch], _vectors(model, batch), model.name + RECIPE)
        yield start + len(batch)


def _vectors(model: Embedder, rows: Sequence[embeddings.Unembedded]) -> np.ndarray:
    """Unit rows (n x d): the mean of each text's own vector and of that with the message before it."""
    alone = model.embed([row.text for row in rows])
    placed = [place for place, row in enumerate(rows) if row.before]
    if placed:
        alone[placed] += model.embed([f"{rows[place].before[:BEFORE_LETTERS]}\n{rows[place].text}" for place in placed])
    return alone / np.maximum(np.linalg.norm(alone, axis=1, keepdims=True), 1e-12)


def _load(db: Database, keys: list[Key]) -> list[Hit]:
    facts = fetch_facts(db, [number for kind, number in keys if kind == "fact"])
    messages = fetch_messages(db, [number for kind, number in keys if kind == "message"])
    return [
        *(Hit("fact", fact.id, fact.text, 0.0, fact.said_at, True, fact.message_id) for fact in facts),
        *(Hit("message", m.id, m.text, 0.0, m.timestamp, m.me, m.id) for m in messages),
    ]
