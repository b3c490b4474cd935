import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from tokenizers import Tokenizer

from langatlas import tokens
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer

TEXTS = [
    "The cat sat.",
    "Кошка сидит на окне, и ей хорошо.",
    "猫坐着。",
    "고양이가 앉아 있다",
    "a",
    "",
    "naïve ☃ " * 30,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer")
    pq.write_table(pa.table({"text": TEXTS * 3}), path / "text.parquet")
    tokenizer = train_tokenizer([str(path / "text.parquet")], 300)
    save_tokenizer(tokenizer, str(path / "tokenizer.json"), str(path / "tokenizer_config.json"), 64)
    return path


@pytest.fixture(scope="module")
def tokenizer(folder):
    return tokens.TextTokenizer.load(folder)


def cut(tokenizer, policy, length, texts=TEXTS):
    counts = tokens.Counts()
    return list(tokens.sequences(texts, tokenizer, policy, length, counts)), counts


def text_of(tokenizer, sequences):
    return tokenizer.tokenizer.decode([int(i) for s in sequences for i in s.input_ids], skip_special_tokens=True)


def test_short_documents_keep_all_their_text_between_bos_and_eos(tokenizer):
    for policy in ("drop_long", "truncate"):
        found, counts = cut(tokenizer, policy, 10_000)
        assert [text_of(tokenizer, [s]) for s in found] == TEXTS
        assert [s.n_bytes for s in found] == [len(text.encode()) for text in TEXTS]
        assert [s.n_characters for s in found] == [len(text) for text in TEXTS]
        assert all((s.input_ids[0], s.input_ids[-1]) == (tokenizer.start_id, tokenizer.end_id) for s in found)
        assert (counts.dropped, counts.truncated, counts.documents) == (0, 0, len(TEXTS))


def test_long_documents_are_dropped_whole_or_cut_with_the_text_that_stays(tokenizer):
    kept, counts = cut(tokenizer, "drop_long", 40)
    lengths = [len(tokenizer.tokenizer.encode(text, add_special_tokens=False).ids) + 2 for text in TEXTS]
    assert len(kept) == sum(length <= 40 for length in lengths)
    assert counts.dropped == sum(length > 40 for length in lengths) > 0
    found, counts = cut(tokenizer, "truncate", 40)
    assert counts.truncated == sum(length > 40 for length in lengths)
    for text, sequence in zip(TEXTS, found, strict=True):
        assert len(sequence.input_ids) <= 40
        stays = text[: sequence.n_characters]
        assert sequence.n_bytes == len(stays.encode())
        assert text_of(tokenizer, [sequence]).rstrip("\ufffd") in (stays, stays[:-1]), (
            "a character may be cut in its bytes"
        )


@pytest.mark.parametrize("length", [3, 8, 17, 64])
def test_packing_loses_and_doubles_nothing_but_the_rest_after_the_last_sequence(tokenizer, length):
    found, _ = cut(tokenizer, "pack", length, TEXTS * 2)
    assert all(len(s.input_ids) == length and s.input_ids[0] == tokenizer.start_id for s in found)
    stream = []
    for text in TEXTS * 2:
        stream += [*tokenizer.tokenizer.encode(text, add_special_tokens=False).ids, tokenizer.end_id]
    packed = [int(i) for s in found for i in s.input_ids[1:]]
    assert packed == stream[: len(packed)]
    assert len(stream) - len(packed) < length
    whole = len("".join(TEXTS * 2).encode())
    assert whole - sum(s.n_bytes for s in found) <= 4 * length
    assert sum(s.n_bytes for s in found) <= whole


def write(folder, tmp_path, texts=TEXTS, shards=3, **changed):
    pq.write_table(pa.table({"text": texts}), tmp_path / "text.parquet")
    paths = [str(tmp_path / f"{n:05d}.arrow") for n in range(shards)]
    options = {"language": "ru", "split": "test", "policy": "truncate", "sequence_length": 32, "max_sequences": None}
    options |= {"code": "x"} | changed
    tokens.write_shards(tmp_path / "text.parquet", folder, paths, tmp_path / "stats.json", **options)
    return paths


def test_shards_open_with_datasets_and_hold_every_sequence_in_turn(folder, tokenizer, tmp_path):
    paths = write(folder, tmp_path)
    expected, _ = cut(tokenizer, "truncate", 32)
    for shard, path in enumerate(paths):
        dataset = Dataset.from_file(path)
        mine = expected[shard::3]
        assert dataset["input_ids"][:] == [s.input_ids.tolist() for s in mine]
        opened = tokens.open_shard(path)
        assert [ids.tolist() for ids in opened.sequences] == [s.input_ids.tolist() for s in mine]
        assert opened.n_bytes.tolist() == [s.n_bytes for s in mine]
        assert opened.metadata["tokenizer"] == tokenizer.hash
        assert opened.metadata["vocabulary_size"] == str(tokenizer.vocabulary_size)
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["sequences"] == len(TEXTS)
    assert stats["tokens"] == sum(len(s.input_ids) for s in expected)


def test_the_cap_counts_sequences_over_all_shards(folder, tmp_path):
    paths = write(folder, tmp_path, max_sequences=4)
    assert [len(tokens.open_shard(path)) for path in paths] == [2, 1, 1]


def test_no_sequence_left_says_why(folder, tmp_path):
    with pytest.raises(
        ValueError, match=r"no sequence of ru is left of 1 documents under policy drop_long .*\(1 were longer\)"
    ):
        write(folder, tmp_path, texts=["one two three four"], policy="drop_long", sequence_length=3)
    assert not list(tmp_path.glob("*.arrow"))


def test_a_shard_cut_anywhere_is_refused(folder, tmp_path):
    path = tmp_path / "00000.arrow"
    write(folder, tmp_path, texts=TEXTS * 400, shards=1)
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"00000\.arrow: not a readable token shard .* truncated or corrupt"):
            tokens.open_shard(path)


