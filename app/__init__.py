"""What the person sees: one file a tab; long work is a child process, and the page reads its state from the store."""
