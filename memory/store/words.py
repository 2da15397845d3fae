"""Full-text search: an FTS5 query comes in, the retrievable messages or facts that match come out, best first."""

from sqlite_utils import Database

from memory.store.database import fetch

MOST_ROWS = 2_000
_RETRIEVABLE = {"message": ("messages", "o.me AND NOT o.excluded"), "fact": ("facts", "o.status = 'active'")}


def match_words(db: Database, profile_id: int, kind: str, query: str, limit: int) -> list[int]:
    """The ids of the person's own messages or active facts that match an FTS5 query, by BM25, the newest first on ties.

    Of more than `MOST_ROWS` matches only the newest are ranked: words that stand in so many rows say little about which is meant.
    """
    table, rule = _RETRIEVABLE[kind]
    newest = "o.timestamp" if kind == "message" else "coalesce(o.said_at, o.created)"
    sql = f"""SELECT o.id FROM {table}_fts JOIN {table} AS o ON o.id = {table}_fts.rowid
              WHERE {table}_fts MATCH ? AND {table}_fts.rowid >= ? AND o.profile_id = ? AND {rule}
              ORDER BY round(bm25({table}_fts), 3), {newest} DESC, o.id DESC LIMIT ?"""
    first = fetch(db, f"SELECT rowid FROM {table}_fts WHERE {table}_fts MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?", [query, MOST_ROWS])
    return [row["id"] for row in fetch(db, sql, [query, first[0]["rowid"] if first else 0, profile_id, limit])]
