"""The gallery of the docs: one sheet for each game, a picture for each level (rows) and skin (columns).

python benchmarks/gallery.py [--game GAME] [--out docs/images]      # -> docs/images/gallery_GAME.png

The last two columns are the held-out skins. Every row shows the first picture of one task, the second of its stream.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.skins import HELD_OUT_SKINS, TRAIN_SKINS

GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")
LEVELS = ("tiny", "easy", "medium", "hard")
SKINS = (*TRAIN_SKINS, *HELD_OUT_SKINS)
PX, GAP_PX, HEAD_PX, SIDE_PX = 160, 6, 18, 64
DRAWN_PX = 320  # pictures are drawn this large and shrunk
INK = (60, 60, 60)

Picture = NDArray[np.uint8]


def tile(game: str, level: str, skin: str) -> Picture:
    """The first picture of one task, [PX, PX, 3]."""
    family: Any = make_family(game, level=level, skin=skin)
    task = family.generate(task_seed(1, 1))
    if level != "tiny":  # a small level is shown with its own pixels
        task = make_family(game, level=level, skin=skin, size=DRAWN_PX).task(task.state)  # type: ignore[attr-defined]
    small = task.first_frame.shape[0] < PX
    picture = cv2.resize(task.first_frame, (PX, PX), interpolation=cv2.INTER_NEAREST if small else cv2.INTER_AREA)
    return np.asarray(picture, dtype=np.uint8)


def sheet(game: str) -> Picture:
    """All tiles of a game, with the names of levels and skins."""
    step = PX + GAP_PX
    canvas = np.full((HEAD_PX + len(LEVELS) * step, SIDE_PX + len(SKINS) * step, 3), 255, np.uint8)
    for row, level in enumerate(LEVELS):
        top = HEAD_PX + row * step
        _write(canvas, level, 4, top + PX // 2)
        for col, skin in enumerate(SKINS):
            left = SIDE_PX + col * step
            _write(canvas, skin, left + 2, 13)
            canvas[top : top + PX, left : left + PX] = tile(game, level, skin)
    return canvas


def _write(canvas: Picture, text: str, x: int, y: int) -> None:
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)


def main() -> int:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", choices=GAMES, help="this one only")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "docs" / "images")
    options = parser.parse_args()
    for game in [options.game] if options.game else GAMES:
        file = options.out / f"gallery_{game}.png"
        Image.fromarray(sheet(game)).save(file, optimize=True)
        print(f"{file}: {file.stat().st_size // 1000} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
