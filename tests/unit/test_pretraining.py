"""Further pretraining: held weights do not move by a bit, and the two treatments of master weights do what they say."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from langatlas.intervene.pretraining import Settings, Trainer, further_pretrain, learning_rate, region_places
from langatlas.models.nll import pad, token_nll
from langatlas.present.figures import pretraining as pretraining_figure
from langatlas.present.tables import forgetting, pretraining
from langatlas.region import Region, save
from tiny import random_sequences, tiny_llama

SETTINGS = Settings(
    learning_rate=0.01, warmup_steps=1, weight_decay=0.1, batch_size=2, accumulation=2, working="float32",
    precision="float32", seed=3,
)  # fmt: skip
SEQUENCES = random_sequences(24, seed=5)


@pytest.fixture
def region(tmp_path):
    generator = np.random.default_rng(3)
    masks = {n: generator.random(tuple(p.shape)) < 0.2 for n, p in tiny_llama().named_parameters() if "layers" in n}
    save(tmp_path / "region.safetensors", masks, {"model_hash": "h"})
    return Region.open(tmp_path / "region.safetensors")


def trained(region, mode, master="corrected", samples=16, **changes):
    model = tiny_llama()
    trainer = Trainer(model, region, mode, master, Settings(**{**vars(SETTINGS), **changes}))
    reached = list(further_pretrain(trainer, SEQUENCES, [0, samples]))
    return model, trainer, reached


def state(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("mode", ["freeze", "zero-freeze"])
def test_frozen_weights_are_the_same_bits_in_both_copies_and_in_the_optimizer(region, mode):
    before = state(tiny_llama())
    model, trainer, reached = trained(region, mode)
    assert reached == [(0, 0), (16, 4)]
    for name, places in region_places(model, region).items():
        held = before[name].view(-1)[places] if mode == "freeze" else torch.zeros(len(places))
        assert torch.equal(dict(model.named_parameters())[name].data.view(-1)[places], held)
        assert torch.equal(trainer.masters[name].data.view(-1)[places], held)
        moments = trainer.optimizer.state[trainer.masters[name]]
        assert not moments["exp_avg"].view(-1)[places].any()
        assert not moments["exp_avg_sq"].view(-1)[places].any()
        free = torch.ones(before[name].numel(), dtype=torch.bool)
        free[places] = False
        moved = dict(model.named_parameters())[name].data.view(-1) != before[name].view(-1)
        assert moved[free].float().mean() > 0.9


def test_norm_vectors_of_a_region_are_left_alone(region):
    assert not any("norm" in name for name in region_places(tiny_llama(), region))


def test_full_training_equals_adamw_by_hand():
    model, _, _ = trained(None, "full", samples=8)
    other = tiny_llama()
    decay = [p for p in other.parameters() if p.ndim > 1]
    rest = [p for p in other.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95))
    order = np.random.default_rng(3).permutation(len(SEQUENCES))
    for step in range(2):
        for micro in range(2):
            chosen = order[4 * step + 2 * micro : 4 * step + 2 * micro + 2]
            batch = pad([SEQUENCES[i] for i in chosen], chosen)
            (token_nll(other, batch).sum() / batch.n_predicted / 2).backward()
        torch.nn.utils.clip_grad_norm_(other.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, 2, SETTINGS)
        optimizer.step()
        optimizer.zero_grad()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_the_published_master_puts_removed_weights_back_at_the_first_step_and_the_corrected_one_does_not(region):
    """With a learning rate of nearly nothing, so that nothing can be learnt."""
    before = state(tiny_llama())
    for master in ("published", "corrected"):
        model, _, reached = trained(region, "zero-unfreeze", master, samples=4, learning_rate=1e-12)
        assert reached[-1] == (4, 1)
        for name, places in region_places(model, region).items():
            now = dict(model.named_parameters())[name].data.view(-1)[places]
            expected = before[name].view(-1)[places] if master == "published" else torch.zeros(len(places))
            torch.testing.assert_close(now, expected, rtol=0, atol=1e-9)


def test_before_the_first_step_both_have_the_region_removed_and_published_freezing_holds_the_working_copy(region):
    for mode, samples in (("zero-unfreeze", 2), ("zero-freeze", 16)):
        model, trainer, _ = trained(region, mode, "published", samples=samples)
        for name, places in region_places(model, region).items():
            assert not dict(model.named_parameters())[name].data.view(-1)[places].any()
            assert trainer.masters[name].data.view(-1)[places].any()  # the master was made before


def test_the_working_copy_is_the_master_rounded(region):
    model, trainer, _ = trained(None, "full", working="bfloat16")
    for name, p in model.named_parameters():
        assert torch.equal(p.data, trainer.masters[name].data.to(torch.bfloat16).float())
        assert not torch.equal(p.data, trainer.masters[name].data)


def test_the_same_seed_gives_the_same_bits(region):
    (a, *_), (b, *_), (c, *_) = (trained(region, "freeze", seed=seed) for seed in (1, 1, 2))
    same = [torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(x, y) for x, y in zip(a.parameters(), c.parameters(), strict=True))


def test_wrong_modes_too_little_text_and_exploding_losses_are_errors(region):
    with pytest.raises(ValueError, match="mode full takes no region"):
        trained(region, "full")
    with pytest.raises(ValueError, match="mode freeze needs a region"):
        trained(None, "freeze")
    with pytest.raises(ValueError, match="must be one of full, freeze"):
        trained(region, "thaw")
    with pytest.raises(ValueError, match="100 training samples were asked for, the text has 24"):
        trained(None, "full", samples=100)
    model = tiny_llama()
    trainer = Trainer(model, None, "full", "corrected", SETTINGS)
    model.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="the training loss is nan after 0 samples"):
        list(further_pretrain(trainer, SEQUENCES, [4]))


# -- tables and figure -------------------------------------------------------------------------------------------------


def rows_of(change: dict[tuple[str, str, str], float], seeds=(1, 2), languages=("ru", "en", "zh")) -> pd.DataFrame:
    """Every language starts at 2 nats a token; an arm changes the trained one (ru) by -0.5, the others by ``change``."""
    frames = []
    for (mode, side, master), loss in change.items():
        for seed in seeds:
            for language in languages:
                for stage, (samples, steps) in enumerate(((None, 0), (8, 2))):
                    delta = stage * (-0.5 if language == "ru" else loss + 0.01 * seed)
                    tokens = np.array([10, 20, 30, 40])
                    frames.append(
                        pd.DataFrame(
                            {
                                "model": "m", "experiment": "e", "train_language": "ru", "learning_rate": 0.1, "region": "core",
                                "ratio": 0.03, "mode": mode, "side": side, "master": master, "seed": seed,
                                "training_samples": samples, "optimizer_steps": steps, "language": language,
                                "sequence": np.arange(4), "nll_nats": tokens * (2 + delta), "n_tokens": tokens,
                            }
                        )
                    )  # fmt: skip
    return pd.concat(frames, ignore_index=True).astype({"training_samples": "Int64"})


def test_what_is_learnt_and_forgotten_by_hand():
    losses = {
        ("full", "none", "corrected"): 0.8,
        ("freeze", "top", "corrected"): 0.3,
        ("freeze", "random", "corrected"): 0.7,
    }
    table = forgetting.build(rows_of(losses), resamples=50, seed=1)
    assert len(table) == 6
    others = table[table["tested"] == "others"].set_index(["mode", "side"])
    top = others.loc["freeze", "top"]
    assert top["ratio_to_base"] == pytest.approx(math.exp(0.315))
    assert top["ratio_to_full"] == pytest.approx(math.exp(-0.5))
    assert top["ratio_to_frozen_random"] == pytest.approx(math.exp(-0.4))
    assert top["ratio_to_base_low"] == pytest.approx(math.exp(0.31))  # both draws the first seed
    assert top["ratio_to_base_high"] == pytest.approx(math.exp(0.32))
    assert top["n_languages"] == 2
    assert pd.isna(others.loc[("full", "none"), "ratio_to_full"])
    trained_rows = table[table["tested"] == "trained"]
    assert trained_rows["ratio_to_base"].tolist() == pytest.approx([math.exp(-0.5)] * 3)
    (heading,) = forgetting.wide(table)
    assert "of full training (better)" in heading
    assert "of freezing random parameters (better)" in heading
    worse = losses | {("freeze", "top", "corrected"): 0.9}
    (heading,) = forgetting.wide(forgetting.build(rows_of(worse), resamples=50, seed=1))
    assert heading.count("(worse)") == 2


@pytest.mark.parametrize(
    ("published", "said"), [(0.01, "is an artefact of the optimizer"), (0.9, "is not explained by")]
)
def test_the_master_weight_question_is_answered_from_the_rows(published, said):
    change = {("zero-unfreeze", "top", "published"): published, ("zero-unfreeze", "top", "corrected"): 1.0}
    table = pretraining.build(rows_of(change), resamples=20, seed=1)
    part = table[table["language"] == "en"]
    assert said in pretraining.master_weights(part)
    row = part[(part["master"] == "corrected") & (part["seed"] == 2) & (part["training_samples"] == 8)].iloc[0]
    assert row["ratio_to_base"] == pytest.approx(math.exp(1.02))
    assert row["perplexity"] == pytest.approx(math.exp(3.02))
    assert any(said in heading for heading in pretraining.wide(table))


def test_the_figure_has_a_panel_a_language_where_they_are_few_and_two_where_they_are_many():
    change = {("full", "none", "corrected"): 0.5, ("freeze", "top", "corrected"): 0.2}
    few = pretraining.build(rows_of(change), resamples=20, seed=1)
    drawing = pretraining_figure.figure(few, "m", "e")
    assert len(drawing.axes) == 3
    many = rows_of(change, languages=("ru", "en", "zh", "uk", "ja"))
    drawing = pretraining_figure.figure(pretraining.build(many, resamples=20, seed=1), "m", "e")
    assert [axes.get_title().split(" ")[0] for axes in drawing.axes][1] == "4"
    line = drawing.axes[1].lines[0]
    assert line.get_ydata().tolist() == pytest.approx([1.0, math.exp(0.515)])
