"""Skins by name, and skins that are folders of VR-Bench: a picture or colour of each thing, and words for the prompt.

A folder belongs to one game (https://github.com/ImYangC7/VR-Bench, skins/<game>/<number>):

    maze         player target wall floor               .png, .jpg or .jpeg
    sokoban      player target wall floor box
    trapfield    player goal trap floor
    pathfinder   start end road                         our irregular_maze; roads on black ground
    maze3d       colors.json: start_pos goal_pos default_cube ball ball_edge, each "#RRGGBB"
    all          description.json: {"visual_description": {thing: words}}; without it things have plain names

Where a board has no floor picture, VR-Bench shows the ground colour of the game.
"""

import functools
import json
import re
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from PIL import Image

from wan_r1.errors import ConfigError, DatasetError
from wan_r1.tasks.skins import RGB, SKINS, Look, Skin, Texture, skin_named

__all__ = ["GAME_FILES", "check_skin", "read_skin", "skin_of"]

GAME_FILES: dict[str, tuple[str, ...]] = {
    "maze": ("player", "target", "wall"),
    "sokoban": ("player", "target", "wall", "box"),
    "trapfield": ("player", "goal", "trap"),
    "irregular_maze": ("start", "end", "road"),
    "maze3d": ("colors.json",),
}
"""What the skin folder of a family must hold; names without an ending are pictures."""

ENDINGS = (".png", ".jpg", ".jpeg")  # in VR-Bench's order
WHITE: RGB = (255, 255, 255)
SOKOBAN_GROUND: RGB = (224, 201, 166)  # VR-Bench
ICON_SCALE = 0.8  # VR-Bench: share of the road's width that start and end take

PICTURES: dict[str, tuple[str, str, str]] = {
    "player": ("agent", "player", "player"),
    "target": ("goal", "goal", "goal"),
    "goal": ("goal", "goal", "goal"),
    "wall": ("wall", "wall", "wall"),
    "floor": ("floor", "floor", "floor"),
    "trap": ("trap", "trap", "trap"),
    "box": ("box", "box", "box"),
    "start": ("traveller", "start", "traveller"),
    "end": ("destination", "end", "goal"),
    "road": ("road", "road", "road"),
}
"""Picture of a folder -> name of its look, key of its words, and words where none are given."""

COLORS: dict[str, tuple[str, str, str]] = {
    "start_pos": ("start_cube", "start_cube", "start cube"),
    "goal_pos": ("goal_cube", "goal_cube", "goal cube"),
    "default_cube": ("cube", "default_cube", "cube"),
    "ball": ("ball", "ball", "ball"),
}
"""The same for the colours of a 3D maze."""


def skin_of(name: str) -> Skin:
    """The theme of this name, or the skin of this folder; an error that says what is known otherwise."""
    is_folder = name not in SKINS and ("/" in name or "\\" in name or FilePath(name).is_dir())
    return read_skin(name) if is_folder else skin_named(name)


def check_skin(name: str, family: str) -> None:
    """Raise an error unless this is a known theme, or a folder that holds what this family draws."""
    if name not in SKINS and family not in GAME_FILES and FilePath(name).is_dir():
        raise ConfigError(
            f"skin {name!r}: {family} takes skins by name only ({', '.join(SKINS)}); folders are for VR-Bench's games"
        )
    skin_of(name)
    if name in SKINS:
        return
    folder = FilePath(name)
    missing = [
        each for each in GAME_FILES[family] if not (folder / each).is_file() and _picture_file(folder, each) is None
    ]
    if missing:
        raise DatasetError(
            f"{folder}: no skin folder of {family}: {', '.join(missing)} missing; it needs "
            f"{', '.join(each if '.' in each else each + ENDINGS[0] for each in GAME_FILES[family])}"
        )


@functools.lru_cache(maxsize=64)
def read_skin(folder: str) -> Skin:
    """The skin of a VR-Bench folder; DatasetError with the file that is missing or broken."""
    place = FilePath(folder)
    if not place.is_dir():
        raise DatasetError(f"{place}: no such skin folder; known skins by name are {', '.join(SKINS)}")
    words = _words(place)
    looks: dict[str, Look] = _color_looks(place / "colors.json", words) if (place / "colors.json").is_file() else {}
    ground = SOKOBAN_GROUND if _picture_file(place, "box") is not None else WHITE
    for name, (thing, key, plain) in PICTURES.items():
        file = _picture_file(place, name)
        if file is None:
            continue
        shape = "tile" if thing in ("floor", "wall", "road") else "picture"
        scale = ICON_SCALE if thing in ("traveller", "destination") else 1.0
        word = words.get(key, plain)
        looks[thing] = Look(shape=shape, color=ground, scale=scale, word=word, picture=_read_texture(file))
    if not looks:
        raise DatasetError(f"{place}: no skin folder of VR-Bench: neither colors.json nor a picture of a thing")
    board = {name: looks.pop(name, None) for name in ("floor", "wall", "goal", "agent")}
    floor = board["floor"] or Look(shape="tile", color=ground, word=words.get("floor", "floor"))
    others = {name: look or getattr(SKINS["plain"], name) for name, look in board.items() if name != "floor"}
    if "road" in looks:
        looks["ground"] = SKINS["plain"].extra["ground"]
    return Skin(name=place.resolve().name, floor=floor, extra=looks, **others)


def _picture_file(folder: FilePath, name: str) -> FilePath | None:
    files = (folder / f"{name}{ending}" for ending in ENDINGS)
    return next((file for file in files if file.is_file()), None)


def _read_texture(file: FilePath) -> Texture:
    try:
        with Image.open(file) as image:
            rgba = np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{file}: not a readable picture ({error})") from error
    if not rgba[..., 3].any():
        raise DatasetError(f"{file}: nothing but transparent pixels")
    return Texture(rgba=rgba.tobytes(), height=rgba.shape[0], width=rgba.shape[1])


def _words(folder: FilePath) -> dict[str, str]:
    """What the folder calls its things, by VR-Bench's keys; empty where it says nothing."""
    file = folder / "description.json"
    if not file.is_file():
        return {}
    words = _read_json(file).get("visual_description", {})
    if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
        raise DatasetError(f"{file}: visual_description: expected an object of texts")
    return {key: " ".join(word.split()) for key, word in words.items() if word.strip()}


def _read_json(file: FilePath) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error})") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise DatasetError(f"{file}: not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise DatasetError(f"{file}: expected an object")
    return values


def _color_looks(file: FilePath, words: dict[str, str]) -> dict[str, Look]:
    """The looks of a 3D maze: the colours of its cubes and ball; ladders are black, as in VR-Bench."""
    values = _read_json(file)
    colors = {key: _color(file, key, values.get(key)) for key in (*COLORS, "ball_edge")}
    plain = SKINS["plain"].extra
    looks = {"ladder": plain["ladder"]}
    for key, (thing, word_key, plain_word) in COLORS.items():
        word = words.get(word_key, plain_word)
        looks[thing] = replace(plain[thing], color=colors[key], word=word)
    looks["ball"] = replace(looks["ball"], accent=colors["ball_edge"])
    cube = looks["cube"]
    looks["cube"] = cube if cube.word.endswith("s") else replace(cube, word=f"{cube.word}s")
    return looks


def _color(file: FilePath, key: str, value: Any) -> RGB:
    found = (
        re.fullmatch(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", value) if isinstance(value, str) else None
    )
    if found is None:
        raise DatasetError(f"{file}: {key}: expected a colour like #FF8C00; got {json.dumps(value, default=str)[:60]}")
    red, green, blue = bytes.fromhex(value[1:])
    return red, green, blue
