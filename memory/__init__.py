"""What a person said: chat exports and a profile form come in, facts and search hits come out. Never imports torch."""
