"""Heads and neurons of every model family: what a removed line empties, seen inside the attention and before the down matrix."""

import numpy as np
import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

import families
from families import CONFIGS, GATED, HEAD, head_lines, located, logits, part, removal, tiny_family
from langatlas.intervene.edits import edited
from tiny import random_sequences

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=CONFIGS)
def family(request, tmp_path_factory):
    model = tiny_family(request.param)
    return model, *located(model, tmp_path_factory.mktemp(request.param))


def test_removing_the_value_lines_of_a_head_is_masking_its_output(family):
    """Values that are zero, their bias too, give a head that writes nothing: as a hook on the input of attn.o does it."""
    model, _, _, region = family
    output = model.get_submodule(part(region, 1, "attn.o").name.removesuffix(".weight"))
    grouped = getattr(model.config, "num_key_value_heads", families.HEADS) == 2
    masked = [2, 3] if grouped else [HEAD]  # two heads of queries read one head of values
    silent = [i for head in masked for i in head_lines(model, head=head)]

    def mask(module, inputs):
        return (inputs[0].index_fill(-1, torch.tensor(silent), 0.0),)

    handle = output.register_forward_pre_hook(mask)
    expected = logits(model)
    handle.remove()
    assert not torch.allclose(expected, logits(model), atol=1e-3)
    with edited(model, removal(region, 1, {"attn.v": "head"}, head_lines(model, "attn.v"))):
        torch.testing.assert_close(logits(model), expected, rtol=1e-4, atol=1e-5)
    with edited(model, removal(region, 1, {"attn.o": "head"}, silent)):
        torch.testing.assert_close(logits(model), expected, rtol=1e-4, atol=1e-5)


def attention_inputs(model):
    """q, k, v of the last layer as its attention sees them, (heads, tokens, features) each."""
    seen = []
    ids = torch.from_numpy(random_sequences(1, longest=9)[0].astype(np.int64))[None]
    if model.config.model_type == "bloom":
        attention = model.transformer.h[1].self_attention
        original = attention._reshape
        attention._reshape = lambda fused: seen.append(original(fused)) or seen[-1]
    else:

        def look(module, q, k, v, mask, **settings):
            seen.append((q, k, v))
            return torch.zeros(q.shape[0], q.shape[2], q.shape[1], v.shape[3]), None

        ALL_ATTENTION_FUNCTIONS.register("look", look)
        before, model.config._attn_implementation = model.config._attn_implementation, "look"
    try:
        with torch.no_grad():
            model(ids)
    finally:
        if model.config.model_type == "bloom":
            del attention._reshape
        else:
            model.config._attn_implementation = before
    return dict(zip("qkv", (states[0] for states in seen[-1]), strict=True))


@pytest.mark.parametrize("letter", "qkv")
def test_removing_the_lines_of_a_head_empties_its_queries_keys_or_values_and_no_others(family, letter):
    model, _, manifest, region = family
    whole = attention_inputs(model)
    chosen = head_lines(model, f"attn.{letter}")
    with edited(model, removal(region, 1, {f"attn.{letter}": "head"}, chosen)):
        now = attention_inputs(model)
    head = chosen[0] // len(chosen)
    expected = {key: states.clone() for key, states in whole.items()}
    behind_a_norm_with_bias = manifest.model_type == "phi" and letter != "v"  # not zero for zeros
    expected[letter][head] = now[letter][head] if behind_a_norm_with_bias else 0
    assert whole[letter][head].abs().min() > 0
    for key, states in expected.items():
        torch.testing.assert_close(now[key], states, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family_name", [name for name in CONFIGS if name != "qwen3"])
@pytest.mark.parametrize("letter", "qkv")
def test_each_line_is_one_feature_of_one_head(family_name, letter, tmp_path):
    """At the first position nothing is rotated, so a removed line is one zero. (Norms behind q and k would mix features.)"""
    model = tiny_family(family_name, **({"qk_layernorm": False} if family_name == "phi" else {}))
    *_, region = located(model, tmp_path)
    whole = attention_inputs(model)
    for line in range(part(region, 1, f"attn.{letter}").shape[0]):
        with edited(model, removal(region, 1, {f"attn.{letter}": "head"}, [line])):
            now = attention_inputs(model)
        gone = {key: (whole[key][:, 0] != now[key][:, 0]).nonzero().tolist() for key in "qkv"}
        size = whole[letter].shape[-1]
        assert gone == {key: [] for key in "qkv"} | {letter: [[line // size, line % size]]}
        assert now[letter][line // size, 0, line % size] == 0


def test_removing_a_neuron_empties_its_place_before_the_down_matrix(family):
    model, _, manifest, region = family
    down = model.get_submodule(part(region, 1, "mlp.down").name.removesuffix(".weight"))
    seen = []
    handle = down.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    logits(model)
    calls = len(seen)
    for module in ["mlp.up"] + (["mlp.gate"] if manifest.model_type in GATED else []):
        with edited(model, removal(region, 1, {module: "ffn"}, [7])):
            logits(model)
        for whole, now in zip(seen[:calls], seen[-calls:], strict=True):
            torch.testing.assert_close(now, whole.index_fill(-1, torch.tensor([7]), 0.0), rtol=1e-5, atol=1e-6)
    handle.remove()
    assert all((states[..., 7] != 0).any() for states in seen[:calls] if manifest.model_type != "opt")  # OPT: ReLU
