"""What was done to a model, in words: one name for one intervention, whatever its kind."""

import pandas as pd
import pytest

from langatlas.present import columns, layout


def done(**given) -> dict:
    return dict.fromkeys(columns.INTERVENTION) | given


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (done(side="base"), "nothing"),
        (done(region="core", ratio=0.03, side="top", edit="remove"), "core 3 %, top"),
        (done(region="core", ratio=0.03, side="random", seed=2, edit="remove"), "core 3 %, random (2)"),
        (
            done(region="core", ratio=0.03, side="top", edit="lines", setting="attn.o", lines=10),
            "core 3 %, top: lines, attn.o, 10 lines",
        ),
        (
            done(side="top", edit="multiply", setting="layer 1 norm.input", target="index 26", lines=1, amount=4.0),
            "top: multiply 4, layer 1 norm.input, index 26, 1 line",
        ),
        (done(side="top", edit="swap", target="forgetting/full"), "top: swap, forgetting/full"),
    ],
)
def test_an_intervention_in_words(row, words):
    assert layout.intervention(row) == words


def test_no_two_interventions_have_one_name():
    """Regions of the same name from other samples, parameters multiplied by other factors."""
    core = [done(region="core", samples=n, ratio=0.03, side="top", edit="remove") for n in (8, 256)]
    scaled = [done(side="top", edit="multiply", setting="norm", target="index 1", amount=a) for a in (4.0, 10.0)]
    control = done(region="core", samples=8, ratio=0.03, side="random", seed=1, edit="remove")
    rows = pd.DataFrame([done(side="base"), *core, core[0], *scaled, control])
    assert layout.interventions(rows) == [
        "nothing",
        "core 3 %, top, 8 samples",
        "core 3 %, top, 256 samples",
        "core 3 %, top, 8 samples",
        "top: multiply 4, norm, index 1",
        "top: multiply 10, norm, index 1",
        "core 3 %, random (1)",
    ]
