"""How fast and how right search is with 1,000, 100,000 and 1,000,000 messages, each size in a process of its own.

    python -m benchmarks.retrieval --json
    python -m benchmarks.retrieval --sizes 100000 --compare     # also other indexes, as far as they are installed
    python -m benchmarks.retrieval --keep /tmp/stores --fill    # fill the stores now, measure later (without --fill)

Messages are composed from the training banks. Their vectors are those of 2,000 embedded sentences with noise: embedding a million texts
would take an hour and change nothing about the search. Out, per size: p50 and p95 of a whole search (question embedded, words and
vectors ranked, rows read) and of its parts, seconds until the first answer of a process, the memory that the index and SQLite take, recall@10
of the index against an exact search.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import psutil
from sqlite_utils import Database

from memory.embedder import load_embedder
from memory.importers import ParsedMessage
from memory.retrieval import RECIPE, search
from memory.store import create_profile, embeddings, find_profile, open_store, save_messages
from memory.vector_index import nearest, sign_codes
from pocket.banks import load_relations
from pocket.items import make_item

QUERIES, K, NOISE, SEEDS, POOL = 100, 10, 0.7, 2000, 20_000


def sentences(count: int, seed: int) -> Iterator[str]:
    """Things people say, composed from the banks."""
    rng, relations = Random(seed), load_relations("train")
    for _ in range(count):
        yield make_item(rng.choice(relations), rng).said


def noisy(base: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` unit vectors around those of `base`."""
    rng = np.random.default_rng(seed)
    rows = (
        base[rng.integers(len(base), size=count)]
        + NOISE * rng.standard_normal((count, base.shape[1])).astype(np.float32) / base.shape[1] ** 0.5
    )
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(db: Database, size: int, seed: int) -> int:
    """The profile with `size` messages and their vectors: what an earlier, stopped run left out is added."""
    profile = (find_profile(db, "bench") or create_profile(db, "bench")).id
    pool = list(sentences(POOL, seed))
    texts = (ParsedMessage("chat", "me", "user", None, f"{pool[number % POOL]} ({number})") for number in range(size))
    if embeddings.last_number(db, "message") < size:
        save_messages(db, profile, texts, "me")
    if embeddings.last_row(db) >= size:
        return profile
    vectors, model = noisy(seeds(seed), size, seed), load_embedder()
    for start in range(0, size, 10_000):
        ids = list(range(start + 1, min(start + 10_000, size) + 1))
        embeddings.save(db, "message", ids, vectors[start : start + 10_000], model.name + RECIPE)
    return profile


def seeds(seed: int) -> np.ndarray:
    """Vectors of real sentences."""
    return load_embedder().embed(list(sentences(SEEDS, seed)))


def exact_search(db: Database, profile: int, model: str, asked: np.ndarray) -> list[set[int]]:
    """The ids of the K greatest cosines for each question (q x d) among all that is stored, block by block."""
    best, scores = np.zeros((len(asked), 0), np.int64), np.zeros((len(asked), 0), np.float32)
    for _, ids, vectors in embeddings.read_vectors(db, profile, "message", model):
        best = np.concatenate([best, np.broadcast_to(ids, (len(asked), len(ids)))], axis=1)
        scores = np.concatenate([scores, asked @ vectors.astype(np.float32).T], axis=1)
        top = np.argpartition(-scores, min(K, scores.shape[1] - 1), axis=1)[:, :K]
        best, scores = np.take_along_axis(best, top, axis=1), np.take_along_axis(scores, top, axis=1)
    return [set(row.tolist()) for row in best]


def stored_vectors(db: Database, profile: int, model: str) -> np.ndarray:
    """All vectors, n x d."""
    return np.concatenate([vectors for _, _, vectors in embeddings.read_vectors(db, profile, "message", model)]).astype(np.float32)


class Timed(NamedTuple):
    """Seconds of each call, by the clock and by the processor, and what the calls gave."""

    clock: list[float]
    cpu: list[float]
    results: list[Any]


