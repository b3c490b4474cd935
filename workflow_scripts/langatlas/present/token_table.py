"""The table `tokens`: how much text of each language became how many tokens, from the stats.json beside the shards."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from langatlas.languages import order_by_family
from langatlas.present import wide_tables
from langatlas.present.columns import TOKENS

SPLITS = ("pretrain", "locate", "test")
COUNTS = [
    "documents", "sequences", "tokens", "bytes", "characters", "dropped", "truncated", "policy", "sequence_length",
]  # fmt: skip


def tabulate_tokens(paths: Iterable[str | os.PathLike], labels: wide_tables.Labels = None) -> pd.DataFrame:
    """One row a model, language (by family) and split, from ``{model}/tokens/{language}/{split}/stats.json``."""
    rows = []
    for path in map(Path, paths):
        model, _, language, split, _ = path.parts[-5:]
        stats = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in COUNTS if name not in stats]
        if missing:
            raise ValueError(f"{path}: no key {missing[0]!r}: rerun the tokenization of {language}, {split}")
        rows.append({"model": model, "language": language, "split": split, **{name: stats[name] for name in COUNTS}})
    if not rows:
        raise ValueError("no stats.json of tokens: is any model with a language configured?")
    table = pd.DataFrame(rows)
    table["tokens_per_byte"] = table["tokens"] / table["bytes"]
    table["tokens_per_character"] = table["tokens"] / table["characters"]
    order = order_by_family(table["language"].unique(), labels)
    place = {
        "model": table["model"],
        "language": table["language"].map(order.index),
        "split": table["split"].map(SPLITS.index),
    }
    return table.loc[pd.DataFrame(place).sort_values(list(place)).index, TOKENS].reset_index(drop=True)


def wide_tokens(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a language: tokens of each split, and how finely the tokenizer cuts the language."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        rows = []
        for language, splits in part.groupby("language", sort=False):
            row = {"Language": wide_tables.name(language, labels)}
            row |= {f"Tokens, {split}": tokens for split, tokens in zip(splits["split"], splits["tokens"], strict=True)}
            row["Sequences"] = splits["sequences"].sum()
            row["Bytes a token"] = splits["bytes"].sum() / splits["tokens"].sum()
            row["Characters a token"] = splits["characters"].sum() / splits["tokens"].sum()
            row |= {name.capitalize(): splits[name].sum() for name in ("dropped", "truncated")}
            rows.append(row)
        parts[model] = pd.DataFrame(rows)
    return parts
