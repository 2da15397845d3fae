"""What Gradio keeps of every opened page, a copy of the screen's state of about 0.8 MB: dropped once the page is closed.

Gradio empties the state of a closed page after an hour, but keeps the copy for the life of the server, with the texts last shown in it. A closed
page may come back (a laptop that slept), so the latest ones stay for that hour.
"""

from datetime import datetime, timedelta
from typing import Any

import gradio as gr

OPEN_MOST = 500  # pages of which anything is kept; beyond it, the one not used for longest starts anew
CLOSED_MOST = 20
CLOSED_FOR = timedelta(hours=1)


def forget_closed(page: gr.Blocks) -> list[str]:
    """Drop what is kept of closed pages, but for the latest `CLOSED_MOST` of the last hour; returns their session hashes."""
    holder: Any = page.state_holder
    with holder.lock:
        closed = [name for name, session in holder.session_data.items() if session.is_closed]  # the one used last stands last
        used, oldest = holder.time_last_used, datetime.now() - CLOSED_FOR
        gone = closed[:-CLOSED_MOST] + [name for name in closed[-CLOSED_MOST:] if used.get(name, oldest) <= oldest]
        for name in gone:
            holder.delete_state(name)
            holder.session_data.pop(name, None)
            used.pop(name, None)
    return gone
