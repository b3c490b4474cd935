"""The one place where a tokenizer is read. No torch."""

import os
from collections.abc import Mapping

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing


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


def for_harness(tokenizer: Tokenizer, start: str, end: str, begins: bool):
    """The tokenizer as transformers' class, for lm-evaluation-harness: before a text the start mark where it ``begins`` with
    one, behind it nothing. An end mark that a file asks for would stand between a question and its answer.
    """
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer.from_str(tokenizer.to_str())
    mark = [(start, tokenizer.token_to_id(start))]
    made.post_processor = TemplateProcessing(single=[start, "$A"] if begins else ["$A"], special_tokens=mark)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=start, eos_token=end, pad_token=end)


def sets_before(tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer sets something before a text of its own accord."""
    plain, marked = (tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
    return marked[: len(plain)] != plain


def content(token: str | Mapping | None) -> str | None:
    """Text of a token as files name it: itself, or an entry of its properties."""
    return token.get("content") if isinstance(token, Mapping) else token


def check_vocabulary(embedded: int, largest: int, where: str) -> None:
    """Raises ValueError when a text holds a token that the model has no embedding of.

    Not the size of the tokenizer: it may have entries that no text uses, and the embedding rows that no token has.
    """
    if largest >= embedded:
        raise ValueError(
            f"{where}: holds token {largest}, but the model embeds only {embedded}; these tokens were made with another "
            "model's tokenizer, or with entries that were added to it and never trained"
        )
