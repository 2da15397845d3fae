"""The benchmark of imports on small files: what it writes is read whole, and the preview of a large text is measured."""

from pathlib import Path

from benchmarks.importing import preview, read_ours, write_long, write_telegram, write_whatsapp


def test_what_the_benchmark_writes_is_read_whole(tmp_path: Path) -> None:
    for name, write in (("chat.txt", write_whatsapp), ("result.json", write_telegram)):
        path = tmp_path / name
        assert write(path, 400, 0) == read_ours(path) > 300
    long = tmp_path / "long.txt"
    assert write_long(long, 0.0002, 0) == read_ours(long) > 20 and long.stat().st_size > 200_000


def test_a_preview_is_measured_and_stores_nothing() -> None:
    row = preview(0.0005, 0)
    assert row["kept"] == row["messages"] > 100 and row["peak_memory_mb"] > 20 and row["seconds"] > 0
