"""Tables and figures of translation: scores against sacrebleu, shares by hand, verdicts, what the pictures show."""

import numpy as np
import pandas as pd
import pytest
from sacrebleu.metrics import BLEU, CHRF

import figure_data
from langatlas.present import columns, translation_scores, translations
from langatlas.present.figures import canvas, neuron_activity, neuron_peaks
from langatlas.present.figures import inhibition as inhibition_figure
from langatlas.present.tables import inhibition, translation

OUTPUTS = ["The capital of France is Paris.", "It is", "", "Monday, follows (Sunday)!", "今天是星期一。", "no"]
REFERENCES = [
    "Paris is the capital of France.",
    "It is Monday.",
    "Four",
    "Monday follows Sunday.",
    "今天是星期二。",
    "日本",
]


def test_chrf_is_that_of_sacrebleu_over_any_sentences():
    counts = translation_scores.chrf_counts(OUTPUTS, REFERENCES)
    metric, everything = CHRF(word_order=2), range(6)
    samples = [everything, [0], [1], [2], [5], [0, 0, 3], [2, 5], [1, 4, 4, 5]]
    for chosen in samples:
        outputs, references = ([texts[i] for i in chosen] for texts in (OUTPUTS, REFERENCES))
        expected = metric.corpus_score(outputs, [references]).score
        assert translation_scores.chrf(counts[list(chosen)].sum(0)) == pytest.approx(expected, abs=1e-9)
    summed = np.stack([counts[list(chosen)].sum(0) for chosen in samples])
    assert translation_scores.chrf(summed).shape == (len(samples),)
    assert translation_scores.chrf(counts[2]) == 0
    assert metric.get_signature().info["nw"] == 2


def test_bleu_is_of_the_corpus_with_a_tokenizer_that_needs_no_download():
    score, signature = translation_scores.bleu(OUTPUTS, REFERENCES, "en")
    assert score == pytest.approx(BLEU().corpus_score(OUTPUTS, [REFERENCES]).score)
    assert "tok:13a" in signature
    for language, tokenizer in {"zh": "zh", "ja": "char", "ko": "char", "ru": "13a"}.items():
        assert f"tok:{tokenizer}" in translation_scores.bleu(OUTPUTS, REFERENCES, language)[1]
    same = translation_scores.bleu(REFERENCES[:2], REFERENCES[:2], "en")[0]
    assert same == pytest.approx(100)


def row(condition: str, number: int, output: str, inhibited: list[list[int]], everything: list[int]) -> dict:
    """A model of two layers with ten neurons each; the prompt has three tokens, an end mark is set."""
    return {
        "model": "m", "experiment": "e", "condition": condition, "shots": 0, "source_language": "zh", "target_language": "en",
        "input_languages": "zh es", "item": f"i{number}", "item_number": number, "n_prompt_tokens": 3,
        "output": output, "reference": REFERENCES[number], "n_tokens": len(inhibited) - 1, "ended": True,
        "inhibited": np.array(inhibited).ravel(), "zero": np.zeros(2 * len(inhibited), int),
        **dict.fromkeys(columns.INTERVENTION), "side": "base",
        "all_inhibited": np.array(everything), "all_zero": np.array([1, 0]), "layers": 2, "neurons": 10,
    }  # fmt: skip


def rows() -> pd.DataFrame:
    """Two sentences; parallel is right and inhibits more, repeated is as direct."""
    made = []
    for condition in ("direct", "repeated-1"):
        made += [row(condition, 1, "zzz", [[2, 4]], [6, 12]), row(condition, 0, "qqq", [[4, 4], [2, 6]], [8, 16])]
    made += [
        row("parallel-1", 0, REFERENCES[0], [[8, 8]], [20, 20]),
        row("parallel-1", 1, REFERENCES[1], [[6, 8]], [20, 21]),
    ]
    return pd.DataFrame(made)


