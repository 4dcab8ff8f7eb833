"""TOML recipes become frozen dataclasses: load, override, pick, dump.

A recipe schema is a frozen dataclass; so is each of its sections. The dataclass owns names, types and defaults; this
file holds no second copy of them. A field declared with `choose(CHOICES)` is picked by name from a dict:

    [tracker]
    name = "sprite"        # picks CHOICES["sprite"]; the other keys are its settings
    min_score = 0.7

`load(path, schema, ["tracker.min_score=0.8"])` gives an instance of `schema`; `dump` writes it back with every default
filled in. TOML has no null, so the string "none" stands for None where a field allows it.
"""

import dataclasses
import difflib
import functools
import importlib
import json
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import pydantic

from wan_r1.errors import ConfigError

__all__ = ["build", "choose", "dump", "load", "override", "pick"]

T = TypeVar("T")

CHOICES_KEY = "wan_r1_choices"
OWN_CODE_KEY = "wan_r1_own_code"
NONE_WORD = "none"
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
TYPE_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a string",
    Path: "a path (a string)",
}


def choose(choices: Mapping[str, Any], *, own_code: bool = False) -> dict[str, Any]:
    """Metadata of a dataclass field that is picked by name: `field(metadata=choose(TRACKERS))`.

    With `own_code`, a name `module:attribute` takes the user's own class or function instead.
    """
    return {CHOICES_KEY: choices, OWN_CODE_KEY: own_code}


def load(path: str | Path, schema: type[T], overrides: Sequence[str] = ()) -> T:
    """Read a TOML recipe, apply `section.key=value` overrides, check it, and return an instance of `schema`."""
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read the recipe: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return build(schema, override(values, overrides, schema))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def override(values: Mapping[str, Any], overrides: Iterable[str], schema: type | None = None) -> dict[str, Any]:
    """Copy of `values` with `section.key=value` strings applied; values are TOML, and a bare word is a string.

    Where `schema` says that a section is picked by name, a different `section.name` drops the settings of the previous
    choice, because they belong to another dataclass. The order of the overrides does not matter, but the last of those
    with one key counts.
    """
    result = _copy(values)
    for text in sorted(overrides, key=_turn):
        key, equals, raw = text.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(BARE_KEY.match(part) for part in parts):
            raise ConfigError(f'override "{text}": write section.key=value, for example rl.iterations=20')
        table = result
        for depth, part in enumerate(parts[:-1], start=1):
            inner = table.get(part, {})
            inner = {"name": inner} if isinstance(inner, str) else inner
            if not isinstance(inner, dict):
                raise ConfigError(f'override "{text}": {".".join(parts[:depth])} is a value, not a section')
            table[part] = inner
            table = inner
        value = _parse_value(raw.strip())
        if parts[-1] == "name" and table.get("name") != value and _is_picked(schema, parts[:-1]):
            table.clear()
        table[parts[-1]] = value
    return result


def build(schema: type[T], values: Mapping[str, Any], where: str = "", *, base: T | None = None) -> T:
    """Instance of the dataclass `schema` from plain values; unknown, missing and wrong ones raise ConfigError.

    What `values` leave out comes from `base`, else from the defaults of the class. Sections and dicts are merged into
    their default, so that a recipe which names one setting of a section keeps the others.
    """
    fields = {field.name: field for field in dataclasses.fields(schema) if field.init}  # type: ignore[arg-type]
    hints = _hints(schema)
    for key in values:
        if key not in fields:
            hint = _suggest(key, fields) or f" Known: {_listing(fields)}"
            raise ConfigError(f"{_join(where, key)}: unknown key.{hint}")
    arguments: dict[str, Any] = {}
    for name, field in fields.items():
        place = _join(where, name)
        default = _default(field) if base is None else getattr(base, name)
        if name in values:
            arguments[name] = _value(hints[name], values[name], place, field.metadata, default)
        elif default is not dataclasses.MISSING:
            arguments[name] = default
        elif dataclasses.is_dataclass(hints[name]):
            # A section whose settings all have defaults may be left out of the recipe.
            arguments[name] = _value(hints[name], {}, place, field.metadata)
        else:
            raise ConfigError(f"{place}: missing; expected {_expected(hints[name], field.metadata)}")
    try:
        return schema(**arguments)
    except (ConfigError, ValueError, TypeError) as error:
        named = not where or str(error).startswith(f"{where}:")
        raise ConfigError(str(error) if named else f"{where}: {error}") from error


