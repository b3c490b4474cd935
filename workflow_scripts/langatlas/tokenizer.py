"""The one place where a tokenizer is read. No torch."""

import os
from collections.abc import Mapping

from tokenizers import Tokenizer


def load_tokenizer(path: str | os.PathLike) -> Tokenizer:
    """A tokenizer that pads and cuts nothing, and splits a text in one way only, whatever its file keeps of an earlier use.

    Raises ValueError, naming the file, where it is none.
    """
    try:
        tokenizer = Tokenizer.from_file(os.fspath(path))
    except Exception as error:  # the library has no type of its own
        raise ValueError(f"{path} is no fast tokenizer ({error})") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if getattr(tokenizer.model, "dropout", None):  # merges that are left out at random
        tokenizer.model.dropout = None
    return tokenizer


def content(token: str | Mapping | None) -> str | None:
    """Text of a token as files name it: itself, or an entry of its properties."""
    return token.get("content") if isinstance(token, Mapping) else token
