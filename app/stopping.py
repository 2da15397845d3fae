"""Stop: a chat's number comes in from the button, and whoever writes its answer ends at the next token with what stands there."""

import threading


class Stops:
    """The chats whose answer is to end; shared by all threads of the page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: set[str] = set()

    def ask(self, chat: str) -> None:
        """The answer being written in this chat is to end."""
        with self._lock:
            self._asked.add(chat)

    def asked(self, chat: str) -> bool:
        """Whether it is."""
        with self._lock:
            return chat in self._asked

    def clear(self, chat: str) -> None:
        """The answer has ended."""
        with self._lock:
            self._asked.discard(chat)


STOPS = Stops()
