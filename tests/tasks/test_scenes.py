import numpy as np
import pytest

from wan_r1.tasks.scenes import SCENES, random_scene


@pytest.mark.parametrize("name", list(SCENES))
@pytest.mark.parametrize("size", [32, 64, 80])
def test_a_scene_is_a_video_of_the_size_asked_for(name, size):
    for seed in range(6):
        clip = SCENES[name](np.random.default_rng(seed), 5, size)
        assert clip.shape == (5, size, size, 3)
        assert clip.dtype == np.uint8


@pytest.mark.parametrize("name", list(SCENES))
def test_the_same_seed_draws_the_same_scene(name):
    first, second = (SCENES[name](np.random.default_rng(3), 5, 64) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", list(SCENES))
def test_most_scenes_of_a_kind_move(name):
    clips = [SCENES[name](np.random.default_rng(seed), 9, 64) for seed in range(10)]
    assert sum(bool((clip != clip[:1]).any()) for clip in clips) >= 7


def test_random_scenes_differ():
    clips = {random_scene(np.random.default_rng(seed), 5, 64).tobytes() for seed in range(12)}
    assert len(clips) == 12