def test_vocabularies_above_65535_keep_their_ids(tmp_path):
    vocabulary = {f"w{n}": n for n in range(70_000)} | {"</s>": 70_000}
    from tokenizers import models, pre_tokenizers

    big = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    big.pre_tokenizer = pre_tokenizers.Whitespace()
    big.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "</s>"}, "bos_token": null}')
    (path,) = write(tmp_path, tmp_path, texts=["w69999 w65536 w1"], shards=1)
    assert tokens.open_shard(path).sequences[0].tolist() == [70_000, 69_999, 65_536, 1, 70_000]


def test_unknown_policies_and_lengths_are_refused(tokenizer):
    with pytest.raises(ValueError, match="policy must be one of drop_long, truncate, pack, got 'split'"):
        cut(tokenizer, "split", 10)
    with pytest.raises(ValueError, match="sequence_length must be at least 3"):
        cut(tokenizer, "pack", 2)


def test_the_preview_shows_text_tokens_and_ids(folder, tokenizer, tmp_path):
    (path,) = write(folder, tmp_path, shards=1)
    shown = tokens.preview(tokens.open_shard(path), tokenizer, 2)
    assert "The cat sat." in shown
    assert "Кошка" in shown
    assert shown.count("--- sequence") == 2


def test_tokenizing_imports_no_torch():
    import subprocess
    import sys

    modules = "langatlas.tokens, langatlas.locate.regions, langatlas.models.mini_tokenizer"
    code = f"import {modules}, sys; assert 'torch' not in sys.modules"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={"PYTHONPATH": "workflow_scripts", "PATH": "/usr/bin:/bin"}
    )


def test_many_batches_of_documents_round_trip_in_order(folder, tmp_path):
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("abc где 猫"), 50)) for _ in range(2_500)]
    (path,) = write(folder, tmp_path, texts=texts, shards=1, sequence_length=200)
    opened = tokens.open_shard(path)
    decoder = tokens.TextTokenizer.load(folder).tokenizer
    assert [decoder.decode([int(i) for i in ids]) for ids in opened.sequences] == texts


@pytest.mark.parametrize("policy", tokens.POLICIES)
def test_neither_sequences_nor_counts_depend_on_how_many_documents_are_encoded_together(tokenizer, policy, monkeypatch):
    texts = [f"{'word ' * (number % 9)}{number}" for number in range(23)]
    found = []
    for together in (1, 4, 23, 1000):
        monkeypatch.setattr(tokens, "DOCUMENTS_AT_A_TIME", together)
        found.append(cut(tokenizer, policy, 16, texts))
    for sequences, counts in found:
        assert [vars(s) | {"input_ids": s.input_ids.tolist()} for s in sequences] == [
            vars(s) | {"input_ids": s.input_ids.tolist()} for s in found[0][0]
        ]
        assert vars(counts) == vars(found[0][1])
        assert counts.documents == 23


def test_documents_that_are_encoded_ahead_and_not_used_are_not_counted(tokenizer, monkeypatch):
    monkeypatch.setattr(tokens, "DOCUMENTS_AT_A_TIME", 2)
    counts = tokens.Counts()
    made = tokens.sequences(map(str, range(10)), tokenizer, "truncate", 16, counts)
    for expected in (2, 2, 4):
        next(made)
        assert counts.documents == expected
    made.close()


def test_a_document_is_taken_out_of_the_tokenizer_once_however_many_sequences_it_fills(tokenizer, monkeypatch):
    """Each time that they are asked for, ids and offsets are new lists of the whole document: packing a book took hours."""
    asked = []

    class Counted:
        def __init__(self, encoding):
            self.encoding = encoding

        def __getattr__(self, name):
            asked.append(name)
            return getattr(self.encoding, name)

    whole = tokens._encoded
    monkeypatch.setattr(
        tokens, "_encoded", lambda *given: ((text, Counted(encoding)) for text, encoding in whole(*given))
    )
    sequences, _ = cut(tokenizer, "pack", 8, ["word " * 200])
    assert len(sequences) > 20
    assert asked.count("ids") == 1
    assert "offsets" not in asked
