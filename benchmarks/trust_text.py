"""What docs/trust.md says about the worker: in words, with the tests that hold each sentence."""

WORKER = """## The worker

| what is promised | held by |
|---|---|
| A run belongs to one process, which renews a lease of 60 s every 5 s. A second worker is refused while the lease lasts; it takes over one that is over. A worker that wakes up late can store nothing more for a run that was taken over. | tests/test_trust_lease.py |
| A run that makes no step for long, in a process that does nothing, is said to hang, and its lease ends; one whose process computes is said to be slow. The sentence stands on the run's card. A hung run is ended when it is cancelled. | tests/test_trust_lease.py |
| A trial killed in the middle of its training goes on from its last saved step (LoRA weights, optimiser, random generators, place in the data) and ends bit for bit as an unbroken one on a CPU. It is saved every 20 s at most, for at most a fortieth of the time, as a row of the store: encrypted with it, gone with the trial, with a forgotten fact, with the profile. | tests/test_tuning_training.py, tests/test_tuning_grow.py, tests/test_trust_lease.py |
| Out of memory in a training step: half as many examples go through the model at once, and the gradients of the parts add up to the same batch. Where not even one fits, the run ends with a sentence. | tests/test_tuning_training.py |
| Injections (page, command, many profiles) take turns on the accelerator, in the order in which they came; a processor counts as one. One that waits says for which process and since when; one that is killed holds nobody up; one that is paused lets the others work, and its pause costs it none of its minutes. | tests/test_trust_queue.py |
| The log of a job holds stages and numbers, no message; it is cut at 1 MB, and one older one is kept. | tests/test_trust_queue.py |
"""