def percentiles(timed: Timed) -> dict[str, float]:
    """p50 and p95 in milliseconds, by the clock and by the processor: where other work runs, the clock counts that too."""
    return {
        f"{name}p{part}_ms": round(1000 * float(np.percentile(seconds, part)), 2)
        for name, seconds in (("", timed.clock), ("cpu_", timed.cpu))
        for part in (50, 95)
    }


def timed(run: Callable[[Any], Any], inputs: list[Any]) -> Timed:
    """Each call timed."""
    clock, cpu, results = [], [], []
    for given in inputs:
        started, used = time.perf_counter(), time.process_time()
        results.append(run(given))
        clock.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return Timed(clock, cpu, results)


def measure(size: int, seed: int, compare: bool, folder: Path) -> dict[str, Any]:
    """Everything for one size. What is slow comes first; a line on stderr says when the timing begins."""
    db = open_store(folder)
    started = time.perf_counter()
    profile = fill(db, size, seed)
    filled = time.perf_counter() - started
    rng, relations, model = Random(seed + 1), load_relations("train"), load_embedder()
    questions = [rng.choice(make_item(rng.choice(relations), rng).ask) for _ in range(QUERIES)]
    asked = list(model.embed(questions))
    exact = exact_search(db, profile, model.name + RECIPE, np.array(asked))
    compared = compare_indexes(stored_vectors(db, profile, model.name + RECIPE), asked, exact) if compare else None
    memory = Peak()
    print(f"timing {size} messages", file=sys.stderr, flush=True)
    first = timed(lambda question: search(db, profile, question), questions[:1])
    searches = timed(lambda question: search(db, profile, question), questions)
    with ThreadPoolExecutor(1) as aside:  # as in a search, in a thread of its own
        embedding = timed(lambda question: aside.submit(model.embed_question, question).result(), questions)
    words = timed(lambda question: search(db, profile, question, dense=False), questions)
    only_vectors = timed(lambda vector: nearest(db, profile, "message", model.name + RECIPE, vector, K), asked)
    result = {
        "messages": size,
        **percentiles(searches),
        "embedding": percentiles(embedding),
        "words": percentiles(words),
        "vectors": percentiles(only_vectors),
        "recall_at_10": round(
            float(np.mean([len({number for number, _ in found} & right) / K for found, right in zip(only_vectors.results, exact)])), 4
        ),
        "first_answer_s": round(first.clock[0], 2),
        "fill_s": round(filled, 1),
        "store_mb": round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6),
        "memory_mb": memory.grown_mb(),
    }
    if compared:
        result["indexes"] = compared
    return result


class Peak:
    """How much memory the search takes above what the process had (with the model) before."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.before = self.process.memory_info().rss

    def grown_mb(self) -> int:
        """What is resident now, above the beginning: the index and SQLite's pages."""
        return round((self.process.memory_info().rss - self.before) / 1e6)


def compare_indexes(vectors: np.ndarray, asked: list[np.ndarray], exact: list[set[int]]) -> dict[str, Any]:
    """The same vectors in other indexes: build seconds, p50 and p95, recall@10; null where one is not installed."""
    return {
        "numpy, all cosines": index_row(lambda: vectors, lambda kept, v: np.argpartition(-(kept @ v), K)[:K], asked, exact),
        "numpy, signs then cosines": index_row(lambda: sign_codes(vectors), lambda kept, v: by_signs(kept, vectors, v), asked, exact),
        "faiss, HNSW": optional(
            "faiss",
            lambda faiss: index_row(lambda: faiss_hnsw(faiss, vectors), lambda kept, v: kept.search(v[None], K)[1][0], asked, exact),
        ),
        "faiss, flat": optional(
            "faiss",
            lambda faiss: index_row(lambda: faiss_flat(faiss, vectors), lambda kept, v: kept.search(v[None], K)[1][0], asked, exact),
        ),
        "usearch, HNSW f16": optional(
            "usearch.index",
            lambda usearch: index_row(lambda: usearch_hnsw(usearch, vectors), lambda kept, v: kept.search(v, K).keys, asked, exact),
        ),
        "sqlite-vec, flat": optional(
            "sqlite_vec", lambda sqlite_vec: index_row(lambda: in_sqlite(sqlite_vec, vectors), ask_sqlite, asked, exact)
        ),
    }


