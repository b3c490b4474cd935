"""From documents to token shards, and back from shards to sequences. No torch.

A sequence is ``BOS … EOS`` (a tokenizer without BOS begins with EOS, as GPT-2 was trained). Policies for a document of
more than ``sequence_length`` tokens, BOS and EOS included:

- ``drop_long``: it is left out (as published by the regions paper);
- ``truncate``: its first ``sequence_length`` tokens are kept;
- ``pack``: documents, each closed by EOS, are joined and cut into sequences of ``sequence_length``, each begun by BOS;
  what does not fill a last sequence is left out.

Every text token is predicted exactly once under each policy, so NLL over the text's bytes is exact.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Encoding, Tokenizer

from langatlas.files import atomic
from langatlas.provenance import collect, hash_file
from langatlas.tokenizer import check_vocabulary, content, for_harness, load_tokenizer, sets_before

log = logging.getLogger(__name__)
FORMAT = "langatlas.tokens/1"
POLICIES = ("drop_long", "truncate", "pack")
SCHEMA = [("input_ids", pa.list_(pa.uint32())), ("n_bytes", pa.int32()), ("n_characters", pa.int32())]
DOCUMENTS_AT_A_TIME = 1000
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


@dataclass(frozen=True)
class TextTokenizer:
    """A fast tokenizer with the ids that begin and end a sequence. ``hash`` identifies its file; ``begins``: whether it sets
    the first of them before a text of its own accord, as it does for lm-evaluation-harness.
    """

    tokenizer: Tokenizer
    start_id: int
    end_id: int
    vocabulary_size: int
    hash: str
    begins: bool = False

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "TextTokenizer":
        """Read ``tokenizer.json`` and ``tokenizer_config.json``. Raises ValueError where there is no EOS."""
        path = Path(folder) / "tokenizer.json"
        tokenizer = load_tokenizer(path)
        config = json.loads((Path(folder) / "tokenizer_config.json").read_text(encoding="utf-8"))
        ids = {key: _special_id(tokenizer, config.get(key)) for key in ("bos_token", "eos_token")}
        if ids["eos_token"] is None:
            raise ValueError(f"{folder}: tokenizer_config.json names no eos_token that the vocabulary holds")
        start = ids["bos_token"] if ids["bos_token"] is not None else ids["eos_token"]
        asked = config.get("add_bos_token")
        begins = sets_before(tokenizer) if asked is None else asked and ids["bos_token"] is not None
        return cls(tokenizer, start, ids["eos_token"], tokenizer.get_vocab_size(), hash_file(path), begins)

    def for_harness(self):
        """See ``tokenizer.for_harness``."""
        marks = [self.tokenizer.id_to_token(number) for number in (self.start_id, self.end_id)]
        return for_harness(self.tokenizer, *marks, self.begins)


def _special_id(tokenizer: Tokenizer, token: str | dict | None) -> int | None:
    text = content(token)
    return None if text is None else tokenizer.token_to_id(text)


@dataclass
class TokenSequence:
    """Token ids of one sequence and the size of the text behind them."""

    input_ids: np.ndarray
    n_bytes: int
    n_characters: int


@dataclass
class Counts:
    """What happened to the documents of one language and split; written to stats.json."""

    documents: int = 0
    sequences: int = 0
    tokens: int = 0
    bytes: int = 0
    characters: int = 0
    dropped: int = 0
    truncated: int = 0

    def add(self, sequence: TokenSequence) -> None:
        self.sequences += 1
        self.tokens += len(sequence.input_ids)
        self.bytes += sequence.n_bytes
        self.characters += sequence.n_characters


def sequences(
    texts: Iterable[str], tokenizer: TextTokenizer, policy: str, length: int, counts: Counts
) -> Iterator[TokenSequence]:
    """Cut texts into sequences of at most ``length`` tokens by a policy; ``counts`` gains documents, dropped, truncated."""
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    if length < 3:
        raise ValueError(f"sequence_length must be at least 3 (BOS, one token, EOS), got {length}")
    if policy == "pack":
        yield from _pack(texts, tokenizer, length, counts)
        return
    for text, encoding in _encoded(texts, tokenizer, counts):
        ids = np.array([tokenizer.start_id, *encoding.ids, tokenizer.end_id], np.uint32)
        if len(ids) <= length:
            yield TokenSequence(ids, len(text.encode()), len(text))
        elif policy == "truncate":
            counts.truncated += 1
            end = _end(encoding, length - 2)
            yield TokenSequence(ids[:length], len(text[:end].encode()), end)
        else:
            counts.dropped += 1


def _encoded(texts: Iterable[str], tokenizer: TextTokenizer, counts: Counts) -> Iterator[tuple[str, Encoding]]:
    """Each text with its encoding. While a batch is cut and written here, the tokenizer is at the next one on all cores."""
    texts = iter(texts)
    encode = partial(tokenizer.tokenizer.encode_batch, add_special_tokens=False)
    with ThreadPoolExecutor(1) as ahead:
        batch = list(islice(texts, DOCUMENTS_AT_A_TIME))
        coming = ahead.submit(encode, batch)
        while batch:
            encoded, encodings = batch, coming.result()
            batch = list(islice(texts, DOCUMENTS_AT_A_TIME))
            coming = ahead.submit(encode, batch)
            counts.documents += len(encoded)
            yield from zip(encoded, encodings, strict=True)


def _end(encoding: Encoding, token: int) -> int:
    """Place in the text, in characters, behind a token. `encoding.offsets` makes a list of all of them each time."""
    return encoding.token_to_chars(token)[1]


def _pack(texts: Iterable[str], tokenizer: TextTokenizer, length: int, counts: Counts) -> Iterator[TokenSequence]:
    ids: list[int] = [tokenizer.start_id]
    n_bytes = n_characters = 0
    for text, encoding in _encoded(texts, tokenizer, counts):
        document = encoding.ids  # a new list each time that it is asked for, as are the offsets
        taken = 0  # tokens of this document that are in a sequence already
        while taken <= len(document):
            room = length - len(ids)
            piece = document[taken : taken + room]
            # A character belongs to the sequence in which its first token stands: sums over sequences stay exact.
            begin = _end(encoding, taken - 1) if taken else 0
            stop = max(begin, _end(encoding, taken + len(piece) - 1)) if piece else begin
            ids.extend(piece)
            n_bytes, n_characters = n_bytes + len(text[begin:stop].encode()), n_characters + stop - begin
            taken += len(piece)
            if taken == len(document) and len(ids) < length:
                ids.append(tokenizer.end_id)
                taken += 1
            if len(ids) == length:
                yield TokenSequence(np.array(ids, np.uint32), n_bytes, n_characters)
                ids, n_bytes, n_characters = [tokenizer.start_id], 0, 0


def write_shards(
    documents: str | os.PathLike,
    tokenizer_folder: str | os.PathLike,
    shards: Sequence[str],
    stats: str | os.PathLike,
    *,
    language: str,
    split: str,
    policy: str,
    sequence_length: int,
    max_sequences: int | None,
    code: str,
) -> Counts:
    """Tokenize one Parquet file of documents into shards; sequence i goes to shard i modulo their number.

    So shards are equally large without knowing their size beforehand, and "the first n samples" are a prefix of each.
    Writes the shards (Arrow stream, one list of uint32 a row) and the counts as JSON. Raises ValueError when no
    sequence is left.
    """
    tokenizer = TextTokenizer.load(tokenizer_folder)
    settings = {"policy": policy, "sequence_length": str(sequence_length), "language": language, "split": split}
    metadata = collect(
        code, **settings, format=FORMAT, tokenizer=tokenizer.hash, vocabulary_size=str(tokenizer.vocabulary_size)
    )
    schema = pa.schema(SCHEMA, metadata=metadata)
    counts = Counts()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(pa.ipc.new_stream(str(stack.enter_context(atomic(path))), schema)) for path in shards
        ]
        pending: list[list[TokenSequence]] = [[] for _ in writers]
        for sequence in sequences(_texts(documents), tokenizer, policy, sequence_length, counts):
            if max_sequences is not None and counts.sequences == max_sequences:
                break
            shard = counts.sequences % len(writers)
            pending[shard].append(sequence)
            counts.add(sequence)
            if len(pending[shard]) == DOCUMENTS_AT_A_TIME:
                writers[shard].write_batch(_record_batch(pending[shard], schema))
                pending[shard] = []
        if not counts.sequences:
            raise ValueError(
                f"{documents}: no sequence of {language} is left of {counts.documents} documents under policy {policy} with "
                f"sequence_length {sequence_length} ({counts.dropped} were longer); raise the length or choose truncate or pack"
            )
        for writer, rest in zip(writers, pending, strict=True):
            writer.write_batch(_record_batch(rest, schema))
    record = {
        **vars(counts),
        **settings,
        "sequence_length": sequence_length,
        "shards": len(shards),
        "provenance": metadata,
    }
    with atomic(stats) as path:
        path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    log.info("%s %s: %s", language, split, counts)
    return counts


def _texts(documents: str | os.PathLike) -> Iterator[str]:
    for batch in pq.ParquetFile(documents).iter_batches(DOCUMENTS_AT_A_TIME, columns=["text"]):
        yield from batch.column("text").to_pylist()


def _record_batch(rows: list[TokenSequence], schema: pa.Schema) -> pa.RecordBatch:
    ends = np.cumsum([0, *(len(row.input_ids) for row in rows)], dtype=np.int32)
    ids = np.concatenate([row.input_ids for row in rows]) if rows else np.empty(0, np.uint32)
    arrays = [
        pa.ListArray.from_arrays(ends, ids, type=SCHEMA[0][1]),
        pa.array([row.n_bytes for row in rows], SCHEMA[1][1]),
        pa.array([row.n_characters for row in rows], SCHEMA[2][1]),
    ]
    return pa.record_batch(arrays, schema=schema)


@dataclass(frozen=True)
class TokenShard:
    """One shard, memory-mapped. ``sequences[i]`` is a uint32 array of token ids."""

    path: str
    sequences: list[np.ndarray]
    n_bytes: np.ndarray
    n_characters: np.ndarray
    metadata: dict[str, str]

    def __len__(self) -> int:
        return len(self.sequences)


def open_shard(path: str | os.PathLike, embedded: int | None = None) -> TokenShard:
    """Memory-map a shard. Raises ValueError, naming the file, when it is truncated, corrupt or of another format, or, of a
    model that embeds ``embedded`` tokens, when it holds one that has no embedding.
    """
    try:
        source = pa.memory_map(str(path))
        if source.read_at(8, max(0, source.size() - 8)) != END_OF_STREAM:  # else a cut at a batch's end goes unseen
            raise pa.ArrowInvalid("its end-of-stream mark is missing")
        table = pa.ipc.open_stream(source).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path}: not a readable token shard ({error}); it is truncated or corrupt: delete it and run again"
        ) from None
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: expected {FORMAT}, found {metadata.get('format', 'no format in its metadata')}")
    ids = [
        values
        for chunk in table["input_ids"].chunks
        for values in np.split(chunk.values.to_numpy(), chunk.offsets.to_numpy()[1:-1])
        if len(chunk)
    ]
    if embedded is not None:
        check_vocabulary(embedded, max((int(values.max()) for values in ids if len(values)), default=-1), str(path))
    return TokenShard(str(path), ids, table["n_bytes"].to_numpy(), table["n_characters"].to_numpy(), metadata)


def preview(shard: TokenShard, tokenizer: TextTokenizer, count: int) -> str:
    """A human-readable view of the first sequences: ids, tokens, and the text decoded from them."""
    blocks = []
    for number, ids in enumerate(shard.sequences[:count]):
        pieces = " ".join(tokenizer.tokenizer.id_to_token(int(i)) or f"<{i}?>" for i in ids)
        text = tokenizer.tokenizer.decode([int(i) for i in ids], skip_special_tokens=False)
        blocks.append(
            f"--- sequence {number}: {len(ids)} tokens, {shard.n_characters[number]} characters, {shard.n_bytes[number]} bytes\n"
            f"text:   {text}\ntokens: {pieces}\nids:    {' '.join(map(str, ids))}\n"
        )
    return "\n".join(blocks)


def sequences_in_order(shards: Sequence[str], embedded: int | None = None) -> Iterator[np.ndarray]:
    """Sequences of the token shards of one split in their order: number i lies in shard i modulo their number.

    ``embedded``: as ``open_shard`` takes it.
    """
    opened = [open_shard(path, embedded).sequences for path in shards]
    for i in range(max(map(len, opened))):
        yield from (sequences[i] for sequences in opened if i < len(sequences))
