"""Controls against the core, sequence by sequence: by brute force, on rows whose difference is known."""

import numpy as np
import pandas as pd
import pytest

from langatlas.locate import concentration
from langatlas.present import columns
from langatlas.present.figures import concentration as concentration_figure
from langatlas.present.perplexity_rows import read_rows
from langatlas.present.tables import reliability
from langatlas.present.tables.controls import against_core, control_rows
from synthetic import TYPES

FAST = {"resamples": 400, "permutations": 499, "seed": 1}
SEQUENCES = 24
NONE = dict.fromkeys(columns.INTERVENTION)


def removed(region, nats, samples, side="top", seed=None):
    """An intervention and its change of NLL, in nats a token, of every sequence."""
    described = {"region": region, "scope": "matrix", "samples": samples, "side": side, "seed": seed, "ratio": 0.03}
    return NONE | described | {"edit": "remove"}, nats


def write(folder, experiment, interventions, language="ru", sequences=SEQUENCES, model="mini"):
    generator = np.random.default_rng(3)
    n_tokens = generator.integers(20, 120, SEQUENCES)[:sequences]
    frames = []
    for described, nats in [(NONE | {"side": "base"}, 0.0), *interventions]:
        measured = {"nll_nats": n_tokens * (1.5 + np.broadcast_to(nats, SEQUENCES)[:sequences]), "n_tokens": n_tokens}
        sizes = {"n_bytes": 3 * n_tokens, "n_characters": n_tokens, "sequence": np.arange(sequences)}
        where = {"model": model, "experiment": experiment, "language": language}
        frames.append(pd.DataFrame(where | described | measured | sizes).astype(TYPES))
    path = folder / f"{experiment}-{language}.parquet"
    pd.concat(frames, ignore_index=True).to_parquet(path)
    return path, n_tokens


NOISE = np.random.default_rng(8).normal(0, 0.3, (3, SEQUENCES))
CORE = 1.0 + NOISE[0]
FEW = 0.6 + NOISE[0]


@pytest.fixture
def pairs(tmp_path):
    core = [removed("core", CORE, 300), removed("core", 9.0, 75), removed("core", 0.1, 300, "random", 1)]
    core += [removed("core-global", 7.0, 300), removed("core", 0.0, 300, "bottom")]
    controls = [
        removed("core-few", FEW, 75),
        removed("core-wanda", FEW + 0.2, 75),
        removed("core-only_en", CORE - 0.4, 300),
    ]
    controls += [removed("core-matched", 0.3 + NOISE[s], 300, "random", s) for s in (1, 2)]
    paths = [write(tmp_path, name, rows)[0] for name, rows in (("core-removal", core), ("any-name", controls))]
    table = against_core(paths, **FAST)
    return table.set_index("region"), write(tmp_path, "x", core)[1]


def test_each_control_is_divided_by_the_core_from_as_many_samples(pairs):
    table, n_tokens = pairs
    assert table["reference"].to_dict() == {
        "core-few": "core", "core-wanda": "core-few", "core-only_en": "core", "core-matched": "core", "core-random": "core",
    }  # fmt: skip
    assert table.loc["core-wanda", "ratio_to_reference"] == pytest.approx(np.exp(0.2))
    assert table.loc["core-only_en", "ratio_to_reference"] == pytest.approx(np.exp(-0.4))
    mean = (0.3 + NOISE[1:].mean(0) - CORE) @ n_tokens / n_tokens.sum()
    assert table.loc["core-matched", "ratio_to_reference"] == pytest.approx(np.exp(mean))


def test_intervals_are_paired_and_cover_what_resampling_one_by_one_covers(pairs):
    table, n_tokens = pairs
    # A difference that is the same in every sequence has no spread, however much both parts have: pairing took it away.
    low, high = table.loc["core-wanda", ["ratio_to_reference_low", "ratio_to_reference_high"]]
    assert low == pytest.approx(high)
    difference = 0.3 + NOISE[1:].mean(0) - CORE
    generator, means = np.random.default_rng(0), []
    for _ in range(2000):
        drawn = generator.integers(0, SEQUENCES, SEQUENCES)
        means.append((difference[drawn] * n_tokens[drawn]).sum() / n_tokens[drawn].sum())
    ends = table.loc["core-matched", ["ratio_to_reference_low", "ratio_to_reference_high"]].astype(float)
    np.testing.assert_allclose(np.log(ends), np.quantile(means, [0.025, 0.975]), atol=0.04)
    assert table.loc["core-matched", "reference_p_value"] == pytest.approx(1 / 500)


