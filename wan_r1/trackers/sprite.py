"""The tracker that rewards stand on: finds all instances of every known object in every frame.

A frame is explained as background + sprites (trackers/scene.py). With D = frame - background, S, a = colours and alpha of a sprite and
B = background, an instance at p has D = a (S - B). Its score is the share of the sprite's contrast E = sum a^2 |S - B|^2
that this explains: 1 - (sum over the sprite |D - a (S - B)|^2 + sum over a ring around it |D|^2) / E. It is 1 for a perfect
instance and at most 0 where only background is; the ring keeps larger things of the same colour out. Where the conditioning
image itself looks like the sprite, D is 0 and nothing is found.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, TrackingError
from wan_r1.trackers.scene import TILE_PX, Scene, Template, fit_light, make_scene, shrink, tile_means
from wan_r1.types import Task, Track
from wan_r1.video import check_video

__all__ = ["Observation", "SpriteTracker"]

CHUNK = 32  # frames held as shrunken pictures at a time
MAX_INSTANCES = 6  # a video full of clones needs no exact count
APART = 0.6  # two instances of one sprite are at least this share of its width apart
MIN_CONTRAST = 0.2  # share of the largest contrast below which the background hides the sprite
CHANGED = 0.2  # share of the sprite's contrast at which a pixel counts as changed

Video = NDArray[np.uint8]
Floats = NDArray[np.float32]
Found = list[tuple[float, float, float]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Observation:
    """One look at a video: where the objects are, and what else changed.

    changes [T, rows, cols] float32: per tile, the largest difference over colour channels to the conditioning image in grey levels,
    after a change of light was removed; NaN where objects are. light [T, 4]: gain, and offset of each channel.
    """

    track: Track
    changes: Floats
    light: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class SpriteTracker:
    """Explains each frame as conditioning image + sprites; see the module's first lines."""

    min_score: float = 0.4
    """Share of a sprite's contrast that an instance must explain. Honest ones: above .8; a sprite 1.5 times as large: below .3."""
    min_amplitude: float = 0.5
    """Opacity above which an instance is there: more like the sprite than like the background."""

    def __post_init__(self) -> None:
        for name in ("min_score", "min_amplitude"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)}; must lie between 0 and 1")

    def __call__(self, video: Video, task: Task) -> Track:
        """Track of the task's objects in video [T, H, W, 3] uint8; any size and length."""
        return self.observe(video, task).track

    def observe(self, video: Video, task: Task) -> Observation:
        """Track and scene changes in one pass; memory beside the video does not grow with its pixels."""
        check_video(video)
        if not task.objects:
            raise TrackingError(f"task of family {task.family}: it has no objects to track")
        scene = make_scene(task, video.shape[1], video.shape[2])
        found: list[dict[str, Found]] = []
        changes, lights = [], []
        for first in range(0, len(video), CHUNK):
            part, changed, light = self._observe_chunk(video[first : first + CHUNK], scene)
            found += part
            changes.append(changed)
            lights.append(light)
        track = _link(found, task, scene.background.shape[:2])
        return Observation(track=track, changes=np.concatenate(changes), light=np.concatenate(lights))

    def _observe_chunk(self, video: Video, scene: Scene) -> tuple[list[dict[str, Found]], Floats, Floats]:
        height, width = scene.background.shape[:2]
        frames = [shrink(frame, height, width) for frame in video]
        tiles = np.stack([tile_means(frame) for frame in frames])
        gain, offset = fit_light(tiles, scene.tiles)
        changes = np.abs((tiles - offset) / gain - scene.tiles).max(axis=3)
        light = np.concatenate([gain, offset], axis=3).reshape(-1, 4)
        found = []
        for index, frame in enumerate(frames):
            instances = self._find(_relight(frame, light[index]), scene)
            _hide(changes[index], instances, scene)
            found.append(instances)
        return found, changes.astype(np.float32), light.astype(np.float32)

    def _find(self, frame: Video, scene: Scene) -> dict[str, Found]:
        """All instances of each template in one frame: (x, y, score) with pixel centres at integers."""
        changed = cv2.absdiff(frame, scene.background)
        noise = float(np.median(changed[::3, ::3])) / 0.6745
        over = cv2.subtract(changed, scene.tolerance)
        if noise > 0:
            over = cv2.subtract(over, np.full(4, 2 * noise))
        busy = cv2.blur(cv2.transform(over, np.ones((1, 3), np.float32)), (3, 3))
        return {
            name: self._instances(frame, over, busy, noise, scene.background, template)
            for name, template in scene.templates.items()
        }

    def _instances(
        self, frame: Video, over: Video, busy: Video, noise: float, background: Video, template: Template
    ) -> Found:
        contrast = np.sqrt(template.energy.max() / np.square(template.alpha).sum())
        level = CHANGED * float(contrast)
        busy = cv2.threshold(busy, level, 255, cv2.THRESH_BINARY)[1]
        area = float(template.inside.sum())
        found: Found = []
        while len(found) < MAX_INSTANCES and cv2.countNonZero(busy) > 0.25 * area:
            window = _window(busy, template.reach)
            score, amplitude = _match(frame, over, noise, background, template, window)
            score[amplitude < self.min_amplitude] = -1
            _forbid(score, found, window, template)
            y, x = np.unravel_index(int(score.argmax()), score.shape)
            if score[y, x] < self.min_score:
                break
            dx, dy = _peak_offset(score, int(y), int(x))
            center = (window[1].start + x + dx, window[0].start + y + dy, float(score[y, x]))
            found.append(center)
            over, busy = over.copy(), busy.copy()
            _erase((over, busy), center, template)
        return found


