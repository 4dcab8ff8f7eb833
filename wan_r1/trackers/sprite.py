"""The tracker that rewards stand on: finds all instances of every known object in every frame.

A frame is explained as background + sprites (trackers/scene.py). With D = frame - background, S, a = colours and alpha
of a sprite and B = background, an instance at p has D = a (S - B). Its score is the share of the sprite's contrast E =
sum a^2 |S - B|^2 that this explains, 1 - (sum over the sprite |D - a (S - B)|^2) / E, less a cost for what changed in
a ring around it. It is 1 for a perfect instance and at most 0 where only background is; the ring keeps larger things
of the same colour out. Where the conditioning image itself looks like the sprite, D is 0 and nothing is found.
"""

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, TrackingError
from wan_r1.trackers.candidates import Candidate, undisputed
from wan_r1.trackers.changed import busy_pixels, noise_of, window_around
from wan_r1.trackers.goals import goal_change
from wan_r1.trackers.light import contrast_of, fit_light, largest_channel, relight
from wan_r1.trackers.linking import Found, link_instances, with_lasting_copies
from wan_r1.trackers.scene import (
    MIN_CONTRAST,
    TILE_PX,
    Scene,
    Template,
    make_scene,
    shrink,
    tile_means,
)
from wan_r1.types import Task, Track
from wan_r1.video import check_video

__all__ = ["Observation", "SpriteTracker"]

CHUNK = 16  # frames held as shrunken pictures at a time
MAX_INSTANCES = 6  # a video full of clones needs no exact count
RING_WEIGHT = 2.0  # a ring full of the sprite's colour costs twice what the sprite explains: a part of a larger thing
RING_FAINT, RING_FULL = 0.15, 0.65  # shares of the sprite's contrast: less is blur around it, more is its colour
HUE_COSINE = 0.87  # 30 degrees between the change of colour that is seen and the one that the sprite makes
LEAST_HUE = 40.0  # grey levels between sprite and background, on the mean, below which noise tells the direction
LARGER = 0.2  # share of the ring that has the sprite's colour from which a thing is a larger one
LEFT_OUT = 0.1  # loss to the ring from which an instance may lie a little beside the place that was found
CHANGED = 0.1  # share of the sprite's contrast at which a pixel counts as changed

SUM = np.ones((1, 3), np.float32)

