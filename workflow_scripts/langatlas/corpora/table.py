"""The table of corpora: how much text each language has in each split, and what was left out on the way."""

import json
from collections.abc import Iterable, Mapping

import pandas as pd

from langatlas.corpora.records import SPLITS
from langatlas.languages import get, order_by_family

SPLITS_IN_USE = SPLITS[::-1]  # pretrain, locate, test: the order in which a run uses them
COLUMNS = ["corpus", "language", "split", "documents", "bytes", "characters"]
LEFT_OUT = {
    "read": "Read",
    "empty": "Empty",
    "filtered": "Filtered",
    "duplicates": "Duplicates",
    "bad_records": "Bad records",
}


def read_stats(paths: Iterable[str], labels: Mapping | None = None) -> list[dict]:
    """Content of the stats.json of every corpus and language, by corpus, then by language family."""
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as handle:
            found.append(json.load(handle))
    place = {code: rank for rank, code in enumerate(order_by_family({stats["language"] for stats in found}, labels))}
    return sorted(found, key=lambda stats: (stats["corpus"], place[stats["language"]]))


def corpora_table(stats: Iterable[Mapping]) -> pd.DataFrame:
    """One row per corpus, language and split: documents, UTF-8 bytes and characters kept."""
    rows = [
        {"corpus": one["corpus"], "language": one["language"], "split": split, **one["splits"][split]}
        for one in stats
        for split in SPLITS_IN_USE
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def wide_table(stats: Iterable[Mapping], labels: Mapping | None = None) -> pd.DataFrame:
    """For people: one row per corpus and language, with documents of each split and what was left out (records)."""
    rows = []
    for one in stats:
        splits = one["splits"]
        rows.append(
            {
                "Corpus": one["corpus"],
                "Language": f"{get(one['language'], labels).name} ({one['language']})",
                **{split.capitalize(): splits[split]["documents"] for split in SPLITS_IN_USE},
                "Characters": sum(size["characters"] for size in splits.values()),
                "Bytes": sum(size["bytes"] for size in splits.values()),
                **{title: one[count] for count, title in LEFT_OUT.items()},
            }
        )
    return pd.DataFrame(rows)
