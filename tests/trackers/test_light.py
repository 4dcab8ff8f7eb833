"""The light of a frame is told from what changed in it."""

import numpy as np
import pytest

from wan_r1.trackers.light import contrast_of, fit_light, relight, tile_changes

TILES = np.random.default_rng(0).uniform(20, 220, (3, 12, 12)).astype(np.float32)
ALL = np.ones((1, 12, 12), bool)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, (0, 0, 0)), (0.8, (10, -5, 20)), (1.2, (-30, 0, 8))])
def test_gain_and_offsets_are_found_though_a_corner_changed(gain: float, offset: tuple[float, ...]) -> None:
    seen = TILES * gain + np.asarray(offset, np.float32)[:, None, None]
    seen[:, :3, :3] += 90
    light = fit_light(np.stack([seen, TILES]), TILES)
    np.testing.assert_allclose(light[0], [gain, *offset], atol=0.05)
    np.testing.assert_allclose(light[1], [1, 0, 0, 0], atol=0.05)
    changes = tile_changes(seen[None], TILES, light[:1])[0]
    assert changes[:3, :3].min() > 50
    assert np.delete(changes.ravel(), np.flatnonzero(changes.ravel() > 50)).max() < 0.2


def test_a_colour_that_covers_less_than_half_is_a_change_and_no_light() -> None:
    seen = TILES.copy()
    seen[:, :, :5] = np.asarray([200, 30, 30], np.float32)[:, None, None]
    np.testing.assert_allclose(fit_light(seen[None], TILES), [[1, 0, 0, 0]], atol=0.05)


@pytest.mark.parametrize("kept", [1.0, 0.5, 0.0])
def test_contrast_is_the_share_of_the_differences_between_places_that_is_left(kept: float) -> None:
    middle = TILES.mean(axis=(1, 2), keepdims=True)
    offset = np.asarray([12, -20, 3], np.float32)[:, None, None]
    faded = middle + kept * (TILES - middle) + offset
    assert contrast_of(faded[None], TILES, ALL)[0] == pytest.approx(kept, abs=1e-4)


def test_contrast_is_that_of_visible_tiles() -> None:
    seen, visible = TILES.copy(), ALL.copy()
    seen[:, :6], visible[:, :6] = 128, False
    assert contrast_of(seen[None], TILES, visible)[0] == pytest.approx(1, abs=1e-4)
    assert contrast_of(seen[None], TILES, ALL)[0] < 0.7
    assert contrast_of(seen[None], np.full_like(TILES, 90), ALL)[0] == 1  # nothing to lose
    assert contrast_of(seen[None], TILES, ~ALL)[0] == 1


def test_light_is_taken_back() -> None:
    frame = np.random.default_rng(1).integers(40, 200, (8, 8, 3)).astype(np.uint8)
    lit = (frame * 0.8 + (10, 0, 20)).astype(np.uint8)
    back = relight(lit, np.asarray([0.8, 10, 0, 20], np.float32))
    assert np.abs(back.astype(int) - frame).max() <= 2
    assert relight(frame, np.asarray([1.01, 1, 1, 1], np.float32)) is frame
