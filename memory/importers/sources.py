"""Export files on disk: paths (files, folders, ZIPs) come in, a `Bundle` of `Source`s comes out, each read in bounded memory.

Everything that can be wrong with the files themselves is said here, as a BadExport. Nothing is ever unpacked to disk.
"""

import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec

from memory.errors import BadExport
from memory.importers.json_walk import Decode, Unreadable, loads, walk

LARGEST_BYTES = 4 * 1024**3
LARGEST_RATIO = 200  # chats compress 3 to 20 times; far more than that is a ZIP bomb
RATIO_MATTERS_FROM = 50 * 1024**2
MOST_MEMBERS = 100_000
HEAD_BYTES = 65_536
LARGEST_DOCUMENT = 512 * 1024**2  # of a JSON that is read as a whole

CONTROL = bytes(code for code in range(32) if code not in (9, 10, 12, 13, 27))
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
TEXT_SUFFIXES = (".txt", ".md", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".html", ".htm", ".mbox", ".eml", "")


@dataclass
class Source:
    """One text of an export. `name` is its path inside the export ("general/2024-01-01.json"), `title` its name without suffix."""

    name: str
    size: int
    place: str
    _open: Callable[[], IO[bytes]] = field(repr=False)
    notes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What a chat may be named after."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The lower-case suffix of the name, with its dot."""
        return PurePosixPath(self.name).suffix.lower()

    @cached_property
    def raw_head(self) -> bytes:
        """The first bytes, as they are."""
        with self.reading() as file:
            return file.read(HEAD_BYTES)

    @cached_property
    def encoding(self) -> str:
        """Told from the marks and the first bytes: UTF-16 by its mark, UTF-8, else Windows Latin with a note."""
        head = self.raw_head
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        try:
            # A letter cut at the end of the sample is no fault of the file.
            head[: len(head) - 4 if len(head) == HEAD_BYTES else None].decode("utf-8")
            return "utf-8-sig"
        except UnicodeDecodeError as error:
            mended = head.decode("utf-8", "replace")
            broken = mended.count("\N{REPLACEMENT CHARACTER}")
            # A UTF-8 file cut in the middle of a letter must not turn into Latin mojibake as a whole.
            if broken * 10 <= sum(ord(letter) > 127 for letter in mended) - broken or error.start > len(head) - 4:
                return "utf-8-sig"
        self.notes.append("The file is not UTF-8; it was read as Western European (Windows) text.")
        return "cp1252"

    @cached_property
    def head(self) -> str:
        """The first 64 KiB as text, without the marks and blanks before it; to tell the format."""
        return self.raw_head.decode(self.encoding, "replace").lstrip("\ufeff \t\r\n\f")

    @property
    def is_text(self) -> bool:
        """Whether it may be text: no NULs (but in UTF-16) and hardly any control characters."""
        head = self.raw_head
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return True
        return b"\0" not in head and (len(head) - len(head.translate(None, CONTROL))) * 50 <= len(head)

    def lines(self) -> Iterator[str]:
        """Line by line without the line end (\\n or \\r\\n; other separators of Unicode belong to the text)."""
        with self.reading() as file:
            reader = io.TextIOWrapper(file, self.encoding, errors="replace", newline="\n")
            for line in reader:
                yield line.removesuffix("\n").removesuffix("\r")

    def text(self) -> str:
        """All of it; raises BadExport where it is too large to be one document."""
        if self.size > LARGEST_DOCUMENT:
            raise BadExport(f"{self.place} is too large for one document ({self.size / 1024**2:.0f} MB): split it.")
        with self.reading() as file:
            return file.read().decode(self.encoding, "replace").lstrip("\ufeff")

    def json(self) -> Any:
        """The whole JSON document; raises BadExport with the place of the damage."""
        try:
            return loads(self.text())
        except (ValueError, RecursionError) as error:
            raise BadExport(f"{self.place} is damaged or incomplete JSON ({error}): download or export it again.") from error

    def records(self) -> Iterator[Any]:
        """JSON lines, one value a line; a line that is none gives an `Unreadable`."""
        for line in self.lines():
            if line.strip():
                try:
                    yield loads(line)
                except (ValueError, RecursionError):
                    yield Unreadable(line)

    def items(self, *paths: str) -> Iterator[tuple[list[dict[str, Any]], Any]]:
        """The items of arrays inside a large JSON document, one at a time: (the objects around the array, item).

        A path names the keys down to the array ("messages", "chats.list.messages"; "" is a document that is an array itself). An object
        around an array holds its plain values that were read so far: what stands before the array, and, once the walk has gone on, after it.
        Damage ends the walk with an `Unreadable` item.
        """
        for around, run in self.runs(*paths):
            for item in run:
                yield around, item

    def runs(self, *paths: str, decode: Decode = msgspec.json.decode) -> Iterator[tuple[list[dict[str, Any]], list[Any]]]:
        """The same in runs of items. `decode` may give the items of a list another form, which most then have; the rest are as `json` gives
        them."""
        with self.reading() as file:
            yield from walk(file, self.encoding, paths, decode)

    @contextmanager
    def reading(self) -> Iterator[IO[bytes]]:
        """The bytes as they are, for rooms that cannot read by lines or records; errors of disk and archive become a BadExport."""
        try:
            with self._open() as file:
                yield file
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise BadExport(f"{self.place} is a damaged or incomplete ZIP file ({error}): download or export it again.") from error
        except (RuntimeError, NotImplementedError) as error:
            if isinstance(error, RecursionError):
                raise
            raise BadExport(f"{self.place} cannot be opened ({error}): unpack it and give the chat file.") from error
        except OSError as error:
            raise BadExport(f"{self.place} cannot be read ({error.strerror or error}): check its permissions.") from error


