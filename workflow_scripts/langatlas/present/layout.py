"""How tables are laid out for people: languages by name, headings, numbers with their interval."""

from collections.abc import Mapping

import pandas as pd

from langatlas import languages
from langatlas.present import columns, markup

Labels = Mapping[str, Mapping[str, str]] | None  # the config's own labels, which are no languages
HEADINGS = {
    "region": "Region", "scope": "Scope", "samples": "Samples", "side": "Side", "ratio": "Ratio",
    "edit": "Edit", "setting": "Setting", "target": "Target", "lines": "Lines", "amount": "Amount",
}  # fmt: skip
UNCHANGED = "nothing"
SPLITS = ("pretrain", "locate", "test")  # in the order in which a run uses them


def name(label: str, labels: Labels) -> str:
    """``Russian (ru)``."""
    language = languages.get(label, labels)
    return label if language.name == label else f"{language.name} ({label})"


def setting(model: str, samples, ratio: float, scope: str) -> str:
    """``mini, 3 % of each matrix, 256 samples``: what heads a part."""
    within = {"matrix": "of each matrix", "layer": "of each layer", "global": "of the model"}.get(scope, f"({scope})")
    return f"{model}, {markup.percent(ratio)} {within}, {markup.number(samples)} samples"


def intervention(row: Mapping) -> str:
    """What was done to the model, in words: ``nothing``, ``core 3 %, top``, ``core, random (2): lines, attn.o, 10 lines``."""
    if row["side"] == "base":
        return UNCHANGED
    given = {key: row[key] for key in columns.INTERVENTION if pd.notna(row[key])}
    said = " ".join(
        str(text) for text in (given.get("region"), "ratio" in given and markup.percent(given["ratio"])) if text
    )
    said = ", ".join(filter(None, [said, given["side"]])) + (f" ({given['seed']:.0f})" if "seed" in given else "")
    if given.get("edit", "remove") == "remove":
        return said
    amount = f" {given['amount']:g}" if given["edit"] in ("multiply", "set") and "amount" in given else ""
    more = [given["edit"] + amount, *(given[key] for key in ("setting", "target") if key in given)]
    more += [f"{given['lines']:.0f} line{'s' * (given['lines'] != 1)}"] if "lines" in given else []
    return f"{said}: {', '.join(more)}"


def interventions(rows: pd.DataFrame) -> list[str]:
    """``intervention`` of every row; from how many samples a region was found is said where one name would mean two."""
    names = pd.Series([intervention(row) for _, row in rows.iterrows()], index=rows.index, dtype=object)
    different = rows[columns.INTERVENTION].assign(name=names).drop_duplicates()
    twice = names.isin(different.loc[different["name"].duplicated(), "name"]) & rows["samples"].notna()
    names[twice] += [f", {count:.0f} samples" for count in rows.loc[twice, "samples"]]
    return names.tolist()


def cell(row: Mapping, name: str) -> str:
    """A number of a row with its interval: ``1.31 [1.28, 1.35]``."""
    return markup.interval(*(row[column] for column in columns.with_interval(name)))


def cells(rows: pd.DataFrame, name: str) -> list[str]:
    """``cell`` of every row."""
    return [markup.interval(*row) for row in rows[columns.with_interval(name)].itertuples(index=False)]
