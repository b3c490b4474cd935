"""One language of the world corpus: names from CLDR, forms and templates from its file, clauses and sentences.

A template names a role and, after a dot, a form: ``{country}``, ``{country.of}``. A file defines forms per kind of
name as patterns (``of: {f: "della {}"}``) looked up by key, by class of the key, by ``"*"``; the form ``default`` serves
the bare role. ``rewrites`` (regular expressions) then settle what depends on the neighbouring word (Spanish y/e). So
articles, contractions, cases and agreement are data, and what a file cannot inflect is an error.
"""

import re
import unicodedata
from datetime import date
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError, localedata
from babel.core import get_global
from babel.dates import format_date

from langatlas.corpora.world.knowledge import FOLDER, Fact, read_yaml, world
from langatlas.corpora.world.particles import choose_particles

PLACEHOLDER = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
LATIN_WORD = re.compile(r"[a-z]")  # lower case: acronyms such as CFA are right in every script
DIGITS = {"latn": "0123456789", "arab": "٠١٢٣٤٥٦٧٨٩", "arabext": "۰۱۲۳۴۵۶۷۸۹"}
SCRIPT_FREE_KINDS = ("code", "number", "word")
PAIR_ROLES = {"country": "country", "other": "country"}


class Language:
    """Names, forms and sentences of one language file."""

    def __init__(self, code: str, folder: Path = FOLDER):
        self.code, self.folder = code, Path(folder)
        self.path = self.folder / f"{code}.yaml"
        self.data = read_yaml(self.path)
        self.roles = world(self.folder)["relations"]
        try:
            self.locale = own_locale(self.data.get("locale", code))
        except (UnknownLocaleError, ValueError) as error:
            raise ValueError(f"{self.path}: CLDR knows no locale {code!r}; name one under the key 'locale'") from error
        self.script = get_global("likely_subtags").get(self.locale.language, "__").split("_")[1]
        self._names: dict[tuple[str, str], str] = {}

    def name(self, kind: str, key: str) -> str:
        """Bare name of a key; raises ValueError where CLDR has none in this language."""
        if (kind, key) not in self._names:
            self._names[kind, key] = unicodedata.normalize("NFC", self._find_name(kind, key))
        return self._names[kind, key]

    def _find_name(self, kind: str, key: str) -> str:
        own = self.data.get("names", {}).get(kind, {}).get(key)
        if own is not None:
            return own
        name = self._cldr_name(kind, key)
        if not name or (kind not in SCRIPT_FREE_KINDS and self.script != "Latn" and LATIN_WORD.search(name)):
            raise ValueError(
                f"{self.path}: CLDR has no {self.code} name for {kind} {key!r} (found {name!r}); add it under 'names: {kind}:'"
            )
        for old, new in self.data.get("spelling", {}).get(kind, {}).items():
            name = name.replace(old, new)
        if kind in self.data.get("lower_first", ()):
            name = name[0].lower() + name[1:]
        return name

    def _cldr_name(self, kind: str, key: str) -> str | None:
        locale = self.locale
        if kind in ("country", "region"):
            return locale.territories.get(key)
        if kind == "city":
            # CLDR leaves the exemplar city out where it equals the identifier, which is in Latin letters.
            plain = key.rsplit("/")[-1].replace("_", " ") if self.script == "Latn" else None
            return locale.time_zones.get(key, {}).get("city", plain)
        if kind == "currency":
            counted = locale._data["currency_names_plural"].get(
                key, {}
            )  # running text; Locale.currencies is for headings
            return counted.get("one") or locale.currencies.get(key)
        if kind in ("language", "script"):
            return getattr(locale, f"{kind}s").get(key)
        if kind in ("weekday", "month"):
            return getattr(locale, f"{kind.removeprefix('week')}s")["stand-alone"]["wide"].get(int(key))
        if kind == "date":
            return self._digits(format_date(date.fromisoformat(key), self.data.get("date_format", "long"), locale))
        if kind == "word":
            return self.data["number_words"][int(key)]
        return self._digits(key) if kind == "number" else key

    def _digits(self, text: str) -> str:
        digits = DIGITS.get(self.locale.default_numbering_system, DIGITS["latn"])
        return text.translate(str.maketrans(DIGITS["latn"], digits))

    def form(self, kind: str, key: str, form: str | None = None) -> str:
        """Name of a key in one form (``of``, ``in`` ...); raises ValueError where the file cannot inflect it."""
        patterns = self.data.get("forms", {}).get(kind, {}).get(form or "default")
        if patterns is None:
            if form is None:
                return self.name(kind, key)
            raise ValueError(f"{self.path}: form {form!r} of {kind} is used but not defined under 'forms: {kind}:'")
        for choice in (key, self._class(kind, key), "*"):
            if choice in patterns:
                return patterns[choice].replace("{}", self.name(kind, key))
        raise ValueError(
            f"{self.path}: no pattern for {kind} {key!r} in form {form or 'default'!r}; add its key, class or '*'"
        )

    def _class(self, kind: str, key: str) -> str | None:
        classes = self.data.get("classes", {}).get(kind, {})
        return next((name for name, members in classes.items() if key in members), None)

    def fill(self, template: str, roles: dict[str, str], keys: dict[str, str]) -> str:
        """Put forms of names into a template. ``roles``: role -> kind; ``keys``: role -> key."""
        filled = PLACEHOLDER.sub(lambda match: self.form(roles[match[1]], keys[match[1]], match[2]), template)
        for pattern, replacement in self.data.get("rewrites", {}).items():
            filled = re.sub(pattern, replacement, filled)
        if self.data.get("particles") == "korean":
            filled = choose_particles(filled)
        return unicodedata.normalize("NFC", filled)

    def clause(self, fact: Fact, paraphrase: int) -> str:
        """A fact in words, uncapitalised and without a full stop, so that it can be joined to others."""
        roles = self.roles[fact.relation]
        template = self.data["relations"][fact.relation]["sentences"][paraphrase]
        return self.fill(template, roles, dict(zip(roles, fact.keys, strict=True)))

    def question(self, fact: Fact) -> str:
        """The question whose answer is the object of a fact."""
        roles = self.roles[fact.relation]
        text = self.fill(
            self.data["relations"][fact.relation]["question"], roles, dict(zip(roles, fact.keys, strict=True))
        )
        return self.capitalise(text)

    def answer(self, fact: Fact, key: str) -> str:
        """Bare name of ``key`` as an answer to the question of ``fact``."""
        return self.name(list(self.roles[fact.relation].values())[-1], key)

    def finish(self, clause: str) -> str:
        """Capitalise a clause and close it."""
        return self.capitalise(clause) + self.data["full_stop"]

    @staticmethod
    def capitalise(text: str) -> str:
        """First letter upper case, also behind an opening quotation mark or an inverted question mark."""
        start = next((place for place, sign in enumerate(text) if sign.isalnum()), 0)
        return text[:start] + text[start].upper() + text[start + 1 :]


