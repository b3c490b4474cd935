"""Language files of the world corpus: what a file must hold, and that one new file is one new language."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from langatlas.corpora import world
from langatlas.corpora.world.grammar import Language, check
from world_keys import DEFAULT_LANGUAGES

SMALL = {"pretrain": 30, "locate": 10, "test": 10}


@pytest.fixture
def folder(tmp_path):
    """A folder of one's own with the facts and the English file."""
    for name in ("facts.yaml", "en.yaml"):
        shutil.copy(world.FOLDER / name, tmp_path / name)
    return tmp_path


def edit(path: Path, change) -> None:
    """Change the content of a YAML file in place."""
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    change(content)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def test_a_missing_name_is_an_error_not_english(folder):
    shutil.copy(folder / "en.yaml", folder / "sbp.yaml")  # CLDR knows Sangu, but not its names of currencies
    with pytest.raises(
        ValueError, match=r"sbp.yaml: CLDR has no sbp name for currency 'ALL'.*add it under 'names: currency:'"
    ):
        Language("sbp", folder).name("currency", "ALL")


@pytest.mark.parametrize("code", DEFAULT_LANGUAGES)
def test_every_fact_can_be_said_in_every_paraphrase(code):
    for fact in world.facts():
        sentences = {world.sentence(fact, code, place) for place in range(world.paraphrases(fact.relation, code))}
        assert len(sentences) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data["relations"]["capital"]["sentences"].__setitem__(
                2, "{citty} is the capital of {country}"
            ),
            r"en.yaml: relation 'capital', paraphrase 2: unknown placeholder \{citty\}; allowed: \{city\}, \{country\}",
        ),
        (
            lambda data: data["relations"]["sum"]["sentences"].__setitem__(0, "{first} and {second}"),
            r"relation 'sum', paraphrase 0: placeholder \{total\} is missing",
        ),
        (
            lambda data: data["relations"]["city"]["sentences"].pop(),
            "relation 'city', sentences: 3 entries, but .* needs 4",
        ),
        (lambda data: data["relations"].pop("script"), "relation 'script' is missing"),
        (
            lambda data: data["relations"]["city"].update(question="where is {city.of}?"),
            r"relation 'city', question: form 'of' in \{city.of\} is not defined under 'forms: city:'",
        ),
        (lambda data: data["openings"]["pair"].pop(), "openings: pair: 2 entries"),
        (
            lambda data: data["contrasts"].__setitem__(0, "{first} {"),
            r"contrasts, number 0: placeholder \{second\} is missing",
        ),
        (lambda data: data["connectives"].clear(), "connectives: 0 entries, but every language needs 4"),
    ],
)
def test_a_broken_language_file_is_named_with_its_place(folder, change, message):
    edit(folder / "en.yaml", change)
    with pytest.raises(ValueError, match=message):
        check(Language("en", folder))


def test_a_form_without_a_pattern_for_a_name_is_an_error(folder):
    edit(folder / "en.yaml", lambda data: data["forms"]["country"].update(of={"FR": "of {}"}))
    assert Language("en", folder).form("country", "FR", "of") == "of France"
    with pytest.raises(ValueError, match="no pattern for country 'IT' in form 'of'"):
        Language("en", folder).form("country", "IT", "of")


def test_adding_a_language_is_dropping_one_file(folder):
    """Catalan names in English sentences: what counts is that one new file is all that it takes."""
    shutil.copy(folder / "en.yaml", folder / "ca.yaml")
    edit(
        folder / "ca.yaml", lambda data: data["relations"]["capital"].update(question="quina és la capital: {country}?")
    )
    assert world.languages(folder) == ["ca", "en"]
    catalan, english = (list(world.documents(code, documents=SMALL, seed=1, folder=folder)) for code in ("ca", "en"))
    assert [record.parallel_id for record in catalan] == [record.parallel_id for record in english]
    assert any("Alemanya" in pair.target for pair in world.translation_pairs("en", "ca", folder))
    project = list(world.documents("en", documents=SMALL, seed=1))
    assert english == project, "the documents of one language do not depend on which other languages there are"
