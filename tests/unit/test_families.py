"""Every model family, on a tiny random model: importance, regions, removal, structured removal, heat map."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

import families
from families import CONFIGS, FUSED, GATED, TIED, layout, tiny_family
from figure_data import STYLE
from langatlas.intervene.edits import Edit, edited, read_edits, write_edits
from langatlas.intervene.perturbation import dimension_edits, parameter_edits
from langatlas.intervene.removal import check_region, fingerprint, zeroed
from langatlas.locate import lines
from langatlas.locate.importance import importance_of_shard
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.outliers import residual_extremes
from langatlas.locate.overlap import densities
from langatlas.locate.regions import select
from langatlas.locate.variants import wanda
from langatlas.models import checkpoint
from langatlas.models.adapters import ADAPTERS, AXES, adapter_for, dimension_of, locate_parameter, parts_of
from langatlas.present.figures import canvas, density, density_map, density_sheet
from langatlas.region import Region
from langatlas.tensorfile import TensorFile
from tiny import importance_metadata, random_sequences

SETTINGS = {"batch_size": 3, "reduction": "corrected", "precision": "float32"}
RATIO = 0.2
HEAD = 2  # the head that is removed; among the first two where keys and values have only two


def located(model, folder):
    """Importance file, manifest and core region of a model, made as the workflow makes them."""
    model.save_pretrained(folder)
    manifest = checkpoint.describe(folder, "tiny", revision="1", dtype="float32")
    importance, core = str(folder / "importance"), str(folder / "core")
    importance_of_shard(model, random_sequences(5), [5], [importance], importance_metadata(), **SETTINGS)
    described = {**manifest.family, "region_language": ""}
    plan = {("top", str(RATIO)): core}
    select([importance], plan, model_type=manifest.model_type, scope="matrix", region="core", metadata=described)
    return TensorFile(importance, FORMAT), manifest, Region.open(core)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Matrices this small are slower on two threads, by far where other work runs beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=CONFIGS)
def family(request, tmp_path_factory):
    model = tiny_family(request.param)
    return model, *located(model, tmp_path_factory.mktemp(request.param))


def parameters(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def assert_parameters(model, expected):
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, expected[name]), name


def logits(model):
    with torch.no_grad():
        return torch.cat([model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0] for ids in random_sequences(4)])


def part(region, layer, module):
    (found,) = [p for p in lines.matrices(region) if (p.layer, p.module) == (layer, module)]
    return found


def removal(region, layer, axes, chosen):
    """An edit that cuts lines ``chosen`` of each module of ``axes`` (module -> axis) in one layer."""
    bias_of = lines.biases(region)
    return Edit({}, [c for m, axis in axes.items() for c in lines.cut(part(region, layer, m), axis, chosen, bias_of)])


def head_lines(model, module="attn.q", head=HEAD):
    size = getattr(model.config, "head_dim", None) or families.HIDDEN // families.HEADS
    if module in ("attn.k", "attn.v") and getattr(model.config, "num_key_value_heads", None) == 2:
        head //= 2  # the head of keys and values that queries of this head and of its neighbour share
    return list(range(head * size, (head + 1) * size))


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


def test_a_region_takes_the_top_of_every_stored_tensor_and_densities_tell_its_modules_apart(family):
    model, importance, _, region = family
    truth = layout(model)
    for name in region.names:
        scores = np.abs(importance[name]).reshape(-1)
        top = np.lexsort((np.arange(scores.size), -scores))[: int(RATIO * scores.size)]
        assert set(np.flatnonzero(region.mask(name))) == set(top)
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
            found = list(lines.line_edits(region, {"s": {module: axis}}, [2], ["top"], "matrix"))
            write_edits(found, tmp_path / "edits.json", model="m", model_hash="h", metadata={})
            (edit,) = read_edits(tmp_path / "edits.json", "h")
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
            axes = density_map.figure(region, 1, module, "Core").axes[0]
            name, places = truth[1, module, "weight"]
            mask = region.mask(name).reshape(-1)[places.numpy()]
            np.testing.assert_array_equal(axes.images[0].get_array(), density.density(mask, 10**4, 10**4))
            assert axes.get_ylim() == (places.shape[0] - 0.5, -0.5)
            stored = name.removesuffix(".weight").split(".1.", 1)[1]
            fused = sum(other == name for (_, _, kind), (other, _) in truth.items() if kind == "weight") > 1
            assert axes.get_title(loc="left") == f"Core.Layers.1.{stored}" + (f" ({module})" if fused else "")
        sheet = density_sheet.figure(region, "Core", manifest.name)
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


# Unfused twins: a model whose q, k and v are matrices of their own, (out, in), and that computes the same.


def copy(target, values):
    assert target.shape == values.shape
    with torch.no_grad():
        target.copy_(values)


def as_opt(model):
    """GPT-2 as OPT: the same blocks, plain linear layers; OPT's positions start at 2."""
    twin = tiny_family("opt", activation_function="gelu_new")
    old, new = model.transformer, twin.model.decoder
    copy(new.embed_tokens.weight, old.wte.weight)
    copy(new.embed_positions.weight[2:], old.wpe.weight)
    for norm, source in [(new.final_layer_norm, old.ln_f)] + [
        pair for a, b in zip(new.layers, old.h, strict=True)
        for pair in ((a.self_attn_layer_norm, b.ln_1), (a.final_layer_norm, b.ln_2))
    ]:  # fmt: skip
        copy(norm.weight, source.weight)
        copy(norm.bias, source.bias)
    for a, b in zip(new.layers, old.h, strict=True):
        q, k, v = b.attn.c_attn.weight.split(families.HIDDEN, dim=1)
        q_bias, k_bias, v_bias = b.attn.c_attn.bias.split(families.HIDDEN)
        for linear, weight, bias in [
            (a.self_attn.q_proj, q, q_bias), (a.self_attn.k_proj, k, k_bias), (a.self_attn.v_proj, v, v_bias),
            (a.self_attn.out_proj, b.attn.c_proj.weight, b.attn.c_proj.bias),
            (a.fc1, b.mlp.c_fc.weight, b.mlp.c_fc.bias), (a.fc2, b.mlp.c_proj.weight, b.mlp.c_proj.bias),
        ]:  # fmt: skip
            copy(linear.weight, weight.T)
            copy(linear.bias, bias)
    return twin


