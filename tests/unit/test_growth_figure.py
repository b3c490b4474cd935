"""The figure of growth: exponents of laws that are known, and that the committed picture shows the committed numbers."""

import re
from pathlib import Path

import pandas as pd
import pytest

from figure_data import STYLE
from langatlas.present.figures import canvas, growth

ROOT = Path(__file__).parents[2]


def power_laws() -> pd.DataFrame:
    """Importance: seconds = 2 x, memory = 5 x^0.5; selection: seconds = 3 / x, memory constant."""
    rows = []
    for value in (1, 2, 8, 64):
        rows.append(("importance", "parameters", value, 2.0 * value, 5.0 * value**0.5))
        rows.append(("selection", "shards", value, 3.0 / value, 7.0))
    return pd.DataFrame(rows, columns=growth.COLUMNS)


def numbered_clips(svg: str) -> str:
    """The picture with its clip paths numbered: matplotlib names them after last bits, which differ between CPUs."""
    seen: dict[str, int] = {}
    return re.sub(r"\bp[0-9a-f]{10}\b", lambda found: f"clip-{seen.setdefault(found.group(), len(seen))}", svg)


def test_exponents_of_power_laws_are_found():
    found = growth.exponents(power_laws()).set_index(["part", "axis"])
    assert found.loc[("importance", "parameters")].tolist() == pytest.approx([1, 0.5])
    assert found.loc[("selection", "shards")].tolist() == pytest.approx([-1, 0], abs=1e-9)


def test_every_panel_shows_its_points_and_says_the_exponent():
    with canvas.style(STYLE):
        drawing = growth.figure(power_laws(), "a machine")
    time, shards, memory, _ = drawing.axes
    (line,) = time.get_lines()
    assert line.get_xdata().tolist() == [1, 2, 8, 64]
    assert line.get_ydata().tolist() == [2, 4, 16, 128]
    assert [text.get_text() for text in time.get_legend().get_texts()] == ["importance, exponent 1.00"]
    assert [text.get_text() for text in memory.get_legend().get_texts()] == ["importance, exponent 0.50"]
    assert [text.get_text() for text in shards.get_legend().get_texts()] == ["selection, exponent −1.00"]


def test_the_picture_in_the_document_shows_the_numbers_in_the_table(tmp_path):
    if not (ROOT / "resources" / "growth.csv").exists():
        pytest.skip("make bench writes resources/growth.csv and docs/growth.svg; it was not run yet")
    table = canvas.read_table(ROOT / "resources" / "growth.csv")
    with canvas.style(STYLE):
        canvas.save(growth.figure(table, table["machine"].iloc[0]), [tmp_path / "growth.svg"], {})
    drawn, committed = (
        path.read_text(encoding="utf-8") for path in (tmp_path / "growth.svg", ROOT / "docs" / "growth.svg")
    )
    assert numbered_clips(drawn) == numbered_clips(committed)
    assert "(growth.svg)" in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
