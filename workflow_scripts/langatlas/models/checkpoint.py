"""Checkpoints: where a model's files are, what they hold, and loading them. The manifest (``model.json``) is what every
later job reads, whether the model was trained here, lies in a folder or comes from the Hub. No torch until ``load``.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langatlas.files import atomic
from langatlas.provenance import hash_file

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
WEIGHT_PATTERNS = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")


@dataclass(frozen=True)
class Manifest:
    """What is known of a model before it is loaded. ``hash`` covers config and weights; heads are those of attention."""

    name: str
    path: str
    revision: str
    model_type: str
    vocabulary_size: int
    hash: str
    dtype: str
    heads: int | None = None
    key_value_heads: int | None = None

    @property
    def family(self) -> dict[str, str]:
        """What region files keep of the model, so that its tensors can be taken apart (``adapters.FAMILY``)."""
        known = {"model_type": self.model_type, "heads": self.heads, "key_value_heads": self.key_value_heads}
        return {key: str(value) for key, value in known.items() if value is not None}

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Manifest":
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def write(self, path: str | os.PathLike) -> None:
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def describe(folder: str | os.PathLike, name: str, *, revision: str, dtype: str) -> Manifest:
    """Manifest of a Hugging Face checkpoint folder. Raises ValueError, naming what is missing, when it is none."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"model {name}: {folder} holds no config.json; give a Hugging Face checkpoint folder or a Hub id"
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ValueError(f"model {name}: {folder} holds no *.safetensors; convert its weights with save_pretrained")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in weights:
        digest.update(hash_file(path, 64).encode())
    return Manifest(
        name,
        os.fspath(folder),
        revision,
        config["model_type"],
        config["vocab_size"],
        digest.hexdigest()[:16],
        dtype,
        *attention_heads(config),
    )


def attention_heads(config: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Heads of queries, and of keys and values, as config.json of any family names them; None where it does not."""
    heads = config.get("num_attention_heads") or config.get("n_head")
    return heads, config.get("num_key_value_heads") or heads


def fetch(name: str, source: str, revision: str | None) -> tuple[Path, str]:
    """Folder and revision of a model given as a local folder or a Hub id (downloaded into the shared Hub cache)."""
    if Path(source).is_dir():
        return Path(source), revision or "local"
    if not revision:
        raise ValueError(
            f"model {name}: pin a revision (a commit) of the Hub model {source!r}, so that its numbers stay the same"
        )
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(source, revision=revision, allow_patterns=[*WEIGHT_PATTERNS, *TOKENIZER_FILES])
    except Exception as error:
        raise ValueError(f"model {name}: {source!r} is no folder here, and the Hub did not give it: {error}") from None
    return Path(folder), revision


def copy_tokenizer(folder: Path, destination: Path, name: str) -> None:
    """Copy the tokenizer files beside the manifest, so that tokenizing jobs need neither the weights nor the Hub."""
    for file in TOKENIZER_FILES:
        if not (folder / file).is_file():
            raise ValueError(
                f"model {name}: {folder} holds no {file}; save its fast tokenizer there with save_pretrained"
            )
        with atomic(destination / file) as temporary:
            shutil.copyfile(folder / file, temporary)


def check_vocabulary(manifest: Manifest, vocabulary_size: int, where: str) -> None:
    """Raises ValueError when tokens were made for another vocabulary than the model's."""
    if vocabulary_size > manifest.vocabulary_size:
        raise ValueError(
            f"{where}: its tokenizer has {vocabulary_size} entries, but model {manifest.name} embeds only "
            f"{manifest.vocabulary_size}; these tokens were made with another model's tokenizer"
        )


def load(manifest: Manifest, device: "torch.device") -> "torch.nn.Module":
    """The model in evaluation mode on ``device``, weights in the manifest's dtype."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(manifest.path, dtype=getattr(torch, manifest.dtype))
    log.info("loaded %s (%s, revision %s)", manifest.name, manifest.hash, manifest.revision)
    return model.to(device).eval()