def as_phi(model):
    """GPT-NeoX as Phi: both run attention and feed-forward side by side; Phi has one norm for the two."""
    for block in model.gpt_neox.layers:
        block.post_attention_layernorm.load_state_dict(block.input_layernorm.state_dict())
    twin = tiny_family("phi", num_key_value_heads=families.HEADS, qk_layernorm=False, hidden_act="gelu")
    old, new = model.gpt_neox, twin.model
    copy(new.embed_tokens.weight, old.embed_in.weight)
    copy(twin.lm_head.weight, model.embed_out.weight if hasattr(model, "embed_out") else model.lm_head.weight)
    copy(twin.lm_head.bias, torch.zeros(len(twin.lm_head.bias)))
    new.final_layernorm.load_state_dict(old.final_layer_norm.state_dict())
    for a, b in zip(new.layers, old.layers, strict=True):
        a.input_layernorm.load_state_dict(b.input_layernorm.state_dict())
        a.self_attn.dense.load_state_dict(b.attention.dense.state_dict())
        a.mlp.fc1.load_state_dict(b.mlp.dense_h_to_4h.state_dict())
        a.mlp.fc2.load_state_dict(b.mlp.dense_4h_to_h.state_dict())
        size = families.HIDDEN // families.HEADS
        for number, linear in enumerate((a.self_attn.q_proj, a.self_attn.k_proj, a.self_attn.v_proj)):
            rows = [3 * size * head + size * number + i for head in range(families.HEADS) for i in range(size)]
            copy(linear.weight, b.attention.query_key_value.weight[rows])
            copy(linear.bias, b.attention.query_key_value.bias[rows])
    return twin


def as_llama(model):
    """Phi-3 as Llama."""
    twin = tiny_family("llama", attention_bias=False, mlp_bias=False, rms_norm_eps=model.config.rms_norm_eps)
    state = dict(model.state_dict())
    for layer in range(2):
        prefix = f"model.layers.{layer}."
        q, k, v = state.pop(f"{prefix}self_attn.qkv_proj.weight").split([16, 8, 8])
        gate, up = state.pop(f"{prefix}mlp.gate_up_proj.weight").split([families.FFN] * 2)
        state |= {f"{prefix}self_attn.{letter}_proj.weight": w for letter, w in zip("qkv", (q, k, v), strict=True)}
        state |= {f"{prefix}mlp.gate_proj.weight": gate, f"{prefix}mlp.up_proj.weight": up}
    twin.load_state_dict(state)
    return twin


class Apart(torch.nn.Module):
    """BLOOM's query_key_value as three plain linear layers, whose outputs are woven together."""

    def __init__(self, fused):
        super().__init__()
        weights = fused.weight.view(families.HEADS, 3, -1, families.HIDDEN)
        biases = fused.bias.view(families.HEADS, 3, -1)
        self.q, self.k, self.v = (torch.nn.Linear(families.HIDDEN, families.HIDDEN) for _ in range(3))
        for number, linear in enumerate((self.q, self.k, self.v)):
            copy(linear.weight, weights[:, number].reshape(families.HIDDEN, families.HIDDEN))
            copy(linear.bias, biases[:, number].reshape(-1))

    def forward(self, states):
        by_head = [linear(states).unflatten(-1, (families.HEADS, 1, -1)) for linear in (self.q, self.k, self.v)]
        return torch.cat(by_head, dim=-2).flatten(-3)


