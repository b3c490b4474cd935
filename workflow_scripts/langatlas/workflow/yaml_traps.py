"""Values that YAML 1.1 reads otherwise than they look, and how to write what was meant.

``1e-2`` is text to it, ``no`` a truth value, ``12:30`` the number 750, ``010`` the number 8, ``2024-01-01`` a date; of a key
that stands twice only the last one counts.
"""

import datetime
import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

LOADER = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader  # ten times as fast, the same values
NULLS = {"null", "none", "nil", "~", ""}
TRUTHS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
EXPONENT = re.compile(r"([-+]?)(\d*)\.?(\d*)[eE]([-+]?)(\d+)")
KINDS = {
    bool: "a truth value",
    int: "a number",
    float: "a number",
    datetime.date: "a date",
    datetime.datetime: "a date",
}


def hint(value: object, types: Collection[str]) -> str:
    """How a value should be written where these JSON types are allowed; empty where nobody can tell what was meant."""
    if isinstance(value, str):
        return _of_text(value, types)
    if type(value) in KINDS and "string" in types:
        spelt = {True: " (also yes and on)", False: " (also no and off)"}[value] if isinstance(value, bool) else ""
        return f"YAML reads this as {KINDS[type(value)]}{spelt}: write it in quotes" + (', as "no"' if spelt else "")
    if value is None:
        return "nothing, null and ~ are no value: write one, or leave the key out" + (
            "; write a word in quotes" if "string" in types else ""
        )
    if isinstance(value, float) and not math.isfinite(value):
        return "it must be finite"
    if isinstance(value, float) and value.is_integer() and "integer" in types:
        return f"write {int(value)}"
    return f"write a list: [{value}]" if "array" in types and not isinstance(value, dict | list) else ""


def _of_text(text: str, types: Collection[str]) -> str:
    word = text.strip().lower()
    if "null" in types and word in NULLS:
        return "this is text: write null, without quotes"
    if "boolean" in types and word in TRUTHS:
        return f"this is text: write {TRUTHS[word]}, without quotes"
    if {"integer", "number"} & set(types):
        if number := as_number(text, whole="number" not in types):
            return f"this is text to YAML: write {number}"
        return "this is text: write digits with a point, as 0.05" if re.match(r"[-+.]?\d", word) else ""
    return f"write a list: [{text}]" if "array" in types else ""


def as_number(text: str, whole: bool = False) -> str | None:
    """A number as YAML 1.1 takes it for one (``1e-2`` as ``1.0e-2``), ``whole``: without a point; None where it is none."""
    plain = text.strip().replace("_", "")
    try:
        value = float(plain)
    except ValueError:
        return None
    if not math.isfinite(value) or (whole and not value.is_integer()):
        return None
    if whole:
        return str(int(value))
    if match := EXPONENT.fullmatch(plain):
        sign, before, behind, direction, power = match.groups()
        return f"{sign}{before or 0}.{behind or 0}e{direction or '+'}{power}"
    return plain.removeprefix("+")


def key_problems(value: object, place: str = "") -> Iterator[str]:
    """Keys, at any depth, that are no text."""
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(key, str):
                yield from key_problems(below, f"{place}.{key}".lstrip("."))
            else:
                how = hint(key, ["string"]) or "write it in quotes"
                yield f"{place or 'config'}: the key {key} is no text; {how}"
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from key_problems(below, f"{place}[{number}]")


def written_problems(path: str | Path) -> Iterator[str]:
    """What a config file says otherwise than it looks, where the value that it gives would pass: file, line, remedy."""
    try:
        document = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=LOADER)
    except yaml.YAMLError:
        return  # Snakemake has read it: it is JSON that is no YAML
    yield from _of_node(document, "", path)


def _of_node(node: yaml.Node | None, key: str, path: str | Path) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        seen = {}
        for name, below in node.value:
            if isinstance(name, yaml.ScalarNode) and seen.setdefault(name.value, name) is not name:
                first = seen[name.value].start_mark.line + 1
                yield f"{_place(name, path)}: the key {name.value} stands in line {first} already; write it once"
            yield from _of_node(below, str(name.value), path)
    elif isinstance(node, yaml.SequenceNode):
        for below in node.value:
            yield from _of_node(below, key, path)
    elif isinstance(node, yaml.ScalarNode) and not node.style:  # plain, not in quotes
        tag, text = node.tag.rpartition(":")[2], node.value
        if tag in ("int", "float") and (":" in text or re.fullmatch(r"[-+]?0[0-7_]+", text)):
            read = yaml.safe_load(text)
            yield f'{_place(node, path)}: {key}: YAML reads {text} as {read}; write {read}, or "{text}" in quotes'
        elif key == "equals" and tag == "bool" and text.lower() not in ("true", "false"):
            yield f'{_place(node, path)}: {key}: YAML reads {text} as a truth value; write "{text}" in quotes, or true or false'
        elif key == "equals" and tag == "str" and (number := as_number(text)):
            yield f'{_place(node, path)}: {key}: YAML reads {text} as text; write {number}, or "{text}" in quotes'


def _place(node: yaml.Node, path: str | Path) -> str:
    return f"{path}:{node.start_mark.line + 1}"
