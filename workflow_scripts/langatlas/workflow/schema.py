"""The config beside its schema: defaults filled in, and the schema's complaints as sentences."""

import difflib
import math
import re
from copy import deepcopy
from datetime import date

from jsonschema import Draft202012Validator, ValidationError, validators

from langatlas.workflow.yaml_traps import hint

# Of JSON's numbers 1000.0 is whole and nan a number; here the first would stand in names of files, the second in no range.
NUMBERS = {
    "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda _, value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
}
TYPE_CHECKER = Draft202012Validator.TYPE_CHECKER.redefine_many(NUMBERS)
Validator = validators.extend(Draft202012Validator, type_checker=TYPE_CHECKER)


def schema_problems(value, schema: dict, place: str = "") -> list[str]:
    """Every complaint of the schema as a sentence, by key; ``place``: where in the config the value stands."""
    errors = sorted(Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
    return [problem for error in errors for problem in explain(error, place)]


def fill_defaults(value, schema: dict, root: dict) -> None:
    """Fill in, in place, the defaults that the schema gives for missing keys, at any depth."""
    schema = resolve(schema, root)
    for branch in schema.get("anyOf", ()):
        fill_defaults(value, branch, root)
    if isinstance(value, dict):
        for key, sub in schema.get("properties", {}).items():
            sub = resolve(sub, root)
            if key not in value and "default" in sub:
                value[key] = deepcopy(sub["default"])
            if key in value:
                value[key] = as_written(value[key], sub)
                fill_defaults(value[key], sub, root)
        if isinstance(sub := schema.get("additionalProperties"), dict):
            for key in value.keys() - schema.get("properties", {}).keys():
                fill_defaults(value[key], sub, root)
    elif isinstance(value, list) and "items" in schema:
        items = resolve(schema["items"], root)
        value[:] = [as_written(item, items) for item in value]
        for item in value:
            fill_defaults(item, items, root)


def as_written(value, schema: dict):
    """The only whole number that a ratio may be, as a decimal one: ratios are parts of names, and 1 and 1.0 must be one file."""
    return 1.0 if value == 1 and type(value) is int and "number" in schema.get("type", ()) else value


def resolve(schema: dict, root: dict) -> dict:
    """Follow a ``$ref`` to ``#/$defs/name``; keys beside it take precedence."""
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def explain(error: ValidationError, root: str = "") -> list[str]:
    """A schema's complaint as sentences that name the key, the value and what is allowed; ``root``: as ``place`` above."""
    place = root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    place = place.lstrip(".")
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        return [
            f"unknown key {_join(place, key)}{suggest(key, known)}; allowed here: {', '.join(known)}" for key in unknown
        ]
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return [f"key {_join(place, key)} is missing" for key in missing]
    if error.validator == "anyOf" and (fitting := _of_its_type(error)):
        return [problem for e in fitting for problem in explain(e, root)]
    wanted, types, about = error.validator_value, _types(error), error.schema.get("description")
    allowed = {
        "enum": lambda: "must be one of " + ", ".join("null" if value is None else str(value) for value in wanted),
        "type": lambda: f"must be of type {' or '.join(types)}",
        "anyOf": lambda: f"must be of type {' or '.join(types)}",
        "const": lambda: f"must be {wanted}",
        "minimum": lambda: f"must be at least {wanted}",
        "exclusiveMinimum": lambda: f"must be greater than {wanted}",
        "maximum": lambda: f"must be at most {wanted}",
        "minItems": lambda: f"must hold at least {wanted} value(s)",
        "maxItems": lambda: f"must hold at most {wanted} value(s)",
        "uniqueItems": lambda: "must not repeat a value",
        "pattern": lambda: f"must match {wanted}" + (f" ({about})" if about else ""),
    }.get(error.validator, lambda: error.message)
    pattern = error.schema.get("pattern", "")
    if error.validator == "type" and not re.search(pattern, str(error.instance)):
        how = f"it must match {pattern}"  # in quotes it would be refused as well
    else:
        how = hint(error.instance, types)
    return [f"{place or 'config'}: {_spelt(error.instance)} {allowed()}" + (f"; {how}" if how else "")]


def _of_its_type(error: ValidationError) -> list[ValidationError]:
    """What is wrong by those alternatives that take a value of this type at all."""
    others = set()
    for e in error.context:
        if not e.relative_path and e.validator in ("type", "enum"):
            values = e.validator_value if e.validator == "enum" else []
            if not any(type(value) is type(e.instance) for value in values):
                others.add(e.relative_schema_path[0])
    return [e for e in error.context if e.relative_schema_path[0] not in others]


def _types(error: ValidationError) -> list[str]:
    """JSON types that are allowed where the error is; none where the type was right."""
    if error.validator == "anyOf":
        return [name for e in error.context for name in _types(e)]
    if error.validator == "type":
        return [error.validator_value] if isinstance(error.validator_value, str) else list(error.validator_value)
    values = {"enum": error.validator_value, "const": [error.validator_value]}.get(error.validator, [])
    return [name for name in ("null", "boolean", "integer", "string") if any(_is(value, name) for value in values)]


def _is(value: object, name: str) -> bool:
    return TYPE_CHECKER.is_type(value, name)


def _spelt(value: object) -> str:
    """A value as a message shows it: texts in quotes, nothing as null."""
    return "null" if value is None else str(value) if isinstance(value, date) else repr(value)


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def suggest(key: str, known: list[str]) -> str:
    """The nearest known name in brackets, if any is near."""
    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
