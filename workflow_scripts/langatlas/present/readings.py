"""Published readings: what the release did otherwise than this workflow, and what difference that makes in this run.

Every reading is measured: as another score (importance.variants), another scope, another reduction of the same rows, or
another arm of further pretraining. What a run lacks is said to be missing, never guessed.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from langatlas.present import columns, markup
from langatlas.present.control_pairs import CORE, SAME_TEXT
from langatlas.present.perplexity_table import is_removal

LEVEL = 0.05
WIDER = {"layer": "a layer", "global": "the whole model"}
NOT_MEASURED = "This run did not measure it."
NOTE = """Each row is a step of the released code that this workflow takes otherwise; both are options of the config. The sentence
says what the published one changes, in this run, for its models alone."""
Tables = Mapping[str, pd.DataFrame]


def readings(tables: Tables) -> pd.DataFrame:
    """One row a model and reading. ``tables`` by name: perplexity, controls, reliability, tokens; pretraining where run."""
    models = tables["perplexity"]["model"].unique()
    return pd.DataFrame([row for model in models for row in _rows(model, tables)], columns=columns.READINGS)


def _rows(model: str, tables: Tables) -> Iterator[dict]:
    own = {name: table[table["model"] == model] for name, table in tables.items()}
    for step, published, corrected, judge in READINGS:
        try:
            sentence = judge(own)
        except (KeyError, IndexError):
            sentence = NOT_MEASURED
        yield {"model": model, "step": step, "published": published, "corrected": corrected, "sentence": sentence}


def _range(values: pd.Series | np.ndarray) -> str:
    values = np.asarray(values, float)
    return f"{markup.number(np.median(values))} ({markup.number(values.min())} to {markup.number(values.max())})"


def _perplexity(tables: Tables) -> str:
    table = tables["perplexity"]
    finite = table[np.isfinite(table["perplexity"]) & np.isfinite(table["perplexity_published"])]
    factor = finite["perplexity_published"] / finite["perplexity"]
    base = finite[finite["side"] == "base"].set_index(["experiment", "language"])["perplexity_published"]
    key = pd.MultiIndex.from_frame(finite[["experiment", "language"]])
    ratio = (
        finite["perplexity_published"].to_numpy() / base.reindex(key).to_numpy() / finite["ratio_to_base"].to_numpy()
    )
    return (
        f"The same rows reduced as published give {_range(factor)} times the perplexity of this workflow over {len(finite)} "
        f"measurements, and {_range(ratio)} times its ratio to base."
    )


def _other_score(region: str) -> Callable[[Tables], str]:
    """What removing the region of another score does, beside the core from as many samples."""

    def judge(tables: Tables) -> str:
        table = tables["controls"]
        rows = table[(table["region"] == region) & table["ratio_to_reference"].notna()]
        reference = table[table["region"] == rows["reference"].iloc[0]]
        sure = rows["reference_p_value_holm"] < LEVEL
        few = " from as few samples" if rows["reference"].iloc[0] == SAME_TEXT else ""
        return (
            f"Removing its region multiplies perplexity by {_range(rows['ratio_to_base'])}, removing the core{few} by "
            f"{_range(reference['ratio_to_base'])}: significantly different in {int(sure.sum())} of {len(rows)} languages."
            + _shared(rows, reference)
        )

    return judge


def _shared(rows: pd.DataFrame, reference: pd.DataFrame) -> str:
    """How far a region agrees with the core, beside how far less text alone does."""
    jaccard = f" Jaccard index with the core: {markup.number(rows['jaccard'].iloc[0])}"
    if reference["region"].iloc[0] == SAME_TEXT:
        return f"{jaccard}; that of the core from as few samples: {markup.number(reference['jaccard'].iloc[0])}."
    return jaccard + "."


def _fits(tables: Tables) -> str:
    table = tables["tokens"]
    locate = table[table["split"] == "locate"]
    cut = locate["truncated"] + locate["dropped"]
    share = (cut / locate["documents"].where(locate["documents"] > 0)).dropna()
    low, high = (markup.percent(round(end, 2)) for end in (share.min(), share.max()))
    long = f"Of the documents {low} to {high} (by language) are too long. "
    return long + _other_score("core-short")(tables)


def _removed(tables: Tables) -> pd.DataFrame:
    """Rows of removed core regions at the largest ratio and last milestone."""
    table = tables["perplexity"]
    table = table[is_removal(table) & (table["region"].astype(str).isin([CORE, "core-layer", "core-global"]))]
    return table[(table["ratio"] == table["ratio"].max()) & (table["samples"] == table["samples"].max())]


def _scope(tables: Tables) -> str:
    rows = _removed(tables)
    top = rows[rows["side"] == "top"]
    here = top[top["scope"] == "matrix"]["ratio_to_base"]
    wider = top[top["scope"] != "matrix"]
    over = WIDER[wider["scope"].iloc[0]]
    compared = tables["reliability"][tables["reliability"]["comparison"] == "scopes"]["jaccard"]
    return (
        f"Removing {markup.percent(rows['ratio'].iloc[0])} multiplies perplexity by {_range(here)} where every matrix loses as "
        f"much, by {_range(wider['ratio_to_base'])} where parameters are ranked over {over}. The two regions "
        f"share {markup.number(compared.iloc[0])} of their parameters (Jaccard index)."
    )


def _random(tables: Tables) -> str:
    rows = _removed(tables)
    random = rows[(rows["side"] == "random") & (rows["scope"] == "matrix")]
    logs = random.assign(log=np.log(random["ratio_to_base"])).groupby("language")["log"]
    if random.empty or (count := int(logs.size().min())) < 2:
        raise KeyError("seeds")
    spread = np.exp(logs.max() - logs.min())
    return (
        f"{count} seeds of random parameters differ in their perplexity by a factor of {_range(spread)} over languages; one "
        f"unseeded draw leaves that open."
    )


def _master(tables: Tables) -> str:
    table = tables["pretraining"]
    # Both treatments stand in the same experiment, and the region was zeroed and left free.
    both = table[(table["mode"] == "zero-unfreeze") & table["training_samples"].gt(0).fillna(False)]
    both = both[both.groupby("experiment")["master"].transform("nunique") > 1]
    first = both[both["training_samples"] == both.groupby("experiment")["training_samples"].transform("min")]
    factor = {
        master: np.exp(np.log(rows["ratio_to_base"]).mean()) for master, rows in first.groupby("master", observed=True)
    }
    samples = int(first["training_samples"].iloc[0])
    steps = int(first["optimizer_steps"].iloc[0])
    return (
        f"After {samples} samples (optimizer steps: {steps}) perplexity stands at {markup.number(factor['corrected'])} times "
        f"that before the removal; as published at {markup.number(factor['published'])} times: restored from the optimizer's "
        f"untouched copy, not learnt."
    )


READINGS: list[tuple[str, str, str, Callable[[Tables], str]]] = [
    (
        "Perplexity of a text",
        "exp of the mean over batches of 16 sequences of each batch's mean NLL; sequences shuffled and dealt out to processes, "
        "some twice, and perplexities averaged over these (statistics.published_processes)",
        "exp of the mean over tokens, each sequence once",
        _perplexity,
    ),
    (
        "Importance: reduction",
        "gradient of the mean token NLL of each micro-batch (variant averaged; importance.reduction: published)",
        "gradient of the NLL summed over tokens",
        _other_score("core-averaged"),
    ),
    (
        "Importance: type",
        "rounded to bfloat16, so that many are equal (variant rounded)",
        "float32",
        _other_score("core-rounded"),
    ),
    (
        "Importance: sums",
        "gradients added up in bfloat16, so that the sum is off by more with every micro-batch (variant summed-bfloat16)",
        "added up in float32",
        _other_score("core-summed-bfloat16"),
    ),
    (
        "Importance: long documents",
        "dropped (variant short; tokens.policy: drop_long)",
        "cut to the sequence length",
        _fits,
    ),
    ("Ranking", "within each matrix (scope matrix)", "both: within each matrix, and over wider scopes", _scope),
    ("Random control", "one draw without a seed", "several seeds", _random),
    (
        "Removal before training",
        "in the working copy only (master: published)",
        "in the optimizer's master copy too (master: corrected)",
        _master,
    ),
]  # fmt: skip


def wide_readings(table: pd.DataFrame, labels: Mapping | None = None) -> dict[str, pd.DataFrame]:
    """A part a model: the step, both readings, what the published one changes."""
    headings = ["Step", "As published", "Here", "What the published reading changes"]
    parts = {}
    for model, rows in table.groupby("model", sort=False):
        part = rows[["step", "published", "corrected", "sentence"]]
        part.columns = headings
        parts[model] = part
    return parts
