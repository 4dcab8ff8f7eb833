"""Parts of a VR-Bench state file that all games share."""

from typing import Any

from wan_r1.tasks.grid import Cell

__all__ = ["VERSION", "grid_entity"]

VERSION = "1.0"


def grid_entity(cell: Cell, cell_px: int) -> dict[str, Any]:
    """An entity on a cell of a board with `cell_px` pixels per cell."""
    row, col = cell
    x, y = col * cell_px, row * cell_px
    center_x, center_y = x + cell_px // 2, y + cell_px // 2
    box = {"x": x, "y": y, "width": cell_px, "height": cell_px, "center_x": center_x, "center_y": center_y}
    return {"pixel_pos": {"x": center_x, "y": center_y}, "bbox": box, "grid_pos": {"row": row, "col": col}}
