"""Every published number of the regions paper, one a row, and what we found in the same experiment.

Our perplexity stands beside the published one only where our model is that model (``published_as``); for any other model
both are compared as ratios to base. Where the paper gives no base, or our settings are not the paper's, ``judgement`` says
what was taken instead.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from langatlas.present import columns, layout, markup, published_numbers
from langatlas.present.table import Table, read_optional, read_table
from langatlas.statistics import exp_or_inf

COLUMNS = columns.of(
    "experiment", "published_model", "model", "language", "region_language", "ratio", "samples", "setting", "lines",
    "edit", "amount", "target", "mode", "training_samples", "side", "published_perplexity",
    "published_ratio_to_base", "perplexity", "ratio_to_base",
    {"judgement": "what was taken for what, where the paper's case and ours are not the same"},
)  # fmt: skip
NOTE = """Ratios to the perplexity of the unchanged model. Ours: geometric mean over random seeds, from the largest number
of importance samples. Perplexities are compared only where both come from the same model; test texts differ in any case."""
CASE = [
    "experiment", "published_model", "language", "region_language", "ratio", "samples", "setting", "lines", "edit",
    "amount", "target", "mode", "training_samples", "side",
]  # fmt: skip
BY_BOTTOM = "no base is published: divided by the bottom side of the same setting"
LAST = "our last milestone"


def load(paths: Iterable[str]) -> pd.DataFrame:
    """All published numbers in one frame: the columns CASE, published_perplexity, published_ratio_to_base, judgement.

    ``paths``: the files of ``resources/published``, which lie in one folder.
    """
    folder = Path(next(iter(paths))).parent
    core = published_numbers.load_core(folder / "core_removal.csv").assign(experiment="core removal")
    monolingual = published_numbers.load_monolingual(folder / "monolingual_removal.csv").assign(
        experiment="monolingual removal"
    )
    lines = pd.read_csv(folder / "structured_removal.csv").assign(experiment="structured removal", edit="lines")
    parameters = pd.read_csv(folder / "parameter_perturbation.csv").assign(experiment="parameter perturbation")
    training = pd.read_csv(folder / "removal_then_pretraining.csv").assign(experiment="removal, then pretraining")
    bottom = lines[lines["side"] == "bottom"].set_index(keys := ["model", "setting", "samples", "lines"])["perplexity"]
    lines["ratio_to_base"] = lines["perplexity"] / bottom.reindex(pd.MultiIndex.from_frame(lines[keys])).to_numpy()
    base = parameters.loc[parameters["edit"].isna()].set_index("model")["perplexity"]
    parameters["ratio_to_base"] = parameters["perplexity"] / base.reindex(parameters["model"]).to_numpy()
    outlier = parameters["index"] == 2100  # the others are the paper's controls
    parameters["side"] = np.select([parameters["edit"].isna(), outlier], ["base", "top"], "random")
    parameters["target"] = [f"index {i:.0f}" if pd.notna(i) else None for i in parameters["index"]]
    start = training[(training["side"] == "bottom") & (training["training_samples"] == 0)].set_index("language")[
        "perplexity"
    ]
    training["ratio_to_base"] = training["perplexity"] / start.reindex(training["language"]).to_numpy()
    by_bottom = {"judgement": BY_BOTTOM}
    every = pd.concat(
        [core, monolingual, lines.assign(**by_bottom), parameters, training.assign(**by_bottom)], ignore_index=True
    )
    renamed = {
        "model": "published_model",
        "perplexity": "published_perplexity",
        "ratio_to_base": "published_ratio_to_base",
    }
    every = every.rename(columns=renamed)
    whole = dict.fromkeys(["samples", "lines", "training_samples"], "Int64")
    return every.reindex(columns=[*CASE, "published_perplexity", "published_ratio_to_base", "judgement"]).astype(whole)


def build(
    perplexity: pd.DataFrame,
    pretraining: pd.DataFrame | None,
    published: pd.DataFrame,
    published_as: Mapping[str, str],
) -> pd.DataFrame:
    """``published`` (``load``) with ours beside it: a row a published number and model of ours, none lost where we have none."""
    rows = []
    for model in sorted(perplexity["model"].unique()):
        ours = perplexity[perplexity["model"] == model]
        trained = None if pretraining is None else pretraining[pretraining["model"] == model]
        for case in published.to_dict("records"):
            same = published_as.get(model) == case["published_model"]
            if published_as.get(model) and not same:
                continue  # ours is another published model: that one's numbers stand beside it
            found, judgement = _ours(case, ours, trained)
            said = "; ".join(text for text in (case["judgement"], judgement) if isinstance(text, str) and text)
            row = case | {"model": model, "judgement": said or None}
            row |= {"ratio_to_base": found[1], "perplexity": found[0] if same else np.nan}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        dict.fromkeys(["samples", "lines", "training_samples"], "Int64")
    )


def _ours(case: dict, ours: pd.DataFrame, trained: pd.DataFrame | None) -> tuple[tuple[float, float], str]:
    """Our perplexity and ratio to base in a published case (NaN where there is none), and what was taken for what."""
    if case["mode"] and isinstance(case["mode"], str):
        return _ours_after_training(case, trained)
    rows = ours[(ours["language"] == case["language"]) & (ours["side"] == case["side"])]
    if case["side"] == "base":
        return _mean(rows), ""
    if case["experiment"] == "core removal":
        rows = rows[(rows["region"] == "core") & (rows["edit"] == "remove") & np.isclose(rows["ratio"], case["ratio"])]
        return _mean(_most_samples(rows)), ""
    if case["experiment"] == "monolingual removal":
        rows = rows[(rows["region"] == f"monolingual-{case['region_language']}") & (rows["edit"] == "remove")]
        ratios = sorted(rows["ratio"].unique())
        rows = rows[rows["ratio"] == ratios[-1]] if ratios else rows
        return _mean(
            _most_samples(rows)
        ), f"our ratio {ratios[-1]:g}; the paper does not give its own" if ratios else ""
    if case["experiment"] == "structured removal":
        named = f"{case['setting']}, shared by matrix"
        rows = rows[(rows["edit"] == "lines") & (rows["setting"] == named) & (rows["lines"] == case["lines"])]
        return _mean(rows), ""
    rows = rows[
        (rows["edit"] == case["edit"])
        & (rows["setting"] == case["setting"])
        & np.isclose(rows["amount"], case["amount"])
    ]
    return _mean(rows), "ours: " + ", ".join(rows["target"].dropna().unique()) if len(rows) else ""


def _ours_after_training(case: dict, trained: pd.DataFrame | None) -> tuple[tuple[float, float], str]:
    """The arm with master weights as published; another number of samples than the paper's is the last milestone."""
    if trained is None or trained.empty:
        return (np.nan, np.nan), ""
    rows = trained[
        (trained["mode"] == case["mode"]) & (trained["side"] == case["side"]) & (trained["master"] == "published")
    ]
    rows = rows[(rows["language"] == case["language"]) & rows["training_samples"].notna()]
    exact = rows[rows["training_samples"] == case["training_samples"]]
    if len(exact) or rows.empty:
        return _mean(exact), ""
    last = rows[rows["training_samples"] == rows["training_samples"].max()]
    return _mean(last), f"{LAST}, {int(last['training_samples'].iloc[0]):,} samples"


