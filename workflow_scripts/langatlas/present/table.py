"""Write a table for machines and for people at once, and read it back.

Five files share one name: ``.csv`` (tidy, full precision), ``.md``, ``.tex`` and ``.html`` (wide, three significant
digits) and ``.json`` (title, number of rows, meaning of every column, provenance).
"""

import html
import json
import os
from pathlib import Path

import pandas as pd

from langatlas import provenance
from langatlas.files import atomic
from langatlas.present import columns, markup

SUFFIXES = (".csv", ".md", ".tex", ".html", ".json")
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font-family: system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif; margin: 1.5rem; color: #222; line-height: 1.4; }}
p {{ max-width: 60rem; white-space: pre-line; }}
table {{ border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }}
th, td {{ padding: 0.2rem 0.7rem; text-align: right; vertical-align: top; }}
th.text, td.text {{ text-align: left; }}
thead th {{ border-bottom: 2px solid #222; position: sticky; top: 0; background: #fff; }}
tbody tr:nth-child(even) {{ background: #f4f4f4; }}
</style></head>
<body>
{body}
</body></html>
"""
Wide = pd.DataFrame | dict[str, pd.DataFrame]


def write_table(
    frame: pd.DataFrame,
    path_csv: str | os.PathLike,
    *,
    wide: Wide | None = None,
    title: str,
    note: str,
    code: str,
    settings: dict,
) -> None:
    """Write ``frame`` as tidy CSV, and ``wide`` (else ``frame``) as Markdown, LaTeX and HTML, with provenance as JSON.

    ``wide`` may be several tables by caption: a heading, and perhaps sentences on further lines. ``note`` tells people
    how to read the numbers. ``code`` and ``settings`` are the code version and the config leaves behind the table.
    Each file appears only when complete, the CSV last.
    Raises ValueError for a column that ``present.columns`` does not define, and for a path that is not ``.csv``.
    """
    path = Path(path_csv)
    if path.suffix != ".csv":
        raise ValueError(f"a table is written to a path ending in .csv, got {path}")
    sidecar = {
        "table": path.stem,
        "title": title,
        "note": note,
        "rows": len(frame),
        "columns": {name: columns.meaning(name) for name in frame.columns},
        **provenance.collect(code=code, **settings),
    }
    parts = wide if isinstance(wide, dict) else {"": frame if wide is None else wide}
    parts = parts or {"": pd.DataFrame({"Nothing to show": ["this run measured nothing that belongs here"]})}
    texts = {
        ".md": _markdown_document(parts, title, note),
        ".tex": _latex_document(parts, title, note, path.stem),
        ".html": _html_document(parts, title, note),
        ".json": json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n",
        ".csv": frame.to_csv(index=False, lineterminator="\n"),
    }
    for suffix, text in texts.items():
        write_text(path.with_suffix(suffix), text)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file in UTF-8, all of it or nothing."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_table(path: str | os.PathLike) -> pd.DataFrame:
    """A table that ``write_table`` wrote. Empty cells are missing values, and nothing else is.

    (By default pandas takes ``NA`` and ``nan`` for missing values; ``nan`` is the language code of Southern Min.)
    """
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    whole = [
        name
        for name in ("samples", "seed", "layer", "lines", "n_seeds", "published_samples", "training_samples")
        if name in frame
    ]
    empty = ("region", "region_language", "scope", "edit", "setting", "target")  # they may be so in every row
    words = [name for name in empty if name in frame]
    return frame.astype(dict.fromkeys(whole, "Int64") | dict.fromkeys(words, "str"))


def _markdown_document(parts: dict[str, pd.DataFrame], title: str, note: str) -> str:
    lines = [f"# {title}", "", note, ""]
    for caption, part in parts.items():
        heading, _, sentences = caption.partition("\n")
        lines += [f"## {markup.escape_markdown(heading)}"] if heading else []
        lines += [*map(markup.escape_markdown, sentences.splitlines()), ""] if sentences else []
        lines += [markup.markdown(part), ""]
    return "\n".join(lines)


def _html_document(parts: dict[str, pd.DataFrame], title: str, note: str) -> str:
    lines = [f"<h1>{html.escape(title)}</h1>", f"<p>{html.escape(note)}</p>"]
    for caption, part in parts.items():
        heading, _, sentences = caption.partition("\n")
        lines += [f"<h2>{html.escape(heading)}</h2>"] if heading else []
        lines += [f"<p>{html.escape(sentences)}</p>"] if sentences else []
        lines += [markup.html(part)]
    return PAGE.format(title=html.escape(title), body="\n".join(lines))


def _latex_document(parts: dict[str, pd.DataFrame], title: str, note: str, label: str) -> str:
    lines = [f"% {title}", *(f"% {line}" for line in note.splitlines()), r"% needs \usepackage{booktabs}"]
    for index, (caption, part) in enumerate(parts.items()):
        suffix = f"-{index + 1}" if len(parts) > 1 else ""
        sentences = [sentence.rstrip(".") for sentence in (title, *caption.splitlines())]
        lines += ["", markup.latex(part, ". ".join(sentences), label + suffix)]
    return "\n".join(lines) + "\n"