def pick(choices: Mapping[str, Any], table: Any, where: str, *, own_code: bool = False, base: Any = None) -> Any:
    """The member of `choices` that `table["name"]` names, given the table's other keys. A bare string is a name.

    A dataclass is built from the settings, on `base` if that is of the same class; with `own_code`, `module:attribute`
    may name a function, which takes none.
    """
    table = {"name": table} if isinstance(table, str) else table
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise ConfigError(f"{where} = {_show(table)}: expected a section with name = one of {_listing(choices)}")
    name = table["name"]
    settings = {key: value for key, value in table.items() if key != "name"}
    if own_code and ":" in name:
        member = _import(name, where)
        if not callable(member):
            raise ConfigError(f'{where}.name = "{name}": is {_show(member)}, no function or class')
    elif name in choices:
        member = choices[name]
    else:
        raise ConfigError(f'{where}.name = "{name}": expected one of {_listing(choices)}.{_suggest(name, choices)}')
    if isinstance(member, type) and dataclasses.is_dataclass(member):
        return build(member, settings, where, base=base if type(base) is member else None)
    if settings:
        raise ConfigError(f'{where}: "{name}" takes no settings; remove {", ".join(sorted(settings))}')
    return member() if isinstance(member, type) else member


def dump(recipe: Any) -> str:
    """TOML text of a recipe with every field written out; `load` reads the same recipe from it."""
    return "\n".join(_table_lines(_plain(recipe), "")).strip() + "\n"


# ---------------------------------------------------------------------------------------------- reading


def _value(hint: Any, value: Any, where: str, metadata: Mapping[str, Any], default: Any = dataclasses.MISSING) -> Any:
    """One field: None, a picked member, a section, a collection of sections, or a plain value checked by pydantic."""
    picked = CHOICES_KEY in metadata
    if value == NONE_WORD and (type(None) in get_args(hint) or (default is None if picked else hint is Any)):
        return None
    if picked:
        return pick(metadata[CHOICES_KEY], value, where, own_code=metadata[OWN_CODE_KEY], base=default)
    inner = _without_none(hint)
    if dataclasses.is_dataclass(inner) and isinstance(inner, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} = {_show(value)}: expected a section with keys {_listing(_hints(inner))}")
        return build(inner, value, where, base=default if type(default) is inner else None)
    section = next((a for a in get_args(inner) if isinstance(a, type) and dataclasses.is_dataclass(a)), None)
    if section is None:
        return _plain_value(hint, value, where, default)
    if get_origin(inner) in (tuple, list) and isinstance(value, list):
        items = [_value(section, item, f"{where}[{index}]", {}) for index, item in enumerate(value)]
        return tuple(items) if get_origin(inner) is tuple else items
    if get_origin(inner) is dict and isinstance(value, Mapping):
        return {key: _value(section, item, _join(where, key), {}) for key, item in value.items()}
    raise ConfigError(f"{where} = {_show(value)}: expected {_expected(hint, {})}")