Video = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Observation:
    """One look at a video: where the objects are, and what else changed.

    changes [T, rows, cols] float32: per tile, the largest difference over colour channels to the conditioning image in
    grey levels, beyond what light and blur explain; NaN where objects are. goals [T, G] float32: change of each small
    goal (trackers/goals.py) as a share of its contrast. light [T, 4]: gain, and offset of each channel. contrast [T]:
    how much of the conditioning image's contrast between places is there.
    """

    track: Track
    changes: Floats
    goals: Floats
    light: Floats
    contrast: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class SpriteTracker:
    """Explains each frame as conditioning image + sprites; see the module's first lines."""

    min_score: float = 0.45
    """Share of a sprite's contrast that an instance must explain. Clean pictures: above .8; the worst: .6."""
    min_amplitude: float = 0.5
    """Opacity above which an instance is there: more like the sprite than like the background."""
    min_copy_amplitude: float = 0.75
    """Opacity above which a further instance of the same object counts: imprecise decoders leave fainter trails."""
    min_copy_score: float = 0.55
    """Share of the contrast that a further instance must explain."""
    min_lasting_amplitude: float = 0.3
    """Opacity above which a further instance counts that is there in most frames: ghosts of decoders are not."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)}; must lie between 0 and 1")

    def __call__(self, video: Video, task: Task) -> Track:
        """Track of the task's objects in video [T, H, W, 3] uint8; any size and length."""
        return self.observe(video, task).track

    def track(self, parts: Iterable[Video], task: Task) -> Track:
        """The same for a video that comes in parts [t, H, W, 3] uint8."""
        return self.observe_parts(parts, task).track

    def observe(self, video: Video, task: Task) -> Observation:
        """Track and scene changes in one pass; memory beside the video does not grow with its pixels."""
        return self.observe_parts([video], task)

    def observe_parts(self, parts: Iterable[Video], task: Task) -> Observation:
        """The same for a video that comes in parts [t, H, W, 3] uint8, of which one is held at a time."""
        if not task.objects:
            raise TrackingError(f"task of family {task.family}: it has no objects to track")
        scene, chunks = None, []
        for part in parts:
            check_video(part)
            scene = scene or make_scene(task, part.shape[1], part.shape[2])
            chunks += [self._observe_chunk(part[first : first + CHUNK], scene) for first in range(0, len(part), CHUNK)]
        if scene is None:
            raise TrackingError("a video without any part; it needs at least one frame")
        instances, fainter = ([one for chunk in chunks for one in chunk[index]] for index in (0, 1))
        track = link_instances(instances, task, scene.alike, scene.size)
        track = with_lasting_copies(track, fainter, scene.alike)
        changes, goals, light, contrast = (np.concatenate(piece) for piece in list(zip(*chunks, strict=True))[2:])
        return Observation(track=track, changes=changes, goals=goals, light=light, contrast=contrast)

    def _observe_chunk(
        self, video: Video, scene: Scene
    ) -> tuple[list[dict[str, Found]], list[dict[str, Found]], Floats, Floats, Floats, Floats]:
        frames = shrink(video, scene.factor)
        tiles = tile_means(frames)
        gain, offset = fit_light(tiles, scene.tiles)
        rest = tiles - offset
        rest /= gain
        rest -= scene.tiles
        changes = largest_channel(np.abs(rest, out=rest)) - scene.tile_tolerance
        light = np.concatenate([gain, offset], axis=3).reshape(-1, 4)
        found, faint, goals = [], [], np.empty((len(frames), len(scene.goals)), np.float32)
        for index, frame in enumerate(frames):
            lit = relight(frame, light[index])
            instances, fainter = self._find(lit, scene)
            _hide(changes[index], instances, scene)
            where = [(scene.templates[name].cover, each) for name, each in instances.items()]
            goals[index] = [goal_change(lit, goal, where) for goal in scene.goals]
            found.append(instances)
            faint.append(fainter)
        contrast = contrast_of(tiles, scene.tiles, np.isfinite(changes) & scene.ground)
        return found, faint, changes.astype(np.float32), goals, light.astype(np.float32), contrast

    def _is_clear(self, candidate: Candidate) -> bool:
        return candidate.amplitude >= self.min_copy_amplitude and candidate.score >= self.min_copy_score

    def _limits(self, is_copy: bool) -> tuple[float, float]:
        return (self.min_copy_amplitude, self.min_copy_score) if is_copy else (self.min_amplitude, self.min_score)

    def _find(self, frame: Video, scene: Scene) -> tuple[dict[str, Found], dict[str, Found]]:
        """All instances of each template in one frame, and fainter further ones.

        Each is (x, y, score) with pixel centres at integers.
        """
        changed = cv2.absdiff(frame, scene.background)
        noise = noise_of(changed, scene.flat)
        over = cv2.subtract(changed, scene.tolerance)
        if noise > 0:
            over = cv2.subtract(over, np.full(4, 2 * noise))
        busy = busy_pixels(over)
        candidates = [
            candidate
            for name, template in scene.templates.items()
            for candidate in self._candidates(frame, busy, noise, scene, name, template)
        ]
        if len(scene.templates) > 1:
            candidates = undisputed(candidates, scene)
        both = {name: self._confirmed(candidates, frame, over, noise, scene, name) for name in scene.templates}
        return {name: clear for name, (clear, _) in both.items()}, {name: faint for name, (_, faint) in both.items()}

    def _candidates(
        self, frame: Video, busy: Video, noise: float, scene: Scene, name: str, template: Template
    ) -> Iterator[Candidate]:
        """Where a template explains what changed, the best first."""
        level = CHANGED * float(np.sqrt(template.most / template.weight))
        busy = cv2.threshold(busy, level, 255, cv2.THRESH_BINARY)[1]
        least = 0.2 * template.area
        places: list[tuple[int, int]] = []
        score = matched = np.zeros((0, 0), np.float32)
        first = last = window_around(busy, template.reach)
        while len(places) < MAX_INSTANCES - 1 + len(scene.alike[name]) and cv2.countNonZero(busy) > least:
            if not places:
                score, matched = _match(frame, noise, scene.background, template, first, self.min_lasting_amplitude)
            else:
                last = window_around(busy, template.reach)
                _forbid(score, places[-1], first, template)
            part = tuple(
                slice(inner.start - outer.start, inner.stop - outer.start)
                for inner, outer in zip(last, first, strict=True)
            )
            here = score[part]
            y, x = divmod(int(here.argmax()), here.shape[1])
            if here[y, x] < self.min_score:
                break
            places.append((last[0].start + y, last[1].start + x))
            dx, dy = _peak_offset(here, y, x)
            _erase(busy, places[-1], template)
            if not _has_hue(frame, scene.background, template, places[-1]):
                continue
            yield Candidate(
                name=name,
                place=places[-1],
                offset=(dx, dy),
                score=float(here[y, x]),
                amplitude=float(matched[part][y, x] / template.energy[places[-1]]),
            )

    def _confirmed(
        self, candidates: list[Candidate], frame: Video, over: Video, noise: float, scene: Scene, name: str
    ) -> tuple[Found, Found]:
        """The candidates of a template with little change around them that others leave unexplained; then fainter ones.

        All but the first must be seen beside the others too. Those beyond the number of objects must be clearer, or
        they are trails of an imprecise decoder. Something larger of the same colour is no object, but beside one it is
        a further instance.
        """
        template, expected = scene.templates[name], len(scene.alike[name])
        others = [candidate for candidate in candidates if candidate.name != name]
        over, free = over.copy() if others else over, np.ones(over.shape[:2], np.uint8)
        for other in others:
            _erase(over, other.place, scene.templates[other.name])
            _erase(free, other.place, scene.templates[other.name])
        mine = [candidate for candidate in candidates if candidate.name == name]
        found, larger, faint = Found(), Found(), Found()
        for candidate in mine:
            amplitude, least = self._limits(len(found) >= expected)
            fainter = candidate.amplitude < amplitude
            if candidate.score < least or (fainter and len(found) < expected):
                continue
            if found:  # an explained change is no change around the next instance
                _erase(over, (round(found[-1][1]), round(found[-1][0])), template)
                _erase(free, (round(found[-1][1]), round(found[-1][0])), template)
                if _seen_beside(frame, noise, scene.background, template, candidate.place, free) < self.min_score:
                    continue
            rest = over
            for twin in mine[:expected] if expected > 1 else ():
                if twin is not candidate:
                    rest = over.copy() if rest is over else rest
                    _erase(rest, twin.place, template)
            quality = candidate.score - RING_WEIGHT * _around(rest, candidate.place, template)
            if fainter:
                faint += [(candidate.place[1], candidate.place[0], quality)] if quality >= least else []
            elif quality >= least:
                (row, col), (dx, dy) = candidate.place, candidate.offset
                if len(found) < expected and quality < candidate.score - LEFT_OUT:
                    (row, col), (dx, dy), quality = _settled(frame, noise, rest, scene, template, candidate.place)
                found.append((col + dx, row + dy, min(quality, 1.0)))
            elif quality < candidate.score - RING_WEIGHT * LARGER and self._is_clear(candidate):
                larger.append((candidate.place[1], candidate.place[0], quality))
        return (found + larger if found else found), faint


