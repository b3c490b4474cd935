"""Figures from tables: what they show, and that the same data give the same bytes."""

import json
import warnings
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from PIL import Image
from scipy.cluster.hierarchy import cophenet

import figure_data
from langatlas import languages
from langatlas.present import fonts
from langatlas.present.figures import (
    canvas,
    core_lines,
    core_removal,
    density_by_layer,
    effect_matrix,
    effects,
    heatmap,
    importance_similarity,
    pairs,
    pretraining,
    region_overlap,
    training_curve,
)

DRAW = {
    "training_curve": lambda: training_curve.figure(figure_data.training(), "mini"),
    "core_removal": lambda: core_removal.figure(figure_data.core_removal(), "mini", "core", 256),
    "effect_matrix": lambda: effect_matrix.figure(figure_data.effect_matrix(), "mini", "monolingual", 0.05, 256),
    "importance_similarity": lambda: importance_similarity.figure(figure_data.pairs(), "mini", 256, "spearman"),
    "region_overlap": lambda: region_overlap.figure(figure_data.pairs(), "mini", 256, "matrix", "top", 0.05),
    "density_by_layer": lambda: density_by_layer.figure(
        figure_data.region_density(), "mini", ["core-global", "monolingual"], 256, 0.05
    ),
}


@pytest.fixture(autouse=True)
def style():
    with canvas.style(figure_data.STYLE):
        yield


@pytest.mark.parametrize("name", DRAW)
def test_a_figure_drawn_twice_has_the_same_bytes_and_every_glyph(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a missing glyph
        for run in ("first", "second"):
            canvas.save(DRAW[name](), [tmp_path / f"{run}.svg", tmp_path / f"{run}.png"], {"code": "abc"})
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_a_missing_glyph_is_a_warning(tmp_path):
    figure = DRAW["training_curve"]()
    figure.axes[0].set_title("தமிழ்")  # no font here has Tamil
    with pytest.warns(UserWarning, match="missing from font"):
        canvas.save(figure, [tmp_path / "a.png"], {})


def test_provenance_is_inside_the_files_and_no_date(tmp_path):
    provenance = {"code": "abc", "labels": "ру"}
    canvas.save(DRAW["training_curve"](), [tmp_path / "a.svg", tmp_path / "a.png"], provenance)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text["langatlas:code"] == "abc"
    texts = [element.text for element in ElementTree.parse(tmp_path / "a.svg").iter() if element.text]
    assert json.loads(next(text for text in texts if text.startswith("{"))) == provenance
    assert "dc:date" not in (tmp_path / "a.svg").read_text()


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"the format must be one of svg, png"):
        canvas.save(DRAW["training_curve"](), [tmp_path / "a.jpeg"], {})


def test_arabic_chinese_japanese_and_korean_are_drawn_in_their_own_faces():
    assert fonts.full_name("ar") == "Arabic  العربية"
    assert fonts.full_name("zh") == "Chinese  中文"
    assert fonts.short_name("ko") == "ko  한국어"
    assert fonts.families("ja")[:2] == ["DejaVu Sans", "Noto Sans CJK JP"]
    assert fonts.families("zh")[:2] == ["DejaVu Sans", "Noto Sans CJK SC"]


def test_a_script_without_a_font_and_an_own_label_fall_back_to_latin():
    assert fonts.full_name("ta") == "Tamil"
    assert fonts.full_name("code", {"code": {"name": "Source code"}}) == "Source code"
    assert fonts.short_name("code") == "code"


OWN = {
    "x": {"name": r"C$ & <b>_|%{x}\ $y$", "group": "g$r$"},
    "y": {"name": "ᏣᎳᎩ 𐎀", "group": "ᏣᎳᎩ"},
    "ru-romanized": {"name": "Russian, romanized", "group": "g$r$"},
}


