"""The facts of the small world: language-neutral keys only (ISO 3166, ISO 4217, ISO 639, M49, time zones, numbers).

What is related to what comes from Unicode CLDR through Babel, and from ``facts.yaml`` where Babel ships nothing.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import yaml
from babel.core import Locale, get_global
from babel.numbers import get_territory_currencies

FOLDER = Path(__file__).resolve().parents[4] / "resources" / "world"
OFFICIAL = ("official", "de_facto_official")


@dataclass(frozen=True, slots=True)
class Fact:
    """One true statement without words: ``capital`` of ``("FR", "Europe/Paris")``; the last key is the object."""

    id: str
    relation: str
    keys: tuple[str, ...]

    @property
    def subject(self) -> tuple[str, ...]:
        return self.keys[:-1]

    @property
    def object(self) -> str:
        return self.keys[-1]


def read_yaml(path: Path) -> dict:
    """Read a YAML file with every scalar as a string, so that the country code NO does not become ``False``."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; every language of the world corpus is one file in this folder")
    with path.open(encoding="utf-8") as handle:
        return yaml.load(handle, Loader=yaml.CBaseLoader if hasattr(yaml, "CBaseLoader") else yaml.BaseLoader)


@cache
def world(folder: Path = FOLDER) -> dict:
    """Content of ``facts.yaml``."""
    return read_yaml(Path(folder) / "facts.yaml")


def fraction(*parts: object) -> float:
    """Number in [0, 1) that depends on ``parts`` only, the same in every process and on every machine."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


@cache
def facts(folder: Path = FOLDER) -> tuple[Fact, ...]:
    """All facts, grouped by relation in the order of ``facts.yaml``."""
    found = [*_country_facts(world(folder)), *_calendar_facts(world(folder)), *_number_facts(world(folder))]
    order = list(world(folder)["relations"])
    found.sort(key=lambda item: order.index(item[0]))
    return tuple(Fact(":".join((relation, *keys)), relation, keys) for relation, keys in found)


@cache
def currencies_of(country: str, as_of: str) -> tuple[str, ...]:
    """ISO 4217 codes that are legal tender in a country on a day (CLDR supplemental data)."""
    day = date.fromisoformat(as_of)
    return tuple(sorted(set(get_territory_currencies(country, day, day, tender=True))))


@cache
def languages_of(country: str, statuses: tuple[str, ...] = OFFICIAL) -> tuple[str, ...]:
    """ISO 639 codes of the languages with one of these statuses; scripts of one language count once."""
    spoken = get_global("territory_languages")[country]
    return tuple(sorted({code.split("_")[0] for code, about in spoken.items() if about["official_status"] in statuses}))


def subregion_of(country: str, data: dict) -> str:
    """M49 code of the subregion that holds a country."""
    return next(code for code, members in data["subregions"].items() if country in members)


def continent_of(country: str, data: dict) -> str:
    """M49 code of the continent that holds a country."""
    subregion = subregion_of(country, data)
    return next(code for code, members in data["continents"].items() if subregion in members)


def first_weekday(country: str) -> str:
    """First day of the week in a country, "0" (Monday) to "6"."""
    return str(Locale.parse(f"und_{country}").first_week_day)


def _country_facts(data: dict) -> Iterator[tuple[str, tuple[str, ...]]]:
    countries = [country for members in data["subregions"].values() for country in members]
    used: list[str] = []
    for country in countries:
        yield "continent", (country, continent_of(country, data))
        yield "subregion", (country, subregion_of(country, data))
        yield "country_code", (country, country)
        yield "week_start", (country, first_weekday(country))
        official = languages_of(country, ("official",)) or languages_of(country)
        if len(official) == 1 and country not in data["no_single_language"]:
            yield "language", (country, official[0])
        tender = currencies_of(country, data["as_of"])
        if len(tender) == 1:
            used.append(tender[0])
            yield "currency", (country, tender[0])
    yield from (("capital", pair) for pair in data["capitals"].items())
    yield from (("city", pair) for pair in data["cities"].items())
    yield from (("currency_code", (code, code)) for code in dict.fromkeys(used))
    scripts = get_global("likely_subtags")
    yield from (("script", (code, scripts[code].split("_")[1])) for code in data["script_languages"])


def _calendar_facts(data: dict) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from (("weekday_after", (str(day), str((day + 1) % 7))) for day in range(7))
    yield from (("month_after", (str(month), str(month % 12 + 1))) for month in range(1, 13))
    yield from (("month_days", (str(month), days)) for month, days in enumerate(data["month_days"], 1) if days)
    first, last = (date.fromisoformat(data["dates"][end]) for end in ("first", "last"))
    days = [first + timedelta(day) for day in range((last - first).days + 1)]
    for day in sorted(_sample(days, int(data["dates"]["count"]), "date")):
        yield "date_weekday", (day.isoformat(), str(day.weekday()))


def _number_facts(data: dict) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from (("number_word", (str(n), str(n))) for n in range(int(data["counts"]["number_words"])))
    yield from (("successor", (str(n), str(n + 1))) for n in range(int(data["successors"])))
    numbers = range(1, int(data["comparisons"]["largest"]) + 1)
    pairs = [(low, high) for low in numbers for high in numbers if low < high]
    for low, high in sorted(_sample(pairs, int(data["comparisons"]["count"]), "greater")):
        yield "greater", (str(low), str(high))
    terms = range(1, int(data["sums"]["largest"]) + 1)
    for one, two in sorted(_sample([(a, b) for a in terms for b in terms], int(data["sums"]["count"]), "sum")):
        yield "sum", (str(one), str(two), str(one + two))


def _sample(items: list, count: int, label: str) -> list:
    """``count`` items chosen by hash: adding items elsewhere, or another seed, never moves a fact."""
    return sorted(items, key=lambda item: fraction(label, item))[:count]


@cache
def known(folder: Path = FOLDER) -> frozenset[tuple[str, tuple[str, ...]]]:
    """(relation, keys) of every fact, for look-up."""
    return frozenset((fact.relation, fact.keys) for fact in facts(folder))


def holds(relation: str, keys: tuple[str, ...], folder: Path = FOLDER) -> bool:
    """Whether a statement is true, also where it is no fact of the corpus (a second official language, say)."""
    data = world(folder)
    *subject, value = keys
    if relation == "sum":
        return int(subject[0]) + int(subject[1]) == int(value)
    if relation == "greater":
        return int(value) > int(subject[0])
    if relation == "language":
        return value in languages_of(subject[0], (*OFFICIAL, "official_regional"))
    if relation == "currency":
        return value in currencies_of(subject[0], data["as_of"])
    if relation in ("continent", "subregion") and value in data["also_in"].get(subject[0], ()):
        return True
    return (relation, tuple(keys)) in known(folder)
