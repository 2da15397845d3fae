"""Plain exports: JSON lines, a JSON array or CSV with conversation, sender, timestamp and text come in, messages come out.

Threads in the style of OpenAI are read too ({"messages": [{"role": ..., "content": ...}, ...]}), as records or as the whole document.
The threads of a file come first, then its loose records.
"""

import csv
import re
from collections.abc import Iterator
from itertools import dropwhile, islice
from typing import Any

from memory.errors import BadExport
from memory.importers.export import MALFORMED, Format, Options, ParsedMessage, Report
from memory.importers.json_walk import CHUNK
from memory.importers.naming import Names
from memory.importers.plain_dates import WrittenTimes
from memory.importers.plain_records import by_field, is_plain, is_turn, name_of, parse_record, turns_of, words_of
from memory.importers.sources import Bundle, Source, Unreadable

NOT_JSON = "lines that are not JSON"
LOOKED_AT = 20  # records that tell the kind of a file
LARGEST_FIELD = 10_000_000  # letters of a CSV field; an open quotation mark swallows the rest of the file

_SEPARATOR = re.compile(r"sep=.\r?")  # what Excel writes above a header

ARRAY, LINES, THREAD = "a JSON array of records", "JSON lines", "a document that is one thread"


def claim(bundle: Bundle) -> list[Source]:
    """The files with such records or such a header."""
    return [source for source in bundle.sources if _shape(source)]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of each file."""
    names = Names()
    for source in sources:
        shape = _shape(source)
        if not shape:
            continue
        times = WrittenTimes(_written(source, shape), options.date_order)
        times.tell(report)
        if shape == THREAD:
            yield from _parse_document(source, names, times, report)
        elif shape in (ARRAY, LINES):
            yield from _parse_json(source, shape, names, times, report)
        else:
            yield from _parse_csv(source, shape, names, times, report)


def _written(source: Source, shape: str) -> Iterator[Any]:
    """The times of a file as they stand there."""
    records: Iterator[Any]
    if shape == THREAD:
        records = (item for _, item in source.items("messages"))
    elif shape in (ARRAY, LINES):
        records = (
            turn for record in _records(source, shape) for turn in [record, *((turns_of(record) or ()) if isinstance(record, dict) else ())]
        )
    else:
        records = (row for row in _rows(source, shape) if isinstance(row, dict))
    return (time for record in records if (time := by_field(record).get("timestamp")) is not None)


def _shape(source: Source) -> str | None:
    """ARRAY, LINES or THREAD, the delimiter of a CSV, or None."""
    try:
        if source.head.startswith("["):
            return ARRAY if any(is_plain(record) for record in islice(_records(source, ARRAY), LOOKED_AT)) else None
        if not source.head.startswith("{"):
            return _delimiter(source.head)
        lines = list(islice(_records(source, LINES), LOOKED_AT)) if _has_lines(source) else []
        by_line = LINES if any(is_plain(record) for record in lines) else None
        if lines and isinstance(lines[0], dict):
            return by_line
        return THREAD if any(is_turn(item) for _, item in islice(source.items("messages"), LOOKED_AT)) else by_line
    except BadExport:
        return None


def _has_lines(source: Source) -> bool:
    """Whether it can be read by lines: not if it is one line, too long to be a record."""
    if "\n" in source.head or source.size <= CHUNK:
        return True
    ended = False
    with source.reading() as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            if (ended and chunk.strip()) or b"\n" in chunk.rstrip():
                return True
            ended = ended or b"\n" in chunk
    return False


def _delimiter(head: str) -> str | None:
    """The delimiter if the first line is a CSV header with a sender and a text column, else None."""
    first, _, second = head.partition("\n")
    first = (second.partition("\n")[0] if _SEPARATOR.fullmatch(first) else first).rstrip("\r")
    for delimiter in (",", ";", "\t", "|"):
        try:
            names = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            continue
        if len(names) > 1 and {"sender", "text"} <= by_field(dict.fromkeys(names)).keys():
            return delimiter
    return None


def _parse_csv(source: Source, delimiter: str, names: Names, times: WrittenTimes, report: Report) -> Iterator[ParsedMessage]:
    """The messages of a CSV file, whose columns may have any order and case."""
    title = names.of_chat(source.name, source.title)
    for row in _rows(source, delimiter):
        report.read += 1
        if isinstance(row, csv.Error):
            report.drop(MALFORMED, row)
        elif None in row:
            report.drop(MALFORMED, delimiter.join(map(str, row.values())))
        else:
            yield from parse_record(row, title, None, times, report)


def _rows(source: Source, delimiter: str) -> Iterator[dict[Any, Any] | csv.Error]:
    """The rows of a CSV file; one that cannot be read gives its error."""
    csv.field_size_limit(LARGEST_FIELD)
    lines = dropwhile(lambda line: not line.strip("\ufeff \t\f") or bool(_SEPARATOR.fullmatch(line.lstrip("\ufeff"))), source.lines())
    rows = csv.DictReader((line.lstrip("\ufeff") + "\n" for line in lines), delimiter=delimiter)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield error
            continue
        if row is None:
            return
        yield row


def _parse_json(source: Source, shape: str, names: Names, times: WrittenTimes, report: Report) -> Iterator[ParsedMessage]:
    """The messages of records: in a first reading those of threads, in a second the loose ones."""
    loose = 0
    for record in _records(source, shape):
        if isinstance(record, Unreadable) and shape == ARRAY:
            report.warn(f"{source.name} is cut off after {report.read} records: export it again.")
            continue
        report.read += 1
        if not isinstance(record, dict):
            report.drop(NOT_JSON if shape == LINES else MALFORMED, getattr(record, "text", ""))
        elif (turns := turns_of(record)) is not None:
            fields = by_field(record)
            name = _thread_name(fields, words_of(turns), names)
            for turn in turns:
                yield from parse_record(turn, name, fields.get("timestamp"), times, report)
        else:
            loose += 1
    if loose:
        title = names.of_chat(source.name, source.title)
        for record in _records(source, shape):
            if isinstance(record, dict) and turns_of(record) is None:
                yield from parse_record(record, title, None, times, report)


def _records(source: Source, shape: str) -> Iterator[Any]:
    return source.records() if shape == LINES else (record for _, record in source.items(""))


def _parse_document(source: Source, names: Names, times: WrittenTimes, report: Report) -> Iterator[ParsedMessage]:
    """A file that is one thread: read once for its name, which may stand behind the messages, and once for them."""
    around: list[dict[str, Any]] = []
    words = ""
    for here, item in source.items("messages"):
        around, words = here or around, words or words_of([item])
    fields = by_field(around[0]) if around else {}
    name = _thread_name(fields, words, names)
    for _, item in source.items("messages"):
        if isinstance(item, Unreadable):
            report.warn(f"{source.name} is cut off after {report.read} messages: export it again.")
        else:
            report.read += 1
            yield from parse_record(item, name, fields.get("timestamp"), times, report)


def _thread_name(fields: dict[str, Any], words: str, names: Names) -> str:
    """The name that a thread has, else its first words, numbered where another thread begins with them too."""
    name = name_of(fields.get("conversation"))
    return names.of_chat(name or None, name or words or "Chat")


FORMAT = Format("plain", "plain records (JSON lines, a JSON array or CSV with sender and text)", claim, parse)
