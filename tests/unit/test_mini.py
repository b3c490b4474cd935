import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from langatlas.models import checkpoint, mini
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.models.tokenizer_files import copy_tokenizer
from langatlas.tokens import TextTokenizer

SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
TRAINING = mini.Training(30, 4, 0.02, 3, 0.1, 1, "float32", 10)


@pytest.fixture
def folder(tmp_path):
    pq.write_table(pa.table({"text": ["Привет, мир", "hello world", "안녕 세계"] * 4}), tmp_path / "text.parquet")
    tokenizer = train_tokenizer([str(tmp_path / "text.parquet")], 280)
    save_tokenizer(tokenizer, str(tmp_path / "tokenizer.json"), str(tmp_path / "tokenizer_config.json"), 32)
    return tmp_path


def trained(folder, training=TRAINING):
    tokenizer = TextTokenizer.load(folder)
    model = mini.build(tokenizer, SHAPE, 32, training.seed)
    sequences = [np.array([0, *range(5 + shift, 15 + shift), 1], np.uint32) for shift in range(8)]
    return model, mini.train(model, sequences, sequences[:3], training)


def test_training_lowers_the_loss_and_the_same_seed_gives_the_same_bits(folder):
    model, curve = trained(folder)
    again, _ = trained(folder)
    assert curve["loss"].iloc[-1] < 0.6 * curve["loss"].iloc[0]
    assert curve["step"].tolist() == list(range(1, 31))
    assert curve.loc[curve["validation_loss"].notna(), "step"].tolist() == [10, 20, 30]
    assert curve["tokens"].iloc[-1] == 30 * 4 * 11
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_saved_folder_opens_as_any_checkpoint_does(folder):
    model, _ = trained(folder)
    mini.save(model, folder, {"code": "x"})
    opened = AutoModelForCausalLM.from_pretrained(folder)
    for (name, a), (other, b) in zip(model.named_parameters(), opened.named_parameters(), strict=True):
        assert name == other
        assert torch.equal(a, b)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("Привет, мир")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id == 0
    assert tokenizer.decode(ids, skip_special_tokens=True) == "Привет, мир"
    manifest = checkpoint.describe(folder, "mini", revision="x", dtype="float32")
    manifest.write(folder / "model.json")
    loaded = checkpoint.load(checkpoint.Manifest.read(folder / "model.json"), torch.device("cpu"))
    assert torch.equal(loaded.lm_head.weight, model.lm_head.weight)
    assert manifest.vocabulary_size == 280


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nearly_nothing():
    rates = [mini.learning_rate(step, TRAINING) for step in range(30)]
    assert max(rates) == pytest.approx(0.02)
    assert rates.index(max(rates)) in (2, 3)
    assert rates[0] < 0.01
    assert rates[-1] < 0.001


def test_too_little_text_and_a_loss_that_explodes_are_errors(folder):
    tokenizer = TextTokenizer.load(folder)
    model = mini.build(tokenizer, SHAPE, 32, 1)
    with pytest.raises(ValueError, match="1 training sequences are fewer than batch_size 4"):
        mini.train(model, [np.arange(5)], [np.arange(5)], TRAINING)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"the training loss is nan at step 1; lower training.learning_rate \(0.02\)"):
        mini.train(model, [np.arange(5)] * 4, [np.arange(5)], TRAINING)


def test_a_vocabulary_too_small_for_the_bytes_is_refused():
    with pytest.raises(ValueError, match=r"vocabulary_size must be at least 258 .* got 200"):
        train_tokenizer([], 200)


def test_checkpoints_that_are_none_say_what_is_missing(tmp_path, folder):
    with pytest.raises(ValueError, match=r"model m: .* holds no config.json"):
        checkpoint.describe(tmp_path / "nowhere", "m", revision="x", dtype="float32")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 5}))
    with pytest.raises(ValueError, match=r"holds no \*.safetensors; convert its weights"):
        checkpoint.describe(tmp_path, "m", revision="x", dtype="float32")
    with pytest.raises(ValueError, match="pin a revision"):
        checkpoint.fetch("m", "someone/model", None)
    with pytest.raises(ValueError, match=r"holds no tokenizer.json"):
        copy_tokenizer(tmp_path / "nowhere", tmp_path, "m", {})
