"""Sprites off any lattice, on roads: taken out of the first frame, and found in it."""

import numpy as np
import pytest

from wan_r1.tasks import family_of, make_tasks
from wan_r1.tasks.draw import draw_sprites, walk_positions
from wan_r1.tasks.irregular_maze.render import draw_net, sprites
from wan_r1.tasks.skins import SKINS
from wan_r1.trackers.scene import without_objects
from wan_r1.trackers.sprite import SpriteTracker


@pytest.mark.parametrize("skin", list(SKINS))
@pytest.mark.parametrize("size", [80, 256])
def test_the_road_below_an_agent_between_pixels_is_filled_in(skin: str, size: int) -> None:
    for task in make_tasks("irregular_maze", 3, 3, skin=skin, size=size):
        wrong = np.abs(without_objects(task).astype(int) - draw_net(task.state, size)).max(axis=2)
        shown = np.abs(task.first_frame.astype(int) - draw_net(task.state, size)).max(axis=2)
        assert wrong.sum() < 0.12 * shown.sum()


@pytest.mark.parametrize("skin", ["plain", "meadow", "slate"])
def test_an_agent_on_curved_roads_is_found_within_015_road_widths(skin: str) -> None:
    for task in make_tasks("irregular_maze", 5, 2, skin=skin):
        points = walk_positions(task.solution.points, 17, None)
        video = draw_sprites(draw_net(task.state, 80), [(sprites(task.state, 80)["agent"], points)])
        track = SpriteTracker()(video, task)
        assert track.seen.all()
        assert (track.copies == 1).all()
        assert np.abs(track.of("agent") - points).max() < 0.15 * task.state.net.width


def test_roads_that_spread_over_the_ground_are_a_change_of_the_scene() -> None:
    task = make_tasks("irregular_maze", 5, 1)[0]
    video = family_of(task).render(task, task.solution, 9, 80)
    video[3:, family_of(task).blocked_area(task, 80)] = 255
    changes = SpriteTracker().observe(video, task).changes
    assert np.nanmax(changes[:3]) < 28
    assert (np.nan_to_num(changes[3:]) > 28).mean() > 0.4
