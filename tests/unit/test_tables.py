"""Tables as files: numbers and markup for people, CSV and provenance for machines."""

import json
import math
import re

import lxml.html
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from langatlas.present import findings, markup, removal, token_table, wide_tables
from langatlas.present.table import read_table, write_table
from small_tables import PUBLISHED, write_both_experiments


@pytest.fixture(scope="module")
def perplexity(tmp_path_factory):
    return write_both_experiments(tmp_path_factory.mktemp("perplexity"))


def test_numbers_are_written_with_three_significant_digits():
    texts = {
        127208.25: "127,000", 8.652: "8.65", 1.0: "1.00", 0.9961: "0.996", 0.05: "0.0500", 9.999: "10.0", 0.0: "0.00",
        2.5e8: "2.50×10⁸", 0.00012: "1.20×10⁻⁴", 999_999.0: "1.00×10⁶", math.inf: "∞", -math.inf: "-∞", -1234.5: "-1,230",
    }  # fmt: skip
    assert {value: markup.number(value) for value in texts} == texts
    assert markup.number(1234567) == "1,234,567"
    assert [markup.number(value) for value in (None, math.nan, pd.NA)] == ["–", "–", "–"]


def test_markdown_and_latex_show_no_nan_and_escape_what_they_must():
    frame = pd.DataFrame(
        {"region_language": ["a_b|c", None], "value": [math.nan, 1e-7], "strong": [markup.strong("5 %"), "x"]}
    )
    lines = markup.markdown(frame).splitlines()
    assert lines[0].startswith(r"| region\_language |")
    assert r"a\_b\|c" in lines[2]
    assert "**5 %**" in lines[2]
    assert len({len(line) for line in lines}) == 1
    text = markup.latex(frame, "100 % of_it", "t")
    assert r"region\_language" in text
    assert r"\textbf{5 \%}" in text
    assert r"1.00$\times$10$^{-7}$" in text
    assert r"\caption{100 \% of\_it}" in text
    for rendered in ("\n".join(lines), text):
        assert "nan" not in rendered.lower().replace("tabular", "")
        assert "None" not in rendered


NAMES = ["C$ & <b>_|%{x}\\", "**C**", "`a` ~~b~~", "[a](b) ![c](d)", "&amp; <i>", "$x$ #1 ^_~", "a\\\\|b", "\"q\" 's'"]


