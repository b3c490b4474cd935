"""Sentences to translate: the same sentence in several languages, from the built-in world or from your own files.

Your own are JSON lines, in one of three layouts:

- one file a language, the pattern holds ``{language}``: records with ``id`` and ``text``, joined by ``id``;
- one file of records with ``sentences`` (language -> sentence), and perhaps ``id`` and ``paraphrases`` (language -> list of
  other sentences of the same meaning);
- one file of pairs: ``src_lang``, ``tgt_lang``, ``source``, ``target``, and perhaps ``id``.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path

from langatlas.corpora.world.grammar import language
from langatlas.corpora.world.knowledge import FOLDER, facts, world
from langatlas.corpora.world.passages import assignment
from langatlas.files import own_file
from langatlas.json_lines import records, short

PAIR = ("src_lang", "tgt_lang", "source", "target")


@dataclass(frozen=True, slots=True)
class Item:
    """One sentence by language. ``paraphrases``: other sentences of the same meaning; ``group``: what it is an example of."""

    id: str
    sentences: Mapping[str, str]
    paraphrases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    group: str = ""


def world_items(source: str, languages: Sequence[str], folder: Path = FOLDER) -> list[Item]:
    """Every (fact, paraphrase) of the test split: a model trained on the world knows the facts, but not in these words.

    The other paraphrases of a fact are those of its item, in the source language.
    """
    words, number = {code: language(code, folder) for code in languages}, int(world(folder)["counts"]["sentences"])
    items = []
    for fact in facts(folder):
        for place in range(number):
            if assignment(folder)[fact.id, place] != "test":
                continue
            said = {code: own.finish(own.clause(fact, place)) for code, own in words.items()}
            own = words[source]
            others = [own.finish(own.clause(fact, other)) for other in range(number) if other != place]
            items.append(Item(f"{fact.id}/{place}", said, {source: others}, fact.relation))
    return items


def file_items(pattern: str, languages: Sequence[str]) -> list[Item]:
    """Items of your own files that have a sentence in every one of ``languages`` (the first one's order).

    Raises ValueError that names the file and the record that cannot be read, and where no item has all languages.
    """
    if "{language}" in pattern:
        items = _joined({code: own_file(pattern, code, "measure.translation.files") for code in languages})
    else:
        path = own_file(pattern, "", "measure.translation.files")
        items = [_item(record, place, number) for number, (place, record) in enumerate(records(path), 1)]
    complete = [item for item in items if set(languages) <= item.sentences.keys()]
    if not complete:
        raise ValueError(f"translation: no item of {pattern!r} has a sentence in all of {', '.join(languages)}")
    return complete


def choose(items: Sequence[Item], count: int, examples: int, seed: int) -> tuple[list[Item], list[Item]]:
    """``count`` items to translate and ``examples`` others to show before them, drawn at random.

    Groups take turns, so that a group of many items is not most of the test. Raises ValueError where there are too few.
    """
    generator, groups = random.Random(seed), defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    for members in groups.values():
        generator.shuffle(members)
    turns = [item for turn in zip_longest(*groups.values()) for item in turn if item is not None]
    if len(turns) <= examples:
        raise ValueError(
            f"translation: {len(turns)} sentences are too few for {examples} examples and one to translate"
        )
    count = min(count, len(turns) - examples)
    return turns[:count], turns[count : count + examples]


def _joined(paths: Mapping[str, str]) -> list[Item]:
    """Records of one file a language by their id; ids that some language lacks are left out."""
    texts = {code: {} for code in paths}
    for code, path in paths.items():
        for place, record in records(path):
            if missing := [key for key in ("id", "text") if record.get(key) in (None, "")]:
                raise ValueError(f"{place}: no {', '.join(missing)}; it has {', '.join(record)}")
            if not isinstance(record["text"], str):
                raise ValueError(f"{place}: text must be a string, got {record['text']!r}")
            texts[code][str(record["id"])] = _clean(record["text"])
    first = next(iter(texts.values()))
    shared = [id for id in first if all(id in found for found in texts.values())]
    return [Item(id, {code: found[id] for code, found in texts.items()}) for id in shared]


def _item(record: dict, where: str, number: int) -> Item:
    if isinstance(record.get("sentences"), dict):
        said, others = record["sentences"], record.get("paraphrases") or {}
    elif all(isinstance(record.get(key), str) and record[key] for key in PAIR):
        said, others = {record["src_lang"]: record["source"], record["tgt_lang"]: record["target"]}, {}
    else:
        raise ValueError(f"{where}: needs sentences, or {', '.join(PAIR)}; it has {', '.join(record)}")
    if not isinstance(others, dict) or not all(isinstance(many, list) for many in others.values()):
        raise ValueError(f"{where}: paraphrases must hold a list of sentences for each language, got {short(others)}")
    texts = [*said.values(), *chain.from_iterable(others.values())]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f"{where}: a sentence is empty, or no text")
    said = {code: _clean(text) for code, text in said.items()}
    others = {code: [_clean(text) for text in many] for code, many in others.items()}
    return Item(str(record.get("id", number)), said, others)


def _clean(text: str) -> str:
    """On one line: a line break would end the sentence in a prompt."""
    return " ".join(text.split())
