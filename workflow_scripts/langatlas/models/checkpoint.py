"""Checkpoints: where a model's files are, what they hold, and loading them. The manifest (``model.json``) is what every
later job reads, whether the model was trained here, lies in a folder or comes from the Hub. No torch until ``load``.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langatlas.files import CHECKPOINT_FILES, atomic
from langatlas.models import gate
from langatlas.models.weights import identity_of

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
IGNORED = "consolidated*"  # the same weights once more, as their makers saved them


@dataclass(frozen=True)
class Manifest:
    """What is known of a model before it is loaded. ``hash`` covers config and weights; heads are those of attention.

    ``path`` is absolute. A file beside the weights that it describes says only that, so that the folder can be moved.
    """

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
        """Raises ValueError, naming the file, where it is no manifest."""
        folder = Path(path).absolute().parent
        try:
            kept = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(**kept | {"path": os.path.normpath(folder / kept["path"])})
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}; give the model.json of a model in results/models") from None
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: no model.json of this version ({error}); delete it and run again") from None

    def write(self, path: str | os.PathLike) -> None:
        beside = Path(path).absolute().parent == Path(self.path)
        kept = asdict(self) | ({"path": "."} if beside else {})
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def describe(folder: str | os.PathLike, name: str, *, revision: str, dtype: str) -> Manifest:
    """Manifest of a Hugging Face checkpoint folder. Raises ValueError, naming what is missing, when it is none."""
    folder = Path(folder).absolute()
    config = gate.read_config(folder, name)
    return _manifest(folder, name, revision, dtype, config, identity_of(folder, name))


def inspect(folder: str | os.PathLike, name: str, *, revision: str, dtype: str, lengths: Mapping[str, int]) -> Manifest:
    """``describe`` of a checkpoint that others made, once it has passed ``gate.check``, which says what ``lengths`` are."""
    folder = Path(folder).absolute()
    found = gate.check(folder, name, dtype, lengths)
    return _manifest(folder, name, revision, dtype, found.config, found.hash)


def _manifest(folder: Path, name: str, revision: str, dtype: str, config: Mapping[str, Any], identity: str) -> Manifest:
    if "vocab_size" not in config:
        raise ValueError(f"model {name}: {folder / 'config.json'} has no vocab_size; save it anew with save_pretrained")
    size, heads = config["vocab_size"], attention_heads(config)
    return Manifest(name, os.fspath(folder), revision, config["model_type"], size, identity, dtype, *heads)


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
        patterns = {"allow_patterns": CHECKPOINT_FILES, "ignore_patterns": IGNORED}
        folder = snapshot_download(source, revision=revision, **patterns)
    except Exception as error:
        raise ValueError(f"model {name}: {source!r} is no folder here, and the Hub did not give it: {error}") from None
    return Path(folder), revision


def empty(manifest: Manifest) -> "torch.nn.Module":
    """The model on the device ``meta``: names, shapes and config; no weight is read. Raises ValueError where it is gone."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    _check_there(manifest)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(manifest.path, local_files_only=True))


def load(manifest: Manifest, device: "torch.device") -> "torch.nn.Module":
    """The model in evaluation mode on ``device``, weights in the manifest's dtype. Raises ValueError as ``read`` does."""
    return read(manifest).to(device).eval()


def read(manifest: Manifest) -> "torch.nn.Module":
    """The model as transformers reads it. Raises ValueError where config or weights are not those of the manifest any more."""
    _check_there(manifest)
    if (found := identity_of(manifest.path, manifest.name)) != manifest.hash:
        raise ValueError(
            f"model {manifest.name}: config or weights in {manifest.path} were replaced: they have the hash {found}, and "
            f"model.json says {manifest.hash}; run the workflow again, so that the new ones are fetched"
        )
    model = gate.read_whole(manifest.path, manifest.name, None, manifest.dtype)
    log.info("loaded %s (%s, revision %s)", manifest.name, manifest.hash, manifest.revision)
    return model


def _check_there(manifest: Manifest) -> None:
    if not os.path.isdir(manifest.path):  # transformers would ask the Hub for a model of that name
        raise ValueError(f"model {manifest.name}: its folder {manifest.path} is gone; run the workflow again")
