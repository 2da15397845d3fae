"""Files for the person: a handler writes one, the browser saves it at once, and nobody else gets it.

Each lies in the folder of uploads, where only the visitor it was given to can fetch it (app/gate.py), until it is swept.
"""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from app.edge import listen


def write_download(name: str, write: Callable[[Path], object]) -> str:
    """A file of this name that `write` fills; returns its path."""
    root = os.environ.get("GRADIO_TEMP_DIR")
    path = Path(tempfile.mkdtemp(prefix="out-", dir=root)) / safe_name(name)
    write(path)
    path.chmod(0o600)
    return str(path)


def safe_name(name: str) -> str:
    """A file name of letters, digits, dots and dashes, whatever a profile is called."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "keepsake"


def listen_download(button: gr.Button, prepare: Callable[..., str], inputs: Any, elem_id: str) -> None:
    """Wires a button to a handler that returns a path: the file is made, then the browser is told to save it."""
    with gr.Row(elem_classes="unseen"):
        link = gr.DownloadButton(elem_id=elem_id)
    ready = listen(button.click, prepare, inputs, link, progress="minimal", show_progress_on=button)
    # The link gets its address a moment after the handler has ended.
    ready.success(None, None, None, js=f"() => setTimeout(() => document.querySelector('#{elem_id}')?.click(), 250)")