def shown_in(path: Path) -> list[str]:
    return [element.text for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_names_of_the_user_are_drawn_as_they_are_and_those_without_glyphs_as_the_label(tmp_path):
    labels = [*OWN, "ru"]
    table = figure_data.core_removal(["ru"] * 1)
    table = pd.concat([table.assign(language=label) for label in labels])
    with warnings.catch_warnings(), mpl.rc_context({"svg.fonttype": "none"}):
        warnings.simplefilter("error")  # matplotlib warns of a missing glyph
        figure = core_removal.figure(table, "mini", "core", 256, own=OWN)
        canvas.save(figure, [tmp_path / "core.svg"], {"labels": json.dumps(OWN)})
        cells = pd.DataFrame(
            [{"region_language": a, "language": b, "ratio_to_base": 1.5, "ratio_to_random": 1.2, "p_value_holm": 0.5}
             for a in labels for b in labels]
        )  # fmt: skip
        drawing = canvas.new_figure(8, 6)
        effects.draw(cells, drawing.add_subplot(), own=OWN)
        canvas.save(drawing, [tmp_path / "matrix.svg"], {})
    names = {OWN["x"]["name"], "y", "Russian, romanized", "Russian  русский"}
    assert names <= set(shown_in(tmp_path / "core.svg"))
    assert names | {"x", "ru-romanized", "g$r$", "other"} <= set(shown_in(tmp_path / "matrix.svg"))


def test_an_own_label_has_no_endonym_of_a_language_that_it_is_named_after():
    assert fonts.short_name("ru-romanized", OWN) == "ru-romanized"
    assert fonts.full_name("ru-romanized", OWN) == "Russian, romanized"


def test_without_a_cjk_font_figures_warn_once_and_use_english(monkeypatch, caplog):
    monkeypatch.setattr(fonts, "_cjk_candidates", lambda: [])
    fonts.register.cache_clear()
    try:
        assert [fonts.full_name("ko"), fonts.full_name("zh")] == ["Korean", "Chinese"]
        assert fonts.full_name("ru") == "Russian  русский"
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    finally:
        fonts.register.cache_clear()


def test_languages_of_the_effect_matrix_stand_by_family():
    axes = DRAW["effect_matrix"]().axes[0]
    shown = [text.get_text() for text in axes.get_yticklabels()]
    assert shown == [fonts.full_name(label) for label in languages.order_by_family(figure_data.TWELVE)]
    assert {text.get_text() for text in axes.texts} >= {"Slavic", "Romance", "Indo-European", "Koreanic"}


def test_cells_of_the_effect_matrix_are_region_by_tested_language():
    table = figure_data.effect_matrix(["ru", "uk", "ko"])
    table.loc[(table["region_language"] == "ru") & (table["language"] == "ko"), "ratio_to_base"] = 7.77
    axes = effect_matrix.figure(table, "mini", "monolingual", 0.05, 256).axes[0]
    order = languages.order_by_family(["ru", "uk", "ko"])
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert places["7.77"] == (order.index("ko"), order.index("ru"))


def test_dots_mark_significant_damage_only():
    table = figure_data.effect_matrix(["ru", "uk", "ko"])
    table["p_value_holm"], table["ratio_to_random"] = 0.01, 0.9  # significantly less damage than random removal
    table.loc[0, "ratio_to_random"] = 1.1
    table.loc[1, ["ratio_to_random", "p_value_holm"]] = [1.5, 0.06]
    axes = effect_matrix.figure(table, "mini", "monolingual", 0.05, 256).axes[0]
    assert len(axes.collections[-1].get_offsets()) == 1


def test_missing_rows_of_a_table_are_reported_with_what_there_is():
    with pytest.raises(ValueError, match=r"no rows with .*'ratio': 0\.03.*ratio: \[0\.05\]"):
        effect_matrix.figure(figure_data.effect_matrix(["ru", "uk"]), "mini", "monolingual", 0.03, 256)


def test_leaves_of_the_tree_are_a_permutation_and_relatives_are_neighbours():
    labels = pairs.labels_of(figure_data.pairs())
    similarity = pairs.symmetric(figure_data.pairs(), "spearman", labels)
    links = importance_similarity.tree(similarity)
    order = importance_similarity.draw_tree(links, canvas.new_figure(2, 2).add_subplot())
    assert sorted(order) == list(range(len(labels)))
    place = {labels[index]: position for position, index in enumerate(order)}
    assert abs(place["ru"] - place["uk"]) == 1
    assert max(place[x] for x in ("es", "it", "pt")) - min(place[x] for x in ("es", "it", "pt")) == 2
    ru, uk = labels.index("ru"), labels.index("uk")
    joined = cophenet(links)[min(ru, uk) * len(labels) - min(ru, uk) * (min(ru, uk) + 1) // 2 + abs(ru - uk) - 1]
    assert joined == pytest.approx(1 - similarity[ru, uk])


def test_matrix_and_tree_share_the_order():
    figure = DRAW["importance_similarity"]()
    tree, matrix = figure.axes[:2]
    assert tree.get_ylim() == matrix.get_ylim()
    shown = np.ma.filled(matrix.images[0].get_array(), 0)
    assert np.array_equal(shown, shown.T)
    assert np.array_equal(np.diag(shown), np.zeros(12))  # masked: 1 by definition


def test_a_missing_pair_is_reported():
    with pytest.raises(ValueError, match="lacks pairs"):
        importance_similarity.figure(figure_data.pairs().iloc[1:], "mini", 256, "spearman")


def test_the_bars_of_core_removal_are_the_intervals_of_its_table():
    table = figure_data.core_removal(["ru", "uk"])
    figure = core_removal.figure(table, "mini", "core", 256)
    for panel, ratio in zip(figure.axes, (0.01, 0.05), strict=True):
        bars = [one for one in panel.collections if isinstance(one, LineCollection)][:3]  # behind them lines between rows
        drawn = [tuple(segment[:, 0]) for collection in bars for segment in collection.get_segments()]
        ends = table[table["ratio"] == ratio][["side", "ratio_to_base_low", "ratio_to_base_high"]]
        expected = [tuple(row) for side in core_removal.SIDES for row in ends[ends["side"] == side].to_numpy()[:, 1:]]
        np.testing.assert_allclose(sorted(drawn), sorted(expected))


def test_a_collapsed_model_is_an_arrow_at_the_edge():
    table = figure_data.core_removal(["ru", "uk"])
    table.loc[table["side"] == "top", ["ratio_to_base", "ratio_to_base_low", "ratio_to_base_high"]] = np.inf
    figure = core_removal.figure(table, "mini", "core", 256)
    assert np.isfinite(figure.axes[0].get_xlim()).all()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.984, "0.98"), (1.0, "1.00"), (9.996, "10.0"), (12.34, "12.3"), (456.2, "456"), (12345, "12k"), (3.2e7, "3e7")]
    + [(np.inf, "∞"), (np.nan, "")],
)
def test_ratios_are_written_short(value, text):
    assert heatmap.ratio_text(value) == text


