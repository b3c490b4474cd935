"""The tokenizer of a checkpoint: what of its files the workflow keeps. No torch.

A file of a tokenizer also holds the state of an earlier use (padding, truncation, dropout of merges) and defaults of other
programs (their longest text, the side of padding, end marks, chat templates). None of them is a property of the model: the
copy in the results has only what turns text into ids, and the two marks; ``langatlas.tokenizer`` heeds no more of any file.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from langatlas.files import atomic
from langatlas.models.weights import check_no_pointer, read_json
from langatlas.tokenizer import content, load_tokenizer

log = logging.getLogger(__name__)
NAMING = ("tokenizer_config.json", "special_tokens_map.json")  # files that name marks, the first first
MARKS = ("bos_token", "eos_token")


def copy_tokenizer(folder: Path, destination: Path, name: str, config: Mapping[str, Any]) -> None:
    """Write tokenizer.json and tokenizer_config.json beside the manifest, so that jobs need neither weights nor the Hub.

    The marks that begin and end a text are taken from tokenizer_config.json, special_tokens_map.json, or the model's
    ``config``, the first that names one. Raises ValueError where there is no fast tokenizer, or no mark that ends a text.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ValueError(
            f"model {name}: {folder} holds no tokenizer.json; save its fast tokenizer there with save_pretrained"
        )
    check_no_pointer(path, name)
    tokenizer = load_tokenizer(path)
    marks = marks_of(folder, name, config, tokenizer)
    if marks["eos_token"] is None:
        raise ValueError(
            f"model {name}: no file of {folder} names a token that ends a text and that {path.name} holds; add eos_token to "
            "tokenizer_config.json"
        )
    _check_marks(tokenizer, marks, name, config)
    kept = {"tokenizer_class": "PreTrainedTokenizerFast", **{mark: token for mark, token in marks.items() if token}}
    settings = folder / NAMING[0]
    if isinstance(begins := read_json(settings, name).get("add_bos_token") if settings.is_file() else None, bool):
        kept["add_bos_token"] = begins
    with atomic(destination / "tokenizer.json") as temporary:
        temporary.write_bytes(without_state(path.read_bytes()))
    with atomic(destination / "tokenizer_config.json") as temporary:
        temporary.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def without_state(text: bytes) -> bytes:
    """A tokenizer.json without padding, truncation and dropout; the very same bytes where it has none."""
    held = json.loads(text)
    model = held.get("model", {})
    if not (held.get("padding") or held.get("truncation") or model.get("dropout")):
        return text
    held |= {"padding": None, "truncation": None, "model": model | ({"dropout": None} if "dropout" in model else {})}
    return json.dumps(held, ensure_ascii=False, indent=2).encode()


def marks_of(folder: Path, name: str, config: Mapping[str, Any], tokenizer: Tokenizer) -> dict[str, str | None]:
    """bos_token and eos_token as the tokenizer holds them; None for one that no file names."""
    files = (folder / file for file in NAMING)
    told = [read_json(path, name) for path in files if path.is_file()]
    found: dict[str, str | None] = {}
    for mark in MARKS:
        named = [content(held.get(mark)) for held in told]
        named += [
            tokenizer.id_to_token(number) for number in _ids(config.get(f"{mark.removesuffix('_token')}_token_id"))
        ]
        found[mark] = next((t for t in named if t is not None and tokenizer.token_to_id(t) is not None), None)
    return found


def _ids(told: int | list[int] | None) -> list[int]:
    """Ids of a config's entry, which may be one or several."""
    return told if isinstance(told, list) else [] if told is None else [told]


def _check_marks(tokenizer: Tokenizer, marks: Mapping[str, str | None], name: str, config: Mapping[str, Any]) -> None:
    """Raises ValueError for a mark without an embedding; says which other entries have none."""
    embedded = config.get("vocab_size") or tokenizer.get_vocab_size()
    for mark, token in marks.items():
        if token is not None and tokenizer.token_to_id(token) >= embedded:
            raise ValueError(
                f"model {name}: {mark} {token!r} is token {tokenizer.token_to_id(token)}, but the model embeds only {embedded}; "
                "is the tokenizer another model's?"
            )
    if beyond := sorted((i, t) for t, i in tokenizer.get_vocab().items() if i >= embedded):
        log.warning(
            "model %s: it embeds %d tokens, its tokenizer has %d more, among them %r; a text that holds one is refused",
            name, embedded, len(beyond), beyond[0][1],
        )  # fmt: skip
