"""A table: how it is read, built, laid out for people, and written for machines and for people at once.

Five files share one name: ``.csv`` (tidy, full precision), ``.md``, ``.tex`` and ``.html`` (wide, three significant
digits) and ``.json`` (title, number of rows, meaning of every column, which module made it, provenance).
"""

import html
import importlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from langatlas import provenance
from langatlas.files import atomic
from langatlas.present import markup
from langatlas.present.layout import Labels

MODULES = "langatlas.present.tables"
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font-family: system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif; margin: 1.5rem; color: #222; line-height: 1.4; }}
p {{ max-width: 60rem; white-space: pre-line; }}
p.note {{ white-space: normal; }}
table {{ border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }}
th, td {{ padding: 0.2rem 0.7rem; text-align: right; vertical-align: top; }}
td {{ white-space: nowrap; }}
th.text, td.text {{ text-align: left; white-space: normal; }}
thead th {{ border-bottom: 2px solid #222; position: sticky; top: 0; background: #fff; }}
tbody tr:nth-child(even) {{ background: #f4f4f4; }}
</style></head>
<body>
{body}
</body></html>
"""
NOTHING = {"": pd.DataFrame({"Nothing to show": ["this run measured nothing that belongs here"]})}
Parts = dict[str, pd.DataFrame]  # by caption: a heading, and perhaps sentences on further lines
Files = Mapping[str, str | Iterable[str]]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of ``langatlas.present.tables``: the module is named as its CSV, and exports it as ``TABLE``.

    ``note`` tells people how to read the numbers. ``columns``: all of them in their order, and what each means.
    ``inputs``: what reads the files of each name, one path or several (``langatlas.workflow.registry`` says which these are).
    ``build(**inputs, **settings)`` makes the tidy frame. ``wide(frame, labels)`` lays it out for people; it is given the inputs
    that ``shown`` names, too.
    """

    title: str
    note: str
    columns: Mapping[str, str]
    inputs: Mapping[str, Callable]
    build: Callable[..., pd.DataFrame]
    wide: Callable[..., Parts]
    shown: tuple[str, ...] = ()

    def make(
        self, files: Files, csv: str | os.PathLike, *, settings: dict, labels: Labels = None, code: str = ""
    ) -> None:
        """Read ``files``, build the table with ``settings``, and write it; ``code``: the code version behind it."""
        inputs = {name: read(files[name]) for name, read in self.inputs.items()}
        frame = self.build(**inputs, **settings)
        shown = {name: inputs[name] for name in self.shown}
        self.write(frame, csv, parts=self.wide(frame, labels, **shown), settings=settings, code=code)

    def write(
        self, frame: pd.DataFrame, csv: str | os.PathLike, *, parts: Parts, settings: dict | None = None, code: str = ""
    ) -> None:
        """Write ``frame`` as tidy CSV, and ``parts`` as Markdown, LaTeX and HTML, with provenance as JSON.

        Each file appears only when complete, the CSV last. Raises ValueError for columns that are not those of the table, and
        for a path that is not ``.csv``.
        """
        path = Path(csv)
        if path.suffix != ".csv":
            raise ValueError(f"a table is written to a path ending in .csv, got {path}")
        if list(frame.columns) != list(self.columns):
            unknown, missing = set(frame.columns) - set(self.columns), set(self.columns) - set(frame.columns)
            raise ValueError(
                f"{path.stem}: columns are not those of the table, in their order: without a meaning there: "
                f"{sorted(unknown)}, missing: {sorted(missing)}"
            )
        parts = parts or NOTHING
        sidecar = {
            "table": path.stem,
            "title": self.title,
            "note": self.note,
            "rows": len(frame),
            "columns": dict(self.columns),
            "made_by": f"{MODULES}.{path.stem}",
            **provenance.collect(code=code, **(settings or {})),
        }
        texts = {
            ".md": _markdown_document(parts, self.title, self.note),
            ".tex": _latex_document(parts, self.title, self.note, path.stem),
            ".html": _html_document(parts, self.title, self.note),
            ".json": json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n",
            ".csv": frame.to_csv(index=False, lineterminator="\n"),
        }
        for suffix, text in texts.items():
            write_text(path.with_suffix(suffix), text)


def load(name: str) -> Table:
    """The table of this name."""
    return importlib.import_module(f"{MODULES}.{name}").TABLE


def paths(given: str | Iterable[str]) -> str | list[str]:
    """Paths as they are, for a table that reads file by file."""
    return given if isinstance(given, str) else list(given)


def read_tables(given: Iterable[str]) -> pd.DataFrame:
    """Several tables below each other."""
    return pd.concat([read_table(path) for path in given], ignore_index=True)


def read_optional(given: Iterable[str]) -> pd.DataFrame | None:
    """A table that not every run has: of no path or one."""
    return next((read_table(path) for path in given), None)


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
    lines = [f"<h1>{html.escape(title)}</h1>", f'<p class="note">{html.escape(note)}</p>']
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
