"""What is kept of a checkpoint's tokenizer, and that no state of an earlier use reaches a number."""

import json
import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import GenerationConfig

from langatlas.locate.importance import importance_of_shard
from langatlas.measure import generation
from langatlas.measure.counted_text import write_texts
from langatlas.models import checkpoint
from langatlas.models.greedy import continued
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.models.tokenizer_files import copy_tokenizer
from langatlas.tokens import Counts, TextTokenizer, open_shard, sequences
from tiny import VOCABULARY, importance_metadata, random_sequences, tiny_llama, write_shard

TEXTS = ["Which is a colour? It is red.", "Привет, мир", "a", "hello " * 30]


@pytest.fixture
def folder(tmp_path):
    """A checkpoint's tokenizer: 0 begins a text, 1 ends it."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    pq.write_table(pa.table({"text": TEXTS * 4}), tmp_path / "text.parquet")
    trained = train_tokenizer([str(tmp_path / "text.parquet")], 300)
    save_tokenizer(trained, str(folder / "tokenizer.json"), str(folder / "tokenizer_config.json"), 32)
    return folder


def copied(folder, config=None):
    ours = folder.parent / "ours"
    ours.mkdir(exist_ok=True)
    copy_tokenizer(folder, ours, "m", config or {})
    return ours


def used(folder, *, pad=True, cut=True, dropout=None):
    """Leave in tokenizer.json what a program left there that had padded and cut its batches."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if pad:
        tokenizer.enable_padding(length=50, pad_id=1, pad_token="</s>", direction="left")
    if cut:
        tokenizer.enable_truncation(4)
    tokenizer.model.dropout = dropout
    tokenizer.save(str(folder / "tokenizer.json"))


def tokens_of(folder, policy="truncate"):
    counts = Counts()
    found = sequences(TEXTS, TextTokenizer.load(folder), policy, 40, counts)
    return [(s.input_ids.tolist(), s.n_bytes, s.n_characters) for s in found], counts


@pytest.mark.parametrize("policy", ["truncate", "pack", "drop_long"])
@pytest.mark.parametrize("state", [{"cut": False}, {"pad": False}, {}, {"pad": False, "cut": False, "dropout": 0.5}])
def test_padding_truncation_and_dropout_of_an_earlier_use_change_no_token(folder, policy, state):
    expected = tokens_of(folder, policy)
    used(folder, **state)
    assert tokens_of(folder, policy) == expected  # a file that no copy was made of
    ours = copied(folder)
    assert tokens_of(ours, policy) == expected
    kept = json.loads((ours / "tokenizer.json").read_text())
    assert [kept["padding"], kept["truncation"], kept["model"]["dropout"]] == [None, None, None]


def test_a_tokenizer_without_state_is_copied_byte_by_byte(folder):
    assert (copied(folder) / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()


def test_settings_of_other_programs_do_not_reach_the_copy(folder):
    told = json.loads((folder / "tokenizer_config.json").read_text())
    told |= {"padding_side": "left", "model_max_length": 5, "add_eos_token": True, "add_bos_token": True}
    told |= {"chat_template": "{{ messages }}", "truncation_side": "left", "tokenizer_class": "LlamaTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    kept = json.loads((copied(folder) / "tokenizer_config.json").read_text())
    assert kept == {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True
    }  # fmt: skip


def test_questions_have_a_start_mark_where_the_tokenizer_sets_one_and_never_an_end_mark(folder):
    plain = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TEXTS[0], add_special_tokens=False).ids
    told = json.loads((folder / "tokenizer_config.json").read_text())
    for template, asked, first in (
        (["<s>", "$A", "</s>"], None, [0]), (["$A", "</s>"], None, []), (["$A"], True, [0]), (["<s>", "$A"], False, [])
    ):  # fmt: skip
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.post_processor = TemplateProcessing(single=template, special_tokens=[("<s>", 0), ("</s>", 1)])
        tokenizer.enable_truncation(3)
        tokenizer.save(str(folder / "tokenizer.json"))
        settings = told | ({} if asked is None else {"add_bos_token": asked}) | {"add_eos_token": True}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        harness = TextTokenizer.load(copied(folder)).for_harness()
        assert harness.encode(TEXTS[0]) == first + plain
        assert (harness.bos_token_id, harness.eos_token_id) == (0, 1)
        assert harness.model_max_length > 10**6


def test_marks_are_found_wherever_the_hub_has_them(folder):
    told = folder / "tokenizer_config.json"
    expected = TextTokenizer.load(copied(folder))
    for settings, special, config in (
        ({"bos_token": {"content": "<s>"}, "eos_token": {"content": "</s>", "lstrip": False}}, None, {}),
        ({"model_max_length": 1024}, {"bos_token": "<s>", "eos_token": {"content": "</s>"}}, {}),
        ({"model_max_length": 1024}, None, {"bos_token_id": 0, "eos_token_id": 1}),
        (None, None, {"bos_token_id": 0, "eos_token_id": [1, 5]}),
        ({"eos_token": None}, {"eos_token": "<none>"}, {"bos_token_id": 0, "eos_token_id": 1}),
    ):
        told.unlink(missing_ok=True)
        (folder / "special_tokens_map.json").unlink(missing_ok=True)
        if settings is not None:
            told.write_text(json.dumps(settings))
        if special is not None:
            (folder / "special_tokens_map.json").write_text(json.dumps(special))
        found = TextTokenizer.load(copied(folder, config))
        assert (found.start_id, found.end_id) == (expected.start_id, expected.end_id) == (0, 1)
    told.unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"names a token that ends a text .* add eos_token"):
        copied(folder)


