"""Reads an export from disk: a path comes in, its chat texts come out (one for a file, one a chat member for a ZIP).

Everything that can be wrong with the file itself is said here, as a BadExport.
"""

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from memory.errors import BadExport

LARGEST_BYTES = 2 * 1024**3
LARGEST_RATIO = 200  # chats compress 3 to 20 times; far more than that is a ZIP bomb
RATIO_MATTERS_FROM = 50 * 1024**2
MOST_MEMBERS = 100_000

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
CHATGPT_MEMBER = re.compile(r"conversations(-\d+)?\.json$", re.IGNORECASE)
CHAT_SUFFIXES = (".txt", ".json", ".jsonl", ".ndjson", ".csv")


@dataclass(frozen=True)
class Part:
    """One text of an export: `title` is what the chat may be named after, `notes` say how it was decoded."""

    title: str
    text: str
    notes: tuple[str, ...] = ()


def read_parts(path: Path) -> list[Part]:
    """The chat texts of a file or ZIP; raises BadExport."""
    _check_file(path)
    try:
        with path.open("rb") as file:
            raw = file.read(len(ZIP_MAGIC[0]))
            raw = raw if raw in ZIP_MAGIC else raw + file.read()
    except OSError as error:
        raise BadExport(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
    if raw in ZIP_MAGIC:
        return _read_zip(path)
    return [_decode(raw, path.stem, str(path))]


def _check_file(path: Path) -> None:
    try:
        if not path.exists():
            raise BadExport(f"There is no file {path}: check the name.")
        if path.is_dir():
            raise BadExport(f"{path} is a folder: give the export file in it (.txt, .zip, .json, .jsonl or .csv).")
        if not path.is_file():
            raise BadExport(f"{path} is not a regular file: give an export file.")
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise BadExport(f"{path} cannot be read ({error}): check the name and its permissions.") from error
    if size == 0:
        raise BadExport(f"{path} is empty (0 bytes): export the chat again.")
    if size > LARGEST_BYTES:
        raise BadExport(f"{path} is too large ({size / 1024**3:.1f} GB of at most {LARGEST_BYTES / 1024**3:.1f}): split it.")


def _read_zip(path: Path) -> list[Part]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = _chat_members(path, archive)
            return [_read_member(path, archive, member) for member in members]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BadExport(f"{path} is a damaged or incomplete ZIP file ({error}): download or export it again.") from error
    except (RuntimeError, NotImplementedError) as error:
        raise BadExport(f"{path} is a ZIP that cannot be opened ({error}): unpack it and give the chat file.") from error
    except OSError as error:
        raise BadExport(f"{path} cannot be read ({error.strerror or error}): check its permissions.") from error


def _chat_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members that may hold a chat: ChatGPT's conversation files if there are any, else every text; checks sizes."""
    files = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(files) > MOST_MEMBERS:
        raise BadExport(f"{path} holds {len(files)} files, more than {MOST_MEMBERS}: unpack it and give the chat file.")
    named = {info: PurePosixPath(info.filename).name for info in files}
    chosen = [info for info in files if CHATGPT_MEMBER.fullmatch(named[info])]
    chosen = chosen or [info for info in files if named[info].lower().endswith(CHAT_SUFFIXES)]
    if not chosen:
        found = ", ".join(sorted(named.values())[:5]) or "nothing"
        raise BadExport(f"{path} is a ZIP without a chat (it holds {found}): expected conversations.json or a .txt chat.")
    _check_sizes(path, chosen)
    return sorted(chosen, key=lambda info: info.filename)


def _check_sizes(path: Path, members: list[zipfile.ZipInfo]) -> None:
    total = sum(info.file_size for info in members)
    if total > LARGEST_BYTES:
        raise BadExport(f"{path} unpacks to {total / 1024**3:.1f} GB, over the limit of {LARGEST_BYTES / 1024**3:.1f}: split it.")
    for info in members:
        if info.file_size > RATIO_MATTERS_FROM and info.file_size > LARGEST_RATIO * max(info.compress_size, 1):
            raise BadExport(f"{path} unpacks to over {LARGEST_RATIO} times its size, as no chat does: unpack it yourself.")


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Part:
    if info.flag_bits & 1:
        raise BadExport(f"{path} is protected by a password: unpack it and give the chat file.")
    stem = PurePosixPath(info.filename).stem
    title = path.stem if stem.lower() in ("_chat", "chat", "conversations") else stem
    return _decode(archive.read(info), title, f"{path} ({info.filename})")


def _decode(raw: bytes, title: str, place: str) -> Part:
    """The bytes as text: UTF-8, or UTF-16 by its mark, else Windows Latin with a note; raises BadExport for binary."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Part(title, raw.decode("utf-16", "replace"))
    if _looks_binary(raw):
        raise BadExport(f"{place} is not text (it looks like a picture, document or program): give a chat export.")
    try:
        return Part(title, raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        mended = raw.decode("utf-8-sig", "replace")
    broken = mended.count("\N{REPLACEMENT CHARACTER}")
    # A UTF-8 file cut in the middle of a letter must not turn into Latin mojibake as a whole.
    if broken * 10 <= sum(1 for letter in mended if ord(letter) > 127) - broken:
        return Part(title, mended, (f"{broken} damaged characters were replaced.",))
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return Part(title, text, ("The file is not UTF-8; it was read as Western European (Windows) text.",))


def _looks_binary(raw: bytes) -> bool:
    head = raw[:65536]
    control = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13, 27))
    return b"\0" in head or control * 50 > len(head)
