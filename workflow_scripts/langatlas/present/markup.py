"""Numbers and tables as text for people: Markdown whose source is aligned, LaTeX with booktabs rules, HTML."""

import html as web
import math
import numbers
import re

import pandas as pd

MISSING = "–"
BOLD = "\x02", "\x03"  # around a cell's text; no name holds them (the schema lets no control character in)
MARKDOWN = re.compile(
    r"[\\|*_`$~]"  # of emphasis, code, formulas, strikethrough, and the end of a cell
    r"|<(?=[A-Za-z/!?])|&(?=#|[A-Za-z])"  # of HTML: a tag, an entity
    r"|(?<=\])\(|(?<=!)\[|\[(?=\^)"  # of links, pictures and footnotes
)
LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "`": r"\textasciigrave{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"$|$",
    "–": "--", "×": r"$\times$", "∞": r"$\infty$", "→": r"$\rightarrow$", "≥": r"$\geq$", "≤": r"$\leq$",
    "⁻": r"$^{-}$", **{digit: f"$^{{{i}}}$" for i, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


STRONG = re.compile("(.*)".join(BOLD), re.DOTALL)


def strong(text: str) -> str:
    """A cell to be set in bold; marked within the text, for pandas keeps no subclass of str."""
    return text.join(BOLD)


def number(value, digits: int = 3) -> str:
    """A number with ``digits`` significant digits; integers in full; thousands by commas; ∞, and – for a missing value.

    127208.25 becomes 127,000; numbers from 1e6 and below 1e-3 become powers of ten: 2.50×10⁸. Trailing zeros stay, for
    they are significant: 1.00.
    """
    if value is None or value is pd.NA or (isinstance(value, numbers.Real) and math.isnan(value)):
        return MISSING
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    exponent = int(exponent)
    if value == 0 or -3 <= exponent < 6:
        return f"{round(value, digits - 1 - exponent):,.{max(0, digits - 1 - exponent)}f}"
    return f"{mantissa}×{power_of_ten(exponent)}"


def power_of_ten(exponent: int) -> str:
    """10⁶ for 6."""
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def interval(value, low, high) -> str:
    """``1.31 [1.28, 1.35]``; the number alone where it has no interval."""
    if number(low) == MISSING:
        return number(value)
    return f"{number(value)} [{number(low)}, {number(high)}]"


def percent(ratio: float) -> str:
    """A ratio as a percentage: 0.03 is 3 %."""
    return f"{100 * ratio:.4g} %"


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Every value of a frame as text; strings stay as they are."""
    return frame.astype(object).map(lambda value: value if isinstance(value, str) else number(value))


def markdown(frame: pd.DataFrame) -> str:
    """A frame without its index as a Markdown table, columns padded to equal width, numbers to the right."""
    body = cells(frame).map(_markdown_cell)
    columns = []
    for position, heading in enumerate(frame.columns):
        heading = escape_markdown(str(heading))
        texts = [heading, *body.iloc[:, position]]
        width = max(3, *map(len, texts))
        right = not _is_text(frame.iloc[:, position])
        rule = "-" * (width - 1) + (":" if right else "-")
        padded = [text.rjust(width) if right else text.ljust(width) for text in texts]
        columns.append([padded[0], rule, *padded[1:]])
    return "\n".join("| " + " | ".join(line) + " |" for line in zip(*columns, strict=True))


def latex(frame: pd.DataFrame, caption: str, label: str) -> str:
    """A frame without its index as a LaTeX table (needs the package booktabs)."""
    body = cells(frame)
    alignment = "".join("l" if _is_text(frame.iloc[:, position]) else "r" for position in range(frame.shape[1]))
    lines = [" & ".join(escape_latex(str(heading)) for heading in frame.columns) + r" \\", r"\midrule"]
    for row in body.itertuples(index=False):
        lines.append(" & ".join(_latex_cell(value) for value in row) + r" \\")
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escape_latex(caption)}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def html(frame: pd.DataFrame) -> str:
    """A frame without its index as an HTML table; words to the left (class ``text``), numbers to the right.

    ``dir="auto"`` lets the browser set cells in Arabic or Persian from right to left.
    """
    classes = [' class="text"' if _is_text(frame.iloc[:, position]) else "" for position in range(frame.shape[1])]
    head = "".join(f"<th{c}>{web.escape(str(name))}</th>" for c, name in zip(classes, frame.columns, strict=True))
    rows = [
        "<tr>" + "".join(f'<td{c} dir="auto">{_html_cell(v)}</td>' for c, v in zip(classes, row, strict=True)) + "</tr>"
        for row in cells(frame).itertuples(index=False)
    ]
    return "\n".join(["<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>"])


def escape_latex(text: str) -> str:
    """Text in which every character that LaTeX would take for a command, or that pdfLaTeX lacks, is spelled out."""
    escaped = "".join(LATEX_ESCAPES.get(character, character) for character in text)
    return escaped.replace("}$$^{", "")  # the digits of one exponent belong into one pair of braces


def escape_markdown(text: str) -> str:
    """Text of one line in which no character ends a cell or begins markup."""
    return MARKDOWN.sub(r"\\\g<0>", text).replace("\n", " ")


def _markdown_cell(value: str) -> str:
    bold = STRONG.fullmatch(value)
    return f"**{escape_markdown(bold[1])}**" if bold else escape_markdown(value)


def _latex_cell(value: str) -> str:
    bold = STRONG.fullmatch(value)
    return rf"\textbf{{{escape_latex(bold[1])}}}" if bold else escape_latex(value)


def _html_cell(value: str) -> str:
    bold = STRONG.fullmatch(value)
    return f"<b>{web.escape(bold[1])}</b>" if bold else web.escape(value)


def _is_text(column: pd.Series) -> bool:
    """Whether a column holds words; formatted numbers are text too, but begin with a digit."""
    texts = [value.strip("".join(BOLD)) for value in column if isinstance(value, str) and value not in (MISSING, "")]
    return any(not (text[:1].isdigit() or text[:1] in ("-", "<", "∞")) for text in texts)
