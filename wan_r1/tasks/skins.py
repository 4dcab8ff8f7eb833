"""Themes drawn by code: what floor, wall, goal and agent look like. Four for training, two held out."""

from dataclasses import dataclass, field

from wan_r1.errors import ConfigError

__all__ = ["HELD_OUT_SKINS", "SKINS", "TRAIN_SKINS", "Look", "Skin", "Texture", "skin_named"]

RGB = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Texture:
    """A picture of a thing, as a skin folder holds it: bytes of [height, width, 4] uint8 RGBA."""

    rgba: bytes = field(repr=False)
    height: int
    width: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How one thing is drawn on its cell: a shape in a colour, an optional second colour, and a texture."""

    shape: str
    """tile, disk, ring, diamond, triangle, square, star or picture; see tasks/draw.py."""
    color: RGB
    accent: RGB | None = None
    """Colour of the texture marks, the gridline of a tile, or the eye of a sprite."""
    texture: str = "plain"
    """plain, grid, rim, bricks, dots, stripes, checker or cross."""
    scale: float = 1.0
    """Size of the shape as a share of the cell."""
    word: str = ""
    """What a prompt calls it, for example "red circle"."""
    picture: Texture | None = None
    """Shown instead of a shape; on a tile, `color` shows where the picture is transparent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Skin:
    """One theme: a name and the look of each thing."""

    name: str
    floor: Look
    wall: Look
    goal: Look
    agent: Look
    extra: dict[str, Look] = field(default_factory=dict)
    """Looks that only some games show: trap (trapfield), box (sokoban), road and ground (irregular_maze),
    cube, ladder, start_cube, goal_cube and ball (maze3d); and a game's own floor, wall, goal or agent under
    <game>_<thing>, where VR-Bench's plain skin of that game differs (irregular_maze: traveller and destination)."""


