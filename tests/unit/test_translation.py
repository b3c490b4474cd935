"""Translation: counts while writing against brute force, a killed job, files in and out."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from families import CONFIGS, tiny_family
from langatlas.activation_files import ActivationFile, Activations
from langatlas.corpora import translations
from langatlas.corpora.translation_prompts import Condition
from langatlas.interchange import __main__ as interchange
from langatlas.interchange import passes
from langatlas.measure import counted_text, job, translation
from langatlas.measure.counted_text import Progress, Written, write_texts
from langatlas.measure.translation_experiment import Experiment, counted_columns, first_line, translate
from langatlas.models.neurons import hooked, n_neurons
from langatlas.present.figures.neuron_activity import pooled
from langatlas.present.figures.neuron_peaks import peaks
from langatlas.translation_rows import counts, read_rows
from tiny import VOCABULARY, tiny_llama

PROMPTS = [[1, 5, 9], [1, 7], [1, 3, 3, 8, 2, 4], [1, 9, 9, 9], [1, 2], [1, 20, 11, 6, 5, 4, 3]]
END = 0


def keep(seen: dict, layer: int, values: torch.Tensor) -> None:
    seen[layer] = values.reshape(-1, values.shape[-1]).double().numpy()


def by_hand(model, ids: list[int], reading: str, max_new_tokens: int, end_id: int = END):
    """Greedy text of one prompt without a cache, and every layer's activations (T, F) of the tokens that a cache is fed."""
    new = []
    for _ in range(max_new_tokens):
        with torch.no_grad():
            new.append(int(model(torch.tensor([ids + new])).logits[0, -1].argmax()))
        if new[-1] == end_id:
            break
    seen = {}
    layers, _ = n_neurons(model)
    hooks = {layer: partial(keep, seen, layer) for layer in range(layers)}
    with torch.no_grad(), hooked(model, reading, hooks):
        model(torch.tensor([ids + new[:-1]]))
    return new, [seen[layer] for layer in range(layers)]


def ends_early(model) -> int:
    """A token that some of the texts write as the second one: an end mark that ends them at different times."""
    return by_hand(model, PROMPTS[0], "gate", 4, -1)[0][1]


