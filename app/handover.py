"""The adapter as a download, and the server that answers instead of this process: plain handlers, to be wired by the tabs.

`write_handover` fills one ZIP; `set_endpoint` and `chosen_endpoint` keep the address of an OpenAI-compatible server. From the page only addresses of
this machine can be set: another host is named by who starts the page, in KEEPSAKE_ENDPOINT.
"""

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from app import access
from app import sentences as say
from app.downloads import write_download
from app.edge import PageError, store
from app.visitor import chosen_profile
from memory.store import data_folder

VARIABLE = "KEEPSAKE_ENDPOINT"
FILE_NAME = "endpoint.json"


def write_handover(name: str, kind: str, path: Path) -> dict[str, Any]:
    """Export a profile's adapter (peft, vllm, gguf or merged) and pack it into the ZIP file `path`; returns what `export` says.

    Raises NoAdapter, ExportFailed. The speaker of the page is not touched: the export loads its own base.
    """
    from tuning.export import export

    with store() as db, tempfile.TemporaryDirectory(prefix="keepsake-out-") as folder:
        profile = chosen_profile(db, name)
        result = export(db, profile, kind, Path(folder) / "adapter")
        root = Path(folder) / "adapter"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out, zipfile.ZipFile(out, "w") as packed:
            for file in sorted(root.rglob("*")):
                if file.is_file():
                    packed.write(file, file.relative_to(root))
    return result


def hand_over(name: str, kind: str) -> str:
    """The ZIP file for the browser; returns its path."""
    return write_download(f"{name or 'adapter'}-{kind}.zip", lambda path: write_handover(name, kind, path))


def chosen_endpoint() -> str | None:
    """The address of the server that answers, or None when this process does."""
    if given := os.environ.get(VARIABLE):
        return given
    try:
        return str(json.loads((data_folder() / FILE_NAME).read_text(encoding="utf-8"))["url"]) or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def set_endpoint(url: str) -> str:
    """Let a server of this machine answer (an empty address: this process again); returns the sentence about what it gets.

    Raises EndpointFailed for what is no address or does not answer, PageError for another host.
    """
    from tuning.endpoint import check_url, find_endpoint, is_loopback, say_what_leaves

    if access.guest_home() is not None:
        raise PageError(say.ENDPOINT_GUEST)
    place = data_folder() / FILE_NAME
    if not url.strip():
        place.unlink(missing_ok=True)
        return str(say.ENDPOINT_HERE)
    url = check_url(url)
    if not is_loopback(url):
        raise PageError(say.ENDPOINT_ELSEWHERE)
    find_endpoint(url, "")
    part = place.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        json.dump({"url": url}, out)
    part.replace(place)
    return say_what_leaves(url)
