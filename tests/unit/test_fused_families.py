"""Families that keep several matrices in one tensor or store them transposed, beside unfused copies: the same numbers in
plain matrices, (out, in). What is located and removed must be the same.
"""

import numpy as np
import pandas as pd
import pytest
import torch

import families
from families import FUSED, SETTINGS, head_lines, located, logits, part, removal, tiny_family
from langatlas.intervene.edits import Edit, edited
from langatlas.locate.importance import importance_of_shard
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.matched import select_matched
from langatlas.locate.overlap import densities, overlaps
from langatlas.locate.regions import select, select_monolingual
from langatlas.locate.reliability import reliability
from langatlas.locate.variants import wanda, write_variants
from langatlas.models.adapters import adapter_for
from langatlas.region import Region
from langatlas.tensorfile import TensorFile
from tiny import importance_metadata, random_sequences

pytestmark = pytest.mark.usefixtures("one_thread")


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


@pytest.fixture
def fused(twins, tmp_path):
    """Importance files of two languages, their core and language regions, of a fused model."""
    model, _, core, *_ = twins
    family = {key: core.metadata[key] for key in ("model_type", "heads", "key_value_heads")}
    paths = {}
    for language, seed in (("ru", 1), ("uk", 2)):
        paths[language] = str(tmp_path / language)
        importance_of_shard(
            model, random_sequences(5, seed), [5], [paths[language]], importance_metadata(language), **SETTINGS
        )

    def chosen(languages, region, scope, sides):
        plan = {(side, "0.2"): str(tmp_path / f"{region}-{scope}-{side}") for side in sides}
        select(
            [paths[language] for language in languages], plan, model_type=family["model_type"], scope=scope,
            region=region, metadata=family | {"region_language": ""},
        )  # fmt: skip
        return [Region.open(path) for path in plan.values()]

    return model, family, paths, chosen


def counts(region):
    """Selected parameters by layer, module and kind."""
    return densities([region.path]).set_index(["layer", "module", "kind"])["n_selected"].to_dict()


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_random_controls_have_as_many_parameters_in_every_logical_matrix(fused, scope):
    *_, chosen = fused
    top, random = chosen(["ru", "uk"], "core", scope, ["top", "random-1"])
    assert counts(top) == counts(random)
    assert len({counts(top)[0, f"attn.{letter}", "weight"] for letter in "qkv"}) > 1, (
        "they differ, so this says something"
    )
    total = sum(np.prod(p.shape) for p in top.parts() if scope == "global" or p.layer == 0)
    assert sum(n for key, n in counts(top).items() if scope == "global" or key[0] == 0) == int(0.2 * total)


def test_monolingual_and_matched_controls_too(fused, tmp_path):
    model, _, _, chosen = fused
    own, other = (chosen([language], f"language-{language}", "matrix", ["top"])[0] for language in ("ru", "uk"))
    plan = {(side, "0.2"): str(tmp_path / f"monolingual-{side}") for side in ("top", "random-1")}
    select_monolingual([own.path], [other.path], plan, region="monolingual-ru", metadata={"region_language": "ru"})
    mine, random = (Region.open(path) for path in plan.values())
    for name in own.names:
        assert (mine.mask(name) == (own.mask(name) & ~other.mask(name))).all()
    assert counts(mine) == counts(random)

    magnitudes, matched = str(tmp_path / "magnitude"), str(tmp_path / "matched")
    outputs = {"magnitude": magnitudes}
    settings = {"samples": 4, "batch_size": 2, "precision": "float32", "sequence_length": 12, "seed": 1}
    write_variants(model, random_sequences(4), outputs, importance_metadata(), **settings)
    select_matched(own.path, magnitudes, {3: matched}, region="core-matched", metadata={})
    assert counts(Region.open(matched)) == counts(own)


def test_overlap_and_reliability_count_logical_matrices(fused):
    _, family, paths, chosen = fused
    a, b = (chosen([language], f"language-{language}", "matrix", ["top"])[0] for language in paths)
    table = pd.concat(overlaps([a.path, b.path])).set_index("parameter")
    for p in a.parts():
        in_a, in_b = (p.of(region.mask(p.name)) for region in (a, b))
        name = p.name if p.whole else f"{p.name} {p.module}"
        row = table.loc[name, ["n_a", "n_b", "intersection", "union", "n_parameters"]].tolist()
        assert row == [in_a.sum(), in_b.sum(), (in_a & in_b).sum(), (in_a | in_b).sum(), in_a.size]
    (row,) = reliability([("pair", *paths.values())], family, 0.2).to_dict("records")
    matrices = [p for p in a.parts() if len(p.shape) == 2]
    both, either = (
        sum(combine(p.of(a.mask(p.name)), p.of(b.mask(p.name))).sum() for p in matrices)
        for combine in (np.logical_and, np.logical_or)
    )
    assert row["jaccard"] == pytest.approx(both / either)
