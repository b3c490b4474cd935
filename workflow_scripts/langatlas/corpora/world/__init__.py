"""The world corpus: a small real world told in every language that has a file in ``resources/world``.

Names and facts come from Unicode CLDR through Babel, sentences from templates written for this project. Everything is
deterministic in the seed, and needs no torch.
"""

from pathlib import Path

from langatlas.corpora.world.exercises import Pair, Question, Statement, questions, statements, translation_pairs
from langatlas.corpora.world.grammar import language, languages
from langatlas.corpora.world.knowledge import FOLDER, Fact, facts, holds, world
from langatlas.corpora.world.passages import assignment, documents

__all__ = [
    "FOLDER",
    "Fact",
    "Pair",
    "Question",
    "Statement",
    "assignment",
    "documents",
    "facts",
    "holds",
    "languages",
    "paraphrases",
    "questions",
    "sentence",
    "statements",
    "translation_pairs",
]


def sentence(fact: Fact, code: str, paraphrase: int, folder: Path = FOLDER) -> str:
    """A fact as one sentence of a language, in one of its ``paraphrases``."""
    number = paraphrases(fact.relation, code, folder)
    if not 0 <= paraphrase < number:
        raise ValueError(f"paraphrase must be in 0..{number - 1} for relation {fact.relation!r}, got {paraphrase}")
    words = language(code, folder)
    return words.finish(words.clause(fact, paraphrase))


def paraphrases(relation: str, code: str, folder: Path = FOLDER) -> int:
    """Number of paraphrases of a relation in a language (the same in every language)."""
    if relation not in world(folder)["relations"]:
        raise ValueError(f"unknown relation {relation!r}; known: {', '.join(world(folder)['relations'])}")
    return len(language(code, folder).data["relations"][relation]["sentences"])
