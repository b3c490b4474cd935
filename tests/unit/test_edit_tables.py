"""Tables of edits and of outlier dimensions, from made-up measurements."""

import math

import numpy as np
import pandas as pd
import pytest

from langatlas.present.figures import core_lines
from langatlas.present.tables import edits, outliers
from langatlas.present.tables.perplexity import build as tabulate_perplexity
from small_tables import FAST, write_rows
from synthetic import NULL_INTERVENTION, TYPES

CHANGES = {"top": 4.0, "middle": 0.4, "bottom": 0.1, "random-1": 0.2, "random-2": 0.6}


def rows_of(language: str, edit: str, settings: list[dict]) -> pd.DataFrame:
    """Base 10 nats over 5 tokens in each of 12 sequences; an edit adds CHANGES nats (times lines) to each of them."""
    count = 12
    common = {"model": "m", "experiment": "e", "language": language, "sequence": np.arange(count)}
    common |= {"n_tokens": 5, "n_bytes": 20, "n_characters": 10}
    frames = [pd.DataFrame({**common, **NULL_INTERVENTION, "side": "base", "samples": None, "nll_nats": 10.0})]
    for setting in settings:
        for name, change in CHANGES.items():
            side, _, seed = name.partition("-")
            described = {
                **NULL_INTERVENTION,
                "samples": 9,
                "side": side,
                "seed": int(seed) if seed else None,
                "edit": edit,
            }
            described |= {"target": f"index {name}", "amount": 0.0, **setting}
            nll = 10.0 + change * setting["lines"] + 0.01 * np.arange(count)
            frames.append(pd.DataFrame({**common, **described, "nll_nats": nll}))
    return pd.concat(frames)[list(TYPES)].astype(TYPES)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    settings = [{"setting": s, "lines": n, "region": "core"} for s in ("a", "b") for n in (1, 3)]
    folder = tmp_path_factory.mktemp("edits")
    perplexity = tabulate_perplexity([write_rows(folder, rows_of("ru", "lines", settings))], **FAST)
    return edits.build(perplexity)


def test_each_setting_number_and_side_is_one_row_with_its_factor(table):
    assert list(table.columns) == list(edits.COLUMNS)
    assert len(table) == 2 * 2 * 4
    row = table[(table["setting"] == "b") & (table["lines"] == 3) & (table["side"] == "top")].iloc[0]
    assert row["ratio_to_base"] == pytest.approx(math.exp((3 * 4.0 + 0.055) / 5))
    assert row["ratio_to_random"] == pytest.approx(math.exp(3 * (4.0 - 0.4) / 5))  # random: mean of 0.2 and 0.6
    assert row["p_value"] < 0.05
    random = table[(table["setting"] == "b") & (table["lines"] == 3) & (table["side"] == "random")].iloc[0]
    assert random["n_seeds"] == 2
    assert random["ratio_to_base"] == pytest.approx(math.exp((3 * 0.4 + 0.055) / 5))
    assert random["ratio_to_base_seed_max"] == pytest.approx(math.exp((3 * 0.6 + 0.055) / 5))
    assert pd.isna(random["target"])


def test_people_read_sides_beside_each_other_and_the_figure_has_a_panel_a_setting(table):
    part = edits.wide(table)["m, e, tested on Russian (ru)"]
    assert part["Lines"].tolist() == [1, 3, 1, 3]
    assert list(part.columns[2:6]) == ["Top × base", "Middle × base", "Bottom × base", "Random × base"]
    drawing = core_lines.figure(table, "m", "e")
    drawing.draw_without_rendering()
    panels = drawing.axes
    assert [axes.get_title() for axes in panels] == ["a", "b"]
    top = next(line for line in panels[0].lines if line.get_label() == "top")
    assert top.get_xdata().tolist() == [1, 3]


def test_a_single_parameter_stands_beside_its_random_control(tmp_path):
    rows = rows_of("ru", "set", [{"setting": "layer 1 norm.input", "lines": 1, "amount": 1.0}])
    table = edits.build(tabulate_perplexity([write_rows(tmp_path, rows)], **FAST))
    part = edits.wide(table)["m, e, tested on Russian (ru)"]
    assert part["Target"].tolist() == ["index top", "index middle", "index bottom"]
    assert part["Done"].tolist() == ["set to 1"] * 3
    assert len(set(part["Random × base"])) == 1


def test_overlap_of_outliers_with_the_dimensions_that_hold_the_region():
    largest = np.array([9.0, 1.0, 8.0, 2.0, 0.5, 0.4])
    extremes = pd.DataFrame(
        {"layer": [0] * 6 + [1] * 6, "dimension": [*range(6)] * 2, "max_abs": [*largest, *(largest / 2)]}
    )
    extremes["max_abs_later"] = extremes["max_abs"] / 4
    table = outliers.of_model(extremes, np.array([30, 0, 5, 25, 0, 0]), "m", shown=3)
    assert table["dimension"].tolist() == [0, 2, 3]
    assert table["overlap"].tolist() == [1, 1, 3]
    assert table["region_share"].tolist() == [3.0, 0.5, 2.5]
    assert table["region_rank"].tolist() == [1, 3, 2]
    assert table["overlap_by_chance"].tolist() == pytest.approx([1 / 6, 4 / 6, 9 / 6])
    assert table["overlap_p_value"].tolist() == pytest.approx([1 / 6, 1 - 6 / 15, 1 / 20])
    assert table["times_median"].iloc[0] == 9 / 1.5
    assert "Of the 3 dimensions" in next(iter(outliers.wide(table)))
