"""What the tests of corpora share: write small sources, build a corpus of them, read it back."""

import json
from pathlib import Path

import pyarrow
from pyarrow import parquet

from langatlas.corpora.build import build_corpus

SPLITS = ("pretrain", "locate", "test")


def write_jsonl(path, rows):
    """Write rows (objects, or strings taken literally as lines) as JSONL."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_parquet(path, **columns):
    """Write columns (lists or Arrow arrays) as Parquet."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path)
    return path


def build(folder, *parts, language="ru", **options):
    """Build a corpus into ``folder``. Returns the rows of every split, and the content of stats.json."""
    folder = Path(folder)
    outputs = {split: str(folder / f"{split}.parquet") for split in SPLITS}
    build_corpus(language, parts, outputs, str(folder / "stats.json"), **{"corpus": "tiny", "code": "c0de", **options})
    rows = {split: parquet.read_table(outputs[split]).to_pylist() for split in SPLITS}
    return rows, json.loads((folder / "stats.json").read_text(encoding="utf-8"))


def texts(rows):
    """The texts of a split, or of all splits."""
    if isinstance(rows, dict):
        return [row["text"] for split in SPLITS for row in rows[split]]
    return [row["text"] for row in rows]
