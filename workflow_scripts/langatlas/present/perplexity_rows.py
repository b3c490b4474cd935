"""From the rows of perplexity files, one a sequence, to one row an intervention, as in the table `perplexity`.

Axes: I interventions of one language, S sequences, R resamples.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.present import columns, paired
from langatlas.present.measured import check_same_weights

COORDINATES = ["model", "experiment", "language"]
SAME = ["sequence", "n_tokens", "n_bytes"]  # must be equal for all interventions of a language
# A random intervention controls the top and bottom that are equal in these; which indices it hit is its own affair.
CONTROLLED_BY = ["region", "scope", "samples", "ratio", "edit", "setting", "lines", "amount"]
WORDS = ["region", "region_language", "scope", "side", "edit", "setting", "target"]
TYPES = {"samples": "Int64", "seed": "Int64", "ratio": "float64", "lines": "Int64", "amount": "float64"}
MONOLINGUAL = "monolingual-"
PUBLISHED_BATCH = 16  # sequences of one batch of the released evaluation
PUBLISHED_PROCESSES = 8  # GPUs of the released runs, each with batches of its own
SIDES = ("base", "top", "middle", "bottom", "random")


def summarized(
    paths: Iterable[str | os.PathLike],
    *,
    resamples: int = 2000,
    permutations: int = 10_000,
    seed: int = 0,
    published_processes: int = PUBLISHED_PROCESSES,
) -> pd.DataFrame:
    """One row an intervention of many perplexity files (one a model, experiment and language, in any order).

    Intervals: percentile bootstrap over sequences, the same resamples for all interventions of a file. They are empty
    where a file has one sequence only. p-values: paired sign-flip test against the random control, whose per-sequence
    NLL is the mean over its seeds. Both as in ``langatlas.statistics``. ``published_processes``: as of
    ``published_perplexity``. Raises ValueError for rows that no mean may be taken of, naming file, intervention and sequence.
    """
    settings = {"resamples": resamples, "permutations": permutations, "seed": seed, "processes": published_processes}
    paths = sorted(map(Path, paths))
    tables = [summarize(read_rows(path), path, **settings) for path in paths]
    if not tables:
        raise ValueError("no perplexity files: is any experiment with a language configured?")
    check_same_weights(paths)
    return pd.concat(tables, ignore_index=True)


def read_files(paths: Iterable[str | os.PathLike]) -> list[pd.DataFrame]:
    """Rows of each file, as of ``read_rows``. Raises ValueError as ``check_same_weights`` does, too."""
    paths = list(paths)
    rows = [read_rows(path) for path in paths]
    check_same_weights(paths)
    return rows


def read_rows(path: str | os.PathLike) -> pd.DataFrame:
    """Rows of one perplexity file, checked: columns, one model, experiment and language, sides, finite sums."""
    rows = pd.read_parquet(path)
    missing = [name for name in [*COORDINATES, *columns.INTERVENTION, *SAME, "nll_nats"] if name not in rows]
    if missing:
        raise ValueError(f"{path}: no column {missing[0]!r}; it has {', '.join(rows.columns)}")
    if rows.empty:
        raise ValueError(f"{path}: no rows; rerun the measurement of this language")
    for name in COORDINATES:
        if rows[name].nunique(dropna=False) > 1:
            raise ValueError(f"{path}: holds more than one {name}: {sorted(map(str, rows[name].unique()))}")
    if not rows["side"].isin(SIDES).all():
        raise ValueError(f"{path}: side must be one of {SIDES}, got {sorted(set(rows['side']) - set(SIDES))}")
    wrong = ~np.isfinite(rows["nll_nats"]) | (rows["n_tokens"] <= 0) | (rows["n_bytes"] <= 0)
    if wrong.any():
        row = rows[wrong].iloc[0]
        raise ValueError(
            f"{path}: intervention {_name(row)}, sequence {row['sequence']}: nll_nats {row['nll_nats']}, n_tokens "
            f"{row['n_tokens']}, n_bytes {row['n_bytes']}; the NLL must be finite and the counts positive. "
            f"{wrong.sum()} of {len(rows)} rows are so. A model in a narrower dtype than float32 may have overflowed."
        )
    return rows.astype(dict.fromkeys(WORDS, "str") | TYPES)


def summarize(
    rows: pd.DataFrame, path: str | os.PathLike, *, resamples: int, permutations: int, seed: int, processes: int
) -> pd.DataFrame:
    """One row an intervention of the rows of one file (as ``read_rows`` gives them); ``path`` is for messages."""
    interventions, nll_IS, weights_2S = _by_intervention(rows, path)
    base = _base(interventions, path)
    controls_I = _controls(interventions)
    treated_T = np.array([index for index, controls in enumerate(controls_I) if controls], dtype=np.intp)
    control_TS = np.array([nll_IS[controls_I[index]].mean(axis=0) for index in treated_T]).reshape(-1, nll_IS.shape[1])

    series_KS = np.vstack([nll_IS, control_TS, weights_2S])
    tokens_S, bytes_S = weights_2S
    table = interventions.assign(**{name: rows[name].iloc[0] for name in COORDINATES})
    for name, drawn in _reductions(paired.drawn_sums(series_KS, resamples, seed), base, treated_T).items():
        finish = np.asarray if name == "bits_per_byte" else statistics.exp_or_inf
        table = table.assign(**paired.interval(name, drawn, finish))
    table["perplexity_published"] = published_perplexity(nll_IS, tokens_S, processes)
    p_values = statistics.sign_flip_p_values(nll_IS[treated_T] - control_TS, permutations, seed)
    table["p_value"] = pd.Series(p_values, index=treated_T)
    return table.assign(n_sequences=len(tokens_S), n_tokens=int(tokens_S.sum()), n_bytes=int(bytes_S.sum()))


def _reductions(sums_RK: np.ndarray, base: int, treated_T: np.ndarray) -> dict[str, np.ndarray]:
    """Every number of the table from drawn sums over sequences, (1 + R, I) each; all but bits per byte as logarithms.

    K: I interventions, T random controls (one a treated intervention), tokens, bytes.
    """
    n_interventions = sums_RK.shape[1] - len(treated_T) - 2
    tokens_R1, bytes_R1 = sums_RK[:, [-2]], sums_RK[:, [-1]]
    log_perplexity_RI = sums_RK[:, :n_interventions] / tokens_R1
    log_to_random_RI = np.full_like(log_perplexity_RI, np.nan)
    log_control_RT = sums_RK[:, n_interventions:-2] / tokens_R1
    log_to_random_RI[:, treated_T] = log_perplexity_RI[:, treated_T] - log_control_RT
    return {
        "perplexity": log_perplexity_RI,
        "bits_per_byte": sums_RK[:, :n_interventions] / np.log(2) / bytes_R1,
        "ratio_to_base": log_perplexity_RI - log_perplexity_RI[:, [base]],
        "ratio_to_random": log_to_random_RI,
    }


def published_perplexity(nll_IS: np.ndarray, tokens_S: np.ndarray, processes: int) -> np.ndarray:
    """(I, S), (S,) -> (I,): mean over processes of exp of the mean over batches of each batch's mean NLL, as released.

    Zhang et al. 2024, evaluation in batches of 16: a token of a batch of short texts weighs more, and so does one of a last
    batch that is not full. Sequences are shuffled (``published_order``), one process or many; each takes every n-th, the
    first ones again until all have equally many. End marks count like any token: the release predicts them too.
    """
    dealt = np.resize(published_order(len(tokens_S)), -(-len(tokens_S) // processes) * processes)
    found = []
    for rank in range(processes):
        mine = dealt[rank::processes]
        starts = np.arange(0, len(mine), PUBLISHED_BATCH)
        means = np.add.reduceat(nll_IS[:, mine], starts, axis=1) / np.add.reduceat(tokens_S[mine], starts)
        found.append(statistics.exp_or_inf(means.mean(axis=1)))
    return np.mean(found, axis=0)


def published_order(count: int) -> np.ndarray:
    """Order in which the released evaluation takes ``count`` sequences: that of torch's DistributedSampler as it stands.

    It shuffles unless told otherwise, with seed 0 in epoch 0. torch.randperm is a Fisher-Yates shuffle that draws 32 bits a
    step from the Mersenne Twister, which numpy has too; so tables need no torch, and its version does not matter.
    """
    order = np.arange(count)
    draws = np.random.RandomState(0).randint(0, 2**32, count, dtype=np.uint32).astype(np.int64)
    for place, other in enumerate(np.arange(count) + draws % np.arange(count, 0, -1)):
        order[[place, other]] = order[[other, place]]
    return order


def _by_intervention(rows: pd.DataFrame, path: str | os.PathLike) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Interventions in their order of appearance (I rows), their NLL (I, S), and tokens and bytes (2, S).

    Raises ValueError where interventions were not measured on the same sequences: nothing would be paired.
    """
    order = rows.groupby(columns.INTERVENTION, dropna=False, sort=False).ngroup()
    rows = rows.assign(intervention=order).sort_values(["intervention", "sequence"], kind="stable")
    counts = rows.groupby("intervention").size().to_numpy()
    sequences_IS3 = rows[SAME].to_numpy()
    unpaired = np.flatnonzero(counts != counts[0])
    if not unpaired.size:
        sequences_IS3 = sequences_IS3.reshape(len(counts), -1, len(SAME))
        unpaired = np.flatnonzero((sequences_IS3 != sequences_IS3[0]).any(axis=(1, 2)))
    interventions = rows.drop_duplicates("intervention")[columns.INTERVENTION].reset_index(drop=True)
    if unpaired.size:
        other = unpaired[0]
        raise ValueError(
            f"{path}: intervention {_name(interventions.loc[other])} was not measured on the same sequences as "
            f"{_name(interventions.loc[0])} ({counts[other]} and {counts[0]} rows): rerun the measurement"
        )
    repeated = np.flatnonzero(np.diff(sequences_IS3[0, :, 0]) == 0)
    if repeated.size:
        number = sequences_IS3[0, repeated[0], 0]
        raise ValueError(f"{path}: intervention {_name(interventions.loc[0])} holds sequence {number} more than once")
    nll_IS = rows["nll_nats"].to_numpy(np.float64).reshape(len(counts), -1)
    return interventions, nll_IS, sequences_IS3[0, :, 1:].T.astype(np.float64)


