"""To and from the released formats: round trips in both directions, and the released selection rule on random tensors."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from langatlas.interchange import parameters, stores
from langatlas.interchange.__main__ import main
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.regions import select, select_monolingual
from langatlas.models import checkpoint
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.region import Region
from langatlas.tensorfile import TensorFile, TensorWriter
from langatlas.tokens import open_shard, sequences_in_order, write_shards
from tiny import importance_metadata, tiny_llama


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=st.lists(st.lists(st.integers(0, 70_000), min_size=0, max_size=20), max_size=8))
def test_a_store_gives_back_every_sample_with_16_or_32_bits(tmp_path, samples):
    stores.write_store(tmp_path / "s", [np.array(ids, np.int64) for ids in samples])
    found, counts = stores.read_store(tmp_path / "s")
    assert [ids.tolist() for ids in found] == samples
    assert counts == [len(samples)]
    largest = max((i for ids in samples for i in ids), default=0)
    assert (tmp_path / "s.bin").stat().st_size == (2 if largest < 2**16 else 4) * sum(map(len, samples))


def test_a_store_made_byte_by_byte_as_released_is_read(tmp_path):
    (tmp_path / "r.bin").write_bytes(np.array([1, 7, 2, 1, 9, 9, 2], "<u2").tobytes())
    (tmp_path / "r.idx").write_bytes(np.array([0, 3], "<u8").tobytes() + np.array([3, 4], "<u2").tobytes())
    torch.save([2], tmp_path / "r.dis")
    found, counts = stores.read_store(tmp_path / "r")
    assert [ids.tolist() for ids in found] == [[1, 7, 2], [1, 9, 9, 2]]
    assert counts == [2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "s.bin").write_bytes(b"\0" * 7), r"s\.bin: 7 bytes, but 5 tokens need 10 \(uint16\) or 20"),
        (lambda f: (f / "s.idx").write_bytes(b"\0" * 19), r"s\.idx: 19 bytes are no multiple of 10"),
        (lambda f: torch.save([1, 3], f / "s.dis"), r"s\.dis: the types hold 4 samples, the index 2"),
        (
            lambda f: (f / "s.idx").write_bytes(np.array([0, 4], "<u8").tobytes() + np.array([3, 2], "<u2").tobytes()),
            r"s\.idx: sample 1 begins at token 4",
        ),
    ],
)
def test_damaged_stores_are_named(tmp_path, damage, message):
    stores.write_store(tmp_path / "s", [np.array([1, 2, 3]), np.array([4, 5])])
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        stores.read_store(tmp_path / "s")


def test_samples_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="sample 1 has 65536 tokens"):
        stores.write_store(tmp_path / "s", [np.zeros(3), np.zeros(65_536)])
    with pytest.raises(ValueError, match=r"got -1 to 3"):
        stores.write_store(tmp_path / "s", [np.array([-1, 3])])
    assert not (tmp_path / "s.bin").exists()


def test_shards_go_to_a_store_and_back_with_their_ids_and_text_sizes(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ["The cat sat.", "Кошка сидит на окне", "猫坐着。", "고양이"]
    pq.write_table(pa.table({"text": texts}), tmp_path / "t.parquet")
    tokenizer = train_tokenizer([str(tmp_path / "t.parquet")], 300)
    save_tokenizer(tokenizer, str(tmp_path / "tokenizer.json"), str(tmp_path / "tokenizer_config.json"), 64)
    shards = [str(tmp_path / f"{i}.arrow") for i in range(2)]
    settings = {"language": "xx", "split": "locate", "policy": "truncate", "sequence_length": 64}
    write_shards(
        tmp_path / "t.parquet", tmp_path, shards, tmp_path / "s.json", max_sequences=None, code="c", **settings
    )
    main(["export-store", str(tmp_path / "store"), *shards])
    main(["import-store", str(tmp_path / "store"), str(tmp_path / "back.arrow"), str(tmp_path), "xx"])
    back = open_shard(tmp_path / "back.arrow")
    assert [ids.tolist() for ids in back.sequences] == [ids.tolist() for ids in sequences_in_order(shards)]
    assert back.n_bytes.tolist() == [len(text.encode()) for text in texts]
    assert back.metadata["vocabulary_size"] == str(tokenizer.get_vocab_size())


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_llama().save_pretrained(folder)
    found = checkpoint.describe(folder, "tiny", revision="r", dtype="float32")
    found.write(folder / "model.json")
    return found


def write_importance(path, seed):
    """Scores of random sign whose absolute values are all different, and so are their sums over seeds (powers of two apart)."""
    generator = np.random.default_rng(seed)
    tensors = {
        n: generator.choice([-1, 1], tuple(p.shape))
        * (1 + generator.permutation(p.numel()).reshape(p.shape))
        * 1024.0 ** (seed - 2)
        for n, p in tiny_llama().named_parameters()
    }
    layout = {name: ("F32", value.shape) for name, value in tensors.items()}
    with TensorWriter(path, layout, {**importance_metadata(), "samples": "9", "format": FORMAT}) as writer:
        for name, value in tensors.items():
            writer.write(name, value.astype(np.float32))
    return str(path)


def test_importances_go_to_a_folder_and_back_as_bf16(tmp_path, manifest):
    path = write_importance(tmp_path / "i.safetensors", 1)
    main(["export-importance", path, str(tmp_path / "folder")])
    arguments = [str(tmp_path / "folder"), str(tmp_path / "back.safetensors"), f"{manifest.path}/model.json", "ru", "9"]
    main(["import-importance", *arguments])
    first, back = TensorFile(path, FORMAT), TensorFile(tmp_path / "back.safetensors", FORMAT)
    assert back.names == first.names
    for name in first.names:
        expected = torch.from_numpy(np.array(first[name])).to(torch.bfloat16).float().numpy()
        np.testing.assert_array_equal(back[name], expected)
    assert (back.metadata["language"], back.metadata["samples"], back.metadata["model_hash"]) == (
        "ru",
        "9",
        manifest.hash,
    )
    (tmp_path / "folder" / f"{first.names[3]}.pt").unlink()
    with pytest.raises(ValueError, match=r"\.pt: missing"):
        main(["import-importance", *arguments])


RATIO = 0.25


def published_top(scores: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The released rule, written here anew: int(k * numel) highest of every tensor whose name holds ``layers.``."""
    masks = {}
    for name, score in scores.items():
        if "layers." in name:
            mask = torch.zeros(score.numel(), dtype=torch.bool)
            mask[score.flatten().topk(int(RATIO * score.numel())).indices] = True
            masks[name] = mask.view(score.shape)
    return masks


