"""Full-text search: words come in, the retrievable messages or facts that match come out, best first."""

from sqlite_utils import Database

from memory.store.database import fetch
from memory.store.embeddings import place_of, removals

MOST_ROWS = 4_000  # that are ranked for one search, and that a word which counts may stand in
RANKED = 8  # times as many rows as are wanted are looked at, for some are not the person's own
_RETRIEVABLE = {"message": ("messages", "o.me AND NOT o.excluded"), "fact": ("facts", "o.status = 'active'")}
_frequent: dict[tuple[str, str, str], int] = {}  # (store, table, word) -> removals when it was found in too many rows


def match_words(db: Database, profile_id: int, kind: str, words: list[str], limit: int) -> list[int]:
    """The ids of the person's own messages or active facts that hold any of the words, by BM25, the newest first on ties.

    BM25 reads all rows of every word. So the rarest words are searched for, as many as stand in `MOST_ROWS` rows together: the others say little
    about which row is meant. Where every word stands in more rows than that, the newest rows that hold all of them (else any) come first.
    """
    table, _ = _RETRIEVABLE[kind]
    rare = _rarest(db, table, words)
    if rare:
        return _ranked(db, profile_id, kind, _any(rare, " OR "), limit)
    return _newest(db, profile_id, kind, _any(words, " AND "), limit) or _newest(db, profile_id, kind, _any(words, " OR "), limit)


def _ranked(db: Database, profile_id: int, kind: str, query: str, limit: int) -> list[int]:
    """By BM25. The index ranks alone first; only where too few of its best are the person's own are all rows joined."""
    table, rule = _RETRIEVABLE[kind]
    newest = "o.timestamp" if kind == "message" else "coalesce(o.said_at, o.created)"
    best = f"SELECT rowid, rank AS r FROM {table}_fts WHERE {table}_fts MATCH ? ORDER BY round(rank, 3), rowid DESC LIMIT ?"
    for most in (RANKED * limit, MOST_ROWS * 2):
        sql = f"""SELECT o.id FROM ({best}) AS b CROSS JOIN {table} AS o ON o.id = b.rowid
                  WHERE +o.profile_id = ? AND {rule} ORDER BY round(b.r, 3), {newest} DESC, o.id DESC LIMIT ?"""
        found = [row["id"] for row in fetch(db, sql, [query, most, profile_id, limit])]
        if len(found) == limit:
            break
    return found


def _newest(db: Database, profile_id: int, kind: str, query: str, limit: int) -> list[int]:
    """The newest first."""
    table, rule = _RETRIEVABLE[kind]
    sql = f"""SELECT o.id FROM {table}_fts CROSS JOIN {table} AS o ON o.id = {table}_fts.rowid
              WHERE {table}_fts MATCH ? AND +o.profile_id = ? AND {rule} ORDER BY {table}_fts.rowid DESC LIMIT ?"""
    return [row["id"] for row in fetch(db, sql, [query, profile_id, limit])]


def _rarest(db: Database, table: str, words: list[str]) -> list[str]:
    """The words that stand in the fewest rows, in `MOST_ROWS` together at most."""
    counted = sorted((count, word) for word in words if (count := _count(db, table, word)) <= MOST_ROWS)
    chosen, rows = [], 0
    for count, word in counted:
        rows += count
        if rows > MOST_ROWS:
            break
        chosen.append(word)
    return chosen


def _count(db: Database, table: str, word: str) -> int:
    """In how many rows a word stands, or MOST_ROWS + 1 for more. A frequent word stays so unless rows are deleted: it is counted once."""
    key = (place_of(db), table, word)
    removed = removals(db)
    if _frequent.get(key) == removed:
        return MOST_ROWS + 1
    sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM {table}_fts WHERE {table}_fts MATCH ? LIMIT ?)"
    count = int(fetch(db, sql, [_any([word], ""), MOST_ROWS + 1])[0]["n"])
    if count > MOST_ROWS:
        _frequent[key] = removed
    return count


def _any(words: list[str], joint: str) -> str:
    """Each word is quoted, so that nothing in it is taken for FTS5's own syntax."""
    return joint.join(f'"{word}"' for word in words)
