"""The table of silencing on hand-made rows."""

import numpy as np
import pandas as pd
import pytest

from langatlas.measure import job
from langatlas.measure.perplexity import SCHEMA
from langatlas.neuron_files import BY_FREQUENCY
from langatlas.present.tables import edits, perplexity
from langatlas.present.tables import silencing as silencing_table


def write_rows(path, language, nll):
    """``nll``: (region_language, side, setting, seed) -> NLL of three sequences of 2, 3 and 5 tokens."""
    frames = []
    for (of, side, setting, seed), values in nll.items():
        frame = pd.DataFrame({"sequence": range(3), "nll_nats": values, "n_tokens": [2, 3, 5], "n_bytes": [9, 9, 9]})
        frame = frame.assign(side=side, seed=seed, setting=setting, n_characters=9)
        if of:
            frame = frame.assign(region=f"lape-{of}", region_language=of, edit="silence", lines=4)
        frames.append(frame)
    described = {"model": "m", "experiment": "e", "language": language}
    job.write_rows(pd.concat(frames, ignore_index=True), path, SCHEMA, described, {})


def test_the_table_of_silencing_by_hand(tmp_path):
    base, own = [4.0, 6.0, 10.0], [6.0, 6.0, 18.0]
    nll = {(None, "base", None, None): base, ("ru", "top", "gate", None): own}
    nll |= {("ru", "random", "gate", seed): [5.0, 6.0, 10.0 + 2 * seed] for seed in (1, 2)}
    nll |= {("ru", "random", f"gate, {BY_FREQUENCY}", seed): [4.0, 6.0, 10.0 + 4 * seed] for seed in (1, 2)}
    write_rows(tmp_path / "ru.parquet", "ru", nll)
    write_rows(tmp_path / "en.parquet", "en", dict.fromkeys(nll, base))
    paths = [tmp_path / "ru.parquet", tmp_path / "en.parquet"]
    table = silencing_table.build(paths, resamples=100, permutations=100, seed=1).set_index("language")
    ru, en = table.loc["ru"], table.loc["en"]
    assert ru["ratio_to_base"] == pytest.approx(np.exp((30 - 20) / 10))
    assert ru["ratio_to_random"] == pytest.approx(np.exp((30 - 24) / 10))  # mean over seeds: 5, 6, 13
    assert ru["ratio_to_frequency"] == pytest.approx(np.exp((30 - 26) / 10))  # 4, 6, 16
    assert ru["log_perplexity_published"] == pytest.approx((6 / 2 + 6 / 3 + 18 / 5) / 3)
    assert ru["log_perplexity_change_published"] == pytest.approx((2 / 2 + 0 + 8 / 5) / 3)
    assert (ru["rank"], en["rank"]) == (1, 2)
    assert (ru["n_neurons"], ru["n_seeds"], ru["method"]) == (4, 2, "lape")
    assert en["ratio_to_base"] == en["ratio_to_frequency"] == 1.0
    parts = silencing_table.wide(table.reset_index())
    assert next(iter(parts)) == "m: lape, top: × base"
    assert "2.72" in str(parts["m: lape, top: × base"]["ru"][0])


def test_the_table_of_perplexities_agrees_and_the_table_of_edits_leaves_neurons_out(tmp_path):
    """The general table pairs a set with the control of equal number by layer, as this one does; edits are of weights only."""
    nll = {(None, "base", None, None): [4.0, 6.0, 10.0], ("ru", "top", "gate", None): [6.0, 6.0, 18.0]}
    nll |= {("ru", "random", "gate", seed): [5.0, 6.0, 10.0 + 2 * seed] for seed in (1, 2)}
    nll |= {("ru", "random", f"gate, {BY_FREQUENCY}", 1): [4.0, 6.0, 14.0]}
    write_rows(tmp_path / "ru.parquet", "ru", nll)
    settings = {"resamples": 200, "permutations": 200, "seed": 1}
    general = perplexity.build([tmp_path / "ru.parquet"], **settings)
    top = general[general["side"] == "top"].iloc[0]
    own = silencing_table.build([tmp_path / "ru.parquet"], **settings).iloc[0]
    for name in ("ratio_to_base", "ratio_to_base_low", "ratio_to_random", "ratio_to_random_high", "p_value"):
        assert own[name] == pytest.approx(top[name]), name
    assert edits.build(general).empty
