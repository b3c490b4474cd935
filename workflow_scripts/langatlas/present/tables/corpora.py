"""The table of corpora: how much text each language has in each split, and what was left out on the way."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from langatlas.languages import get, order_by_family
from langatlas.present import columns, layout
from langatlas.present.table import Table

COLUMNS = columns.of(
    {"corpus": "name of the corpus in the config"},
    "language", "split", "documents", "bytes", "characters",
)  # fmt: skip
NOTE = (
    "Documents of each split; characters and UTF-8 bytes of all kept text; records that were read and that were left "
    "out. A text that was in several splits stayed in the first of test, locate, pretrain."
)
LEFT_OUT = {
    "read": "Read",
    "empty": "Empty",
    "filtered": "Filtered",
    "duplicates": "Duplicates",
    "bad_records": "Bad records",
}


def read_stats(paths: Iterable[str]) -> list[dict]:
    """Content of the stats.json of every corpus and language."""
    return [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]


def build(stats: Sequence[dict], labels: layout.Labels = None) -> pd.DataFrame:
    """One row a corpus, language (by family) and split: documents, UTF-8 bytes and characters kept."""
    rows = [
        {"corpus": one["corpus"], "language": one["language"], "split": split, **one["splits"][split]}
        for one in in_order(stats, labels)
        for split in layout.SPLITS
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def in_order(stats: Sequence[dict], labels: layout.Labels) -> list[dict]:
    """By corpus, then by language family."""
    place = {code: rank for rank, code in enumerate(order_by_family({one["language"] for one in stats}, labels))}
    return sorted(stats, key=lambda one: (one["corpus"], place[one["language"]]))


def wide(table: pd.DataFrame, labels: layout.Labels = None, *, stats: Sequence[dict]) -> dict[str, pd.DataFrame]:
    """One row a corpus and language, with documents of each split and what was left out (records), which ``stats`` say."""
    rows = []
    for one in in_order(stats, labels):
        splits = one["splits"]
        rows.append(
            {
                "Corpus": one["corpus"],
                "Language": f"{get(one['language'], labels).name} ({one['language']})",
                **{split.capitalize(): splits[split]["documents"] for split in layout.SPLITS},
                "Characters": sum(size["characters"] for size in splits.values()),
                "Bytes": sum(size["bytes"] for size in splits.values()),
                **{title: one[count] for count, title in LEFT_OUT.items()},
            }
        )
    return {"": pd.DataFrame(rows)}


TABLE = Table("Corpora", NOTE, COLUMNS, {"stats": read_stats}, build, wide, shown=("stats",))