def test_quality_and_inhibition_by_hand():
    table = translation.build(rows(), resamples=200, seed=1).set_index("condition")
    direct, parallel = table.loc["direct"], table.loc["parallel-1"]
    # three passes: layer 0 has 2, 4, 2 inhibited of ten, layer 1 has 4, 4, 6
    assert direct["inhibited_share"] == pytest.approx((8 / 30 + 14 / 30) / 2)
    assert parallel["inhibited_share"] == pytest.approx((14 / 20 + 16 / 20) / 2)
    assert parallel["inhibited_difference"] == pytest.approx(0.75 - 22 / 60)
    assert (direct["n_items"], direct["prompt_tokens"], direct["new_tokens"]) == (2, 3, 0.5)
    assert (direct["exact_match"], parallel["exact_match"], parallel["chrf"]) == (0, 1, pytest.approx(100))
    expected = CHRF(word_order=2).corpus_score(["qqq", "zzz"], [REFERENCES[:2]]).score
    assert direct["chrf"] == pytest.approx(expected)
    assert parallel["chrf_difference"] == pytest.approx(100 - expected)
    assert parallel["better_with_fewer"] == "yes"
    assert parallel["inhibited_difference_low"] > 0
    same = table.loc["repeated-1"]
    assert same[["inhibited_difference_low", "inhibited_difference_high", "chrf_difference"]].tolist() == [0, 0, 0]
    assert same["better_with_fewer"] == "does not translate"
    other = CHRF(word_order=2).corpus_score(REFERENCES[:2], [REFERENCES[1::-1]]).score
    assert parallel["chrf_unrelated"] == pytest.approx(other)
    assert pd.isna(direct["better_with_fewer"])
    assert pd.isna(direct["baseline"])
    (part,) = translation.wide(table.reset_index()).values()
    assert list(part["Better with fewer"]) == ["–", "does not translate", "yes"]


def test_every_resample_is_of_whole_sentences():
    """With two sentences there are three samples: the first twice, the second twice, both."""
    table = translation.build(rows(), resamples=500, seed=2).set_index("condition")
    low, high = table.loc["direct", ["inhibited_share_low", "inhibited_share_high"]]
    assert (low, high) == pytest.approx(((2 + 4) / 20, (4 + 2 + 4 + 6) / 40))


def test_one_sentence_alone_has_numbers_and_no_interval():
    table = translation.build(rows().query("item_number == 0"), resamples=50, seed=1).set_index("condition")
    direct, parallel = table.loc["direct"], table.loc["parallel-1"]
    assert (direct["n_items"], parallel["chrf"]) == (1, pytest.approx(100))
    ends = [f"{name}_{end}" for name in ("chrf", "chrf_difference", "inhibited_share") for end in ("low", "high")]
    assert parallel[ends].isna().all()
    assert parallel["better_with_fewer"] == "does not translate", "not surely better than unrelated text"


def test_layers_by_class_of_tokens():
    table = inhibition.build(rows(), resamples=100, seed=1)
    shares = table[table["condition"] == "direct"].set_index(["positions", "layer"])["inhibited_share"]
    assert shares["published"].tolist() == pytest.approx([8 / 30, 14 / 30])
    assert shares["last_prompt"].tolist() == pytest.approx([6 / 20, 8 / 20])
    assert shares["generated"].tolist() == pytest.approx([2 / 10, 6 / 10])
    assert shares["all"].tolist() == pytest.approx([14 / 70, 28 / 70])  # 3 + 4 tokens were fed
    parallel = table[table["condition"] == "parallel-1"].set_index(["positions", "layer"])
    assert "generated" not in parallel.index, "no token was fed after the prompt"
    assert parallel.loc[("all", 0), "zero_share"] == pytest.approx(2 / 60)
    assert parallel.loc[("last_prompt", 1), "inhibited_difference"] == pytest.approx(16 / 20 - 8 / 20)
    (wide,) = inhibition.wide(table).values()
    assert wide["Layer"].tolist() == [0, 1, "mean"]


def test_differences_are_to_direct_with_as_many_examples():
    shots = {"direct": 0, "direct-1shot": 1, "parallel-1-1shot": 1, "parallel-1-5shot": 5}
    known = {name: pd.DataFrame({"shots": [count]}) for name, count in shots.items()}
    assert [translations.baseline(name, known) for name in known] == [None, "direct", "direct-1shot", "direct"]


