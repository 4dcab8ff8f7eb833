"""How much of a change a sprite explains at a place, at borders and beside others."""

import numpy as np
import pytest

from wan_r1.tasks import make_family, task_seed
from wan_r1.trackers.changed import Look, look_at, window_around
from wan_r1.trackers.matching import around, beside, erase, forbid, has_hue, match, overlap, peak_offset
from wan_r1.trackers.scene import Scene, Template, make_scene
from wan_r1.types import Task

TASK = make_family("maze", level="tiny", size=80).generate(task_seed(3, 1))


def _scene(task: Task = TASK) -> tuple[Scene, Template]:
    scene = make_scene(task, 80, 80)
    return scene, scene.templates["agent"]


def _drawn(scene: Scene, template: Template, *places: tuple[int, int], colour: tuple[int, ...] | None = None) -> Look:
    """The background with the sprite, or another colour in its shape, at places."""
    frame = scene.background.astype(np.float32)
    for place in places:
        here, part = overlap(frame, place, template.alpha.shape)
        alpha = template.layers[part][..., 3:]
        ink = template.layers[part][..., :3] if colour is None else alpha * np.asarray(colour, np.float32)
        frame[here] = frame[here] * (1 - alpha) + ink
    return look_at(frame.round().clip(0, 255).astype(np.uint8), scene)


@pytest.mark.parametrize("place", [(30, 40), (22, 57), (3, 40), (40, 2)])
def test_a_drawn_sprite_is_explained_where_it_is(place: tuple[int, int]) -> None:
    scene, template = _scene()
    look = _drawn(scene, template, place)
    window = window_around(look.busy, template.reach)
    score, matched = match(look, template, window, 0.5)
    y, x = np.unravel_index(score.argmax(), score.shape)
    assert (window[0].start + y, window[1].start + x) == place
    if min(place) > template.reach:
        assert score[y, x] == pytest.approx(1, abs=0.03)
        assert matched[y, x] / template.energy[place] == pytest.approx(1, abs=0.03)


def test_another_colour_in_its_shape_lacks_its_hue() -> None:
    scene, template = _scene()
    place = (30, 40)
    assert has_hue(_drawn(scene, template, place), template, place)
    mean = template.layers[..., :3].sum(axis=(0, 1)) / template.alpha.sum()
    assert not has_hue(_drawn(scene, template, place, colour=tuple(255 - mean)), template, place)


def test_what_lies_around_a_sprite_makes_it_a_part_of_something_larger() -> None:
    scene, template = _scene()
    place, look = (30, 40), _drawn(scene, template, (30, 40))
    assert around(look.over, place, template) < 0.05
    blob = _drawn(scene, template, *((30 + r, 40 + c) for r in (-3, 0, 3) for c in (-3, 0, 3)))
    assert around(blob.over, place, template) > 0.3
    erase(look.over, place, template)
    assert not look.over.any()


def test_half_an_instance_beside_another_is_judged_by_the_other_half() -> None:
    scene, template = _scene()
    first, second = (30, 40), (30, 45)
    look = _drawn(scene, template, first, second)
    assert beside(look, template, second, [(first, template)]) > 0.9
    assert beside(look, template, second, [(second, template)]) == 0
    assert beside(_drawn(scene, template, first), template, second, [(first, template)]) < 0.2


def test_no_second_instance_is_taken_near_the_first() -> None:
    _, template = _scene()
    score = np.ones((30, 30), np.float32)
    forbid(score, (52, 61), (slice(50, 80), slice(60, 90)), template)
    rows, cols = np.mgrid[:30, :30]
    near = ((rows - 2) / template.gap[0]) ** 2 + ((cols - 1) / template.gap[1]) ** 2 < 1
    np.testing.assert_array_equal(score, np.where(near, -1, 1))


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.3, -0.2), (-0.49, 0.49)])
def test_the_peak_of_a_parabola_is_found_between_pixels(x: float, y: float) -> None:
    rows, cols = np.mgrid[-3:4, -3:4]
    score = (1 - 0.1 * (cols - x) ** 2 - 0.1 * (rows - y) ** 2).astype(np.float32)
    assert peak_offset(score, 3, 3) == pytest.approx((x, y), abs=1e-3)
    assert peak_offset(score, 0, 3)[1] == 0  # nothing is beyond the border
