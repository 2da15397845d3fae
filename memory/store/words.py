"""Full-text search: words come in, the retrievable messages or facts that match come out, best first."""

from sqlite_utils import Database

from memory.store.database import fetch

MOST_ROWS = 5_000
_RETRIEVABLE = {"message": ("messages", "o.me AND NOT o.excluded"), "fact": ("facts", "o.status = 'active'")}


def match_words(db: Database, profile_id: int, kind: str, words: list[str], limit: int) -> list[int]:
    """The ids of the person's own messages or active facts that hold any of the words, by BM25, the newest first on ties.

    A word that more than `MOST_ROWS` rows hold is left out where another is left: it says little about which row is meant, and BM25 reads all
    rows of every word. Where all words are that frequent, the newest rows that hold all of them (else any) come first.
    """
    table, rule = _RETRIEVABLE[kind]
    newest = "o.timestamp" if kind == "message" else "coalesce(o.said_at, o.created)"
    rare = [word for word in words if _is_rare(db, table, word)]
    order = f"round(bm25({table}_fts), 3), {newest} DESC, o.id DESC" if rare else f"{table}_fts.rowid DESC"
    sql = f"""SELECT o.id FROM {table}_fts CROSS JOIN {table} AS o ON o.id = {table}_fts.rowid
              WHERE {table}_fts MATCH ? AND o.profile_id = ? AND {rule} ORDER BY {order} LIMIT ?"""
    queries = [_any(rare, " OR ")] if rare else [_any(words, " AND "), _any(words, " OR ")]
    for query in queries:
        found = [row["id"] for row in fetch(db, sql, [query, profile_id, limit])]
        if found:
            return found
    return []


def _any(words: list[str], joint: str) -> str:
    """Each word is quoted, so that nothing in it is taken for FTS5's own syntax."""
    return joint.join(f'"{word}"' for word in words)


def _is_rare(db: Database, table: str, word: str) -> bool:
    sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM {table}_fts WHERE {table}_fts MATCH ? LIMIT ?)"
    return bool(fetch(db, sql, [_any([word], ""), MOST_ROWS + 1])[0]["n"] <= MOST_ROWS)
