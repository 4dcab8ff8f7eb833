"""The ball of 3D mazes on grounds that are more or less like it."""

import numpy as np
import pytest

from wan_r1.tasks import make_tasks
from wan_r1.tasks.maze3d.render import draw_positions
from wan_r1.tasks.maze3d.view import project
from wan_r1.tasks.skins import SKINS
from wan_r1.trackers.sprite import SpriteTracker


@pytest.mark.parametrize("skin", list(SKINS))
@pytest.mark.parametrize(("level", "size"), [("medium", 64), ("hard", 256)])
def test_a_ball_before_the_goal_cube_is_found_however_bright_the_rest_is(level: str, size: int, skin: str) -> None:
    for task in make_tasks("maze3d", 41, 4, level=level, size=size, skin=skin):
        cube = project(task.state.grid_size, np.add(task.state.goal, 0.5))
        points = np.repeat(cube[None].astype(np.float32), 3, axis=0)
        track = SpriteTracker()(draw_positions(task.state, points, size), task)
        assert track.seen.all()
        assert np.abs(track.of("agent") - points).max() < 0.15 * task.objects["agent"].width
