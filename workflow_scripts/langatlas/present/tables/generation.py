"""What the model writes after each intervention: the texts themselves, and numbers by language."""

import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout
from langatlas.present.detected import in_language
from langatlas.present.measured import read_measured
from langatlas.present.table import Table

COLUMNS = columns.of(
    "model", "experiment", *columns.INTERVENTION, "language",
    {
        "prompt_number": "index of the prompt within its language",
        "prompt": "what the model was given",
        "text": "what it wrote, greedily",
    },
    "n_tokens", "repetition_rate",
    {
        "replacement_rate": "share of U+FFFD among the characters",
        "detected": "language of the text by py3langid, among the tested languages; empty where it cannot be told",
        "detected_probability": "its probability among those languages",
        "detectable": "the tested languages that py3langid knows; empty where it knows fewer than two: nothing is detected then",
        "same_as_base": "whether the unchanged model wrote the same text",
    },
)  # fmt: skip
NUMBERS = ["repetition_rate", "replacement_rate"]
NOTE = """Greedy continuations of the same prompts. Repetition: share of three-token sequences that stood before in the same text.
Replacement: share of U+FFFD, bytes that are no character. Own language: share of texts that py3langid, choosing among the tested
languages, takes for the prompt's (it says nothing of very short texts or below a probability of 0.5); of labels that it does not
know there is none. As before: share of texts that are those of the unchanged model, letter for letter."""


def build(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of all experiments with ``same_as_base`` added: whether the unchanged model wrote the same text."""
    place = ["model", "experiment", "language", "prompt_number"]
    base = rows[rows["side"] == "base"].set_index(place)["text"]
    of_base = base.reindex(pd.MultiIndex.from_frame(rows[place])).to_numpy()
    return rows.assign(same_as_base=rows["text"].to_numpy() == of_base)[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """Numbers by intervention, then the first text of each language under every intervention."""
    parts = {}
    for (model, experiment), rows in table.groupby(["model", "experiment"], sort=False):
        rows = rows.assign(
            intervention=layout.interventions(rows),
            own=in_language(rows, rows["language"]),
        )
        means = rows.groupby("intervention", sort=False)[[*NUMBERS, "own", "same_as_base"]].mean()
        means.columns = ["Repetition", "Replacement", "Own language", "As before"]
        means.insert(0, "Texts", rows.groupby("intervention", sort=False).size())
        parts[f"{model}, {experiment}: numbers over all languages"] = means.rename_axis("Removed").reset_index()
        for language in languages.order_by_family(rows["language"].unique(), labels):
            part = rows[(rows["language"] == language) & (rows["prompt_number"] == 0)]
            shown = pd.DataFrame({"Removed": list(part["intervention"]), "Text": [_shown(t) for t in part["text"]]})
            parts[f"{model}, {experiment}, {layout.name(language, labels)}\nPrompt: {part['prompt'].iloc[0]}"] = shown
    return parts


def _shown(text: str) -> str:
    """One line; an empty text is said to be one."""
    return " ".join(text.split()) or "(empty)"


TABLE = Table("What the model writes after removal", NOTE, COLUMNS, {"rows": read_measured}, build, wide)