def test_equal_factors_are_equal_steps_of_colour_and_one_is_neutral():
    scale = heatmap.ratio_scale(np.array([0.5, 1.0, 4.0, np.nan]), "RdBu_r")
    assert (scale.norm.vmin, scale.norm.vmax) == (-1, 2)
    red, green, blue, _ = scale.cmap(scale.norm(0.0))
    assert min(red, green, blue) > 0.93
    assert scale.transform(np.array([np.inf]))[0] == 2


def test_kinds_of_regions_are_their_names_without_the_language():
    table = pd.DataFrame({"region": ["core-global", "monolingual-ru", "monolingual-ru-global"]})
    kinds = canvas.region_kind(table.assign(region_language=[np.nan, "ru", "ru"]))
    assert kinds.tolist() == ["core-global", "monolingual", "monolingual-global"]


def small_core_lines():
    where = product("ru uk".split(), ("o-head", "o-residual"), core_lines.SIDES, (1, 4))
    rows = pd.DataFrame(where, columns=["language", "setting", "side", "lines"]).assign(model="m", experiment="e")
    ratio = 1 + 0.002 * rows["lines"]
    rows = rows.assign(ratio_to_base=ratio, ratio_to_base_low=ratio - 0.001, ratio_to_base_high=ratio + 0.001)
    return core_lines.figure(rows, "m", "e")


def small_pretraining():
    where = product("ru uk".split(), (np.nan, 0, 8), (1, 2))
    rows = pd.DataFrame(where, columns=["language", "training_samples", "seed"]).assign(model="m", experiment="e")
    rows = rows.assign(mode="full", side="none", master="corrected", train_language="ru")
    return pretraining.figure(rows.assign(ratio_to_base=1 + 0.01 * rows["seed"]), "m", "e")


@pytest.mark.parametrize("drawn", [small_core_lines, small_pretraining])
def test_panels_are_on_the_scale_that_is_labelled_at_the_left_and_have_no_ticks_beside_it(drawn):
    drawing = drawn()
    drawing.draw_without_rendering()
    first, *others = drawing.axes
    low, high = first.get_ylim()
    assert low < 1 < high
    assert others
    for panel in others:
        assert panel.get_ylim() == (low, high)
        assert panel.yaxis.get_tick_params(which="minor")["length"] == 0
        np.testing.assert_array_equal(panel.get_yticks(), first.get_yticks())