def _plain_value(hint: Any, value: Any, where: str, default: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        value = {**default, **value}
    checked = _checked(hint, value, where)
    if isinstance(checked, dict) and Any in get_args(hint):
        return {key: None if item == NONE_WORD else item for key, item in checked.items()}
    return checked


def _default(field: "dataclasses.Field[Any]") -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _checked(hint: Any, value: Any, where: str) -> Any:
    """A plain value, checked strictly: 1 is not true, "3" is not 3, but 1 is a number and a list can be a tuple."""
    try:
        return _adapter(hint).validate_json(json.dumps(value, default=str), strict=True)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        inside = "".join(f"[{part}]" for part in first["loc"] if isinstance(part, int))
        literal = get_args(hint) if get_origin(hint) is Literal else ()
        hints = _suggest(value, literal) if isinstance(value, str) else ""
        reason = "" if first["type"].endswith(("_type", "literal_error", "_parsing")) else f" ({first['msg']})"
        raise ConfigError(
            f"{where}{inside} = {_show(first['input'] if inside else value)}: "
            f"expected {_expected(hint, {})}{reason}.{hints}"
        ) from error


@functools.cache
def _adapter(hint: Any) -> "pydantic.TypeAdapter[Any]":
    return pydantic.TypeAdapter(hint)


def _hints(schema: Any) -> dict[str, Any]:
    return typing.get_type_hints(schema)


def _import(name: str, where: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f'{where}.name = "{name}": cannot import it: {error}') from error


def _parse_value(raw: str) -> Any:
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw


def _turn(text: str) -> int:
    """When an override is applied: a whole section before its name, and that before its settings."""
    parts = text.partition("=")[0].strip().split(".")
    return 2 * len(parts) - (parts[-1] == "name")


def _is_picked(schema: Any, keys: Sequence[str]) -> bool:
    """Whether the section `keys` of the schema is a field declared with `choose`."""
    for depth, key in enumerate(keys, start=1):
        if not dataclasses.is_dataclass(schema):
            return False
        field = next((field for field in dataclasses.fields(schema) if field.name == key), None)
        if field is None:
            return False
        if CHOICES_KEY in field.metadata:
            return depth == len(keys)
        schema = _without_none(_hints(schema)[key])
    return False


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _without_none(hint: Any) -> Any:
    """`X` for `X | None`; any other hint as it is."""
    if get_origin(hint) in (typing.Union, types.UnionType):
        rest = [argument for argument in get_args(hint) if argument is not type(None)]
        return rest[0] if len(rest) == 1 else hint
    return hint


# ---------------------------------------------------------------------------------------------- messages


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _show(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _listing(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))


def _suggest(word: str, known: Iterable[str]) -> str:
    """' Did you mean "..."?' if a known word is near, else nothing."""
    near = difflib.get_close_matches(word, [name for name in known if isinstance(name, str)], n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


def _expected(hint: Any, metadata: Mapping[str, Any]) -> str:
    """A type in words, for messages."""
    if CHOICES_KEY in metadata:
        return f"a section with name = one of {_listing(metadata[CHOICES_KEY])}"
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(json.dumps(choice) for choice in get_args(hint))
    if get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(f'"{NONE_WORD}"' if a is type(None) else _expected(a, {}) for a in get_args(hint))
    if get_origin(hint) in (tuple, list):
        items = [a for a in get_args(hint) if a is not Ellipsis]
        many = len(items) == 1
        return f"a list of {_expected(items[0], {})}" if many else f"[{', '.join(_expected(a, {}) for a in items)}]"
    return TYPE_WORDS.get(hint, getattr(hint, "__name__", str(hint)))


# ---------------------------------------------------------------------------------------------- writing


def _plain(value: Any, metadata: Mapping[str, Any] = types.MappingProxyType({})) -> Any:
    """A recipe as plain TOML values."""
    if value is None:
        return NONE_WORD
    plain: Any = value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.init]
        plain = {field.name: _plain(getattr(value, field.name), field.metadata) for field in fields}
    elif isinstance(value, Mapping):
        plain = {str(key): _plain(item) for key, item in value.items()}
    elif isinstance(value, (tuple, list)):
        plain = [_plain(item) for item in value]
    elif isinstance(value, Path):
        plain = str(value)
    if CHOICES_KEY not in metadata:
        return plain
    return {"name": _name_of(value, metadata[CHOICES_KEY]), **(plain if isinstance(plain, dict) else {})}


def _name_of(value: Any, choices: Mapping[str, Any]) -> str:
    for name, member in choices.items():
        if member is value or type(value) is member:
            return name
    source = value if hasattr(value, "__qualname__") else type(value)
    return f"{source.__module__}:{source.__qualname__}"


def _table_lines(table: Mapping[str, Any], where: str) -> list[str]:
    lines = [f"{_key(key)} = {_toml(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            place = _join(where, _key(key))
            lines += ["", f"[{place}]", *_table_lines(value, place)]
    return lines


def _key(key: str) -> str:
    return key if BARE_KEY.match(key) else _toml(key)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    raise ConfigError(f"{value!r} of type {type(value).__name__} cannot be written to a recipe")