def optional(name: str, run: Callable[[Any], Any]) -> Any:
    """What `run` gives with the module of that name; null without it, a sentence where this Python cannot use it."""
    try:
        module = import_module(name)
    except ImportError:
        return None
    if name == "sqlite_vec" and not hasattr(sqlite3.Connection, "enable_load_extension"):
        return "the sqlite3 of this Python was built without extensions"
    return run(module)


def index_row(
    build: Callable[[], Any], ask: Callable[[Any, np.ndarray], Any], asked: list[np.ndarray], exact: list[set[int]]
) -> dict[str, Any]:
    """Build seconds, speed and recall of one index (places counted from 0)."""
    started = time.perf_counter()
    kept = build()
    built = time.perf_counter() - started
    answers = timed(lambda vector: ask(kept, vector), asked)
    recall = np.mean([len({int(place) + 1 for place in places} & right) / K for places, right in zip(answers.results, exact)])
    return {"build_s": round(built, 2), **percentiles(answers), "recall_at_10": round(float(recall), 4)}


def by_signs(codes: np.ndarray, vectors: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """As memory/vector_index.py, with the vectors in memory."""
    distances = np.bitwise_count(codes ^ sign_codes(asked[None])[0]).sum(axis=1)
    chosen = np.argpartition(distances, min(2000, len(distances) - 1))[:2000]
    return chosen[np.argsort(-(vectors[chosen] @ asked))[:K]]


def faiss_hnsw(faiss: Any, vectors: np.ndarray) -> Any:
    index = faiss.IndexHNSWFlat(vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    return index


def faiss_flat(faiss: Any, vectors: np.ndarray) -> Any:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def usearch_hnsw(usearch: Any, vectors: np.ndarray) -> Any:
    index = usearch.Index(ndim=vectors.shape[1], metric="ip", dtype="f16")
    index.add(np.arange(len(vectors)), vectors)
    return index


def in_sqlite(sqlite_vec: Any, vectors: np.ndarray) -> Database:
    db = Database(memory=True)
    db.conn.enable_load_extension(True)
    sqlite_vec.load(db.conn)
    db.execute(f"CREATE VIRTUAL TABLE v USING vec0(vector float[{vectors.shape[1]}] distance_metric=cosine)")
    db.conn.executemany("INSERT INTO v(rowid, vector) VALUES (?, ?)", ((place, row.tobytes()) for place, row in enumerate(vectors)))
    return db


def ask_sqlite(db: Database, asked: np.ndarray) -> list[int]:
    rows = db.execute(
        "SELECT rowid FROM v WHERE vector MATCH ? AND k = ? ORDER BY distance", [asked.astype(np.float32).tobytes(), K]
    ).fetchall()
    return [row[0] for row in rows]


def main() -> None:
    """Measure each size in a process of its own and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description="Speed, memory and recall of search.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--compare", action="store_true", help="also measure other indexes that are installed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the filled stores for another run")
    parser.add_argument("--fill", action="store_true", help="with --keep: only fill the stores")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            place = options.keep / str(options.one) if options.keep else Path(folder)
            if options.fill:
                fill(open_store(place), options.one, options.seed)
            else:
                print(json.dumps(measure(options.one, options.seed, options.compare, place)))
        return
    rows = []
    for size in options.sizes:
        command = [sys.executable, "-m", "benchmarks.retrieval", "--one", str(size), "--seed", str(options.seed)]
        command += ["--compare"] * options.compare + ["--fill"] * options.fill + (["--keep", str(options.keep)] if options.keep else [])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        if options.fill:
            continue
        rows.append(json.loads(done.stdout))
        if not options.json:
            row = rows[-1]
            print(
                f"{row['messages']:>9,} messages  p50 {row['p50_ms']:6.1f} ms  p95 {row['p95_ms']:6.1f} ms (of the processor {row['cpu_p50_ms']:.1f} and "
                f"{row['cpu_p95_ms']:.1f})  recall@10 {row['recall_at_10']:.3f}  "
                f"first answer {row['first_answer_s']:.1f} s  {row['memory_mb']} MB"
            )
            for name, index in (row.get("indexes") or {}).items():
                print(f"{'':11}{name:28} {index or 'not installed'}")
    if options.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
