"""What tables of further pretraining share: rows of all arms, their keys, perplexity by stage.

Axes: K stages, S sequences.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from langatlas.present import layout, markup
from langatlas.present.measured import read_measured

ARM = ["mode", "side", "master"]
EXPERIMENT = ["model", "experiment", "train_language", "learning_rate", "region", "ratio"]


def read_rows(paths: Iterable[str]) -> pd.DataFrame:
    """Rows of all arms. Raises ValueError where a test NLL is not finite before training."""
    rows = read_measured(sorted(map(str, paths)))
    rows = rows.astype({"training_samples": "Int64"})
    before = rows[rows["training_samples"].isna()]
    if not np.isfinite(before["nll_nats"]).all():
        raise ValueError("the NLL of a test sequence is not finite before training")
    return rows


def stages(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """NLL by stage and sequence (K, S) in the order of training, before first; tokens of each sequence (S,)."""
    order = part["training_samples"].fillna(-1).astype(int)
    nll = part.assign(stage=order).pivot(index="stage", columns="sequence", values="nll_nats").sort_index()
    tokens = part.drop_duplicates("sequence").set_index("sequence")["n_tokens"].loc[nll.columns]
    return nll.to_numpy(), tokens.to_numpy(np.float64)


def heading(key: tuple, labels: layout.Labels) -> str:
    """What heads the part of an experiment, given the values of EXPERIMENT."""
    model, experiment, trained, rate, region, ratio = key
    described = f"trained on {layout.name(trained, labels)}, learning rate {rate:g}, {region} {markup.percent(ratio)}"
    return f"{model}, {experiment}: {described}"
