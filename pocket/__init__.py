"""Pocket: the embedded base model, with everything that made it (values, banks, corpus, seed, training, exam)."""
