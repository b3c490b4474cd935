"""Relatives' overlap: planted kinship and planted script are told apart."""

import math

import numpy as np
import pandas as pd
import pytest

from langatlas.present import kinship


def test_relatives_that_share_more_are_found_and_strangers_are_not():
    pairs = [
        (a, b)
        for i, a in enumerate("ar en es it pt ru uk ja zh".split())
        for b in "ar en es it pt ru uk ja zh".split()[i + 1 :]
    ]
    romance, slavic = {"es", "it", "pt"}, {"ru", "uk"}

    def table(within):
        near = [{a, b} <= romance or {a, b} <= slavic for a, b in pairs]
        noise = np.random.default_rng(1).normal(0, 0.05, len(pairs))
        times = [np.exp((math.log(within) if close else 0) + 1 + e) for close, e in zip(near, noise, strict=True)]
        common = {"model": "m", "samples": 9, "scope": "matrix", "ratio": 0.05, "side": "top"}
        return pd.DataFrame(
            [
                common | {"language_a": a, "language_b": b, "times_chance": t}
                for (a, b), t in zip(pairs, times, strict=True)
            ]
        )

    found = kinship.family_overlap(table(3.0), 400, 1).set_index("kinship").loc["branch"]
    assert found["n_pairs_within"] == 4
    assert found["within_to_between"] == pytest.approx(3.0, rel=0.1)
    assert found["permutation_p_value"] < 0.02
    assert kinship.family_overlap(table(1.0), 400, 1).set_index("kinship").loc["branch", "permutation_p_value"] > 0.05


def test_what_script_explains_is_taken_out_of_kinship():
    names = (
        "ar en es fa it pt ru uk vi".split()
    )  # vi, es, it, pt and en write Latin; ar and fa Arabic; ru and uk Cyrillic
    latin = {"en", "es", "it", "pt", "vi"}

    def same_script(a, b):
        return {a, b} <= latin or {a, b} == {"ar", "fa"} or {a, b} == {"ru", "uk"}

    def table(script, branch):
        rows = []
        noise = np.random.default_rng(2)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                kin = {a, b} <= {"es", "it", "pt"} or {a, b} == {"ru", "uk"}
                times = np.exp(script * same_script(a, b) + branch * kin + noise.normal(0, 0.02))
                common = {"model": "m", "samples": 9, "scope": "matrix", "ratio": 0.05, "side": "top"}
                rows.append(common | {"language_a": a, "language_b": b, "times_chance": times})
        return kinship.family_overlap(pd.DataFrame(rows), 400, 1).set_index("kinship")

    by_script = table(script=1.0, branch=0.0)
    assert by_script.loc["branch", "permutation_p_value"] < 0.05  # relatives only look alike: they share a script
    assert by_script.loc["branch, script taken out", "within_to_between"] == pytest.approx(1, abs=0.05)
    assert by_script.loc["branch, script taken out", "permutation_p_value"] > 0.05
    by_branch = table(script=1.0, branch=1.0)
    assert by_branch.loc["branch, script taken out", "permutation_p_value"] < 0.05
    assert by_branch.loc["branch, script taken out", "within_to_between"] > 1.5


def test_own_labels_without_a_group_are_nobodys_relatives_whatever_they_are_called():
    names = ["code", "law", "ru", "uk"]
    common = {"model": "m", "samples": 9, "scope": "matrix", "ratio": 0.05, "side": "top"}
    table = pd.DataFrame(
        [
            common | {"language_a": a, "language_b": b, "times_chance": 2.0}
            for i, a in enumerate(names)
            for b in names[i + 1 :]
        ]
    )

    def related(group):
        labels = {name: {"name": "one name", "group": group} for name in names[:2]}
        return kinship.family_overlap(table, 100, 1, labels).set_index("kinship")["n_pairs_within"].to_dict()

    assert related("other") == {"family": 1, "branch": 1, "script": 1, "family, script taken out": 1,
                                "branch, script taken out": 1}  # fmt: skip
    assert related("texts")["family"] == 2