def test_the_claim_fails_where_one_half_is_surely_wrong():
    def line(*ends):
        names = ("chrf_difference_low", "chrf_difference_high", "inhibited_difference_low", "inhibited_difference_high")
        return dict(zip(names, ends, strict=True))

    assert translation.verdict(line(1, 2, 0.1, 0.2)) == "yes"
    assert translation.verdict(line(1, 2, -0.2, -0.1)) == "no"
    assert translation.verdict(line(-2, -1, 0.1, 0.2)) == "no"
    assert translation.verdict(line(1, 2, -0.1, 0.2)) == "cannot be told"


def test_other_sentences_are_not_compared():
    changed = rows()
    changed.loc[changed["condition"] == "parallel-1", "item"] = "x"
    with pytest.raises(ValueError, match="parallel-1 has other sentences"):
        translation.build(changed, resamples=10, seed=1)


@pytest.fixture
def style():
    with canvas.style(figure_data.STYLE):
        yield


COUNTS = {
    "parallel-1": (np.array([[2, 2, 2, 2], [0, 1, 0, 0]]), 2),
    "direct": (np.array([[4, 0, 2, 1], [3, 3, 0, 0]]), 4),
}


@pytest.mark.usefixtures("style")
def test_curves_of_the_most_active_neurons():
    frequency, layers = neuron_peaks.figure(COUNTS, "m", "e", ["direct", "parallel-1"], 0.5).axes
    assert frequency.lines[0].get_ydata().tolist() == [1, 0.75, 0.75, 0.5]
    assert frequency.lines[1].get_ydata().tolist() == [1, 1, 1, 1]
    assert [line.get_ydata().tolist() for line in layers.lines] == [[2, 2], [4, 0]]


@pytest.mark.usefixtures("style")
def test_maps_of_activity_are_shares_of_the_passes():
    panels = neuron_activity.figure(COUNTS, "m", "e", ["direct", "parallel-1"]).axes
    np.testing.assert_array_equal(panels[0].images[0].get_array(), COUNTS["direct"][0] / 4)
    np.testing.assert_array_equal(panels[1].images[0].get_array(), COUNTS["parallel-1"][0] / 2)
    low, high = panels[0].get_ylim()
    assert low < high, "the first layer is at the bottom"


def test_languages_and_interventions_of_an_experiment_are_not_put_together():
    """Each has its own unchanged sentences and its own baseline: numbers are those of the part alone."""
    alone = translation.build(rows(), resamples=50, seed=1)
    other = rows().assign(source_language="ru", output="Four")
    removed = rows().assign(side="top", region="core", ratio=0.03, edit="remove", output="zzz")
    everything = pd.concat([rows(), other, removed], ignore_index=True)
    table = translation.build(everything, resamples=50, seed=1)
    assert len(table) == 3 * len(alone)
    own = table[(table["source_language"] == "zh") & (table["side"] == "base")]
    pd.testing.assert_frame_equal(own.reset_index(drop=True), alone, check_dtype=False)
    assert [caption.partition("\n")[0] for caption in translation.wide(table)][2].endswith(", after core 3 %, top")
    layers = inhibition.build(everything, resamples=50, seed=1)
    expected = inhibition.build(rows(), resamples=50, seed=1)
    own = layers[(layers["source_language"] == "zh") & (layers["side"] == "base")]
    pd.testing.assert_frame_equal(own.reset_index(drop=True), expected, check_dtype=False)
    assert len(inhibition.wide(layers)) == 3


@pytest.mark.usefixtures("style")
def test_a_panel_for_every_class_of_tokens_and_a_line_for_every_condition():
    table = inhibition.build(rows(), resamples=50, seed=1)
    panels = inhibition_figure.figure(table, "m", "e", "zh").axes
    assert [axes.get_title(loc="left") for axes in panels] == list(inhibition_figure.PANELS.values())
    assert [len(axes.lines) for axes in panels] == [3, 3, 2, 3]
    assert panels[0].lines[0].get_ydata().tolist() == pytest.approx([8 / 30, 14 / 30])
    with pytest.raises(ValueError, match="no rows"):
        inhibition_figure.figure(table, "m", "other", "zh")
