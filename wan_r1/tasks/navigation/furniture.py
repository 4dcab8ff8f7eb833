"""What stands in a room: kinds of furniture as upright prisms, and what people call them and want from them.

Lengths are in metres. In the frame of a piece, x points to its front, where a robot stops, and y to its left.
"""

from dataclasses import dataclass

__all__ = ["COLORS", "KINDS", "RGB", "Furniture", "Kind", "Prism"]

RGB = tuple[int, int, int]

COLORS: dict[str, RGB] = {
    "red": (200, 45, 40),
    "blue": (45, 85, 190),
    "green": (50, 145, 65),
    "yellow": (225, 190, 45),
    "white": (232, 232, 228),
    "black": (52, 52, 56),
    "orange": (228, 125, 40),
    "purple": (125, 60, 160),
}
"""Colours that tell two pieces of one kind apart."""

WOOD, STEEL, LEAF, CLAY, DARK, LIGHT = (
    (150, 105, 62),
    (170, 174, 180),
    (46, 122, 52),
    (165, 92, 60),
    (40, 42, 48),
    (250, 240, 205),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prism:
    """An upright block: a rectangle or disc at height z, in the frame of its piece of furniture."""

    x: float = 0.0
    y: float = 0.0
    length: float
    """Along x; of a disc, its diameter."""
    width: float
    z: tuple[float, float]
    color: RGB | None = None
    """None takes the colour of the piece."""
    texture: str = "cloth"
    disc: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of furniture."""

    parts: tuple[Prism, ...]
    colored: bool = True
    """Whether pieces come in the colours of COLORS."""
    wishes: tuple[str, ...]
    """Prompts that mean this kind without naming it."""
    use: str
    """What it is good for; a wish is clear if only one piece in the room has this use."""

    @property
    def half_size(self) -> tuple[float, float]:
        """Half of the length and half of the width of the floor space that it takes."""
        length = max(abs(part.x) + part.length / 2 for part in self.parts)
        return length, max(abs(part.y) + part.width / 2 for part in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Furniture:
    """One piece in a room: kind, colour (empty if the kind has its own), centre in metres, direction of its front."""

    kind: str
    color: str
    x: float
    y: float
    yaw: float

    @property
    def name(self) -> str:
        """What a prompt calls it, for example "red chair"."""
        return f"{self.color} {self.kind}".strip()


def _legs(length: float, width: float, height: float, thick: float, color: RGB | None) -> tuple[Prism, ...]:
    x, y = (length - thick) / 2, (width - thick) / 2
    corners = ((x, y), (x, -y), (-x, y), (-x, -y))
    return tuple(Prism(x=a, y=b, length=thick, width=thick, z=(0, height), color=color) for a, b in corners)


KINDS: dict[str, Kind] = {
    "chair": Kind(
        parts=(
            Prism(length=0.48, width=0.48, z=(0.40, 0.47)),
            Prism(x=-0.21, length=0.06, width=0.48, z=(0.47, 0.95)),
            *_legs(0.48, 0.48, 0.40, 0.06, None),
        ),
        wishes=("I want to sit down", "my legs are tired, take me to a seat"),
        use="sit",
    ),
    "table": Kind(
        parts=(
            Prism(length=0.8, width=1.1, z=(0.66, 0.74), texture="wood"),
            *_legs(0.8, 1.1, 0.66, 0.08, None),
        ),
        wishes=("I need a place to put down my plate", "lunch is ready, let us eat"),
        use="eat",
    ),
    "sofa": Kind(
        parts=(
            Prism(length=0.8, width=1.5, z=(0.0, 0.42)),
            Prism(x=-0.31, length=0.18, width=1.5, z=(0.42, 0.88)),
            Prism(x=0.09, y=0.67, length=0.62, width=0.16, z=(0.42, 0.62)),
            Prism(x=0.09, y=-0.67, length=0.62, width=0.16, z=(0.42, 0.62)),
        ),
        wishes=("I want to sit down", "I want to relax on something soft"),
        use="sit",
    ),
    "fridge": Kind(
        parts=(
            Prism(length=0.62, width=0.62, z=(0.0, 1.65), color=STEEL, texture="door"),
            Prism(x=0.33, y=0.2, length=0.04, width=0.05, z=(0.5, 1.3), color=DARK),
        ),
        colored=False,
        wishes=("I would like a cold drink", "I want to put the milk away"),
        use="cool",
    ),
    "plant": Kind(
        parts=(
            Prism(length=0.36, width=0.36, z=(0.0, 0.34), color=CLAY, disc=True),
            Prism(length=0.1, width=0.1, z=(0.34, 0.5), color=WOOD, disc=True),
            Prism(length=0.62, width=0.62, z=(0.5, 1.2), color=LEAF, texture="leaves", disc=True),
        ),
        colored=False,
        wishes=("something green needs water", "I want to smell the leaves"),
        use="plant",
    ),
    "lamp": Kind(
        parts=(
            Prism(length=0.34, width=0.34, z=(0.0, 0.05), color=DARK, disc=True),
            Prism(length=0.07, width=0.07, z=(0.05, 1.2), color=DARK, disc=True),
            Prism(length=0.44, width=0.44, z=(1.2, 1.55), color=LIGHT, disc=True),
            Prism(length=0.26, width=0.26, z=(0.05, 0.4), disc=True),
        ),
        wishes=("it is too dark, go where the light is switched on", "I need light to read"),
        use="light",
    ),
    "shelf": Kind(
        parts=(
            Prism(x=-0.13, length=0.06, width=0.9, z=(0.0, 1.6), texture="wood"),
            *(Prism(x=0.02, length=0.28, width=0.9, z=(z, z + 0.05), texture="wood") for z in (0.0, 0.5, 1.0, 1.55)),
            Prism(x=0.02, y=0.43, length=0.28, width=0.05, z=(0.0, 1.6), texture="wood"),
            Prism(x=0.02, y=-0.43, length=0.28, width=0.05, z=(0.0, 1.6), texture="wood"),
            Prism(y=0.1, length=0.2, width=0.6, z=(0.05, 0.38), color=(150, 60, 60), texture="books"),
            Prism(y=-0.1, length=0.2, width=0.6, z=(0.55, 0.88), color=(70, 100, 140), texture="books"),
        ),
        wishes=("I am looking for a book", "I want to return this novel"),
        use="read",
    ),
    "bin": Kind(
        parts=(
            Prism(length=0.42, width=0.42, z=(0.0, 0.55), disc=True),
            Prism(length=0.46, width=0.46, z=(0.55, 0.62), color=DARK, disc=True),
        ),
        wishes=("I have rubbish to throw away", "this paper cup is empty"),
        use="waste",
    ),
    "television": Kind(
        parts=(
            Prism(length=0.4, width=1.2, z=(0.0, 0.4), color=WOOD, texture="wood"),
            Prism(length=0.08, width=0.2, z=(0.4, 0.5), color=DARK),
            Prism(length=0.08, width=1.1, z=(0.5, 1.12), color=DARK),
            Prism(x=0.03, length=0.04, width=1.0, z=(0.56, 1.06), color=(70, 120, 170), texture="screen"),
        ),
        colored=False,
        wishes=("I want to watch the news", "the match starts now, I do not want to miss it"),
        use="watch",
    ),
    "crate": Kind(
        parts=(Prism(length=0.55, width=0.55, z=(0.0, 0.55), texture="planks"),),
        wishes=("I want to see what was delivered in the parcel", "my delivery has come, take me there"),
        use="parcel",
    ),
}
"""Noun -> kind."""