@dataclass
class Bundle:
    """The sources that belong together: one file, or all texts of a ZIP or folder."""

    path: Path  # to name chats after; not always one that can be opened
    sources: list[Source]
    notes: list[str] = field(default_factory=list)  # what was left closed

    def named(self, pattern: str) -> list[Source]:
        """The sources whose file name (without folders) matches the whole regular expression, in order."""
        form = re.compile(pattern, re.IGNORECASE)
        return [source for source in self.sources if form.fullmatch(PurePosixPath(source.name).name)]


def read_bundles(path: Path) -> list[Bundle]:
    """What a path holds: a bundle for a file or a ZIP; for a folder its loose texts as one bundle and each ZIP as one more."""
    try:
        if path.is_dir():
            return _read_folder(path)
        if not path.exists():
            raise BadExport(f"There is no file {path}: check the name.")
        if not path.is_file():
            raise BadExport(f"{path} is not a regular file: give an export file.")
        size = path.stat().st_size
        if size == 0:
            raise BadExport(f"{path} is empty (0 bytes): export the chat again.")
        if size > LARGEST_BYTES:
            raise BadExport(f"{path} is too large ({size / 1024**3:.1f} GB of at most {LARGEST_BYTES / 1024**3:.1f}): split it.")
        with path.open("rb") as file:
            magic = file.read(4)
    except (OSError, ValueError) as error:
        raise BadExport(f"{path} cannot be read ({error}): check the name and its permissions.") from error
    if magic in ZIP_MAGIC:
        return [_read_zip(path)]
    source = Source(readable(path.name), size, readable(str(path)), _opener(path))
    if not source.is_text:
        raise BadExport(f"{path} is not text (it looks like a picture, document or program): give a chat export.")
    return [Bundle(_readable(path), [source])]


def _read_folder(path: Path) -> list[Bundle]:
    """The texts below a folder; links are not followed, for they may lead out of it."""
    loose, zips = [], []
    for found in sorted(path.rglob("*")):
        if found.is_symlink() or not found.is_file() or any(part.startswith(".") for part in found.relative_to(path).parts):
            continue
        if found.suffix.lower() == ".zip":
            zips.append(found)
        elif found.suffix.lower() in TEXT_SUFFIXES and found.stat().st_size:
            name = readable(found.relative_to(path).as_posix())
            loose.append(Source(name, found.stat().st_size, readable(str(found)), _opener(found)))
        if len(loose) > MOST_MEMBERS:
            raise BadExport(f"{path} holds more than {MOST_MEMBERS} files: give the folder of one export.")
    loose = [source for source in loose if source.is_text]
    bundles = [Bundle(_readable(path), loose)] if loose else []
    bundles += [bundle for found in zips for bundle in read_bundles(found)]
    if not bundles:
        raise BadExport(f"The folder {path} holds no chat export: expected text, JSON, CSV, HTML, mbox or ZIP files.")
    return bundles


