"""The tracker that rewards stand on: finds all instances of every known object in every frame.

A frame is explained as background + sprites (trackers/scene.py). With D = frame - background, S, a = colours and alpha
of a sprite and B = background, an instance at p has D = a (S - B). Its score is the share of the sprite's contrast E =
sum a^2 |S - B|^2 that this explains, 1 - (sum over the sprite |D - a (S - B)|^2) / E, less a cost for what changed in
a ring around it. It is 1 for a perfect instance and at most 0 where only background is; the ring keeps larger things
of the same colour out. Where the conditioning image itself looks like the sprite, D is 0 and nothing is found.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, TrackingError
from wan_r1.trackers.candidates import Candidate, undisputed
from wan_r1.trackers.changed import Look, look_at, window_around
from wan_r1.trackers.goals import Covered, goal_changes
from wan_r1.trackers.light import contrast_of, fit_light, relight, tile_changes
from wan_r1.trackers.linking import Found, link_instances, with_lasting_copies
from wan_r1.trackers.matching import (
    RING_WEIGHT,
    around,
    beside,
    erase,
    forbid,
    has_hue,
    match,
    moved,
    peak_offset,
    settled,
)
from wan_r1.trackers.scene import TILE_PX, Scene, make_scene, shrink, tile_means
from wan_r1.types import Task, Track
from wan_r1.video import check_video

__all__ = ["Observation", "SpriteTracker"]

CHUNK, PIXELS = (16, 64), 2**22  # frames at a time, at least and at most; their pixels, if more than the least
AT_ONCE = 8  # frames of which every change is held: more would take memory that the system has to clear first
MAX_INSTANCES = 6  # a video full of clones needs no exact count
LARGER = 0.2  # share of the ring that has the sprite's colour from which a thing is a larger one
LEFT_OUT = 0.1  # loss to the ring from which an instance may lie a little beside the place that was found

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
            several = max(CHUNK[0], min(CHUNK[1], PIXELS // (part.shape[1] * part.shape[2])))
            starts = range(0, len(part), several)
            chunks += [self._observe_chunk(part[first : first + several], scene) for first in starts]
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
        light = fit_light(tiles, scene.tiles)
        changes = tile_changes(tiles, scene.tiles, light) - scene.tile_tolerance
        lit = [relight(frame, each) for frame, each in zip(frames, light, strict=True)]
        starts = range(0, len(lit), AT_ONCE)
        both = [pair for first in starts for pair in self._find(lit[first : first + AT_ONCE], scene)]
        clear, faint = ([pair[index] for pair in both] for index in (0, 1))
        for change, instances in zip(changes, clear, strict=True):
            _hide(change, instances, scene)
        goals = goal_changes(lit, scene.goals, [_covered(instances, scene) for instances in clear])
        contrast = contrast_of(tiles, scene.tiles, np.isfinite(changes) & scene.ground)
        return clear, faint, changes, goals, light, contrast

    def _is_clear(self, candidate: Candidate) -> bool:
        return candidate.amplitude >= self.min_copy_amplitude and candidate.score >= self.min_copy_score

    def _limits(self, is_copy: bool) -> tuple[float, float]:
        return (self.min_copy_amplitude, self.min_copy_score) if is_copy else (self.min_amplitude, self.min_score)

    def _find(self, frames: list[Video], scene: Scene) -> list[tuple[dict[str, Found], dict[str, Found]]]:
        """All instances of each template, and fainter further ones, in each frame.

        Each is (x, y, score) with pixel centres at integers. A step is taken for all frames before the next, so that
        the processor's caches hold its code.
        """
        looks = [look_at(frame, scene) for frame in frames]
        candidates = [[c for name in scene.templates for c in self._candidates(look, scene, name)] for look in looks]
        if len(scene.templates) > 1:
            candidates = [undisputed(each, scene) for each in candidates]
        found = []
        for look, each in zip(looks, candidates, strict=True):
            both = {name: self._confirmed(each, look, scene, name) for name in scene.templates}
            found.append(
                ({name: pair[0] for name, pair in both.items()}, {name: pair[1] for name, pair in both.items()})
            )
        return found

    def _candidates(self, look: Look, scene: Scene, name: str) -> Iterator[Candidate]:
        """Where a template explains what changed, the best first."""
        template = scene.templates[name]
        busy = cv2.threshold(look.busy, template.changed, 255, cv2.THRESH_BINARY)[1]
        least = 0.2 * template.area
        places: list[tuple[int, int]] = []
        first = last = window_around(busy, template.half)
        score = matched = here = np.zeros((0, 0), np.float32)
        while len(places) < MAX_INSTANCES - 1 + len(scene.alike[name]) and cv2.countNonZero(busy) > least:
            if not places:
                score, matched = match(look, template, first, self.min_lasting_amplitude)
                here = score
            else:
                forbid(score, places[-1], first, template)
                last = window_around(busy, template.half)
                here = score[moved(last[0], first[0]), moved(last[1], first[1])]
            y, x = divmod(int(here.argmax()), here.shape[1])
            explained = float(here[y, x])
            if explained < self.min_score:
                break
            row, col = last[0].start + y, last[1].start + x
            places.append((row, col))
            offset = peak_offset(here, y, x)
            erase(busy, places[-1], template)
            if has_hue(look, template, places[-1]):
                amplitude = float(matched[row - first[0].start, col - first[1].start] / template.energy[row, col])
                yield Candidate(name=name, place=places[-1], offset=offset, score=explained, amplitude=amplitude)

    def _confirmed(self, candidates: list[Candidate], look: Look, scene: Scene, name: str) -> tuple[Found, Found]:
        """The candidates of a template with little change around them that others leave unexplained; then fainter ones.

        All but the first must be seen beside the others too. Those beyond the number of objects must be clearer, or
        they are trails of an imprecise decoder. Something larger of the same colour is no object, but beside one it is
        a further instance.
        """
        template, expected = scene.templates[name], len(scene.alike[name])
        others = [candidate for candidate in candidates if candidate.name != name]
        over = look.over.copy() if others else look.over
        for other in others:
            erase(over, other.place, scene.templates[other.name])
        mine = [candidate for candidate in candidates if candidate.name == name]
        found, larger, faint = Found(), Found(), Found()
        for candidate in mine:
            amplitude, least = self._limits(len(found) >= expected)
            fainter = candidate.amplitude < amplitude
            if candidate.score < least or (fainter and len(found) < expected):
                continue
            if found:  # an explained change is no change around the next instance
                erase(over, (round(found[-1][1]), round(found[-1][0])), template)
                explained = [(other.place, scene.templates[other.name]) for other in others]
                explained += [((round(y), round(x)), template) for x, y, _ in found]
                if beside(look, template, candidate.place, explained) < self.min_score:
                    continue
            rest = over
            for twin in mine[:expected] if expected > 1 else ():
                if twin is not candidate:
                    rest = over.copy() if rest is over else rest
                    erase(rest, twin.place, template)
            quality = candidate.score - RING_WEIGHT * around(rest, candidate.place, template)
            if fainter:
                faint += [(candidate.place[1], candidate.place[0], quality)] if quality >= least else []
            elif quality >= least:
                (row, col), (dx, dy) = candidate.place, candidate.offset
                if len(found) < expected and quality < candidate.score - LEFT_OUT:
                    (row, col), (dx, dy), quality = settled(look, rest, template, candidate.place)
                found.append((col + dx, row + dy, min(quality, 1.0)))
            elif quality < candidate.score - RING_WEIGHT * LARGER and self._is_clear(candidate):
                larger.append((candidate.place[1], candidate.place[0], quality))
        return (found + larger if found else found), faint


def _hide(changes: Floats, instances: dict[str, Found], scene: Scene) -> None:
    """NaN on the tiles that instances touch, in place."""
    for name, found in instances.items():
        reach = scene.templates[name].reach
        for x, y, _ in found:
            top, left = max(0, int(y - reach) // TILE_PX), max(0, int(x - reach) // TILE_PX)
            changes[top : int(y + reach) // TILE_PX + 1, left : int(x + reach) // TILE_PX + 1] = np.nan


def _covered(instances: dict[str, Found], scene: Scene) -> list[Covered]:
    """Pixels covered up or down and to each side, and instances, of each kind of object."""
    return [(scene.templates[name].cover, each) for name, each in instances.items()]
