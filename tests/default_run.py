"""What the README says of the default run: kept in resources/default_run.csv, measured in the tables of a run.

``python tests/default_run.py RESULTS`` takes the numbers of a run over into the file and the README. Columns of the file:
finding; low and high, the ends of a range over languages, equal where there is one number; tolerance, by which each end may
differ on another machine; readme, the words of the README that hold it. A claim has 1 where it holds and 0 where it does not.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from langatlas.files import atomic

ROOT = Path(__file__).parents[1]
FILE, README = ROOT / "resources" / "default_run.csv", ROOT / "README.md"
REFUTED = re.compile(r"These do not: (.*?)\. ")
RELATIVES = (("ru", "uk"), ("zh", "ja"), ("es", "pt"), ("es", "it"))
VERDICTS = {"survives": 1.0, "does not survive": 0.0}
Ends = tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """In a text of the README: ``{name}`` two decimals, ``{name:.1f}``, ``{name:percent}``, ``{name:tolerance}``."""

    low: float
    high: float
    tolerance: float

    def __format__(self, spec: str) -> str:
        if spec.endswith("tolerance"):
            return f"± {self.tolerance * 100:.0f}" if spec.startswith("percent") else f"± {self.tolerance:g}"
        ends = [
            f"{100 * end:.0f} %" if spec == "percent" else f"{end:{spec or '.2f'}}" for end in (self.low, self.high)
        ]
        return " to ".join(dict.fromkeys(ends))

    def holds(self, low: float, high: float) -> bool:
        """Whether a run's ends lie within the tolerance, half of the last digit that the file has on top."""
        return all(abs(one - other) <= self.tolerance + 0.005 for one, other in ((low, self.low), (high, self.high)))


def read() -> pd.DataFrame:
    """The file, by finding."""
    return pd.read_csv(FILE, dtype={"readme": str}, keep_default_na=False).set_index("finding")


def findings(table: pd.DataFrame) -> dict[str, Finding]:
    return {name: Finding(row.low, row.high, row.tolerance) for name, row in table.iterrows()}


def is_claim(name: str) -> bool:
    """Claims are sentences, findings with numbers are names."""
    return " " in name


def sentences(table: pd.DataFrame) -> dict[str, str]:
    """Finding -> the words of the README with the file's numbers; only what has words of its own, and no claims."""
    return {
        name: words.format_map(findings(table))
        for name, words in table["readme"].items()
        if words and not is_claim(name)
    }


def measured(results: Path) -> dict[str, Ends]:
    """Both ends of every finding in the tables of a run of the default."""
    tables = {path.stem: pd.read_csv(path, keep_default_na=True) for path in (results / "tables").glob("*.csv")}
    return {
        **dict(_core(tables["core_removal"])),
        **dict(_matrix(tables["effect_matrix"])),
        **dict(_isolation(tables["isolation"])),
        **dict(_questions(tables["questions"])),
        **{row.claim: (VERDICTS.get(row.verdict, float("nan")),) * 2 for row in tables["survival"].itertuples()},
        **dict(_memory(results / "benchmarks")),
    }


def _core(table: pd.DataFrame) -> Iterator[tuple[str, Ends]]:
    """Ratio to base after removing the core, lowest and highest over languages."""
    table = _last(table[table["region"] == "core"])
    for (side, ratio), rows in table.groupby(["side", "ratio"]):
        yield f"core-{side}-{100 * ratio:g}", (rows["ratio_to_base"].min(), rows["ratio_to_base"].max())


def _last(table: pd.DataFrame) -> pd.DataFrame:
    table = table[table["scope"] == "matrix"]
    return table[table["samples"] == table["samples"].max()]


def _matrix(table: pd.DataFrame) -> Iterator[tuple[str, Ends]]:
    """Effects of languages' regions on themselves, on four of five others (10th to 90th percentile), and on relatives."""
    table = _last(table)
    table = table[table["ratio"] == table["ratio"].max()]
    itself = table["region_language"] == table["language"]
    own, others = table[itself], table[~itself]["ratio_to_base"]
    yield "hits-itself-hardest", (float((own["rank"] == 1).sum()),) * 2
    yield "own-effect", (own["ratio_to_base"].min(), own["ratio_to_base"].max())
    yield "other-effect", (others.quantile(0.1), others.quantile(0.9))
    cells = table.set_index(["region_language", "language"])["ratio_to_base"]
    for one, other in RELATIVES:
        yield f"{one}-on-{other}", (cells[one, other],) * 2


def _isolation(table: pd.DataFrame) -> Iterator[tuple[str, Ends]]:
    """Means over languages of the largest sets, and which method has the highest selectivity."""
    table = table[table["region_language"].isna() & table["reference"].isna() & (table["side"] == "top")]
    means = table[table["size_share"] == table["size_share"].max()].set_index("method")
    for method, row in means.iterrows():
        yield f"isolation-{method}", (row["isolation"],) * 2
    yield "Average precision is the most selective", (float(means["selectivity"].idxmax() == "precision"),) * 2


def _questions(table: pd.DataFrame) -> Iterator[tuple[str, Ends]]:
    """Accuracy of the unchanged model over all languages: of sentences, and of priors."""
    base = table[(table["side"] == "base") & (table["language"] == "all")].set_index("answers")["accuracy"]
    yield "accuracy", (base["sentences"],) * 2
    yield "accuracy-priors", (base["priors"],) * 2


def _memory(folder: Path) -> Iterator[tuple[str, Ends]]:
    """The largest resident memory of any job, from Snakemake's benchmarks (MiB)."""
    peaks = [pd.read_csv(path, sep="\t", na_values="-")["max_rss"].max() for path in folder.rglob("*.tsv")]
    if peaks:
        yield "largest-job-gib", (max(peaks) / 1024,) * 2


def take_over(results: Path) -> list[str]:
    """Write a run's numbers into the file and into the README's sentences. Returns the claims that are to be put by hand."""
    table, text = read(), README.read_text(encoding="utf-8")
    found, before = measured(results), sentences(table)
    for name in table.index:
        table.loc[name, ["low", "high"]] = [round(end, 3 if name.startswith("accuracy") else 2) for end in found[name]]
    for name, words in sentences(table).items():
        text = re.sub(in_any_lines(before[name]), lambda _, words=words: words, text)
    for path, content in ((FILE, table.to_csv(lineterminator="\n", float_format="%g")), (README, text)):
        with atomic(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return [name for name in filter(is_claim, table.index) if not claim_is_placed(table.loc[name], text)]


def in_any_lines(words: str) -> str:
    """A pattern that finds words wherever lines are broken."""
    return r"\s+".join(map(re.escape, words.split()))


def claim_is_placed(row: pd.Series, text: str) -> bool:
    """Whether the README has a claim where it belongs: among those that do not survive, or outside of them."""
    text = " ".join(text.split())
    refuted = " ".join(REFUTED.findall(text))
    return row["readme"] in (text.replace(refuted, "") if row["low"] else refuted)


if __name__ == "__main__":
    for claim in take_over(Path(sys.argv[1])):
        print(f"README.md: put this claim by hand: {claim}")