def read_latex(text: str) -> str:
    """What LaTeX prints for escaped text, of the escapes of this project."""
    words = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textasciigrave": "`"}
    found = re.sub(r"\\(text\w+)\{\}", lambda match: f"\0{ord(words[match[1]])}\0", text)
    found = re.sub(r"(?<!\\)\$([<>|])\$", r"\1", found)
    found = re.sub(r"\\([&%$#_{}])", r"\1", found)
    return re.sub("\0(\\d+)\0", lambda match: chr(int(match[1])), found)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_out_of_every_format_as_itself(name, tmp_path):
    """Names of the user hold what means something to Markdown, LaTeX or HTML; read back with parsers of others."""
    labels = {"x": {"name": name, "group": name}}
    shown = wide_tables.name("x", labels)
    table = pd.DataFrame({"setting": [name, "plain"]})
    wide = {f"{shown}, heading\n{shown}, said": pd.DataFrame({shown: [shown, name], "n": [1, 2]})}
    write_table(table, tmp_path / "t.csv", wide=wide, title="T", note="n", code="c", settings={})
    assert read_table(tmp_path / "t.csv")["setting"].tolist() == [name, "plain"]

    page = lxml.html.parse(str(tmp_path / "t.html")).getroot()
    assert [cell.text_content() for cell in page.iter("th", "td")] == [shown, "n", shown, "1", name, "2"]
    assert page.find(".//h2").text_content() == f"{shown}, heading"
    assert [p.text_content() for p in page.iter("p")][1] == f"{shown}, said"

    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    rendered = lxml.html.fromstring(markdown.render((tmp_path / "t.md").read_text()))
    assert [cell.text_content() for cell in rendered.iter("th", "td")] == [shown, "n", shown, "1", name, "2"]
    assert rendered.find(".//h2").text_content() == f"{shown}, heading"
    assert not list(rendered.iter("strong", "em", "code", "a", "img", "b", "i", "s"))
    unescaped = re.sub(r"\\.", "", (tmp_path / "t.md").read_text())
    assert "$" not in unescaped, "GitHub reads formulas"

    body = (tmp_path / "t.tex").read_text()
    row = next(line for line in body.splitlines() if line.endswith(r"& 1 \\"))
    assert read_latex(row.removesuffix(r" & 1 \\")) == shown
    assert f"{shown}, heading. {shown}, said".rstrip(".") in read_latex(body)


def test_all_tables_are_written_for_people_without_missing_values_showing(perplexity, tmp_path):
    for name, kind in removal.REMOVAL_TABLES.items():
        table = kind.build(perplexity, PUBLISHED / f"{name}.csv", {"mini": "LLaMA-2-7B"})
        wide = kind.wide(table, None)
        assert wide
        settings = {"title": kind.title, "note": kind.note, "code": "abc", "settings": {"seed": 1}}
        write_table(table, tmp_path / f"{name}.csv", wide=wide, **settings)
        pd.testing.assert_frame_equal(read_table(tmp_path / f"{name}.csv"), table, check_dtype=False)
        for suffix in (".md", ".tex"):
            text = (tmp_path / name).with_suffix(suffix).read_text()
            assert "nan" not in text.lower()
            assert "<NA>" not in text
            assert "Ukrainian (uk)" in text
        sidecar = json.loads((tmp_path / f"{name}.json").read_text())
        assert list(sidecar["columns"]) == list(table.columns)
        assert (sidecar["rows"], sidecar["code"], sidecar["seed"]) == (len(table), "abc", "1")
    assert "3.43" in (tmp_path / "monolingual_removal.md").read_text()
    assert "**" in (tmp_path / "effect_matrix.md").read_text()


def test_experiments_that_were_not_run_give_empty_tables_not_errors(perplexity, tmp_path):
    nothing = perplexity.iloc[:0]
    for name, kind in removal.REMOVAL_TABLES.items():
        table = kind.build(nothing, PUBLISHED / f"{name}.csv", {})
        write_table(
            table, tmp_path / f"{name}.csv", wide=kind.wide(table, None), title="t", note="n", code="", settings={}
        )
        assert read_table(tmp_path / f"{name}.csv").empty
    found = findings.summarize(nothing, read_table(tmp_path / "effect_matrix.csv"))
    assert found.empty
    assert findings.wide_findings(found) == {}


def test_a_label_that_is_no_language_and_a_code_that_looks_like_a_missing_value_survive(tmp_path):
    table = pd.DataFrame({"model": ["m", "m"], "language": ["nan", "code"], "ratio_to_base": [math.inf, 2.0]})
    write_table(table, tmp_path / "t.csv", title="T", note="n", code="", settings={})
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), table)
    assert wide_tables.name("code", {"code": {"name": "Source code"}}) == "Source code (code)"


def test_a_column_without_a_meaning_and_a_path_that_is_no_csv_are_refused(tmp_path):
    settings = {"title": "T", "note": "n", "code": "", "settings": {}}
    with pytest.raises(ValueError, match="column 'perplexitty' has no meaning"):
        write_table(pd.DataFrame({"perplexitty": [1.0]}), tmp_path / "t.csv", **settings)
    with pytest.raises(ValueError, match=r"ending in .csv, got .*t.txt"):
        write_table(pd.DataFrame({"perplexity": [1.0]}), tmp_path / "t.txt", **settings)
    assert list(tmp_path.iterdir()) == []


def test_the_token_table_is_ordered_and_computes_ratios(tmp_path):
    counts = {
        "documents": 4,
        "sequences": 3,
        "tokens": 50,
        "bytes": 200,
        "characters": 100,
        "dropped": 1,
        "truncated": 0,
    }
    paths = []
    for language in ("zh", "ru"):
        for split in ("test", "pretrain"):
            path = tmp_path / "mini" / "tokens" / language / split / "stats.json"
            path.parent.mkdir(parents=True)
            path.write_text(
                json.dumps({**counts, "language": language, "split": split, "policy": "pack", "sequence_length": 64})
            )
            paths.append(path)
    table = token_table.tabulate_tokens(paths)
    assert table[["language", "split"]].to_numpy().tolist() == [
        ["ru", "pretrain"],
        ["ru", "test"],
        ["zh", "pretrain"],
        ["zh", "test"],
    ]
    assert table[["model", "tokens_per_byte", "tokens_per_character"]].iloc[0].tolist() == ["mini", 0.25, 0.5]
    wide = token_table.wide_tokens(table)["mini"]
    assert wide["Bytes a token"].tolist() == [4.0, 4.0]
    paths[0].write_text("{}")
    with pytest.raises(ValueError, match=r"zh/test/stats.json: no key 'documents'"):
        token_table.tabulate_tokens(paths)
