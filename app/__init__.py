"""What the person sees: one file a tab; long work runs in a child process and the page reads its state from the store."""
