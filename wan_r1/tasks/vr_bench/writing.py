"""Parts of a VR-Bench state file that all games share."""

from typing import Any

from wan_r1.tasks.grid import Cell

__all__ = ["VERSION", "grid_entity", "pixel_entity"]

VERSION = "1.0"


def grid_entity(cell: Cell, cell_px: int) -> dict[str, Any]:
    """An entity on a cell of a board with `cell_px` pixels per cell."""
    row, col = cell
    x, y = col * cell_px, row * cell_px
    center_x, center_y = x + cell_px // 2, y + cell_px // 2
    box = {"x": x, "y": y, "width": cell_px, "height": cell_px, "center_x": center_x, "center_y": center_y}
    return {"pixel_pos": {"x": center_x, "y": center_y}, "bbox": box, "grid_pos": {"row": row, "col": col}}


def pixel_entity(x: int, y: int, side_px: int) -> dict[str, Any]:
    """An entity of a game without a board, in the middle of a box of `side_px` pixels."""
    left, top = x - side_px // 2, y - side_px // 2
    box = {"x": left, "y": top, "width": side_px, "height": side_px, "center_x": x, "center_y": y}
    return {"pixel_pos": {"x": x, "y": y}, "bbox": box}