def _match(
    frame: Video, noise: float, background: Video, template: Template, window: tuple[slice, slice], least: float
) -> tuple[Floats, Floats]:
    """Share of the contrast explained, and amplitude times contrast, for each centre pixel of a window.

    The share is -1 where the amplitude is below `least` or the background hides the sprite.
    """
    difference = cv2.subtract(frame[window], background[window], dtype=cv2.CV_32F)
    matched: Floats = functools.reduce(
        np.add,
        (
            _correlate(cv2.transform(difference * aim[window], SUM), kernel)
            for kernel, aim in zip(template.kernels, template.aims, strict=True)
        ),
    )
    within = _correlate(cv2.transform(difference * difference, SUM), template.inside)
    within -= np.float32(3 * noise**2 * template.area)
    energy = template.energy[window]
    score = 2 * matched
    score -= np.maximum(within, 0, out=within)
    score /= energy
    score[(matched < least * energy) | (energy < template.least)] = -1
    return score, matched


def _settled(
    frame: Video, noise: float, over: Video, scene: Scene, template: Template, place: tuple[int, int]
) -> tuple[tuple[int, int], tuple[float, float], float]:
    """Where around (row, col) the score less the cost of the ring is highest: that place, its offset, and how high.

    At the border of ground that looks much like the sprite, a place partly on that ground explains as large a share as
    the true one, but leaves a part of the sprite out.
    """
    reach = int(template.gap / 2)
    wide = reach + template.reach
    rows, cols = (slice(max(0, center - wide), center + wide + 1) for center in place)
    score = _match(frame, noise, scene.background, template, (rows, cols), 0.0)[0]
    top, left = (max(0, center - reach) for center in place)
    below, right = place[0] + reach + 1, place[1] + reach + 1
    quality = score[top - rows.start : below - rows.start, left - cols.start : right - cols.start]
    for y, x in np.ndindex(*quality.shape):
        quality[y, x] -= RING_WEIGHT * _around(over, (top + y, left + x), template)
    y, x = divmod(int(quality.argmax()), quality.shape[1])
    return (top + y, left + x), _peak_offset(quality, y, x), float(quality[y, x])