@pytest.mark.parametrize("reading", ["gate", "product"])
@pytest.mark.parametrize("batch_size", [1, 4, 6])
def test_counts_while_writing_are_those_of_each_text_alone(reading, batch_size):
    model = tiny_llama()
    end = ends_early(model)
    settings = {"max_new_tokens": 5, "end_id": end, "precision": "float32"}
    texts, found = write_texts(model, PROMPTS, reading=reading, batch_size=batch_size, **settings)
    sums = {name: np.zeros((2, 12)) for name in ("all", "last_prompt", "generated")}
    strength, tokens, lengths = np.zeros((2, 12)), dict.fromkeys(sums, 0), set()
    for ids, text in zip(PROMPTS, texts, strict=True):
        new, values = by_hand(model, ids, reading, 5, end)
        lengths.add(len(new))
        assert text.ids == [token for token in new if token != end]
        assert text.ended == (new[-1] == end)
        last = len(ids) - 1
        parts = {"all": slice(None), "last_prompt": slice(last, last + 1), "generated": slice(last + 1, None)}
        for name, part in parts.items():
            sums[name] += np.stack([(layer[part] > 0).sum(0) for layer in values])
            tokens[name] += len(values[0][part])
        strength += np.stack([layer.sum(0) for layer in values])
        np.testing.assert_array_equal(text.inhibited, np.stack([(layer[last:] <= 0).sum(1) for layer in values], 1))
        np.testing.assert_array_equal(text.zero, np.stack([(layer[last:] == 0).sum(1) for layer in values], 1))
        assert text.all_inhibited == [(layer <= 0).sum() for layer in values]
        assert text.all_zero == [(layer == 0).sum() for layer in values]
        assert len(text.inhibited) == len(new), "a pass for each new token"
    assert len(lengths) > 1, "texts must end at different times"
    assert found.tokens == tokens
    for name, expected in sums.items():
        np.testing.assert_array_equal(found.statistics[f"{name}.positive"], expected)
        np.testing.assert_array_equal(
            found.statistics[f"{name}.zero"] + found.statistics[f"{name}.negative"], tokens[name] - expected
        )
    np.testing.assert_allclose(found.statistics["all.sum"], strength, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", list(CONFIGS))
def test_padding_changes_no_count_in_any_family(family):
    model = tiny_family(family)
    settings = {"reading": "gate", "max_new_tokens": 3, "end_id": 0, "precision": "float32"}
    prompts = [[ids % model.config.vocab_size for ids in many] for many in PROMPTS[:4]]
    alone, one = write_texts(model, prompts, batch_size=1, **settings)
    together, four = write_texts(model, prompts, batch_size=4, **settings)
    assert together == alone
    assert four.tokens == one.tokens
    for name in one.statistics:
        if "sum" in name:
            np.testing.assert_allclose(four.statistics[name], one.statistics[name], rtol=1e-3, atol=1e-3)
        else:  # padding would count many; one that is almost zero another processor may round to the other side of it
            assert np.abs(four.statistics[name] - one.statistics[name]).sum() <= 1


def test_a_planted_neuron_counts_the_tokens_that_turn_it_on():
    """Neuron 5 of layer 0 has its gate on the part of the embedding that only token 3 has."""
    model = tiny_llama()
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = -1.0
        model.model.embed_tokens.weight[3, 0] = 1.0
        for block in model.model.layers:
            block.self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.gate_proj.weight[5] = torch.eye(8)[0]
    prompts = [[1, 3, 3], [1, 3, 5], [3], [1, 2]]
    texts, found = write_texts(
        model, prompts, reading="gate", batch_size=4, max_new_tokens=6, end_id=VOCABULARY - 1, precision="float32"
    )
    fed = [text.ids if text.ended else text.ids[:-1] for text in texts]
    assert found.statistics["last_prompt.positive"][0, 5] == 2
    assert found.statistics["generated.positive"][0, 5] == sum(ids.count(3) for ids in fed)
    assert found.statistics["all.positive"][0, 5] == 4 + sum(ids.count(3) for ids in fed)


def test_a_killed_job_goes_on_where_it_was(tmp_path, monkeypatch):
    model = tiny_llama()
    settings = {"reading": "gate", "batch_size": 2, "max_new_tokens": 4, "end_id": END, "precision": "float32"}
    texts, whole = write_texts(model, PROMPTS, **settings)
    monkeypatch.setattr(counted_text, "SAVE_SECONDS", -1)
    write, calls = counted_text.write_batch, []

    def killed(*arguments, **keys):
        calls.append(len(arguments[1]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(*arguments, **keys)

    monkeypatch.setattr(counted_text, "write_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        write_texts(model, PROMPTS, progress=Progress(tmp_path, "direct", settings), **settings)
    again, found = write_texts(model, PROMPTS, progress=Progress(tmp_path, "direct", settings), **settings)
    assert calls == [2, 2, 2, 2], "two batches were finished; the third is the only one that is written again"
    assert (again, found.tokens) == (texts, whole.tokens)
    for name in whole.statistics:
        np.testing.assert_allclose(found.statistics[name], whole.statistics[name], rtol=1e-6, atol=1e-6)
    changed = Progress(tmp_path, "direct", settings | {"max_new_tokens": 3})
    assert changed.read() == ([], None), "other settings are other texts"
    texts_only = Progress(tmp_path, "direct", settings)
    texts_only.statistics.unlink()
    assert texts_only.read() == ([], None)


class Letters:
    """A tokenizer of letters: the ids of a text are its code points modulo the vocabulary."""

    start_id, end_id = 1, 0

    def __init__(self):
        self.tokenizer = self

    def encode(self, text, add_special_tokens):
        self.ids = [ord(letter) % VOCABULARY for letter in text][-20:]
        return self

    def decode(self, ids, skip_special_tokens):
        return "".join(chr(97 + number) for number in ids)


@pytest.fixture
def rows(tmp_path):
    """Two conditions of three sentences of a tiny model, as the rule writes them."""
    model = tiny_llama()
    conditions = [Condition.parse(name) for name in ("direct", "parallel-1")]
    experiment = Experiment(
        "ru", "en", ["uk"], conditions, None, 3, 1, {"ru": "Russian", "en": "English", "uk": "Ukrainian"}
    )

    def write(name, prompts):
        return write_texts(
            model, prompts, reading="gate", batch_size=2, max_new_tokens=4, end_id=END, precision="float32"
        )

    made = []
    for condition, found, counted in translate(experiment, Letters(), write):
        made += [{"side": "base"} | row for row in found]
        metadata = {"model": "m", "model_hash": "h", "language": "en", "reading": "gate"}
        counted.write(tmp_path / f"{condition.name}.safetensors", metadata)
    described = {"model": "m", "experiment": "e", "language": "ru"}
    shape = {"layers": "2", "neurons": "12"}
    job.write_rows(pd.DataFrame(made), tmp_path / "rows.parquet", translation.SCHEMA, described, shape)
    return tmp_path


def test_rows_hold_every_sentence_in_every_condition_and_what_was_counted(rows):
    found = read_rows(rows / "rows.parquet")
    assert list(found["condition"]) == ["direct"] * 3 + ["parallel-1"] * 3
    assert list(found["item"][:3]) == list(found["item"][3:])
    assert found["prompt"][3].startswith("Translate into English.\nRussian: ")
    assert "\nUkrainian: " in found["prompt"][3]
    for condition, part in found.groupby("condition"):
        file = ActivationFile(rows / f"{condition}.safetensors")
        for positions, classes in {
            "published": ["last_prompt", "generated"],
            "all": ["all"],
            "generated": ["generated"],
        }.items():
            inhibited, tokens = counts(part, "inhibited", positions)
            assert tokens.sum() == sum(file.tokens[name] for name in classes)
            expected = sum(file[f"{name}.negative"] + file[f"{name}.zero"] for name in classes).sum(1)
            np.testing.assert_array_equal(inhibited.sum(0), expected)
    with pytest.raises(ValueError, match="positions must be one of"):
        counts(found, "zero", "first")
    assert first_line("  One\n\nTranslate into English.") == "One"


def test_published_files_go_out_and_in(rows):
    given = [str(rows / "rows.parquet"), str(rows / "parallel-1.safetensors"), "parallel-1", str(rows / "out")]
    interchange.main(["export-passes", *given])
    part = read_rows(rows / "rows.parquet").query("condition == 'parallel-1'")
    counted, total = ActivationFile(rows / "parallel-1.safetensors").writing_counts()
    lines = (rows / "out-proportion.jsonl").read_text().splitlines()
    assert len(lines) == total == sum(part["n_tokens"] + part["ended"]), "one line a forward pass"
    assert list(json.loads(lines[0])) == ["0", "1"]
    zero, inhibited = passes.read_proportions(rows / "out-proportion.jsonl")
    np.testing.assert_array_equal(np.rint(inhibited * 12).ravel(), np.concatenate(list(part["inhibited"])))
    np.testing.assert_array_equal(np.rint(zero * 12).ravel(), np.concatenate(list(part["zero"])))
    np.testing.assert_array_equal(passes.read_index(rows / "out-index.jsonl"), counted)
    # what is inhibited and what is counted are the two sides of the same passes
    np.testing.assert_array_equal(counted.sum(1), (12 * (1 - inhibited)).sum(0).round())
    results = (rows / "out-result.txt").read_text(encoding="utf-8").splitlines()
    assert [line.replace("\\n", "\n") for line in results] == list(part["prompt"] + part["text"])
    read = str(rows / "read.safetensors")
    interchange.main(["import-index", str(rows / "out-index.jsonl"), str(rows / "out-proportion.jsonl"), read, "m"])
    again, passes_again = ActivationFile(read).writing_counts()
    np.testing.assert_array_equal(again, counted)
    assert passes_again == total
    with pytest.raises(ValueError, match="no condition 'pivot-es'; it has direct, parallel-1"):
        passes.passes_to_files(given[0], given[1], "pivot-es", given[3])
    with pytest.raises(ValueError, match="is it another condition's"):
        passes.passes_to_files(given[0], short(rows), "parallel-1", given[3])


def short(folder: Path) -> Path:
    counted = np.ones((2, 12), np.int64)
    statistics = {"last_prompt.positive": counted, "generated.positive": counted}
    Activations(statistics, {"last_prompt": 1, "generated": 1}, []).write(folder / "short.safetensors", {})
    return folder / "short.safetensors"


def test_indices_that_were_not_merged_are_added_and_bad_lines_are_named(tmp_path):
    path = tmp_path / "index.jsonl"
    path.write_text('{"0": [0, 1], "1": [1, 1]}\n{"1": [0, 1], "0": [1, 1]}\n')
    np.testing.assert_array_equal(passes.read_index(path), [[1, 2], [1, 2]])
    proportions = tmp_path / "proportions.jsonl"
    proportions.write_text('{"0": [0, 0.5], "1": [0, 0]}\n')
    with pytest.raises(ValueError, match=r"counts up to 2; .*1 passes"):
        passes.index_from_file(path, proportions, tmp_path / "x.safetensors", "m")
    for bad, message in {
        '{"1": [1]}': "keys 0, 1",
        "[1]": r"index.jsonl:1, record 1: the record is a number, but must be an object",
        '{"0": [1], "1": [1, 2]}': "different sizes",
    }.items():
        path.write_text(bad + "\n")
        with pytest.raises(ValueError, match=message):
            passes.read_index(path)
    proportions.write_text('{"0": [0, 1.5]}\n')
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        passes.read_proportions(proportions)


def test_peaks_by_hand():
    values = np.array([[3, 0, 5], [5, 1, 3]])
    kept, layers = peaks(values, 0.7)  # 4 of 6: 5 and 5, then the threes
    assert (kept.tolist(), layers.tolist()) == ([5, 5, 3, 3], [2, 2])
    kept, layers = peaks(values, 0.5)  # of the threes the one in the lower layer
    assert (kept.tolist(), layers.tolist()) == ([5, 5, 3], [2, 1])
    kept, layers = peaks(values, 1)  # a neuron that is never active is no peak
    assert (kept.tolist(), layers.tolist()) == ([5, 5, 3, 3, 1], [2, 3])
    with pytest.raises(ValueError, match=r"in \(0, 1\]"):
        peaks(values, 0)
    np.testing.assert_array_equal(pooled(np.arange(6.0).reshape(1, 6), 3), [[0.5, 2.5, 4.5]])
    np.testing.assert_array_equal(pooled(values, 3), values)


def test_columns_of_a_text_fit_the_reader(rows):
    text = Written([4, 5], True, [[0, 1]] * 3, [[2, 3]] * 3, [0, 9], [8, 9])
    row = counted_columns(text) | {"n_prompt_tokens": 4, "layers": 2, "neurons": 12}
    inhibited, tokens = counts(pd.DataFrame([row]), "inhibited", "generated")
    assert (inhibited.tolist(), tokens.tolist()) == ([[4, 6]], [2])
    zero, tokens = counts(pd.DataFrame([row]), "zero", "all")
    assert (zero.tolist(), tokens.tolist()) == ([[0, 9]], [4 + 2])
    assert translations.PAIR[0] == "src_lang"
