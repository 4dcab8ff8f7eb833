"""Themes drawn by code: what floor, wall, goal and agent look like. Four for training, two held out."""

from dataclasses import dataclass, field

from wan_r1.errors import ConfigError

__all__ = ["HELD_OUT_SKINS", "SKINS", "TRAIN_SKINS", "Look", "Skin", "skin_named"]

RGB = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How one thing is drawn on its cell: a shape in a colour, an optional second colour, and a texture."""

    shape: str
    """tile, disk, ring, diamond, triangle, square or star; see tasks/draw.py."""
    color: RGB
    accent: RGB | None = None
    """Colour of the texture marks, the gridline of a tile, or the eye of a sprite."""
    texture: str = "plain"
    """plain, grid, bricks, dots, stripes or checker."""
    scale: float = 1.0
    """Size of the shape as a share of the cell."""
    word: str = ""
    """What a prompt calls it, for example "red circle"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Skin:
    """One theme: a name and the look of each thing."""

    name: str
    floor: Look
    wall: Look
    goal: Look
    agent: Look
    extra: dict[str, Look] = field(default_factory=dict)


SKINS: dict[str, Skin] = {
    "plain": Skin(
        name="plain",
        floor=Look(shape="tile", color=(255, 255, 255), accent=(205, 205, 205), texture="grid", word="white floor"),
        wall=Look(shape="tile", color=(173, 216, 230), accent=(138, 173, 184), texture="grid", word="light blue wall"),
        goal=Look(shape="tile", color=(0, 128, 0), word="green square"),
        agent=Look(shape="disk", color=(255, 0, 0), scale=0.74, word="red circle"),
    ),
    "night": Skin(
        name="night",
        floor=Look(shape="tile", color=(38, 42, 58), word="dark floor"),
        wall=Look(shape="tile", color=(110, 120, 150), accent=(84, 92, 120), texture="bricks", word="grey brick wall"),
        goal=Look(shape="square", color=(250, 200, 60), scale=0.8, word="golden square"),
        agent=Look(shape="disk", color=(90, 220, 250), scale=0.76, word="cyan circle"),
    ),
    "meadow": Skin(
        name="meadow",
        floor=Look(shape="tile", color=(214, 190, 140), word="sandy path"),
        wall=Look(shape="tile", color=(56, 128, 62), accent=(38, 100, 48), texture="dots", word="green hedge"),
        goal=Look(shape="tile", color=(250, 250, 250), accent=(20, 20, 20), texture="checker", word="chequered tile"),
        agent=Look(shape="diamond", color=(150, 40, 170), scale=0.92, word="purple diamond"),
    ),
    "brick": Skin(
        name="brick",
        floor=Look(shape="tile", color=(236, 230, 220), word="cream floor"),
        wall=Look(shape="tile", color=(160, 74, 54), accent=(122, 52, 38), texture="bricks", word="red brick wall"),
        goal=Look(shape="tile", color=(40, 90, 200), word="blue square"),
        agent=Look(shape="triangle", color=(20, 20, 24), scale=0.88, word="black triangle"),
    ),
    "candy": Skin(
        name="candy",
        floor=Look(shape="tile", color=(255, 236, 244), word="pink floor"),
        wall=Look(shape="tile", color=(236, 120, 170), accent=(250, 170, 205), texture="stripes", word="pink wall"),
        goal=Look(shape="tile", color=(90, 210, 160), word="mint square"),
        agent=Look(shape="disk", color=(70, 50, 160), scale=0.78, word="violet circle"),
    ),
    "slate": Skin(
        name="slate",
        floor=Look(shape="tile", color=(120, 124, 128), word="grey floor"),
        wall=Look(shape="tile", color=(36, 38, 42), accent=(60, 63, 68), texture="checker", word="black wall"),
        goal=Look(shape="tile", color=(230, 110, 30), word="orange square"),
        agent=Look(shape="square", color=(240, 240, 120), scale=0.7, word="yellow square"),
    ),
}

TRAIN_SKINS = ("plain", "night", "meadow", "brick")
HELD_OUT_SKINS = ("candy", "slate")


def skin_named(name: str) -> Skin:
    """The theme of this name; ConfigError with the known names otherwise."""
    if name not in SKINS:
        raise ConfigError(f"skin {name!r}: unknown; known skins are {', '.join(SKINS)}")
    return SKINS[name]