def _correlate(picture: Floats, kernel: Floats) -> Floats:
    return np.asarray(cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT))


def _has_hue(frame: Video, background: Video, template: Template, place: tuple[int, int]) -> bool:
    """Whether the mean colour at (row, col) changed from the background towards the mean colour of the sprite."""
    here, part = _overlap(frame, place, template)
    layers = template.layers[part].reshape(-1, 4)
    alpha = np.ascontiguousarray(layers[:, 3])
    below = background[here].reshape(-1, 3).astype(np.float32)
    expected = alpha @ layers[:, :3] - (alpha * alpha) @ below
    aim = float(expected @ expected)
    if aim < (LEAST_HUE * template.weight) ** 2:
        return True
    changed = alpha @ (frame[here].reshape(-1, 3) - below)
    return bool(changed @ expected >= HUE_COSINE * math.sqrt(float(changed @ changed) * aim))


def _around(over: Video, place: tuple[int, int], template: Template) -> float:
    """Share of the ring around an instance that changed as much as the sprite's colour would change it."""
    here, part = _overlap(over, place, template)
    likeness = cv2.transform(np.square(over[here], dtype=np.float32), SUM)
    likeness /= template.contrast[here]
    likeness = (np.sqrt(likeness, out=likeness) - RING_FAINT) / (RING_FULL - RING_FAINT)
    return float((np.clip(likeness, 0, 1, out=likeness) * template.ring[part]).sum())


def _seen_beside(
    frame: Video, noise: float, background: Video, template: Template, place: tuple[int, int], free: Video
) -> float:
    """Share of the contrast explained by an instance at (row, col) where `free` is 1; 0 if little of it is there."""
    here, part = _overlap(frame, place, template)
    below, alpha = background[here].astype(np.float32), template.layers[part][..., 3:]
    sprite = template.layers[part][..., :3] - alpha * below
    weight = free[here] * (alpha[..., 0] > 0)
    wrong = np.square(frame[here] - below - sprite).sum(axis=2) - 3 * noise**2
    energy = float((weight * np.square(sprite).sum(axis=2)).sum())
    return 1 - float((weight * wrong).sum()) / energy if energy > MIN_CONTRAST * template.energy[place] else 0.0


def _overlap(
    picture: Video, place: tuple[int, int], template: Template
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a picture that a template at (row, col) covers, and the part of the template inside the picture."""
    reach, here, part = template.reach, [], []
    for center, length in zip(place, picture.shape, strict=False):
        first, last = max(0, center - reach), min(length, center + reach + 1)
        here.append(slice(first, last))
        part.append(slice(first - center + reach, last - center + reach))
    return (here[0], here[1]), (part[0], part[1])


def _forbid(score: Floats, place: tuple[int, int], window: tuple[slice, slice], template: Template) -> None:
    """No second instance near a place (row, col) that was looked at already; changes `score` in place."""
    row, col = place[0] - window[0].start, place[1] - window[1].start
    top, left = max(0, int(row - template.gap)), max(0, int(col - template.gap))
    near = score[top : int(row + template.gap) + 2, left : int(col + template.gap) + 2]
    rows, cols = np.ogrid[top - row : top - row + near.shape[0], left - col : left - col + near.shape[1]]
    near[rows**2 + cols**2 < template.gap**2] = -1


def _erase(picture: Video, place: tuple[int, int], template: Template) -> None:
    """Clear what an instance at (row, col) and one pixel around it cover in a picture of changes, in place."""
    here, part = _overlap(picture, place, template)
    picture[here][template.near[part]] = 0


def _peak_offset(score: Floats, y: int, x: int) -> tuple[float, float]:
    """Sub-pixel position of a peak relative to its pixel, by a parabola through its neighbours."""

    def vertex(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend < 0 else 0.0

    here = float(score[y, x])
    dx = vertex(float(score[y, x - 1]), here, float(score[y, x + 1])) if 0 < x < score.shape[1] - 1 else 0.0
    dy = vertex(float(score[y - 1, x]), here, float(score[y + 1, x])) if 0 < y < score.shape[0] - 1 else 0.0
    return dx, dy


def _hide(changes: Floats, instances: dict[str, Found], scene: Scene) -> None:
    """NaN on the tiles that instances touch, in place."""
    for name, found in instances.items():
        reach = scene.templates[name].reach
        for x, y, _ in found:
            top, left = max(0, int(y - reach) // TILE_PX), max(0, int(x - reach) // TILE_PX)
            changes[top : int(y + reach) // TILE_PX + 1, left : int(x + reach) // TILE_PX + 1] = np.nan