def readable(name: str) -> str:
    """The name of a file as text that can be stored and shown: one that is not UTF-8 is read as Western European (Windows)."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("cp1252", "replace")
    return name


def _readable(path: Path) -> Path:
    """A path to name things after, not to open."""
    return Path(readable(str(path)))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _read_zip(path: Path) -> Bundle:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise BadExport(f"{path} is a damaged or incomplete ZIP file ({error}): download or export it again.") from error
    if len(members) > MOST_MEMBERS:
        raise BadExport(f"{path} holds {len(members)} files, more than {MOST_MEMBERS}: unpack it and give the chat file.")
    texts = [info for info in members if _place(info).suffix.lower() in TEXT_SUFFIXES and info.file_size]
    chosen = [info for info in texts if not _leads_out(info)]
    notes = _left_closed(path, members, texts)
    if not chosen:
        found = ", ".join(sorted(_place(info).name for info in members)[:5]) or "nothing"
        hint = " ".join(["", *notes])
        raise BadExport(f"{path} is a ZIP without a chat (it holds {found}): expected a text, JSON, HTML or CSV file in it.{hint}")
    _check_sizes(path, chosen)
    sources = [
        Source(_place(info).as_posix(), info.file_size, f"{path} ({info.filename})", _member_opener(path, info))
        for info in sorted(chosen, key=lambda info: info.filename)
    ]
    return Bundle(_readable(path), [source for source in sources if source.is_text], notes)


def _check_sizes(path: Path, chosen: list[zipfile.ZipInfo]) -> None:
    """Raises BadExport for what is locked, too large, or unpacks to too much."""
    if any(info.flag_bits & 1 for info in chosen):
        raise BadExport(f"{path} is protected by a password: unpack it and give the chat file.")
    total = sum(info.file_size for info in chosen)
    if total > LARGEST_BYTES:
        raise BadExport(f"{path} unpacks to {total / 1024**3:.1f} GB, over the limit of {LARGEST_BYTES / 1024**3:.1f}: split it.")
    packed = sum(info.compress_size for info in chosen)
    for size, of in ((total, packed), *((info.file_size, info.compress_size) for info in chosen)):
        if size > RATIO_MATTERS_FROM and size > LARGEST_RATIO * max(of, 1):
            raise BadExport(f"{path} unpacks to over {LARGEST_RATIO} times its size, as no chat does: unpack it yourself.")


def _left_closed(path: Path, members: list[zipfile.ZipInfo], texts: list[zipfile.ZipInfo]) -> list[str]:
    """What is not read of an archive although a chat may be in it."""
    zips = sorted(_place(info).name for info in members if _place(info).suffix.lower() == ".zip")
    astray = sorted(info.filename for info in texts if _leads_out(info))
    notes = [f"A ZIP inside a ZIP is not opened ({', '.join(zips[:3])} in {path.name}): unpack the outer one."] if zips else []
    if astray:
        notes.append(f"Left out of {path.name}, for they are links or lead out of it: {', '.join(astray[:3])} ({len(astray)} in all).")
    return notes


def _place(info: zipfile.ZipInfo) -> PurePosixPath:
    """Where a member lies in its archive; Windows programs write backslashes."""
    return PurePosixPath(info.filename.replace("\\", "/"))


def _leads_out(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a link or names a place outside of the archive; it is never written, yet not to be trusted either."""
    is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
    return is_link or _place(info).is_absolute() or ".." in _place(info).parts


def _member_opener(path: Path, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def open_member() -> IO[bytes]:
        return _Bounded(zipfile.ZipFile(path).open(info), info.file_size)  # type: ignore[return-value]

    return open_member


class _Bounded(io.RawIOBase):
    """A member that gives no more than the size its directory states: a forged directory cannot unpack to more."""

    def __init__(self, member: IO[bytes], size: int) -> None:
        self.member, self.left = member, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self.member.read(min(len(buffer), self.left))
        self.left -= len(found)
        buffer[: len(found)] = found
        return len(found)

    def read(self, size: int = -1) -> bytes:
        found = self.member.read(self.left if size is None or size < 0 else min(size, self.left))
        self.left -= len(found)
        return found

    def close(self) -> None:
        self.member.close()
        super().close()