def own_locale(identifier: str) -> Locale:
    """A locale that shares no data with any other one. Raises UnknownLocaleError, ValueError as ``Locale.parse`` does.

    Babel (2.18) writes what a locale looked up into dictionaries that all locales share: after Japanese, Chinese had the
    Japanese names of months. A text must not depend on which other languages its process has written.
    """
    locale, shared = Locale.parse(identifier), dict(localedata._cache)
    localedata._cache.clear()
    try:
        locale._data  # noqa: B018 (read from disk now, and kept by the locale)
    finally:
        localedata._cache.clear()
        localedata._cache.update(shared)
    return locale


@cache
def language(code: str, folder: Path = FOLDER) -> Language:
    """The checked language of one file."""
    found = Language(code, folder)
    check(found)
    return found


def languages(folder: Path = FOLDER) -> list[str]:
    """Codes of all language files in a folder, sorted."""
    return sorted(path.stem for path in Path(folder).glob("*.yaml") if path.stem != "facts")


def check(found: Language) -> None:
    """Raise ValueError that names file, relation, paraphrase and placeholder where a language file is not complete."""
    counts = world(found.folder)["counts"]
    for key in ("connectives", "contrasts", "likenesses", "number_words"):
        _count(found, key, found.data.get(key, []), counts[key])
    for topic, number in counts["openings"].items():
        openings = found.data.get("openings", {}).get(topic, [])
        _count(found, f"openings: {topic}", openings, number)
        roles = {"country": {"country": "country"}, "pair": PAIR_ROLES}.get(topic, {})
        for place, template in enumerate(openings):
            _placeholders(found, f"openings: {topic}, number {place}", template, roles, set(roles))
    for key in ("contrasts", "likenesses"):
        for place, template in enumerate(found.data[key]):
            _placeholders(found, f"{key}, number {place}", template, {"first": "", "second": ""}, {"first", "second"})
    for relation, roles in found.roles.items():
        own = found.data.get("relations", {}).get(relation)
        if own is None:
            raise ValueError(
                f"{found.path}: relation {relation!r} is missing; a file must hold {', '.join(found.roles)}"
            )
        _count(found, f"relation {relation!r}, sentences", own.get("sentences", []), counts["sentences"])
        for place, template in enumerate(own["sentences"]):
            _placeholders(found, f"relation {relation!r}, paraphrase {place}", template, roles, set(roles))
        asked = set(list(roles)[:-1]) | ({"greater"} if relation == "greater" else set())
        _placeholders(found, f"relation {relation!r}, question", own.get("question", ""), roles, asked)


def _count(found: Language, what: str, items: list, expected: str) -> None:
    if len(items) != int(expected):
        raise ValueError(f"{found.path}: {what}: {len(items)} entries, but every language needs {expected}")


def _placeholders(found: Language, where: str, template: str, roles: dict[str, str], needed: set[str]) -> None:
    allowed = ", ".join(f"{{{role}}}" for role in sorted(needed))
    forms = found.data.get("forms", {})
    used = set()
    for role, form in PLACEHOLDER.findall(template):
        used.add(role)
        if role not in needed:
            raise ValueError(f"{found.path}: {where}: unknown placeholder {{{role}}}; allowed: {allowed}")
        if form and form not in forms.get(roles[role], {}):
            raise ValueError(
                f"{found.path}: {where}: form {form!r} in {{{role}.{form}}} is not defined under 'forms: {roles[role]}:'"
            )
    for role in sorted(needed - used):
        raise ValueError(f"{found.path}: {where}: placeholder {{{role}}} is missing; needed: {allowed}")
    if "{" in PLACEHOLDER.sub("", template) or "}" in PLACEHOLDER.sub("", template):
        raise ValueError(f"{found.path}: {where}: stray brace in {template!r}")
