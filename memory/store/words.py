"""Full-text search: an FTS5 query comes in, the retrievable messages or facts that match come out, best first."""

from sqlite_utils import Database

from memory.store.database import fetch

MOST_ROWS = 10_000
_RETRIEVABLE = {"message": ("messages", "o.me AND NOT o.excluded"), "fact": ("facts", "o.status = 'active'")}


def match_words(db: Database, profile_id: int, kind: str, query: str, limit: int) -> list[int]:
    """The ids of the person's own messages or active facts that match an FTS5 query, by BM25, the newest first on ties."""
    table, rule = _RETRIEVABLE[kind]
    newest = "o.timestamp" if kind == "message" else "coalesce(o.said_at, o.created)"
    sql = f"""SELECT o.id FROM {table}_fts JOIN {table} AS o ON o.id = {table}_fts.rowid
              WHERE {table}_fts MATCH ? AND o.profile_id = ? AND {rule}
              ORDER BY round(bm25({table}_fts), 3), {newest} DESC, o.id DESC LIMIT ?"""
    return [row["id"] for row in fetch(db, sql, [query, profile_id, limit])]


def rare_words(db: Database, kind: str, words: list[str], most: int = MOST_ROWS) -> list[str]:
    """Those of the words that no more than `most` rows hold.

    A word in tens of thousands of messages says little about which one is meant, and ranking all of them takes longer than everything else.
    """
    table, _ = _RETRIEVABLE[kind]
    sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM {table}_fts WHERE {table}_fts MATCH ? LIMIT ?)"
    return [word for word in words if fetch(db, sql, [f'"{word}"', most + 1])[0]["n"] <= most]
