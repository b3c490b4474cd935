"""The figure of growth: exponents of laws that are known, and that the committed picture shows the committed numbers."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
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


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
PLACED = ("d", "x", "y", "width", "height", "transform", "viewBox")


def shown(picture: Path) -> tuple[list, np.ndarray]:
    """What an SVG shows, in the order of drawing: elements with their texts and styles, and all coordinates in points.

    Left out are ids: matplotlib makes them from hashes of coordinates, which differ in the last bit between processors.
    """
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    what, numbers = [], []
    for element in ElementTree.parse(picture, parser).iter():
        placed = [element.get(name, "") for name in PLACED]
        # What is said of a text as glyphs stands beside it as a comment.
        words = element.text if element.tag is ElementTree.Comment else element.get("style", "")
        what.append((str(element.tag), words, *(NUMBER.sub("#", place) for place in placed)))
        numbers += [float(number) for place in placed for number in NUMBER.findall(place)]
    return what, np.array(numbers)


def same_picture(one: Path, other: Path) -> bool:
    """Whether nothing lies further from its place than a tenth of a point, in a picture some hundred points wide."""
    (what, where), (what_too, where_too) = shown(one), shown(other)
    return what == what_too and np.allclose(where, where_too, rtol=0, atol=0.1)


def drawn(table: pd.DataFrame, path: Path) -> Path:
    with canvas.style(STYLE):
        canvas.save(growth.figure(table, table["machine"].iloc[0]), [path], {})
    return path


def test_the_picture_in_the_document_shows_the_numbers_in_the_table(tmp_path):
    if not (ROOT / "resources" / "growth.csv").exists():
        pytest.skip("make bench writes resources/growth.csv and docs/growth.svg; it was not run yet")
    table = canvas.read_table(ROOT / "resources" / "growth.csv")
    assert same_picture(drawn(table, tmp_path / "growth.svg"), ROOT / "docs" / "growth.svg")
    assert "(growth.svg)" in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_pictures_are_the_same_when_ids_and_last_bits_differ_and_not_when_a_number_does(tmp_path):
    table = power_laws().assign(machine="a machine")
    first = drawn(table, tmp_path / "first.svg")
    text = re.sub(r"\b([pm])[0-9a-f]{10}\b", r"\g<1>0123456789", first.read_text(encoding="utf-8"))
    elsewhere = tmp_path / "elsewhere.svg"
    elsewhere.write_text(re.sub(r"\.\d{5}\b", r"\g<0>7", text), encoding="utf-8")
    assert elsewhere.read_bytes() != first.read_bytes()
    assert same_picture(first, elsewhere)
    for column, value in (("seconds", 2.2), ("machine", "another machine")):
        changed = table.copy()
        changed.loc[0, column] = value
        assert not same_picture(first, drawn(changed, tmp_path / "changed.svg")), column