def test_our_selection_is_the_released_rule_where_there_are_no_ties(tmp_path):
    paths = [write_importance(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2, 3)]
    files = [TensorFile(path, FORMAT) for path in paths]
    absolute = [{n: torch.from_numpy(np.array(f[n])).abs() for n in f.names} for f in files]
    summed = {name: absolute[0][name] + absolute[1][name] + absolute[2][name] for name in absolute[0]}
    plan = {("top", str(RATIO)): str(tmp_path / "top.safetensors")}
    select(paths, plan, model_type="llama", scope="matrix", region="core", metadata={"model_type": "llama"})
    ours = Region.open(plan["top", str(RATIO)])
    for name, mask in published_top(summed).items():
        assert summed[name].unique().numel() == summed[name].numel()
        np.testing.assert_array_equal(ours.mask(name), mask.numpy())


def test_monolingual_masks_are_own_minus_the_union_and_go_to_a_folder_and_back(tmp_path, manifest):
    paths, tops = {}, {}
    for seed, language in enumerate(("ru", "zh", "ar"), start=1):
        importance = write_importance(tmp_path / f"{language}.safetensors", seed)
        scores = TensorFile(importance, FORMAT)
        tops[language] = published_top({n: torch.from_numpy(np.array(scores[n])).abs() for n in scores.names})
        paths[language] = str(tmp_path / f"{language}-top.safetensors")
        plan = {("top", str(RATIO)): paths[language]}
        described = {"model_type": "llama"}
        select(
            [importance], plan, model_type="llama", scope="matrix", region=f"language-{language}", metadata=described
        )
    output = str(tmp_path / "mono.safetensors")
    plan = {("top", str(RATIO)): output}
    select_monolingual(
        [paths["ru"]], [paths["zh"], paths["ar"]], plan, region="monolingual-ru", metadata={"region_language": "ru"}
    )
    main(["export-region", output, str(tmp_path / "masks")])
    for name, top in tops["ru"].items():
        mask = torch.load(tmp_path / "masks" / f"{name}.pt", weights_only=True)
        assert torch.equal(mask, top & ~tops["zh"][name] & ~tops["ar"][name])
    back = str(tmp_path / "back.safetensors")
    main(
        [
            "import-region",
            str(tmp_path / "masks"),
            back,
            f"{manifest.path}/model.json",
            "monolingual-ru",
            "top",
            "0.25",
            "9",
            "ru",
        ]
    )
    first, again = Region.open(output), Region.open(back)
    assert first.names == again.names
    for name in first.names:
        np.testing.assert_array_equal(first.bits(name), again.bits(name))
    assert again.metadata["region_language"] == "ru"


def test_folders_of_another_model_or_of_numbers_are_refused(tmp_path, manifest):
    main(["export-importance", write_importance(tmp_path / "i.safetensors", 1), str(tmp_path / "f")])
    described = {"region": "core", "side": "top", "ratio": "0.25", "samples": 9, "languages": ["ru"]}
    with pytest.raises(ValueError, match="masks are of dtype bool"):
        parameters.region_from_folder(str(tmp_path / "f"), str(tmp_path / "r"), manifest, **described)
    name = next(iter(parameters.model_shapes(manifest)))
    torch.save(torch.zeros(3), tmp_path / "f" / f"{name}.pt")
    with pytest.raises(ValueError, match="is it another model's"):
        parameters.importance_from_folder(str(tmp_path / "f"), "o", manifest, language="ru", samples=9)
