"""One model is loaded at a time: transformers keeps what a load is about (device, type, which weights are tied) for the whole process.

Two loads at once leave one of the models with an empty or random head and say nothing but a line in the log; two first imports of transformers at the
same time break each other as well. Everything that imports or loads models holds this lock.
"""

import threading

LOADING = threading.RLock()
