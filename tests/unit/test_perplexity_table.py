"""The table `perplexity` against hand computation; bad rows."""

import math

import numpy as np
import pandas as pd
import pytest
from torch.utils.data import DistributedSampler

from langatlas.present import columns, markup, published_numbers
from langatlas.present.perplexity_rows import published_order, published_perplexity
from langatlas.present.tables import core_removal
from langatlas.present.tables.perplexity import COLUMNS
from langatlas.present.tables.perplexity import build as tabulate_perplexity
from small_tables import FAST, PUBLISHED, row_of, write_both_experiments, write_rows
from synthetic import TYPES, perplexity_rows


def core_rows(nll_nats: dict[str, list[float]]) -> pd.DataFrame:
    """Rows of two sequences (1 and 3 tokens, 2 and 10 bytes) for base, top, bottom and seeds of random."""
    frames = []
    for name, values in nll_nats.items():
        side, _, seed = name.partition("-")
        removed = (
            {}
            if side == "base"
            else {"region": "core", "scope": "matrix", "samples": 256, "ratio": 0.03, "edit": "remove"}
        )
        row = {"model": "m", "experiment": "core-removal", "language": "ru", "side": side, **removed}
        row |= {
            "seed": int(seed) if seed else None,
            "n_tokens": [1, 3],
            "n_bytes": [2, 10],
            "n_characters": [1, 5],
        }
        frames.append(pd.DataFrame({**row, "sequence": [0, 1], "nll_nats": values}))
    return pd.concat(frames).reindex(columns=list(TYPES)).astype(TYPES)


TINY = {"base": [1.0, 3.0], "top": [2.0, 10.0], "bottom": [1.0, 3.4], "random-1": [1.0, 5.0], "random-2": [2.0, 8.0]}


@pytest.fixture(scope="module")
def perplexity(tmp_path_factory):
    return write_both_experiments(tmp_path_factory.mktemp("perplexity"))


def test_numbers_of_a_tiny_file_equal_those_computed_by_hand(tmp_path):
    table = tabulate_perplexity([write_rows(tmp_path, core_rows(TINY))], **FAST)
    base, top = row_of(table, side="base"), row_of(table, side="top")
    assert base["perplexity"] == pytest.approx(math.exp(4 / 4))
    assert top["perplexity"] == pytest.approx(math.exp(12 / 4))
    assert top["bits_per_byte"] == pytest.approx(12 / math.log(2) / 12)
    assert top["ratio_to_base"] == pytest.approx(math.exp(2))
    # geometric mean of the two random perplexities: NLL 6 and 10 over 4 tokens
    assert top["ratio_to_random"] == pytest.approx(math.exp(12 / 4 - (6 + 10) / 2 / 4))
    assert (base["ratio_to_base_low"], base["ratio_to_base_high"]) == (1.0, 1.0)
    assert list(table.columns) == list(COLUMNS)
    assert table[table["side"].isin(["base", "random"])]["p_value"].isna().all()
    assert (top["n_sequences"], top["n_tokens"], top["n_bytes"]) == (2, 4, 12)


def test_every_interval_holds_its_number(perplexity):
    for name in ("perplexity", "bits_per_byte", "ratio_to_base", "ratio_to_random"):
        value, low, high = (perplexity[column] for column in columns.with_interval(name))
        assert ((low <= value) & (value <= high) | value.isna()).all()


def test_a_collapsed_model_has_infinite_perplexity_and_a_true_ratio_to_another_collapsed_one(tmp_path):
    collapsed = TINY | {"top": [4000.0, 4000.0], "random-1": [4000.0, 3996.0], "random-2": [4000.0, 3996.0]}
    table = tabulate_perplexity([write_rows(tmp_path, core_rows(collapsed))], **FAST)
    top = row_of(table, side="top")
    assert top["perplexity"] == np.inf
    assert top["ratio_to_base"] == np.inf
    assert top["ratio_to_random"] == pytest.approx(math.e)
    core = core_removal.build(table, published_numbers.load_core(PUBLISHED / "core_removal.csv"), {})
    part = core_removal.wide(core)["m, 3 % of each matrix, 256 samples: region core"]
    assert part["Top × base"].tolist() == ["∞ [∞, ∞]"]
    assert "$\\infty$" in markup.latex(part, "c", "l")


def test_one_sequence_gives_numbers_but_no_interval(tmp_path):
    rows = core_rows(TINY)
    table = tabulate_perplexity([write_rows(tmp_path, rows[rows["sequence"] == 1])], **FAST)
    assert row_of(table, side="top")["perplexity"] == pytest.approx(math.exp(10 / 3))
    assert table["perplexity_low"].isna().all()
    assert row_of(table, side="top")["p_value"] == 1.0


def test_the_bottom_of_a_monolingual_region_has_no_random_control_for_its_size_differs(perplexity):
    bottom = perplexity[(perplexity["side"] == "bottom") & perplexity["region_language"].notna()]
    assert len(bottom)
    assert bottom[["ratio_to_random", "p_value"]].isna().all(axis=None)