SKINS: dict[str, Skin] = {
    "plain": Skin(
        name="plain",
        floor=Look(shape="tile", color=(255, 255, 255), accent=(205, 205, 205), texture="grid", word="white floor"),
        wall=Look(shape="tile", color=(173, 216, 230), accent=(138, 173, 184), texture="grid", word="light blue wall"),
        goal=Look(shape="tile", color=(0, 128, 0), word="green square"),
        agent=Look(shape="disk", color=(255, 0, 0), scale=0.74, word="red circle"),
        extra={
            "trap": Look(
                shape="tile", color=(255, 68, 68), accent=(136, 0, 0), texture="cross", word="red crossed trap"
            ),
            "trapfield_floor": Look(
                shape="tile", color=(230, 230, 230), accent=(200, 200, 200), texture="grid", word="grey floor"
            ),
            "trapfield_goal": Look(shape="disk", color=(68, 255, 68), scale=0.72, word="green circle"),
            "trapfield_agent": Look(shape="disk", color=(68, 68, 255), scale=0.76, word="blue circle"),
            "sokoban_wall": Look(
                shape="tile", color=(116, 116, 116), accent=(94, 94, 94), texture="grid", word="grey wall"
            ),
            "sokoban_agent": Look(shape="disk", color=(47, 133, 246), word="blue circle"),
            "box": Look(shape="tile", color=(254, 231, 90), accent=(205, 186, 54), texture="grid", word="yellow box"),
            "sokoban_goal": Look(
                shape="tile", color=(253, 120, 120), accent=(207, 89, 88), texture="grid", word="red square"
            ),
            "road": Look(shape="tile", color=(255, 255, 255), word="white road"),
            "ground": Look(shape="tile", color=(0, 0, 0), word="black ground"),
            "traveller": Look(shape="disk", color=(20, 255, 0), scale=0.8, word="green circle"),
            "destination": Look(shape="disk", color=(255, 0, 0), scale=0.8, word="red circle"),
            "cube": Look(shape="tile", color=(136, 136, 136), word="grey cubes"),
            "ladder": Look(shape="tile", color=(0, 0, 0), word="black ladders"),
            "start_cube": Look(shape="tile", color=(68, 68, 255), word="blue cube"),
            "goal_cube": Look(shape="tile", color=(255, 68, 68), word="red cube"),
            "ball": Look(
                shape="disk", color=(255, 215, 0), accent=(255, 140, 0), texture="rim", scale=0.76, word="gold ball"
            ),
        },
    ),
    "night": Skin(
        name="night",
        floor=Look(shape="tile", color=(38, 42, 58), word="dark floor"),
        wall=Look(shape="tile", color=(110, 120, 150), accent=(84, 92, 120), texture="bricks", word="grey brick wall"),
        goal=Look(shape="square", color=(250, 200, 60), scale=0.8, word="golden square"),
        agent=Look(shape="disk", color=(90, 220, 250), scale=0.76, word="cyan circle"),
        extra={
            "trap": Look(
                shape="diamond",
                color=(232, 70, 80),
                accent=(120, 20, 40),
                texture="checker",
                scale=0.96,
                word="red spike",
            ),
            "box": Look(
                shape="square",
                color=(160, 96, 200),
                accent=(96, 50, 130),
                texture="grid",
                scale=0.84,
                word="purple crate",
            ),
            "road": Look(shape="tile", color=(80, 88, 118), word="grey road"),
            "ground": Look(shape="tile", color=(18, 20, 32), word="night-blue ground"),
            "cube": Look(shape="tile", color=(84, 92, 150), word="slate-blue cubes"),
            "ladder": Look(shape="tile", color=(226, 180, 60), word="golden ladders"),
            "start_cube": Look(shape="tile", color=(52, 150, 100), word="green cube"),
            "goal_cube": Look(shape="tile", color=(232, 84, 70), word="red cube"),
        },
    ),
    "meadow": Skin(
        name="meadow",
        floor=Look(shape="tile", color=(214, 190, 140), word="sandy path"),
        wall=Look(shape="tile", color=(56, 128, 62), accent=(38, 100, 48), texture="dots", word="green hedge"),
        goal=Look(shape="tile", color=(250, 250, 250), accent=(250, 220, 60), texture="checker", word="chequered tile"),
        agent=Look(shape="diamond", color=(150, 40, 170), scale=0.92, word="purple diamond"),
        extra={
            "trap": Look(
                shape="tile", color=(40, 104, 196), accent=(110, 170, 236), texture="stripes", word="water hole"
            ),
            "box": Look(
                shape="square",
                color=(122, 74, 36),
                accent=(88, 50, 22),
                texture="stripes",
                scale=0.86,
                word="brown crate",
            ),
            "road": Look(shape="tile", color=(214, 190, 140), word="sandy road"),
            "ground": Look(shape="tile", color=(56, 128, 62), word="green meadow"),
            "destination": Look(shape="tile", color=(250, 250, 250), word="white square"),
            "cube": Look(shape="tile", color=(120, 178, 90), word="green cubes"),
            "ladder": Look(shape="tile", color=(120, 74, 36), word="wooden ladders"),
            "start_cube": Look(shape="tile", color=(80, 120, 220), word="blue cube"),
            "goal_cube": Look(shape="tile", color=(250, 250, 250), word="white cube"),
        },
    ),
    "brick": Skin(
        name="brick",
        floor=Look(shape="tile", color=(236, 230, 220), word="cream floor"),
        wall=Look(shape="tile", color=(160, 74, 54), accent=(122, 52, 38), texture="bricks", word="red brick wall"),
        goal=Look(shape="tile", color=(40, 90, 200), word="blue square"),
        agent=Look(shape="triangle", color=(20, 20, 24), scale=0.88, word="black triangle"),
        extra={
            "trap": Look(shape="tile", color=(250, 120, 20), accent=(255, 214, 60), texture="dots", word="fire pit"),
            "box": Look(
                shape="square",
                color=(110, 150, 110),
                accent=(60, 96, 62),
                texture="grid",
                scale=0.84,
                word="green chest",
            ),
            "road": Look(shape="tile", color=(210, 196, 178), word="cream road"),
            "ground": Look(shape="tile", color=(170, 84, 62), word="brick-red ground"),
            "cube": Look(shape="tile", color=(190, 96, 74), word="brick cubes"),
            "ladder": Look(shape="tile", color=(60, 60, 70), word="iron ladders"),
            "start_cube": Look(shape="tile", color=(236, 196, 110), word="yellow cube"),
            "goal_cube": Look(shape="tile", color=(40, 90, 200), word="blue cube"),
            "ball": Look(
                shape="disk", color=(40, 160, 90), accent=(16, 90, 50), texture="rim", scale=0.76, word="green ball"
            ),
        },
    ),
    "candy": Skin(
        name="candy",
        floor=Look(shape="tile", color=(255, 236, 244), word="pink floor"),
        wall=Look(shape="tile", color=(236, 120, 170), accent=(250, 170, 205), texture="stripes", word="pink wall"),
        goal=Look(shape="tile", color=(90, 210, 160), word="mint square"),
        agent=Look(shape="disk", color=(70, 50, 160), scale=0.78, word="violet circle"),
        extra={
            "trap": Look(shape="star", color=(90, 40, 20), scale=1.0, word="chocolate star"),
            "box": Look(
                shape="square",
                color=(240, 150, 60),
                accent=(250, 190, 110),
                texture="stripes",
                scale=0.84,
                word="caramel cube",
            ),
            "road": Look(shape="tile", color=(250, 226, 150), word="caramel road"),
            "ground": Look(shape="tile", color=(236, 150, 190), word="pink ground"),
            "cube": Look(shape="tile", color=(244, 150, 196), word="pink cubes"),
            "ladder": Look(shape="tile", color=(110, 60, 30), word="chocolate ladders"),
            "start_cube": Look(shape="tile", color=(140, 190, 250), word="sky-blue cube"),
            "goal_cube": Look(shape="tile", color=(60, 190, 130), word="mint cube"),
        },
    ),
    "slate": Skin(
        name="slate",
        floor=Look(shape="tile", color=(120, 124, 128), word="grey floor"),
        wall=Look(shape="tile", color=(36, 38, 42), accent=(60, 63, 68), texture="checker", word="black wall"),
        goal=Look(shape="tile", color=(230, 110, 30), word="orange square"),
        agent=Look(shape="square", color=(240, 240, 120), scale=0.7, word="yellow square"),
        extra={
            "trap": Look(shape="tile", color=(200, 40, 30), accent=(120, 20, 20), texture="bricks", word="lava crack"),
            "box": Look(
                shape="square",
                color=(80, 210, 235),
                accent=(50, 150, 175),
                texture="grid",
                scale=0.84,
                word="cyan block",
            ),
            "road": Look(shape="tile", color=(112, 116, 120), word="grey road"),
            "ground": Look(shape="tile", color=(36, 38, 44), word="black ground"),
            "cube": Look(shape="tile", color=(70, 76, 88), word="dark cubes"),
            "ladder": Look(shape="tile", color=(206, 92, 24), word="orange ladders"),
            "start_cube": Look(shape="tile", color=(90, 170, 190), word="teal cube"),
            "goal_cube": Look(shape="tile", color=(60, 190, 90), word="green cube"),
        },
    ),
}

TRAIN_SKINS = ("plain", "night", "meadow", "brick")
HELD_OUT_SKINS = ("candy", "slate")


def skin_named(name: str) -> Skin:
    """The theme of this name; ConfigError with the known names otherwise."""
    if name not in SKINS:
        raise ConfigError(f"skin {name!r}: unknown; known skins are {', '.join(SKINS)}; give a skin folder by its path")
    return SKINS[name]
