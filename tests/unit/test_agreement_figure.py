"""The figure of regions beside neurons: a matrix a method, every glyph."""

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest

import figure_data
from langatlas.languages import order_by_family
from langatlas.present.figures import agreement, canvas
from langatlas.present.tables import importance_activation, region_neurons


def tables(labels) -> dict[str, pd.DataFrame]:
    """Made-up tables of the figure, with two sizes."""
    generator, methods = np.random.default_rng(2), ("importance", "lape", "precision")
    effects, isolated, lying, active = [], [], [], []
    strength = {"importance": 1.3, "lape": 1.15, "precision": 1.2}
    for share, method, a in product((0.1, 1.0), methods, labels):
        named = {"model": "mini", "experiment": "e", "size_share": share, "method": method, "region_language": a}
        for b in labels:
            factor = strength[method] if a == b else 1.1 if figure_data.related(a, b) else 1.02
            effects.append(
                named
                | {
                    "language": b,
                    "side": "top",
                    "ratio_to_base": factor ** (share**0.5) * generator.uniform(0.99, 1.01),
                }
            )
    for share, method, a, side in product((0.1, 1.0), methods, [*labels, None], ("top", "random")):
        middle = (strength[method] ** (share**0.5) if side == "top" else 1.0) * generator.uniform(0.98, 1.02)
        ends = {"isolation": middle, "isolation_low": middle * 0.98, "isolation_high": middle * 1.02}
        named = {"model": "mini", "experiment": "e", "size_share": share, "method": method, "region_language": a}
        isolated.append(named | {"side": side} | ends)
    for method, a, b in product(methods[1:], labels, labels):
        times = (2.2 if a == b else 1.0) * generator.uniform(0.8, 1.2)
        named = {"model": "mini", "method": method, "region_language": a, "neuron_language": b, "module": "mlp"}
        lying.append(named | {"line_times_chance": times})
    for a, layer in product(labels, [*range(7), None]):
        rho = 0.6 - 0.05 * (layer or 0) + generator.uniform(-0.1, 0.1)
        ends = {"activation_rho_low": rho - 0.08, "activation_rho_high": rho + 0.08, "activation_rho_others": rho - 0.2}
        active.append({"model": "mini", "language": a, "layer": layer, "activation_rho": rho} | ends)
    made = zip(agreement.FIGURE.inputs, (effects, isolated, lying, active), strict=True)
    return {
        name: pd.DataFrame(rows).assign(**({"reference": np.nan} if name == "isolation" else {})) for name, rows in made
    }


@pytest.mark.parametrize("labels", [["en", "ru", "zh"], figure_data.TWELVE])
def test_the_figure_shows_a_matrix_a_method_and_has_every_glyph(labels, tmp_path):
    found = tables(labels)
    with canvas.style(figure_data.STYLE), warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = agreement.figure(**found, model="mini", part="e")
        canvas.save(drawing, [tmp_path / "a.png", tmp_path / "a.svg"], {})
    panels = {panel.get_title(): panel for panel in drawing.axes if panel.get_title()} | {
        panel.get_title(loc="left"): panel for panel in drawing.axes if panel.get_title(loc="left")
    }
    assert {
        "region",
        "LAPE",
        "average precision",
        "isolation",
        "regions in neurons",
        "importance and activation",
    } <= set(panels)
    effects = (
        found["equal_removal"].query("method == 'lape' and size_share == 1").set_index(["region_language", "language"])
    )
    order = order_by_family(labels)
    shown = {tuple(map(int, text.get_position())): text.get_text() for text in panels["LAPE"].texts}
    for (y, a), (x, b) in product(enumerate(order), enumerate(order)):
        assert shown[x, y] == f"{effects.loc[(a, b), 'ratio_to_base']:.2f}"
    labels_left = [text.get_text() for text in panels["isolation"].get_yticklabels()]
    assert (labels_left[-1], len(labels_left)) == ("all", len(labels) + 1)
    for name, expected in (
        ("region_neurons", list(region_neurons.COLUMNS)),
        ("importance_activation", list(importance_activation.COLUMNS)),
    ):
        assert set(found[name]) <= set(expected), "columns that the tables have"
