"""What a checkpoint that others made must be before any job begins."""

import json
import logging
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from families import CONFIGS, TIED, tiny_family
from langatlas.models import checkpoint, gate
from tiny import VOCABULARY, tiny_llama

LENGTHS = {"tokens.sequence_length": 32}
WEIGHTS = "model.safetensors"


def inspect(folder, dtype="float32", lengths=LENGTHS):
    return checkpoint.inspect(folder, "m", revision="1", dtype=dtype, lengths=lengths)


def edited_weights(folder, change):
    """Rewrite the weights after ``change`` of them in place."""
    held = load_file(folder / WEIGHTS)
    change(held)
    save_file({name: t.contiguous() for name, t in held.items()}, folder / WEIGHTS, metadata={"format": "pt"})


def edited_config(folder, **changed):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.fixture
def folder(tmp_path):
    tiny_llama().save_pretrained(tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.parametrize("family", CONFIGS)
def test_a_whole_checkpoint_of_every_family_passes_and_loads_bit_for_bit(family, tmp_path):
    model = tiny_family(family)
    model.save_pretrained(tmp_path)
    loaded = checkpoint.load(inspect(tmp_path), torch.device("cpu"))
    for (name, a), (other, b) in zip(model.named_parameters(), loaded.named_parameters(), strict=True):
        assert name == other
        assert torch.equal(a, b)


@pytest.mark.parametrize("family", CONFIGS)
def test_a_tensor_that_is_missing_too_much_or_of_another_shape_is_named(family, tmp_path):
    model = tiny_family(family)
    model.save_pretrained(tmp_path)
    names = [n for n, p in model.named_parameters() if p.ndim == 2 and ".1." in n]
    whole = load_file(tmp_path / WEIGHTS)

    def damage(held):
        held.pop(names[0])
        held[names[1]] = held[names[1]][:-1]
        held["model.extra.weight"] = torch.zeros(2)

    edited_weights(tmp_path, damage)
    with pytest.raises(ValueError, match="would be filled at random") as told:
        inspect(tmp_path)
    shapes = f"{names[1]} {tuple(whole[names[1]][:-1].shape)}, the model's is {tuple(whole[names[1]].shape)}"
    for part in (f"lacks {names[0]}", "model.extra.weight", shapes):
        assert part in str(told.value)


def test_an_output_layer_that_is_missing_is_refused_at_the_gate_and_at_loading(folder):
    manifest = checkpoint.describe(folder, "m", revision="1", dtype="float32")
    edited_weights(folder, lambda held: held.pop("lm_head.weight"))
    with pytest.raises(ValueError, match=r"lacks lm_head.weight.*filled at random.*tie_word_embeddings: true"):
        inspect(folder)
    incomplete = checkpoint.describe(folder, "m", revision="1", dtype="float32")
    assert incomplete.hash != manifest.hash
    with pytest.raises(ValueError, match=r"lacks lm_head.weight"):
        checkpoint.load(incomplete, torch.device("cpu"))


@pytest.mark.parametrize("family", TIED)
def test_tied_weights_need_stand_only_once_and_must_agree_where_they_stand_twice(family, tmp_path):
    model = tiny_family(family)
    model.save_pretrained(tmp_path)
    embedding = next(n for n, p in model.named_parameters() if p is model.get_input_embeddings().weight)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    edited_weights(tmp_path, lambda held: held.update({"lm_head.weight": held[embedding].clone()}))
    loaded = checkpoint.load(inspect(tmp_path), torch.device("cpu"))
    assert loaded.lm_head.weight is loaded.get_input_embeddings().weight
    edited_weights(tmp_path, lambda held: held["lm_head.weight"].add_(1))
    with pytest.raises(ValueError, match=r"ties lm_head.weight to .*they differ"):
        inspect(tmp_path)


@pytest.mark.parametrize(
    ("family", "prefix", "buffer"),
    [
        ("gpt2", "transformer.", "h.0.attn.bias"),
        ("bloom", "transformer.", None),
        ("gpt_neox", "", "gpt_neox.layers.0.attention.masked_bias"),
        ("llama", "", "model.layers.0.self_attn.rotary_emb.inv_freq"),
    ],
)
def test_layouts_of_the_hub_pass_without_a_prefix_and_with_buffers_of_old_versions(family, prefix, buffer, tmp_path):
    model = tiny_family(family)
    model.save_pretrained(tmp_path)
    held = {name.removeprefix(prefix): t for name, t in load_file(tmp_path / WEIGHTS).items()}
    save_file(held | ({buffer: torch.ones(3)} if buffer else {}), tmp_path / WEIGHTS)
    loaded = checkpoint.load(inspect(tmp_path), torch.device("cpu"))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))


def test_weights_in_several_files_pass_and_a_file_that_is_missing_is_named(folder):
    whole = inspect(folder)
    tiny_llama().save_pretrained(folder, max_shard_size="1KB")
    (folder / WEIGHTS).unlink(missing_ok=True)
    (folder / "consolidated.safetensors").write_bytes(b"the same weights in the layout of their makers")
    assert inspect(folder).hash == whole.hash
    (gone, *_) = sorted(folder.glob("model-*.safetensors"))
    gone.unlink()
    with pytest.raises(ValueError, match=rf"lacks {gone.name}, which model.safetensors.index.json names"):
        inspect(folder)


def pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234\n")


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def cut_in_the_header(path):
    path.write_bytes(path.read_bytes()[:100])


def empty(path):
    path.write_bytes(b"")


def words(path):
    path.write_text("<html>404: not found, and this is long enough to be taken for a header</html>")