def _most_samples(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["samples"] == rows["samples"].max()] if rows["samples"].notna().any() else rows


def _mean(rows: pd.DataFrame) -> tuple[float, float]:
    """Geometric means; NaN of nothing. Rows of several experiments that measured the same (base) are equal."""
    if rows.empty:
        return np.nan, np.nan
    return tuple(float(exp_or_inf(np.log(rows[name]).mean())) for name in ("perplexity", "ratio_to_base"))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part an experiment, published model and model of ours; columns that are empty there are left out."""
    parts = {}
    shown = ["language", "region_language", "ratio", "samples", "setting", "lines", "edit", "amount", "target", "mode"]
    shown += ["training_samples", "side"]
    for (experiment, known, model), rows in table.groupby(["experiment", "published_model", "model"], sort=False):
        rows = rows[rows["side"] != "base"] if experiment != "parameter perturbation" else rows
        part = rows[shown].dropna(axis=1, how="all").reset_index(drop=True)
        part.columns = [name.replace("_", " ").capitalize() for name in part.columns]
        part["Published"] = rows["published_perplexity"].to_numpy()
        part["Published × base"] = rows["published_ratio_to_base"].to_numpy()
        if rows["perplexity"].notna().any():
            part["Ours"] = rows["perplexity"].to_numpy()
        part["Ours × base"] = rows["ratio_to_base"].to_numpy()
        if rows["judgement"].notna().any():
            part["Note"] = [markup.MISSING if pd.isna(text) else text for text in rows["judgement"]]
        parts[f"{experiment}: {known} and {model}"] = part
    return parts


TABLE = Table(
    "Published numbers beside ours",
    NOTE,
    COLUMNS,
    {"perplexity": read_table, "pretraining": read_optional, "published": load},
    build,
    wide,
)
