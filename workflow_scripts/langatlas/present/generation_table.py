"""What the model writes after each intervention: the texts themselves, and numbers by language."""

import pandas as pd

from langatlas import languages
from langatlas.present import columns, markup, wide_tables

KEYS = ["region", "ratio", "side", "seed"]
NUMBERS = ["repetition_rate", "replacement_rate"]
NOTE = """Greedy continuations of the same prompts. Repetition: share of three-token sequences that stood before in the same text.
Replacement: share of U+FFFD, bytes that are no character. Own language: share of texts that py3langid, choosing among the tested
languages, takes for the prompt's (it says nothing of very short texts or below a probability of 0.5); of labels that it does not
know there is none. As before: share of texts that are those of the unchanged model, letter for letter."""


def generation(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of all experiments with ``same_as_base`` added: whether the unchanged model wrote the same text."""
    place = ["model", "experiment", "language", "prompt_number"]
    base = rows[rows["side"] == "base"].set_index(place)["text"]
    of_base = base.reindex(pd.MultiIndex.from_frame(rows[place])).to_numpy()
    return rows.assign(same_as_base=rows["text"].to_numpy() == of_base)[columns.GENERATION]


def in_language(rows: pd.DataFrame, language: pd.Series | str) -> pd.Series:
    """1.0 where a text was said to be in a language, 0.0 where not; missing where py3langid could not have said so."""
    wanted = pd.Series(language, index=rows.index)
    detectable = [label in known.split() for label, known in zip(wanted, rows["detectable"].fillna(""), strict=True)]
    return (rows["detected"] == wanted).astype(float).where(detectable)


def wide_generation(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """Numbers by intervention, then the first text of each language under every intervention."""
    parts = {}
    for (model, experiment), rows in table.groupby(["model", "experiment"], sort=False):
        rows = rows.assign(
            intervention=[_named(*key) for key in zip(*(rows[key] for key in KEYS), strict=True)],
            own=in_language(rows, rows["language"]),
        )
        means = rows.groupby("intervention", sort=False)[[*NUMBERS, "own", "same_as_base"]].mean()
        means.columns = ["Repetition", "Replacement", "Own language", "As before"]
        means.insert(0, "Texts", rows.groupby("intervention", sort=False).size())
        parts[f"{model}, {experiment}: numbers over all languages"] = means.rename_axis("Removed").reset_index()
        for language in languages.order_by_family(rows["language"].unique(), labels):
            part = rows[(rows["language"] == language) & (rows["prompt_number"] == 0)]
            shown = pd.DataFrame({"Removed": list(part["intervention"]), "Text": [_shown(t) for t in part["text"]]})
            parts[f"{model}, {experiment}, {wide_tables.name(language, labels)}\nPrompt: {part['prompt'].iloc[0]}"] = (
                shown
            )
    return parts


def _named(region, ratio, side, seed) -> str:
    if side == "base":
        return "nothing"
    return f"{region} {markup.percent(ratio)}, {side}" + (f" ({seed:.0f})" if pd.notna(seed) else "")


def _shown(text: str) -> str:
    """One line; an empty text is said to be one."""
    return " ".join(text.split()) or "(empty)"
