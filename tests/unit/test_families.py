"""Every model family, on a tiny random model: importance, regions, removal, structured removal, heat map."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from families import CONFIGS, GATED, RATIO, TIED, layout, located, logits, tiny_family
from figure_data import STYLE
from langatlas.intervene import index
from langatlas.intervene.edits import edited
from langatlas.intervene.lines import line_edits
from langatlas.intervene.perturbation import dimension_edits, parameter_edits
from langatlas.intervene.removal import check_region, zeroed
from langatlas.intervene.sweep import fingerprint
from langatlas.locate.outliers import residual_extremes
from langatlas.locate.overlap import densities
from langatlas.models import checkpoint
from langatlas.models.adapters import ADAPTERS, AXES, adapter_for, dimension_of, locate_parameter, parts_of
from langatlas.present.figures import canvas, density, density_map, density_sheet
from tiny import random_sequences

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=CONFIGS)
def family(request, tmp_path_factory):
    model = tiny_family(request.param)
    return model, *located(model, tmp_path_factory.mktemp(request.param))


def parameters(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def assert_parameters(model, expected):
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, expected[name]), name


def test_parts_hold_every_block_parameter_once_and_are_where_the_family_keeps_them(family):
    model, _, manifest, _ = family
    truth = layout(model)
    seen = set()
    for name, parameter in model.named_parameters():
        flat = np.arange(parameter.numel()).reshape(parameter.shape)
        parts = parts_of(name, tuple(parameter.shape), manifest.family)
        assert bool(parts) == name.startswith(adapter_for(manifest.model_type).blocks + ".")
        if parts:
            assert sorted(np.concatenate([p.of(flat).reshape(-1) for p in parts])) == list(range(flat.size))
        for p in parts:
            assert p.shape == p.of(flat).shape
            if not p.module.startswith("norm."):
                seen.add(key := (p.layer, p.module, p.kind))
                assert truth[key][0] == name
                assert (p.of(flat) == truth[key][1].numpy()).all()
    assert seen == set(truth)
    assert ("mlp.gate" in {m for _, m, _ in seen}) == (manifest.model_type in GATED)


def test_importance_is_theta_times_gradient_also_of_tied_embeddings(family):
    model, importance, manifest, _ = family
    model.zero_grad()
    for ids in random_sequences(5):  # one by one: no padding
        tokens = torch.from_numpy(ids.astype(np.int64))
        log_p = model(tokens[None]).logits[0, :-1].double().log_softmax(-1)
        (-log_p.gather(1, tokens[1:, None]).sum()).backward()
    assert importance.names == [name for name, _ in model.named_parameters()]
    assert ("lm_head.weight" in importance.names) == (manifest.model_type not in TIED)
    for name, parameter in model.named_parameters():
        expected = (parameter * parameter.grad).detach().numpy()
        np.testing.assert_allclose(importance[name], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max() + 1e-6)
    model.zero_grad()


def test_a_region_takes_the_top_of_every_matrix_also_where_one_tensor_holds_several(family):
    model, importance, _, region = family
    truth = layout(model)
    for name, places in truth.values():
        places = np.sort(places.numpy().reshape(-1))
        scores = np.abs(importance[name]).reshape(-1)[places]
        top = places[np.lexsort((np.arange(scores.size), -scores))[: int(RATIO * scores.size)]]
        assert set(np.flatnonzero(region.mask(name))) & set(places) == set(top)
    table = densities([region.path]).set_index(["layer", "module", "kind"])
    for key, (name, places) in truth.items():
        assert table.loc[key, "n_selected"] == region.mask(name).reshape(-1)[places.numpy()].sum()
        assert table.loc[key, "n_parameters"] == places.numel()
    for name, rows in table.groupby("parameter"):
        assert rows["n_selected"].sum() == region.count(name)


@pytest.mark.parametrize("include_norms", [False, True])
def test_removal_sets_exactly_the_region_to_zero_and_restores_every_bit(family, include_norms):
    model, _, manifest, region = family
    check_region(region, model, region.metadata["model_hash"])
    before, mark, untouched = parameters(model), fingerprint(model), logits(model)
    adapter = adapter_for(manifest.model_type)
    with zeroed(model, region, include_norms=include_norms):
        expected = {name: values.clone() for name, values in before.items()}
        for name in region.names:
            if include_norms or not locate_parameter(name, adapter).is_norm:
                expected[name][torch.from_numpy(region.mask(name))] = 0
        assert_parameters(model, expected)
        assert not torch.equal(logits(model), untouched)
    assert_parameters(model, before)
    assert fingerprint(model) == mark
    assert torch.equal(logits(model), untouched)


def test_structured_removal_cuts_the_lines_of_one_module_along_every_axis(family, tmp_path):
    model, _, _, region = family
    truth, before = layout(model), parameters(model)
    for module in dict.fromkeys(m for _, m, _ in truth):
        for axis in AXES[module]:
            found = list(line_edits(region, {"s": {module: axis}}, [2], ["top"], "matrix"))
            index.write(found, tmp_path / "edits.json", model="m", model_hash="h", metadata={})
            (edit,) = index.read(tmp_path / "edits.json", "h").values()
            expected = {name: values.clone() for name, values in before.items()}
            for layer in range(2):
                name, places = truth[layer, module, "weight"]
                places = places if dimension_of(module, axis) == 0 else places.T
                counts = region.mask(name).reshape(-1)[places.numpy()].sum(1)
                top = sorted(range(len(counts)), key=lambda i, counts=counts: (-counts[i], i))[:2]
                expected[name].view(-1)[places[top]] = 0
                if dimension_of(module, axis) == 0 and (layer, module, "bias") in truth:
                    name, places = truth[layer, module, "bias"]
                    expected[name][places[top]] = 0
            with edited(model, edit):
                assert_parameters(model, expected)
            assert_parameters(model, before)


def test_a_dimension_is_cut_from_all_that_reads_or_writes_the_residual_stream(family):
    model, _, _, region = family
    edit = next(dimension_edits(region, [5], [1]))
    before, truth = parameters(model), layout(model)
    for (_, module, kind), (name, places) in truth.items():
        if kind == "weight":
            cut = places[5] if module in ("attn.o", "mlp.down") else places[:, 5]
        else:
            cut = places[5] if module in ("attn.o", "mlp.down") else places[:0]
        before[name] = before[name].contiguous()
        before[name].view(-1)[cut] = 0
    with edited(model, edit):
        assert_parameters(model, before)


def test_a_single_line_is_multiplied_where_the_family_keeps_it(family):
    model, _, _, region = family
    name, places = layout(model)[1, "attn.k", "weight"]
    (edit,) = parameter_edits(region, 1, "attn.k", 3, [{"multiply": 10.0}], [])
    before = parameters(model)
    expected = {key: values.clone() for key, values in before.items()}
    expected[name].view(-1)[places[3]] *= 10
    with edited(model, edit):
        assert_parameters(model, expected)
    assert_parameters(model, before)


def test_heat_maps_show_each_logical_matrix_with_outputs_as_rows(family):
    model, _, manifest, region = family
    truth = layout(model)
    modules = list(dict.fromkeys(m for _, m, _ in truth))
    with canvas.style(STYLE):
        for module in modules:
            axes = density_map.figure(region, 1, module).axes[0]
            name, places = truth[1, module, "weight"]
            mask = region.mask(name).reshape(-1)[places.numpy()]
            np.testing.assert_array_equal(axes.images[0].get_array(), density.density(mask, 10**4, 10**4))
            assert axes.get_ylim() == (places.shape[0] - 0.5, -0.5)
            stored = name.removesuffix(".weight").split(".1.", 1)[1]
            fused = sum(other == name for (_, _, kind), (other, _) in truth.items() if kind == "weight") > 1
            assert axes.get_title(loc="left") == f"Core.Layers.1.{stored}" + (f" ({module})" if fused else "")
        sheet = density_sheet.figure(region, manifest.name)
    assert len(sheet.axes[0].images) == 2 * len(modules)


def test_the_residual_stream_is_found_in_every_family(family):
    model, *_ = family
    found = residual_extremes(model, random_sequences(4), batch_size=2, precision="float32")
    seen = []
    adapter = adapter_for(model.config.model_type)
    last = model.get_submodule(adapter.blocks)[1]
    handle = last.register_forward_hook(
        lambda m, i, o: seen.append((o[0] if isinstance(o, tuple) else o).flatten(0, -2))
    )
    logits(model)
    handle.remove()
    largest = torch.cat(seen).abs().amax(0)
    np.testing.assert_allclose(found[found["layer"] == 1]["max_abs"], largest.numpy(), rtol=1e-4)


@pytest.mark.parametrize(
    ("config", "heads"),
    [
        ({"n_head": 12}, (12, 12)),
        ({"n_head": 16, "num_attention_heads": 16}, (16, 16)),
        ({"num_attention_heads": 64, "num_key_value_heads": 8}, (64, 8)),
        ({"num_attention_heads": 32, "num_key_value_heads": None}, (32, 32)),
        ({}, (None, None)),
    ],
)
def test_heads_are_read_from_the_config_of_any_family(config, heads):
    assert checkpoint.attention_heads(config) == heads


def test_every_adapter_is_tested_here():
    assert set(ADAPTERS) == set(CONFIGS)


def test_an_unknown_architecture_or_matrix_and_missing_or_wrong_heads_are_refused():
    with pytest.raises(
        ValueError, match=r"model type 'rwkv' has no adapter; there are bloom, .*phi3.* Add an entry to ADAPTERS"
    ):
        parts_of("blocks.0.att.key.weight", (4, 4), {"model_type": "rwkv"})
    config = GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=11, add_cross_attention=True)
    names = [name for name, _ in GPT2LMHeadModel(config).named_parameters()]
    with pytest.raises(ValueError, match=r"in a decoder block, but the adapter knows no 'crossattention.c_attn'"):
        [locate_parameter(name, adapter_for("gpt2")) for name in names]
    fused = "transformer.h.0.self_attention.query_key_value.weight"
    with pytest.raises(
        ValueError, match=r"holds attn\.q, attn\.k, attn\.v in one tensor; .* number of heads is needed"
    ):
        parts_of(fused, (48, 16), {"model_type": "bloom"})
    with pytest.raises(ValueError, match="48 lines do not divide among 5 heads"):
        parts_of(fused, (48, 16), {"model_type": "bloom", "heads": "5", "key_value_heads": "5"})


def test_bloom_176b_and_llama2_70b_have_the_published_shapes():
    bloom = parts_of(
        "transformer.h.0.self_attention.query_key_value.weight",
        (43008, 14336),
        {"model_type": "bloom", "heads": "112", "key_value_heads": "112"},
    )
    assert [(p.module, p.shape, p.ranges[1]) for p in bloom] == [
        ("attn.q", (14336, 14336), (384, 512)),
        ("attn.k", (14336, 14336), (512, 640)),
        ("attn.v", (14336, 14336), (640, 768)),
    ]
    (key,) = parts_of("model.layers.79.self_attn.k_proj.weight", (1024, 8192), {"model_type": "llama"})
    assert (key.layer, key.module, key.shape, key.whole) == (79, "attn.k", (1024, 8192), True)