def test_the_order_of_files_changes_nothing(tmp_path):
    paths = [write_rows(tmp_path, perplexity_rows(language, sequences=5)) for language in ("uk", "ru")]
    pd.testing.assert_frame_equal(tabulate_perplexity(paths, **FAST), tabulate_perplexity(paths[::-1], **FAST))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"nll_nats": np.nan},
            r"ru.parquet: intervention region=core, .*side=random, seed=2, ratio=0.03, edit=remove, sequence 1: nll_nats nan",
        ),
        ({"nll_nats": np.inf}, r"side=random, seed=2, ratio=0.03, edit=remove, sequence 1: nll_nats inf"),
        ({"n_tokens": 0}, "sequence 1: .*n_tokens 0"),
        (
            {"n_tokens": 4},
            "side=random, seed=2, ratio=0.03, edit=remove was not measured on the same sequences as side=base",
        ),
        ({"sequence": 7}, "was not measured on the same sequences as side=base"),
        ({"language": "uk"}, r"holds more than one language: \['ru', 'uk'\]"),
        ({"side": "upper"}, r"side must be one of .*got \['upper'\]"),
    ],
)
def test_a_bad_row_is_refused_with_file_intervention_and_sequence(tmp_path, change, message):
    rows = core_rows(TINY)
    path = write_rows(tmp_path, rows.reset_index(drop=True))
    rows = rows.reset_index(drop=True)
    rows.loc[len(rows) - 1, list(change)] = list(change.values())
    rows.to_parquet(path)
    with pytest.raises(ValueError, match=message):
        tabulate_perplexity([path], **FAST)


def test_missing_rows_columns_and_bases_are_refused(tmp_path):
    rows = core_rows(TINY)
    path = tmp_path / "ru.parquet"
    for wrong, message in [
        (rows.iloc[:-1], r"\(1 and 2 rows\)"),
        (rows.drop(columns="n_bytes"), "no column 'n_bytes'"),
        (rows[rows["side"] != "base"], "one intervention with side=base, got 0"),
        (pd.concat([rows, rows]), "holds sequence 0 more than once"),
        (rows.iloc[:0], "no rows"),
    ]:
        wrong.to_parquet(path)
        with pytest.raises(ValueError, match=message):
            tabulate_perplexity([path], **FAST)
    with pytest.raises(ValueError, match="no perplexity files"):
        tabulate_perplexity([], **FAST)


def test_the_published_reduction_averages_batches_of_sixteen(tmp_path):
    nll = np.random.default_rng(1).uniform(5, 50, (1, 35))
    tokens = np.random.default_rng(2).integers(2, 60, 35).astype(float)
    order = list(DistributedSampler(range(35), num_replicas=1, rank=0))
    means = [nll[0, part].sum() / tokens[part].sum() for part in (order[:16], order[16:32], order[32:])]
    assert published_perplexity(nll, tokens, 1) == pytest.approx([math.exp(sum(means) / 3)])
    table = tabulate_perplexity([write_rows(tmp_path, core_rows(TINY))], **FAST, published_processes=1)
    # One batch of two sequences: the readings agree.
    np.testing.assert_allclose(table["perplexity_published"], table["perplexity"], rtol=1e-12)


def test_of_eight_processes_as_released_each_has_a_perplexity_of_its_own(tmp_path):
    table = tabulate_perplexity([write_rows(tmp_path, core_rows(TINY))], **FAST)
    # Two sequences, of 1 and 3 tokens, four times each.
    assert row_of(table, side="base")["perplexity_published"] == pytest.approx((math.exp(1) + math.exp(3 / 3)) / 2)
    assert row_of(table, side="top")["perplexity_published"] == pytest.approx((math.exp(2) + math.exp(10 / 3)) / 2)


@pytest.mark.parametrize("count", [1, 2, 3, 22, 100, 4099])
def test_the_published_order_is_that_of_torch_s_sampler(count):
    assert published_order(count).tolist() == list(DistributedSampler(range(count), num_replicas=1, rank=0))


def test_the_published_processes_repeat_the_first_sequences_and_are_averaged_after_exp():
    assert published_order(3).tolist() == [2, 0, 1]  # as torch.randperm(3) with seed 0 says
    nll, tokens = np.array([[2.0, 6.0, 3.0]]), np.array([2.0, 3.0, 4.0])
    first, second = math.exp((3 + 6) / (4 + 3)), math.exp((2 + 3) / (2 + 4))  # 2, 1 and 0, 2
    assert published_perplexity(nll, tokens, 2) == pytest.approx([(first + second) / 2])
    each = [math.exp(0.75), math.e, math.e**2, math.exp(0.75), math.e]
    assert published_perplexity(nll, tokens, 5) == pytest.approx([np.mean(each)])