def _relight(frame: Video, light: Floats) -> Video:
    gain, offset = light[0], light[1:]
    if abs(gain - 1) < 0.01 and np.abs(offset).max() < 1:
        return frame
    levels = (np.arange(256, dtype=np.float32)[:, None] - offset) / gain
    return np.asarray(cv2.LUT(frame, levels.round().clip(0, 255).astype(np.uint8)[None]))


def _window(busy: Video, reach: int) -> tuple[slice, slice]:
    x, y, w, h = cv2.boundingRect(busy)
    return slice(max(0, y - reach), y + h + reach), slice(max(0, x - reach), x + w + reach)


def _match(
    frame: Video, over: Video, noise: float, background: Video, template: Template, window: tuple[slice, slice]
) -> tuple[Floats, Floats]:
    """Score and amplitude for each centre pixel of a window."""
    below = background[window].astype(np.float32)
    difference = frame[window].astype(np.float32) - below
    energy = template.energy[window]
    matched = -_correlate((difference * below).sum(axis=2), template.alpha)
    for channel in range(3):
        matched += _correlate(difference[..., channel], template.color[..., channel])
    within = _correlate((difference**2).sum(axis=2), template.inside) - 3 * noise**2 * template.inside.sum()
    around = _correlate((over[window].astype(np.float32) ** 2).sum(axis=2), template.ring)
    safe = np.maximum(energy, 1.0)
    amplitude = np.where(energy > MIN_CONTRAST * template.energy.max(), matched / safe, 0)
    score = (2 * matched - np.maximum(within, 0) - around) / safe
    return score.astype(np.float32), amplitude


def _correlate(picture: Floats, kernel: Floats) -> Floats:
    return np.asarray(cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT))


def _forbid(score: Floats, found: Found, window: tuple[slice, slice], template: Template) -> None:
    """No second instance where one was found already, in place."""
    gap = max(1.0, APART * float(template.inside.any(axis=0).sum()))
    for x, y, _ in found:
        rows = np.arange(score.shape[0])[:, None] + window[0].start - y
        cols = np.arange(score.shape[1])[None] + window[1].start - x
        score[rows**2 + cols**2 < gap**2] = -1


def _erase(pictures: tuple[Video, ...], center: tuple[float, float, float], template: Template) -> None:
    """Clear the place of an instance in pictures of changes, in place."""
    reach = template.reach
    x, y = round(center[0]), round(center[1])
    near = cv2.dilate(template.inside, np.ones((3, 3), np.uint8)) > 0
    for picture in pictures:
        h, w = picture.shape[:2]
        rows, cols = slice(max(0, y - reach), min(h, y + reach + 1)), slice(max(0, x - reach), min(w, x + reach + 1))
        part = near[rows.start - y + reach : rows.stop - y + reach, cols.start - x + reach : cols.stop - x + reach]
        picture[rows, cols][part] = 0


def _peak_offset(score: Floats, y: int, x: int) -> tuple[float, float]:
    """Sub-pixel position of a peak relative to its pixel, by a parabola through its neighbours."""

    def vertex(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0

    dx = vertex(score[y, x - 1], score[y, x], score[y, x + 1]) if 0 < x < score.shape[1] - 1 else 0.0
    dy = vertex(score[y - 1, x], score[y, x], score[y + 1, x]) if 0 < y < score.shape[0] - 1 else 0.0
    return dx, dy


def _hide(changes: Floats, instances: dict[str, Found], scene: Scene) -> None:
    """NaN on the tiles that instances touch, in place."""
    for name, found in instances.items():
        reach = scene.templates[name].reach
        for x, y, _ in found:
            top, left = max(0, int(y - reach) // TILE_PX), max(0, int(x - reach) // TILE_PX)
            changes[top : int(y + reach) // TILE_PX + 1, left : int(x + reach) // TILE_PX + 1] = np.nan


def _link(found: list[dict[str, Found]], task: Task, shape: tuple[int, int]) -> Track:
    """One track for each object: of several instances the one nearest to where the object was last."""
    names = tuple(task.objects)
    size = (len(names), len(found))
    points = np.full((*size, 2), np.nan, dtype=np.float32)
    scores, copies = np.zeros(size, np.float32), np.zeros(size, np.int64)
    for row, name in enumerate(names):
        last = np.asarray(task.objects[name].center)
        for t, instances in enumerate(found):
            copies[row, t] = len(instances[name])
            if not instances[name]:
                continue
            places = (np.asarray(instances[name])[:, :2] + 0.5) / (shape[1], shape[0])
            best = int(np.hypot(*(places - last).T).argmin())
            points[row, t], scores[row, t] = places[best], instances[name][best][2]
            last = places[best]
    return Track(objects=names, points=points, seen=copies > 0, copies=copies, scores=scores, unit="image")
