"""The registry of languages: ISO 639-1 codes with their genealogy and script, and the config's own labels beside them.

A label is a language code of ``resources/languages.csv``, or any other name that the config declares as a label with
text of its own (``code``, ``law``): the method finds the region of anything.
"""

import csv
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REGISTRY = Path(__file__).parents[2] / "resources" / "languages.csv"
OWN_LABEL_KEYS = ("name", "group", "branch", "script")
NO_GROUP = "other"  # of own labels that name none: they are no relatives of each other
OWN_LABEL = re.compile(r"[a-z]([\w-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)  # a label is a folder's name


@dataclass(frozen=True, slots=True)
class Language:
    """A language, or a label that is none: then ``family`` is its group, ``branch`` and ``script`` mostly empty."""

    code: str
    name: str
    family: str
    branch: str = ""
    script: str = ""


@cache
def registry() -> dict[str, Language]:
    """All languages of the registry by code."""
    with REGISTRY.open(encoding="utf-8-sig", newline="") as handle:
        return {row["code"]: Language(**row) for row in csv.DictReader(handle)}


def get(label: str, labels: Mapping[str, Mapping[str, str]] | None = None) -> Language:
    """Language of a code, or own label of the config. ``labels`` maps an own label to ``name`` and ``group``.

    Raises ValueError for a label that nobody knows, and for an own label that is badly named or declared.
    """
    if labels and label in labels:
        return _own_label(label, labels[label])
    if label in registry():
        return registry()[label]
    raise ValueError(
        f"unknown language {label!r}{_suggestion(label, labels or {})} Use an ISO 639-1 code ({REGISTRY.name} lists "
        f"{len(registry())}), or declare your own label in the config: labels: {{{label}: {{name: ..., group: ...}}}}"
    )


def order_by_family(labels: Iterable[str], extra: Mapping[str, Mapping[str, str]] | None = None) -> list[str]:
    """The labels ordered by family, branch and code, so that relatives stand together; own groups come last.

    ``extra`` is the config's mapping of own labels. An own label whose group is a family of the registry (a language
    without an ISO 639-1 code) stands within that family.
    """
    families = {language.family for language in registry().values()}

    def place(label: str) -> tuple[bool, str, str, str]:
        language = get(label, extra)
        return language.family not in families, language.family, language.branch, language.code

    return sorted(labels, key=place)


def _own_label(label: str, declared: Mapping[str, str]) -> Language:
    if label in registry():
        known = registry()[label].name
        raise ValueError(f"labels.{label}: {label!r} is the code of {known}; give your own label another name")
    if not OWN_LABEL.fullmatch(label):
        raise ValueError(
            f"labels: {label!r} must consist of letters, digits, _ and -, a letter first, no sign last: it becomes part of the "
            "names of files"
        )
    declared = declared or {}
    unknown = sorted(set(declared) - set(OWN_LABEL_KEYS))
    if unknown:
        raise ValueError(f"labels.{label}: unknown key {unknown[0]!r}; allowed are {', '.join(OWN_LABEL_KEYS)}")
    return Language(
        code=label,
        name=declared.get("name") or label,
        family=declared.get("group") or NO_GROUP,
        branch=declared.get("branch") or "",
        script=declared.get("script") or "",
    )


def _suggestion(label: str, labels: Mapping[str, Mapping[str, str]]) -> str:
    """The middle of an error message: the codes whose code or English name comes close to ``label``, if any do."""
    if isinstance(label, bool):
        return ' (YAML reads an unquoted no as false: write "no").'
    by_name = {language.name.casefold(): language.code for language in registry().values()}
    wanted = str(label).casefold()
    close = difflib.get_close_matches(wanted, [*by_name, *registry(), *labels], n=3, cutoff=0.75)
    codes = list(dict.fromkeys(by_name.get(match, match) for match in close))
    named = [f"{code} ({get(code, labels).name})" for code in codes]
    return f"; did you mean {' or '.join(named)}?" if named else "."
