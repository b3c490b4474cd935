"""Tables of regions against hand computation."""

import math

import pandas as pd
import pytest

from langatlas.present.table import load, read_table, read_tables

SETTING = {"model": "mini", "samples": 256, "scope": "matrix", "ratio": 0.5}


def table_of(name: str, counts: pd.DataFrame, folder) -> pd.DataFrame:
    """The table, after a round trip through the counts' CSV and through its own."""
    counts.to_csv(folder / "counts.csv", index=False)
    kind = load(name)
    table = kind.build(read_tables([folder / "counts.csv"]))
    kind.make({"counts": [folder / "counts.csv"]}, folder / f"{name}.csv", settings={})
    pd.testing.assert_frame_equal(read_table(folder / f"{name}.csv"), table)
    return table


def test_overlap_is_summed_over_matrices_and_divided_by_what_chance_gives(tmp_path):
    pair = {**SETTING, "side": "top", "language_a": "ru", "language_b": "uk"}
    # One matrix of 4: two sets of 2 share 0, 1 or 2 with probability 1/6, 4/6, 1/6. Jaccard: 0, 1/3, 1.
    one = pd.DataFrame(
        [{**pair, "parameter": "a", "n_a": 2, "n_b": 2, "intersection": 2, "union": 2, "n_parameters": 4}]
    )
    row = table_of("region_overlap", one, tmp_path).iloc[0]
    assert row["jaccard_by_chance"] == pytest.approx(4 / 6 / 3 + 1 / 6)
    assert row["times_chance"] == pytest.approx(1 / (4 / 18 + 1 / 6))
    two = pd.concat([one, one.assign(parameter="b", intersection=0, union=4)])
    row = table_of("region_overlap", two, tmp_path).iloc[0]
    assert (row["intersection"], row["union"], row["jaccard"]) == (2, 6, pytest.approx(1 / 3))


def test_empty_regions_share_nothing_that_could_be_divided(tmp_path):
    pair = {**SETTING, "side": "top", "language_a": "ru", "language_b": "uk", "parameter": "a"}
    counts = pd.DataFrame([{**pair, "n_a": 0, "n_b": 0, "intersection": 0, "union": 0, "n_parameters": 4}])
    row = table_of("region_overlap", counts, tmp_path).iloc[0]
    assert math.isnan(row["jaccard"])
    assert math.isnan(row["times_chance"])


def test_density_for_people_is_the_share_of_a_module_over_all_layers(tmp_path):
    place = {"parameter": "p", "module": "attn.q", "n_parameters": 100}
    region = {**SETTING, "region": "core", "region_language": None, "side": "top", "seed": None}
    counts = pd.DataFrame([{**region, **place, "layer": layer, "n_selected": 10 * layer} for layer in (0, 1, 2)])
    counts["density"] = counts["n_selected"] / 100
    table = table_of("region_density", counts, tmp_path)
    assert list(table.columns) == list(load("region_density").columns)
    wide = load("region_density").wide(table, None)["mini"]
    assert wide["attn.q"].tolist() == [10.0]  # 30 of 300
    assert list(wide.columns) == ["Region", "Samples", "Side", "Ratio", "attn.q"]


def test_similarity_for_people_is_symmetric_and_ordered_by_family(tmp_path):
    pairs = [("uk", "zh", 0.2), ("uk", "ru", 0.9), ("zh", "ru", 0.1)]
    counts = pd.DataFrame(pairs, columns=["language_a", "language_b", "spearman"])
    counts = counts.assign(model="mini", samples=256, cosine=0.5, n_parameters=10)
    table = table_of("importance_similarity", counts, tmp_path)
    wide = load("importance_similarity").wide(table, None)["mini, 256 samples: spearman"]
    assert wide["Language"].tolist() == ["Russian (ru)", "Ukrainian (uk)", "Chinese (zh)"]
    square = wide[["ru", "uk", "zh"]].to_numpy()
    assert square[0, 1] == square[1, 0] == 0.9
    assert square[0, 2] == square[2, 0] == 0.1
    assert math.isnan(square[0, 0])