def test_gpt2_as_it_lies_on_the_hub_begins_a_text_with_its_end_mark(folder):
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1024}')
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    found = TextTokenizer.load(copied(folder, {"model_type": "gpt2", "bos_token_id": 1, "eos_token_id": 1}))
    assert (found.start_id, found.end_id) == (1, 1)


def test_entries_beyond_the_embedding_are_told_and_only_texts_that_hold_one_are_refused(folder, tmp_path, caplog):
    size = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    with caplog.at_level(logging.WARNING):
        copied(folder, {"vocab_size": size - 1})
    assert f"it embeds {size - 1} tokens, its tokenizer has 1 more" in caplog.text
    with pytest.raises(ValueError, match=r"m: eos_token '</s>' is token 1, but the model embeds only 1"):
        copied(folder, {"vocab_size": 1})
    path = write_shard(tmp_path / "s.arrow", [np.array([0, 298, 1], np.uint32)], vocabulary_size="400")
    assert len(open_shard(path, 299)) == 1
    with pytest.raises(ValueError, match=r"s.arrow: holds token 298, but the model embeds only 298"):
        open_shard(path, 298)


def test_a_file_that_is_no_tokenizer_is_named(folder):
    (folder / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234\n")
    with pytest.raises(ValueError, match=r"tokenizer.json is a Git-LFS pointer"):
        copied(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer.json is no fast tokenizer"):
        copied(folder)


BROUGHT = {
    "do_sample": True, "temperature": 3.0, "repetition_penalty": 50.0, "no_repeat_ngram_size": 1, "num_beams": 3,
    "suppress_tokens": list(range(12)), "min_new_tokens": 5, "forced_eos_token_id": 13, "eos_token_id": 2,
}  # fmt: skip


def by_hand(model, prompt, count):
    ids = list(prompt)
    for _ in range(count):
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def test_greedy_is_the_argmax_whatever_the_checkpoint_brings_along(tmp_path):
    tiny_llama(seed=4).save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps(BROUGHT))
    config = json.loads((tmp_path / "config.json").read_text())  # where old checkpoints have it
    (tmp_path / "config.json").write_text(json.dumps(config | {"repetition_penalty": 40.0, "do_sample": True}))
    manifest = checkpoint.inspect(tmp_path, "m", revision="1", dtype="float32", lengths={})
    loaded, plain = checkpoint.load(manifest, torch.device("cpu")), tiny_llama(seed=4)
    changed = tiny_llama(seed=4)
    changed.generation_config = GenerationConfig(**BROUGHT)
    prompts = [[1, 5, 9], [3, 3, 4]]
    expected, never = [by_hand(plain, prompt, 9) for prompt in prompts], VOCABULARY + 1
    sampled = changed.generate(torch.tensor(prompts), attention_mask=torch.ones(2, 3), max_new_tokens=9)
    assert sampled[:, 3:].tolist() != expected  # it would leak
    for model in (loaded, changed):
        assert generation.greedy(model, prompts, 9, never, "float32", 2) == expected
        settings = {"reading": "gate", "batch_size": 2, "max_new_tokens": 9, "end_id": never, "precision": "float32"}
        assert [text.ids for text in write_texts(model, prompts, **settings)[0]] == expected
    assert changed.generation_config.repetition_penalty == 50.0
    with pytest.raises(ValueError, match="stop"):
        continued(changed, torch.tensor(prompts), None, max_new_tokens=1, end_id=1, stopping_criteria=[stop])
    assert changed.generation_config.repetition_penalty == 50.0


def stop(*_, **__):
    raise ValueError("stop")


def test_gradients_that_overflow_are_told_after_the_first_batch(tmp_path):
    model = tiny_llama(dtype=torch.float16)
    with torch.no_grad():  # the NLL stays finite, the gradients do not
        model.model.norm.weight.fill_(1e-5)
        model.lm_head.weight.copy_(4e4 * model.lm_head.weight.sign())
    seen, whole = [], model.forward
    model.forward = lambda *a, **k: seen.append(1) or whole(*a, **k)
    settings = {"batch_size": 1, "reduction": "corrected", "precision": "float32"}
    with pytest.raises(ValueError, match=r"the gradient of \S+ is not finite; set .*dtype to bfloat16"):
        importance_of_shard(model, random_sequences(4), [4], [str(tmp_path / "i")], importance_metadata(), **settings)
    assert len(seen) == 1
    assert not (tmp_path / "i").exists()