def as_bloom_apart(model):
    twin = tiny_family("bloom")
    twin.load_state_dict(model.state_dict())
    for block in twin.transformer.h:
        block.self_attention.query_key_value = Apart(block.self_attention.query_key_value)
    return twin


SELF_ATTN = {f"attn.{letter}": f"self_attn.{letter}_proj" for letter in "qkv"}
GATE_UP = {"mlp.gate": "mlp.gate_proj", "mlp.up": "mlp.up_proj", "mlp.down": "mlp.down_proj"}
WOVEN = {f"attn.{letter}": f"self_attention.query_key_value.{letter}" for letter in "qkv"}
TWINS = {
    "gpt2": (as_opt, {**SELF_ATTN, "attn.o": "self_attn.out_proj", "mlp.up": "fc1", "mlp.down": "fc2"}),
    "gpt_neox": (as_phi, {**SELF_ATTN, "attn.o": "self_attn.dense", "mlp.up": "mlp.fc1", "mlp.down": "mlp.fc2"}),
    "phi3": (as_llama, {**SELF_ATTN, "attn.o": "self_attn.o_proj", **GATE_UP}),
    "bloom": (as_bloom_apart, {**WOVEN, "attn.o": "self_attention.dense", "mlp.up": "mlp.dense_h_to_4h"}),
}


@pytest.fixture(scope="module", params=FUSED)
def twins(request, tmp_path_factory):
    model = tiny_family(request.param, seed=1)
    convert, names = TWINS[request.param]
    twin = convert(model)
    blocks = twin.get_submodule(adapter_for(twin.config.model_type).blocks)
    torch.testing.assert_close(logits(twin), logits(model), rtol=1e-4, atol=1e-5)
    importance, _, region = located(model, tmp_path_factory.mktemp(request.param))
    return model, importance, region, twin, [{m: block.get_submodule(n) for m, n in names.items()} for block in blocks]


@pytest.mark.parametrize("modules", ["q", "k", "v", "qkvo"])
def test_removing_a_head_equals_removing_it_in_an_unfused_copy(twins, modules):
    model, _, region, twin, plain = twins
    before = {name: values.clone() for name, values in twin.state_dict().items()}
    edits = [removal(region, 0, {f"attn.{m}": "head"}, head_lines(model, f"attn.{m}")) for m in modules]
    with torch.no_grad():
        for letter in modules:
            linear, chosen = plain[0][f"attn.{letter}"], head_lines(model, f"attn.{letter}")
            if letter == "o":
                linear.weight[:, chosen] = 0
            else:
                linear.weight[chosen] = 0
                if linear.bias is not None:
                    linear.bias[chosen] = 0
    expected = logits(twin)
    twin.load_state_dict(before)
    untouched = logits(model)
    assert (untouched - expected).abs().max() > 1e-2
    with edited(model, Edit({}, [change for edit in edits for change in edit.changes])):
        torch.testing.assert_close(logits(model), expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(logits(model), untouched)


def test_importance_of_a_part_is_that_of_the_matrix_in_an_unfused_copy(twins, tmp_path):
    _, importance, region, twin, plain = twins
    importance_of_shard(twin, random_sequences(5), [5], [str(tmp_path / "i")], importance_metadata(), **SETTINGS)
    theirs = TensorFile(tmp_path / "i", FORMAT)
    names = {id(p): name for name, p in twin.named_parameters()}
    for layer, modules in enumerate(plain):
        for module, linear in modules.items():
            mine = part(region, layer, module)
            expected = theirs[names[id(linear.weight)]]
            scale = np.abs(expected).max()
            np.testing.assert_allclose(mine.of(importance[mine.name]), expected, rtol=1e-3, atol=1e-4 * scale)


def test_wanda_scores_of_a_part_are_those_of_the_matrix_in_an_unfused_copy(twins):
    model, _, region, twin, plain = twins
    ours, theirs = (wanda(m, random_sequences(5), 2, "float32") for m in (model, twin))
    names = {id(p): name for name, p in twin.named_parameters()}
    for layer, modules in enumerate(plain):
        for module, linear in modules.items():
            mine = part(region, layer, module)
            expected = theirs[names[id(linear.weight)]].numpy()
            np.testing.assert_allclose(mine.of(ours[mine.name].numpy()), expected, rtol=1e-3, atol=1e-5)


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
