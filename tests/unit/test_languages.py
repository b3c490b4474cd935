"""The registry of languages, against Unicode CLDR (through Babel) and genealogy written down by hand."""

import csv
from itertools import pairwise

import pytest
from babel import Locale
from babel.core import get_global

from langatlas import languages

# fmt: off
PAPER = [
    "Arabic", "Chinese", "Czech", "Danish", "Dutch", "English", "Finnish", "French", "German", "Greek", "Hungarian",
    "Indonesian", "Italian", "Japanese", "Korean", "Malay", "Malayalam", "Norwegian", "Persian", "Polish",
    "Portuguese", "Romanian", "Russian", "Spanish", "Swahili", "Swedish", "Tamil", "Turkish", "Ukrainian", "Vietnamese",
]
# fmt: on
DEFAULT = ["ar", "en", "es", "fa", "it", "ja", "ko", "pt", "ru", "uk", "vi", "zh"]
LABELS = {"code": {"name": "Source code", "group": "code"}, "law": {"name": "Law", "group": "genre"}}
# where our name is another one than CLDR's for the same language
OTHER_NAMES = {
    "ab": "Abkhazian",
    "av": "Avaric",
    "bn": "Bangla",
    "cu": "Church Slavic",
    "kj": "Kuanyama",
    "kl": "Kalaallisut",
    "na": "Nauru",
    "oj": "Ojibwa",
    "os": "Ossetic",
    "ss": "Swati",
}
OTHER_SCRIPTS = {
    "as": "Bangla",
    "bn": "Bangla",
    "cr": "Unified Canadian Aboriginal Syllabics",
    "iu": "Unified Canadian Aboriginal Syllabics",
    "oj": "Unified Canadian Aboriginal Syllabics",
    "ko": "Korean",
    "pi": "Sinhala",
    "zh": "Simplified",
}


def test_every_name_is_the_name_that_cldr_gives_the_code():
    english = Locale("en").languages
    for code, language in languages.registry().items():
        assert OTHER_NAMES.get(code, language.name) == english[code], code


def test_every_script_is_the_likely_script_of_cldr():
    likely, scripts = get_global("likely_subtags"), Locale("en").scripts
    for code, language in languages.registry().items():
        if code in likely:  # all but Twi
            assert OTHER_SCRIPTS.get(code, language.script) == scripts[likely[code].split("_")[1]], code


def test_the_file_is_complete_sorted_and_without_repetition():
    with languages.REGISTRY.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    codes = [row[0] for row in rows[1:]]
    assert rows[0] == ["code", "name", "family", "branch", "script"]
    assert codes == sorted(set(codes))
    assert len(codes) == 183  # ISO 639-1 without the two withdrawn codes bh and sh
    assert all(len(row) == 5 and all(cell == cell.strip() != "" for cell in row) for row in rows)


def test_all_languages_of_the_regions_paper_are_there():
    assert len(PAPER) == 30
    assert set(PAPER) <= {language.name for language in languages.registry().values()}


@pytest.mark.parametrize(
    "relatives",
    ["be ru uk", "cs pl sk", "bg hr mk sl sr", "es gl pt", "de en nl", "da nb no sv", "ar he mt", "id ms", "et fi"]
    + ["hi ur", "kn ml ta", "az tk tr", "kk ky tt", "st tn", "xh zu", "ga gd", "lt lv", "fa tg", "bn as or"],
)
def test_close_relatives_share_family_and_branch(relatives):
    assert len({(languages.get(code).family, languages.get(code).branch) for code in relatives.split()}) == 1


@pytest.mark.parametrize(
    "strangers", ["fi sv", "hu sk", "fa ar", "ja zh", "ko ja", "vi zh", "tr fa", "th vi", "eu es", "mt it"]
)
def test_neighbours_that_are_no_relatives_are_of_different_families(strangers):
    first, second = map(languages.get, strangers.split())
    assert first.family != second.family


def test_a_branch_belongs_to_one_family():
    family_of = {}
    for language in languages.registry().values():
        assert family_of.setdefault(language.branch, language.family) == language.family


def test_relatives_stand_together_whatever_the_order_of_the_config():
    ordered = languages.order_by_family(reversed(DEFAULT))
    assert ordered == languages.order_by_family(DEFAULT)
    assert sorted(ordered) == DEFAULT
    assert abs(ordered.index("ru") - ordered.index("uk")) == 1
    assert sorted(ordered[ordered.index("es") : ordered.index("es") + 3]) == ["es", "it", "pt"]
    families = [languages.get(code).family for code in ordered]
    assert len(set(families)) == 1 + sum(a != b for a, b in pairwise(families))


def test_own_labels_come_last_by_group_and_a_language_without_a_code_stands_in_its_family():
    own = {**LABELS, "ceb": {"name": "Cebuano", "group": "Austronesian"}}
    assert languages.order_by_family(["law", "code", "zh", "ceb", "ms", "en"], own) == [
        "ceb", "ms", "en", "zh", "code", "law",
    ]  # fmt: skip


def test_an_own_label_has_its_name_and_group():
    label = languages.get("code", LABELS)
    assert (label.code, label.name, label.family, label.branch) == ("code", "Source code", "code", "")
    assert languages.get("law", {"law": None}) == languages.Language("law", "law", "other")


@pytest.mark.parametrize(
    ("label", "suggestion"), [("rus", "ru (Russian)"), ("Ukranian", "uk (Ukrainian)"), ("cod", "code (Source code)")]
)
def test_an_unknown_label_is_named_with_close_matches_and_how_to_declare_it(label, suggestion):
    with pytest.raises(ValueError, match=f"unknown language '{label}'") as raised:
        languages.get(label, LABELS)
    assert f"did you mean {suggestion}" in str(raised.value)
    assert f"labels: {{{label}: {{name: ..., group: ...}}}}" in str(raised.value)


def test_norwegian_unquoted_in_yaml_is_explained():
    with pytest.raises(ValueError, match=r'unknown language False .*write "no"'):
        languages.get(False)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"en": {"name": "Mine"}}, "'en' is the code of English; give your own label another name"),
        ({"a/b": {}}, "'a/b' must consist of letters, digits, _ and -, a letter first"),
        ({"-Hant": {}}, "'-Hant' must consist of letters, digits, _ and -, a letter first"),
        ({"code": {"nmae": "x"}}, "labels.code: unknown key 'nmae'; allowed are name, group, branch, script"),
    ],
)
def test_a_badly_declared_label_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        languages.get(next(iter(labels)), labels)