def _base(interventions: pd.DataFrame, path: str | os.PathLike) -> int:
    """Position of the unchanged model among the interventions."""
    positions = np.flatnonzero(interventions["side"] == "base")
    if len(positions) != 1:
        raise ValueError(f"{path}: there must be one intervention with side=base, got {len(positions)}")
    return int(positions[0])


def _controls(interventions: pd.DataFrame) -> list[list[int]]:
    """For each intervention the positions of its random controls, one a seed; none for base and random themselves.

    The random regions beside a monolingual region are as large as its top; its bottom has another size, so no control.
    """
    settings = interventions.groupby(CONTROLLED_BY, dropna=False).ngroup()
    random = interventions["side"] == "random"
    controls = {setting: list(index) for setting, index in settings[random].groupby(settings[random]).groups.items()}
    top = interventions["side"] == "top"
    treated = top | (interventions["side"].isin(["middle", "bottom"]) & ~is_monolingual(interventions))
    return [controls.get(setting, []) if wanted else [] for setting, wanted in zip(settings, treated, strict=True)]


def is_removal(table: pd.DataFrame) -> pd.Series:
    """Which rows removed a whole region, not lines of it."""
    return table["edit"] == "remove"


def is_monolingual(table: pd.DataFrame) -> pd.Series:
    """Which rows removed what the region of one language does not share."""
    return is_removal(table) & table["region"].astype("str").str.startswith(MONOLINGUAL, na=False)


def _name(row: pd.Series) -> str:
    """An intervention in words, for messages: its columns that are not empty."""
    return ", ".join(f"{name}={row[name]}" for name in columns.INTERVENTION if pd.notna(row[name]))
