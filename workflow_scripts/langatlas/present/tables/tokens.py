"""The table `tokens`: how much text of each language became how many tokens, from the stats.json beside the shards."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from langatlas.languages import order_by_family
from langatlas.present import columns, layout
from langatlas.present.table import Table, paths

COLUMNS = columns.of(
    "model", "language", "split", "documents",
    {
        "sequences": "token sequences kept",
        "tokens": "tokens of the kept text",
    },
    "bytes", "characters",
    {
        "tokens_per_byte": "tokens / bytes",
        "tokens_per_character": "tokens / characters",
        "dropped": "documents left out because they were too long",
        "truncated": "documents cut to the sequence length",
        "policy": "what happens to text longer than a sequence: drop_long, truncate, pack",
        "sequence_length": "longest sequence, in tokens",
    },
)  # fmt: skip
NOTE = """Tokens of each split (BOS and EOS included), and how much text a token holds: the fewer bytes, the finer the
tokenizer cuts this language. Dropped, truncated: documents longer than a sequence."""
COUNTS = [
    "documents", "sequences", "tokens", "bytes", "characters", "dropped", "truncated", "policy", "sequence_length",
]  # fmt: skip


def build(stats: Iterable[str], labels: layout.Labels = None) -> pd.DataFrame:
    """One row a model, language (by family) and split, from ``{model}/tokens/{language}/{split}/stats.json``."""
    rows = []
    for path in map(Path, stats):
        model, _, language, split, _ = path.parts[-5:]
        found = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in COUNTS if name not in found]
        if missing:
            raise ValueError(f"{path}: no key {missing[0]!r}: rerun the tokenization of {language}, {split}")
        rows.append({"model": model, "language": language, "split": split, **{name: found[name] for name in COUNTS}})
    if not rows:
        raise ValueError("no stats.json of tokens: is any model with a language configured?")
    table = pd.DataFrame(rows)
    table["tokens_per_byte"] = table["tokens"] / table["bytes"]
    table["tokens_per_character"] = table["tokens"] / table["characters"]
    order = order_by_family(table["language"].unique(), labels)
    place = {
        "model": table["model"],
        "language": table["language"].map(order.index),
        "split": table["split"].map(layout.SPLITS.index),
    }
    return table.loc[pd.DataFrame(place).sort_values(list(place)).index, list(COLUMNS)].reset_index(drop=True)


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a language: tokens of each split, and how finely the tokenizer cuts the language."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        rows = []
        for language, splits in part.groupby("language", sort=False):
            row = {"Language": layout.name(language, labels)}
            row |= {f"Tokens, {split}": tokens for split, tokens in zip(splits["split"], splits["tokens"], strict=True)}
            row["Sequences"] = splits["sequences"].sum()
            row["Bytes a token"] = splits["bytes"].sum() / splits["tokens"].sum()
            row["Characters a token"] = splits["characters"].sum() / splits["tokens"].sum()
            row |= {name.capitalize(): splits[name].sum() for name in ("dropped", "truncated")}
            rows.append(row)
        parts[model] = pd.DataFrame(rows)
    return parts


TABLE = Table("Tokens", NOTE, COLUMNS, {"stats": paths}, build, wide)
