"""The README's numbers are those of one file, and a default run's tables have them within the tolerance."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import default_run
from langatlas.present.tables import survival
from langatlas.workflow import settings

ROOT = default_run.ROOT
RESULTS = Path(os.environ.get("LANGATLAS_DEFAULT_RUN", ROOT / "results"))
# Reported from a run on a processor with bfloat16.
REPORTED = {
    "core-top-1": (1.15, 1.27),
    "core-top-3": (1.49, 1.93),
    "core-top-5": (2.09, 2.80),
    "own-effect": (1.07, 1.20),
    "largest-job-gib": (1.34, 1.34),
}


@pytest.fixture(scope="module")
def table():
    return default_run.read()


@pytest.fixture(scope="module")
def readme():
    return " ".join(default_run.README.read_text(encoding="utf-8").split())


def test_every_number_of_the_file_stands_in_the_readme(table, readme):
    said = default_run.sentences(table)
    assert [words for words in said.values() if readme.count(words) != 1] == []
    used = " ".join(table["readme"])
    names = [name for name in table.index if not default_run.is_claim(name)]
    assert [name for name in names if f"{{{name}}}" not in used and f"{{{name}:" not in used] == []


def test_every_claim_stands_among_those_that_survive_or_among_those_that_do_not(table, readme):
    claims = table[table.index.map(default_run.is_claim)]
    assert {"The core is more than large weights", "Gradients find more than |θ| alone"} <= set(claims.index)
    assert [name for name, row in claims.iterrows() if not default_run.claim_is_placed(row, readme)] == []
    turned = claims.assign(low=1 - claims["low"])
    assert not any(default_run.claim_is_placed(row, readme) for _, row in turned.iterrows())
    assert set(claims.index) - {claim for claim, *_ in survival.CLAIMS} == {"Average precision is the most selective"}


def test_the_tolerances_hold_what_a_processor_with_bfloat16_gave_and_no_other_order(table):
    known = default_run.findings(table)
    assert all(known[name].holds(*ends) for name, ends in REPORTED.items())
    for ratio in (1, 3, 5):
        top, random = (known[f"core-{side}-{ratio}"] for side in ("top", "random"))
        assert top.low - top.tolerance > random.high + random.tolerance
        assert top.tolerance < 0.25 * (top.high - 1), "less than a quarter of the effect"


def test_a_range_is_said_as_one_number_where_its_ends_are_equal():
    same, other = default_run.Finding(1.0, 1.001, 0.1), default_run.Finding(0.29, 0.35, 0.06)
    assert f"{same} {same:.0f} {other} {other:percent} {other:tolerance} {other:percent-tolerance}" == (
        "1.00 1 0.29 to 0.35 29 % to 35 % ± 0.06 ± 6"
    )
    assert same.holds(1.1, 0.9)
    assert not same.holds(1.0, 1.2)
    assert not same.holds(float("nan"), 1.0)
    assert not same.holds(1.0, float("nan"))


def removal(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns).assign(scope="matrix", samples=200)


@pytest.fixture
def results(tmp_path):
    """Tables of a run of two languages, as far as they are read."""
    effects = {
        ("ru", "ru"): 1.30, ("ru", "uk"): 1.10, ("zh", "zh"): 1.20, ("zh", "ja"): 1.21, ("es", "pt"): 1.05, ("es", "it"): 1.04,
    }  # fmt: skip
    factors = {"ratio_to_base": [1.2, 1.4, 1.01, 1.02, 9.0]}
    core = removal(region=["core"] * 4 + ["x"], side=["top", "top", "random", "random", "top"], ratio=0.01, **factors)
    tables = {
        "core_removal": pd.concat([core, core.assign(samples=50, ratio_to_base=0.0)]),
        "effect_matrix": removal(
            region_language=[one for one, _ in effects], language=[other for _, other in effects],
            ratio=0.05, ratio_to_base=list(effects.values()), rank=[1, 2, 2, 1, 2, 3],
        ),
        "isolation": pd.DataFrame(
            [
                ("importance", 1.0, None, None, "top", 1.5, 3.0), ("lape", 1.0, None, None, "top", 1.2, 2.0),
                ("precision", 1.0, None, None, "top", 1.4, 4.0), ("precision", 0.5, None, None, "top", 9.0, 9.0),
                ("precision", 1.0, "ru", None, "top", 9.0, 9.0), ("precision", 1.0, None, "lape", "top", 9.0, 9.0),
            ],
            columns=["method", "size_share", "region_language", "reference", "side", "isolation", "selectivity"],
        ),
        "questions": pd.DataFrame(
            {"side": ["base", "base", "top"], "language": "all", "answers": ["sentences", "priors", "priors"],
             "accuracy": [0.31, 0.28, 0.9]}
        ),
        "survival": pd.DataFrame(
            {"claim": ["a", "b", "c"], "verdict": [survival.SURVIVES, survival.FAILS, survival.UNKNOWN]}
        ),
    }  # fmt: skip
    (tmp_path / "tables").mkdir()
    for name, table in tables.items():
        table.to_csv(tmp_path / "tables" / f"{name}.csv", index=False)
    for rule, peak in (("small", "512.0"), ("large", "1536.0"), ("quick", "-")):
        (tmp_path / "benchmarks" / rule).mkdir(parents=True)
        (tmp_path / "benchmarks" / rule / "ru.tsv").write_text(f"s\tmax_rss\n1.0\t{peak}\n", encoding="utf-8")
    return tmp_path


def test_findings_are_read_from_the_tables_of_a_run(results):
    found = default_run.measured(results)
    assert np.isnan(found.pop("c")).all()
    assert found == {
        "core-top-1": (1.2, 1.4), "core-random-1": (1.01, 1.02),
        "hits-itself-hardest": (1, 1), "own-effect": (1.2, 1.3), "other-effect": pytest.approx((1.043, 1.177)),
        "ru-on-uk": (1.1, 1.1), "zh-on-ja": (1.21, 1.21), "es-on-pt": (1.05, 1.05), "es-on-it": (1.04, 1.04),
        "isolation-importance": (1.5, 1.5), "isolation-lape": (1.2, 1.2), "isolation-precision": (1.4, 1.4),
        "Average precision is the most selective": (1, 1),
        "accuracy": (0.31, 0.31), "accuracy-priors": (0.28, 0.28), "largest-job-gib": (1.5, 1.5), "a": (1, 1), "b": (0, 0),
    }  # fmt: skip


def test_a_run_s_numbers_are_taken_over_into_file_and_readme(monkeypatch, tmp_path, table):
    for name in ("FILE", "README"):
        shutil.copy(getattr(default_run, name), tmp_path / name)
        monkeypatch.setattr(default_run, name, tmp_path / name)
    found = {name: (row.low, row.high) for name, row in table.iterrows()}
    found |= {"core-top-1": (1.2345, 1.5), "own-effect": (1.3, 1.3), "accuracy": (0.333, 0.333)}
    found |= {"core-random-1": (1.01, 1.01), "core-bottom-1": (1.0, 1.0), "accuracy-priors": (0.29, 0.29)}
    found["Gradients find more than |θ| alone"] = (1.0, 1.0)
    monkeypatch.setattr(default_run, "measured", lambda results: found)
    assert default_run.take_over(tmp_path) == ["Gradients find more than |θ| alone"]
    text = " ".join((tmp_path / "README").read_text(encoding="utf-8").split())
    for words in (
        "| core, 1 % | 1.23 to 1.50 | 1.01 | 1.00 | ± 0.05 |",
        "by factors of 1.30 (± 0.06)",
        "33 % beside 29 %",
    ):
        assert words in text
    assert all(words in text for words in default_run.sentences(default_run.read()).values())


def why_not_a_default_run() -> str:
    """Nothing where the run's config is the default's of today: settings are compared with all defaults filled in."""
    written = RESULTS / "run_config.yaml"
    if not written.is_file():
        return f"no run in {RESULTS} (set LANGATLAS_DEFAULT_RUN to the results of the default)"
    now, then = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "config.yaml", written))
    now = settings.checked(now, ROOT / "schemas" / "config.schema.yaml")
    changed = [key for key in now if key != "results" and now[key] != then.get(key)]
    return f"the run in {RESULTS} is not of today's default: {', '.join(changed)}" if changed else ""


def test_a_default_run_has_the_readmes_numbers(table):
    if reason := why_not_a_default_run():
        pytest.skip(reason)
    known, found = default_run.findings(table), default_run.measured(RESULTS)
    wrong = {name: found.get(name) for name in known if name not in found or not known[name].holds(*found[name])}
    assert wrong == {}, "see what changed; python tests/default_run.py RESULTS takes a run's numbers over"
