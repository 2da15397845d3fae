"""What docs/trust.md promises: in words, with the tests that hold each sentence."""

PROMISES = """## What is promised, and what holds it

Each row is held by tests that fail without it. `make test` runs the quick ones, `make test-slow` the others.

### Nothing lost

| what is promised | held by |
|---|---|
| One run a profile, write-ahead log, foreign keys; a migration is backed up first, and one that breaks changes nothing. `python -m memory check` finds damage in rows, pages, search index and adapters; `backup` copies while others write, `restore` keeps what was there. | tests/test_trust_durability.py, tests/test_memory_store.py |
| A run belongs to one process, which renews a lease of 60 s every 5 s. A second worker is refused while the lease lasts; it takes over one that is over. A worker that wakes up late can store nothing more for a run that was taken over. | tests/test_trust_lease.py |
| A run that makes no step for long, in a process that does nothing, is said to hang, and its lease ends; one whose process computes is said to be slow. The sentence stands on the run's card. A hung run is ended when it is cancelled. | tests/test_trust_lease.py |
| A trial killed in the middle of its training goes on from its last saved step (LoRA weights, optimiser, random generators, place in the data) and ends bit for bit as an unbroken one on a CPU. It is saved every 20 s at most, for at most a fortieth of the time, as a row of the store: encrypted with it, gone with the trial, with a forgotten fact, with the profile. | tests/test_tuning_training.py, tests/test_tuning_grow.py, tests/test_trust_lease.py |
| Out of memory in a training step: half as many examples go through the model at once, and the gradients of the parts add up to the same batch. Where not even one fits, the run ends with a sentence. | tests/test_tuning_training.py |
| Injections (page, command, many profiles) take turns on the accelerator, in the order in which they came; a processor counts as one. One that waits says for which process and since when; one that is killed holds nobody up; one that is paused lets the others work, and its pause costs it none of its minutes. | tests/test_trust_queue.py |
| The log of a job holds stages and numbers, no message; it is cut at 1 MB, and one older one is kept. | tests/test_trust_queue.py |

### Nothing leaked

| what is promised | held by |
|---|---|
| With every address but loopback blocked, a chat is imported, injected, searched and asked with every side; nothing tries to get out. | tests/test_trust_offline.py |
| A model is fetched from a hub only if you typed its name; what would be fetched, in which revision, is said before, and that revision is what is loaded. | tests/test_app_handlers.py |
| Every endpoint and handler is listed by the test itself and tried as nobody, as another visitor, and in another's session; files and uploads are their visitor's. Foreign names (DNS rebinding) and sites (CSRF) are refused, answers carry safe headers, passwords are hashed and slow to guess. | tests/test_trust_access.py |
| With encryption on, no file of the data folder holds a message, a vector, a weight or the passphrase, after writing, searching, copying, forgetting, backing up and restoring; nothing opens without the passphrase. | tests/test_trust_encryption.py |
| On the page: encrypt, change, lock, be refused with a wrong or an old passphrase, unlock, take it off; the store locks by itself; what was on the screen is gone from it. | tests/test_trust_lock.py, tests/test_trust_encryption.py |
| Markup, scripts and links in messages, names, file names and fields are shown as text; nothing is loaded from elsewhere. | tests/test_trust_xss.py |
| Adapters are safetensors whose names, shapes, numbers and hash are checked; zip bombs and files over the limit are refused; uploads are deleted after reading. | tests/test_trust_forgetting.py, tests/test_memory_import.py, tests/test_app_handlers.py |

### Really forgotten

| what is promised | held by |
|---|---|
| A forgotten message or fact is in no row, quotation, example, vector, log or automatic backup, and in no byte of the file but the weights that learnt it; those are refused until the person allows them, are never handed on, and go when a new adapter is saved. | tests/test_trust_forgetting.py |
| Forgetting with re-injection trains the adapter anew from the bare base on what is left (no new study, no new search: the last plan once more), and probes it. | tests/test_trust_forgetting.py, tests/test_tuning_grow.py |
| A certificate holds numbers, hashes, times, the traces found and the ranks of the probe, and no content. | tests/test_trust_forgetting.py |
"""
