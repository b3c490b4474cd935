"""Figures about neurons: what they show."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import figure_data
from langatlas.present.figures import canvas, neuron_layers, silencing


@pytest.fixture(autouse=True)
def style():
    with canvas.style(figure_data.STYLE):
        yield


def layers() -> pd.DataFrame:
    counts = {("lape", "top"): [1, 0, 3], ("precision", "top"): [5, 5, 0], ("precision", "bottom"): [0, 0, 10]}
    return pd.DataFrame(
        [
            {
                "model": "m",
                "method": method,
                "side": side,
                "language": label,
                "layer": layer,
                "n_neurons": n * (label == "ru"),
            }
            for (method, side), numbers in counts.items()
            for label in ("en", "ru")
            for layer, n in enumerate(numbers)
        ]
    )


def test_bars_are_shares_of_the_languages_own_neurons_and_the_title_counts_them():
    drawing = neuron_layers.figure(layers(), "m")
    english, russian = drawing.axes
    assert [bar.get_height() for bar in russian.patches] == [0.25, 0, 0.75]
    assert [bar.get_height() for bar in english.patches] == [0, 0, 0]
    assert russian.get_title(loc="left").endswith("· 4")
    high, low = (line.get_ydata().tolist() for line in russian.lines)
    assert (high, low) == ([0.5, 0.5, 0], [0, 0, 1])
    with pytest.raises(ValueError, match="no rows"):
        neuron_layers.figure(layers(), "other")


def test_cells_of_silencing_and_dots_where_it_hits_harder_than_equally_active_neurons():
    rows = [
        ("en", "en", 1.5, 1.4, 0.01),  # a dot
        ("en", "ru", 1.0, 0.9, 0.01),  # significant, but less than the control
        ("ru", "en", 1.1, 1.1, 0.2),
        ("ru", "ru", 2.0, 1.9, 0.04),  # a dot
    ]
    names = ["region_language", "language", "ratio_to_base", "ratio_to_frequency", "frequency_p_value_holm"]
    table = pd.DataFrame(rows, columns=names).assign(
        model="m", experiment="e", method="lape", side="top", ratio_to_random=9, p_value_holm=0
    )
    panel = silencing.figure(table, "m", "e").axes[0]
    assert panel.get_title(loc="left") + panel.get_title() == "LAPE"
    (dots,) = [drawn for drawn in panel.collections if isinstance(drawn, mpl.collections.PathCollection)]
    assert {tuple(map(int, np.round(place))) for place in dots.get_offsets()} == {(0, 0), (1, 1)}
    assert "2.00" in {text.get_text() for text in panel.texts}
