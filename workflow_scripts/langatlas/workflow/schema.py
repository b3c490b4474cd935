"""JSON Schema as the config uses it: defaults filled in, complaints as sentences that name key, value and what is allowed."""

import difflib
from collections.abc import Iterator
from copy import deepcopy

from jsonschema import Draft202012Validator, ValidationError


def complaints(value, schema: dict, place: str = "") -> Iterator[str]:
    """Sentences on everything that a schema does not allow; ``place``: where in the config the value stands."""
    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
    for error in errors:
        yield from explain(error, place)


def fill_defaults(value, schema: dict, root: dict) -> None:
    """Fill in, in place, the defaults that the schema gives for missing keys, at any depth."""
    schema = resolve(schema, root)
    if isinstance(value, dict):
        for key, sub in schema.get("properties", {}).items():
            sub = resolve(sub, root)
            if key not in value and "default" in sub:
                value[key] = deepcopy(sub["default"])
            if key in value:
                fill_defaults(value[key], sub, root)
        if isinstance(sub := schema.get("additionalProperties"), dict):
            for key in value.keys() - schema.get("properties", {}).keys():
                fill_defaults(value[key], sub, root)
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            fill_defaults(item, schema["items"], root)


def resolve(schema: dict, root: dict) -> dict:
    """Follow a ``$ref`` to ``#/$defs/name``; keys beside it take precedence."""
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def explain(error: ValidationError, root: str = "") -> list[str]:
    """A schema's complaint as sentences that name the key, the value and what is allowed."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    place = (root + place).lstrip(".")
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        return [
            f"unknown key {_join(place, key)}{suggest(key, known)}; allowed here: {', '.join(known)}" for key in unknown
        ]
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return [f"key {_join(place, key)} is missing" for key in missing]
    allowed = {
        "enum": lambda: "must be one of " + ", ".join(map(str, error.validator_value)),
        "type": lambda: f"must be of type {error.validator_value}",
        "minimum": lambda: f"must be at least {error.validator_value}",
        "exclusiveMinimum": lambda: f"must be greater than {error.validator_value}",
        "maximum": lambda: f"must be at most {error.validator_value}",
        "minItems": lambda: f"must hold at least {error.validator_value} value(s)",
        "uniqueItems": lambda: "must not repeat a value",
        "pattern": lambda: f"must match {error.validator_value}",
    }.get(error.validator, lambda: error.message)
    return [f"{place or 'config'}: {error.instance!r} {allowed()}"]


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def suggest(key: str, known: list[str]) -> str:
    """The nearest known name in brackets, if any is near."""
    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