def test_a_control_that_equals_the_core_on_average_is_not_significant(tmp_path):
    change = np.tile([0.5, -0.5], SEQUENCES // 2)
    paths = [
        write(tmp_path, "core-removal", [removed("core", 1.0, 300)])[0],
        write(tmp_path, "controls", [removed("core-only_en", 1.0 + change, 300)])[0],
    ]
    assert against_core(paths, **FAST)["reference_p_value"].item() > 0.2


def test_p_values_are_adjusted_over_languages(tmp_path):
    paths = []
    for language in ("en", "ru", "zh"):
        for name, rows in (("a", [removed("core", CORE, 9)]), ("b", [removed("core-only_en", 0.0, 9)])):
            paths.append(write(tmp_path, name, rows, language)[0])
    table = against_core(paths, **FAST)
    np.testing.assert_allclose(table["reference_p_value_holm"], 3 * table["reference_p_value"])


def test_other_sequences_are_refused_and_no_core_gives_no_rows(tmp_path):
    core, _ = write(tmp_path, "core-removal", [removed("core", 1.0, 300)])
    short, _ = write(tmp_path, "controls", [removed("core-only_en", 1.0, 300)], sequences=20)
    with pytest.raises(ValueError, match="mini ru: the core and its controls were not measured on the same sequences"):
        against_core([core, short], **FAST)
    assert against_core([short], **FAST).empty


def test_only_languages_in_which_controls_were_measured_are_compared(tmp_path):
    core = [removed("core", CORE, 300), removed("core", 0.1, 300, "random", 1)]
    paths = [write(tmp_path, "core", core, language)[0] for language in ("en", "ru")]
    paths.append(write(tmp_path, "controls", [removed("core-wanda", FEW, 300)], "ru")[0])
    rows = control_rows(pd.concat([read_rows(path) for path in paths], ignore_index=True))
    assert set(rows["region"]) == {"core", "core-random", "core-wanda"}
    assert set(rows["language"]) == {"ru"}
    assert set(against_core(paths, **FAST)["language"]) == {"ru"}


def test_core_of_a_wider_scope_stands_in_reliability():
    counts = pd.DataFrame(columns=list(reliability.COLUMNS))
    overlap = pd.DataFrame(
        {"model": "m", "region": ["core-wanda", "core-global", "core-global"], "scope": ["matrix", "global", "global"],
         "side": "top", "seed": np.nan, "ratio": 0.03, "parameter": ["a", "a", "b"], "n_a": 30, "n_b": [30, 10, 50],
         "intersection": [5, 8, 20], "union": [55, 32, 60], "n_parameters": 1000}
    )  # fmt: skip
    (row,) = reliability.build(counts, overlap).to_dict("records")
    assert row["comparison"] == "scopes"
    assert row["jaccard"] == pytest.approx(28 / 92)


def test_nulls_are_shared_by_matrices_of_one_shape_and_no_others():
    first = concentration.gini_null(6, 10, 14, 50, 1)
    assert concentration.gini_null(6, 10, 14, 50, 1) is first
    assert not np.array_equal(concentration.gini_null(6, 10, 15, 50, 1), first)


def test_the_figure_of_concentration_takes_chance_off_every_matrix():
    rows = [
        {"model": "m", "region": region, "region_language": language, "scope": "matrix", "measure": measure, "layer": layer,
         "statistic": 0.2 * layer + 0.3, "null_mean": 0.2 * layer, "null_sd": 0.01}
        for region, language in (("core", None), ("monolingual-ru", "ru"), ("monolingual-ar", "ar"))
        for measure in ("gini-head", "moran") for layer in range(4)
    ]  # fmt: skip
    drawing = concentration_figure.figure(pd.DataFrame(rows), "m")
    assert [axes.get_title() for axes in drawing.axes] == ["lines of heads", "neighbours in the matrix"]
    named = [text.get_text().split()[0] for text in drawing.axes[0].get_yticklabels()]
    assert named == ["the", "Arabic", "Russian"]
    dots = [d.get_offsets() for d in drawing.axes[0].collections if len(d.get_offsets()) == 4]
    assert len(dots) == 3
    for offsets in dots:
        np.testing.assert_allclose(offsets[:, 0], 0.3)