@pytest.mark.parametrize(
    ("file", "damage", "told"),
    [
        (WEIGHTS, pointer, r"model.safetensors is a Git-LFS pointer.*git lfs pull"),
        ("config.json", pointer, r"config.json is a Git-LFS pointer"),
        (WEIGHTS, cut, r"model.safetensors has \d+ bytes, but by its header \d+: it is cut off"),
        (WEIGHTS, cut_in_the_header, r"model.safetensors is no safetensors file, or cut off in its header"),
        (WEIGHTS, empty, r"cut off in its header \(0 bytes\)"),
        (WEIGHTS, words, r"model.safetensors is no safetensors file"),
        ("config.json", words, r"config.json is not readable as JSON"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named(folder, file, damage, told):
    damage(folder / file)
    with pytest.raises(ValueError, match=told):
        inspect(folder)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, r"quantized \(awq\).*no gradients"),
        ({"quantization_config": {"quant_method": "gptq"}}, r"quantized \(gptq\)"),
        (
            {"quantization_config": {"load_in_8bit": True, "quant_method": "bitsandbytes"}},
            r"quantized \(bitsandbytes\)",
        ),
        ({"model_type": "mamba"}, r"config.json: model type 'mamba' has no adapter; there are bloom"),
        ({"model_type": "t5", "is_encoder_decoder": True}, r"'t5' is an encoder with a decoder"),
        ({"model_type": None}, r"model type None has no adapter"),
        ({"num_attention_heads": 3}, r"transformers makes no model of|has in another shape|lacks"),
        ({"transformers_weights": "other.safetensors"}, r"transformers_weights names other weights"),
    ],
)
def test_a_model_that_the_workflow_cannot_use_says_why(folder, changed, told):
    edited_config(folder, **changed)
    with pytest.raises(ValueError, match=told):
        inspect(folder)


def test_an_adapter_beside_the_weights_is_refused(folder):
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"holds an adapter .*merge"):
        inspect(folder)


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "gpt_neox"])
def test_longer_sequences_than_the_model_has_positions_are_refused(family, tmp_path):
    model = tiny_family(family)
    model.save_pretrained(tmp_path)
    inspect(tmp_path, lengths={"tokens.sequence_length": 32})
    with torch.no_grad():
        model(input_ids=torch.zeros(1, 32, dtype=torch.long))  # the last that there is
    with pytest.raises(ValueError, match=r"tokens.sequence_length: 33 tokens, but model m has positions for 32"):
        inspect(tmp_path, lengths={"tokens.sequence_length": 33})


def test_a_family_without_a_table_of_positions_has_no_limit(tmp_path):
    model = tiny_family("bloom")
    del model.config.max_position_embeddings  # BLOOM's config.json has none
    model.save_pretrained(tmp_path)
    inspect(tmp_path, lengths={"tokens.sequence_length": 10**6})


def test_prompts_that_outgrow_a_table_or_hold_tokens_without_an_embedding_are_refused(caplog):
    model = tiny_family("gpt2")
    gate.check_prompts(model, [[1, 2], [3] * 20], 12)
    with pytest.raises(ValueError, match=r"the longest prompt and 13 new tokens are 33, .* positions for 32"):
        gate.check_prompts(model, [[1, 2], [3] * 20], 13)
    with pytest.raises(
        ValueError, match=rf"prompt 1: holds token {VOCABULARY}, but the model embeds only {VOCABULARY}"
    ):
        gate.check_prompts(model, [[1], [VOCABULARY]], 1)
    with caplog.at_level(logging.WARNING):
        gate.check_prompts(tiny_family("llama"), [[1] * 40], 1)
    assert "positions for 32" in caplog.text


@pytest.mark.parametrize("stored", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_named(tmp_path, stored, value):
    model = tiny_llama(dtype=getattr(torch, stored))
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 4] = value
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"model.layers.1.mlp.up_proj.weight holds values that are not finite"):
        inspect(tmp_path)


@pytest.mark.parametrize("stored", ["float32", "bfloat16"])
def test_weights_beyond_the_range_of_half_precision_are_refused_only_there(tmp_path, stored, caplog):
    model = tiny_llama(dtype=getattr(torch, stored))
    for value, fits in ((65504.0, stored == "float32"), (-70000.0, False)):  # bf16 rounds 65,504 to 65,536
        with torch.no_grad():
            model.lm_head.weight[0, 0] = value
        assert bool(model.lm_head.weight.half().isfinite().all()) == fits
        model.save_pretrained(tmp_path)
        inspect(tmp_path, "bfloat16")
        if fits:
            with caplog.at_level(logging.WARNING):
                inspect(tmp_path, "float16")
            assert "bfloat16" in caplog.text
        else:
            with pytest.raises(
                ValueError, match=r"lm_head.weight holds values beyond the range of float16; .*bfloat16"
            ):
                inspect(tmp_path, "float16")


def test_weights_of_a_type_without_gradients_are_refused(folder):
    edited_weights(folder, lambda held: held.update({"lm_head.weight": held["lm_head.weight"].to(torch.int8)}))
    with pytest.raises(ValueError, match=r"lm_head.weight is of type I8; weights must be of F64, F32, F16, BF16"):
        inspect(folder)


def test_a_folder_that_is_gone_is_not_asked_of_the_hub(folder):
    manifest = inspect(folder)
    shutil.rmtree(folder)
    for use in (lambda: checkpoint.load(manifest, torch.device("cpu")), lambda: checkpoint.empty(manifest)):
        with pytest.raises(ValueError, match=r"its folder .* is gone"):
            use()
