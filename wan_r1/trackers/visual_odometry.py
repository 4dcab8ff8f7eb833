"""A camera decoder that needs no model: points are followed from frame to frame, then poses and points are solved for.

Optical flow follows corners. Two frames far enough apart give the first points in space, each further frame its pose
and further points; bundle adjustment improves all of it. The anchor is one more frame: its known distance from the
first frame turns units into metres, as in Target-Bench.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.trackers.bundle import Sightings, adjust, locate, project_points, rotations
from wan_r1.trackers.camera import Clip, camera_track, decoded_frames, lost_camera
from wan_r1.types import Track
from wan_r1.video import resize_video

__all__ = ["VisualOdometry"]

MIN_POINTS = 12
"""Fewer points in space than this are no beginning."""
MIN_LOCATED, MIN_SHARE = 5, 0.4
"""A frame's pose counts if so many points, and this share of them, are where they should be: a camera that is known to
be level at its height has three unknowns left."""
WIDTHS = (16.0, 4.0, 1.0)
"""Of the noise that a pose is searched with, in STD_PX, in turn: wide ones find poses far from the guess."""
MIN_ANGLE = np.radians(1.0)
"""Least angle between the rays of two frames from which a point is placed."""
MAX_ERROR_PX = 2.0
"""A sighting farther than this from where it should be is dropped; a frame with a larger median is lost."""
STD_PX = 0.5
ADJUST_EVERY = 4
"""Frames after which all poses and points are improved; else new ones inherit the errors of the first."""
QUALITY = 0.004
WINDOW_PX = 11
PYRAMID = 4

Floats = NDArray[np.float64]
ANCHOR, FIRST = 0, 1
"""Where the anchor and the first frame stand in the sequence that is solved for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VisualOdometry:
    """Camera path from optical flow and geometry, on the CPU."""

    horizontal_fov_deg: float = 70.0
    """Field of view of the camera; that of Target-Bench's is 69, that of our rooms 70."""
    max_corners: int = 150
    """Points followed at a time."""
    num_poses: int = 25
    """Frames that are solved for, evenly spaced, beside those that count in Target-Bench; the others stay unseen."""
    max_side_px: int = 320
    """Larger videos are shrunk to this."""

    def __post_init__(self) -> None:
        if not 10 <= self.horizontal_fov_deg <= 150:
            raise ConfigError(f"horizontal_fov_deg: {self.horizontal_fov_deg}; must lie between 10 and 150")

    def __call__(self, clip: Clip) -> Track:
        """The camera's track: `num_poses` frames seen, or those up to where it is lost, or none."""
        num_frames = len(clip.video)
        gray = _gray(clip, self.max_side_px)
        if num_frames < 2:
            return lost_camera(num_frames)
        width, height = gray.shape[2], gray.shape[1]
        focal = width / 2 / np.tan(np.radians(self.horizontal_fov_deg / 2))
        middle = np.asarray([(width - 1) / 2, (height - 1) / 2])
        places = (_follow(gray, self.max_corners) - middle) / focal
        frames = np.union1d(np.linspace(0, num_frames - 1, self.num_poses).astype(int), decoded_frames(num_frames))
        solved = _solve(places[[ANCHOR, *(frames + FIRST)]], focal)
        if solved is None:
            return lost_camera(num_frames)
        poses, found = solved
        apart = float(np.linalg.norm(poses[ANCHOR, 3:] - poses[FIRST, 3:]))
        if not found[ANCHOR] or apart < 1e-6:
            return lost_camera(num_frames)
        centers = poses[FIRST:, 3:] * (clip.anchor.distance_m / apart)
        points, seen = np.full((num_frames, 2), np.nan), np.zeros(num_frames, bool)
        points[frames], seen[frames] = np.stack([centers[:, 2], -centers[:, 0]], axis=1), found[FIRST:]
        return camera_track(points, seen, np.ones(num_frames))


def _gray(clip: Clip, max_side: int) -> NDArray[np.uint8]:
    """Anchor and video in grey, [1 + T, h, w], small enough."""
    height, width = clip.video.shape[1:3]
    share = min(1.0, max_side / max(height, width))
    size = max(8, round(height * share)), max(8, round(width * share))
    frames = np.concatenate([resize_video(clip.anchor.picture[None], *size), resize_video(clip.video, *size)])
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])


def _follow(gray: NDArray[np.uint8], max_corners: int) -> Floats:
    """Pixel places [1 + T, N, 2] of N points in anchor and video; NaN where a point is not seen."""
    columns = _corners(gray[FIRST], np.zeros((0, 2), np.float32), max_corners)
    rows = [np.full_like(columns, np.nan), columns]
    rows[ANCHOR] = _flow(gray[FIRST], gray[ANCHOR], columns)
    for index in range(FIRST, len(gray) - 1):
        ahead = _flow(gray[index], gray[index + 1], rows[-1])
        alive = ahead[np.isfinite(ahead[:, 0])]
        fresh = _corners(gray[index + 1], alive, max_corners - len(alive))
        rows = [np.concatenate([row, np.full_like(fresh, np.nan)]) for row in rows]
        rows.append(np.concatenate([ahead, fresh]))
    places = np.stack(rows).astype(np.float64)
    return places[:, np.isfinite(places[:, :, 0]).sum(axis=0) >= 3]


def _corners(gray: NDArray[np.uint8], taken: NDArray[np.float32], num: int) -> NDArray[np.float32]:
    """Up to `num` corners [n, 2] away from those that are taken."""
    if num < 1:
        return np.zeros((0, 2), np.float32)
    distance = max(3, gray.shape[1] // 32)
    mask = np.full(gray.shape, 255, np.uint8)
    for x, y in taken:
        cv2.circle(mask, (int(x), int(y)), distance, 0, -1)
    found = cv2.goodFeaturesToTrack(gray, num, QUALITY, distance, mask=mask, blockSize=5)
    return np.zeros((0, 2), np.float32) if found is None else np.asarray(found.reshape(-1, 2), np.float32)


def _flow(gray: NDArray[np.uint8], other: NDArray[np.uint8], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where the points are in the other picture; NaN where the way back does not lead to the start."""
    result = np.full_like(places, np.nan)
    known = np.flatnonzero(np.isfinite(places[:, 0]))
    if not len(known):
        return result
    start = places[known][:, None]
    options: dict[str, Any] = {"winSize": (WINDOW_PX, WINDOW_PX), "maxLevel": PYRAMID}
    there, ok, _ = cv2.calcOpticalFlowPyrLK(gray, other, start, None, **options)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(other, gray, there, None, **options)
    near = np.hypot(*(back - start)[:, 0].T) < 0.7
    inside = (there[:, 0] >= 1).all(axis=1) & (there[:, 0] < np.asarray(gray.shape[::-1]) - 2).all(axis=1)
    good = near & inside & (ok[:, 0] == 1) & (ok_back[:, 0] == 1)
    result[known[good]] = there[good, 0]
    return result


# ------------------------------------------------------------------------------------------------ geometry


def _solve(places: Floats, focal: float) -> tuple[Floats, NDArray[np.bool_]] | None:
    """Poses [1 + T, 6] and which were found, or None; the first frame of the video is the origin."""
    begun = _begin(places, focal)
    if begun is None:
        return None
    poses, found, points = begun
    order = [FIRST, ANCHOR, *range(FIRST + 1, len(places))]
    for frame in order:
        if not found[frame]:
            pose = _locate(places[frame], points, poses[max(frame - 1, FIRST)], focal)
            if pose is None and frame != ANCHOR:
                poses, points = _adjusted(places, points, poses, found, focal, (2,))
                pose = _locate(places[frame], points, poses[frame - 1], focal)
            if pose is None and frame != ANCHOR:
                break
            if pose is not None:
                poses[frame], found[frame] = pose, True
        points = _place_more(places, points, poses, found, frame, focal)
        if frame % ADJUST_EVERY == 0:
            poses, points = _adjusted(places, points, poses, found, focal, (2,))
    if not found[ANCHOR] or not found[FIRST + 1]:
        return None
    poses, points = _adjusted(places, points, poses, found, focal, (5, 10))
    return poses, found & _explained(places, points, poses, found, focal)


def _begin(places: Floats, focal: float) -> tuple[Floats, NDArray[np.bool_], Floats] | None:
    """The first two poses and points: of the anchor and the first frame if they see enough, else of a later frame."""
    best: tuple[int, Floats, Floats] | None = None
    for other in (ANCHOR, *range(FIRST + 2, len(places), max(1, len(places) // 8))):
        both = np.isfinite(places[FIRST, :, 0]) & np.isfinite(places[other, :, 0])
        if both.sum() < 2 * MIN_POINTS:
            continue
        pose = _pose_of_pair(places[FIRST, both], places[other, both], focal)
        pair = np.stack([np.zeros(6), pose])
        points = _triangulate(places[FIRST], places[other], pair[0], pair[1], focal)
        if best is None or np.isfinite(points[:, 0]).sum() > 1.3 * np.isfinite(best[2][:, 0]).sum():
            best = other, pose, points
    if best is None or np.isfinite(best[2][:, 0]).sum() < MIN_POINTS:
        return None
    poses, found = np.zeros((len(places), 6)), np.zeros(len(places), bool)
    poses[best[0]], found[[FIRST, best[0]]] = best[1], True
    return poses, found, best[2]


def _pose_of_pair(first: Floats, other: Floats, focal: float) -> Floats:
    """Pose of the other camera relative to the first, at distance 1, for a level camera that stays at its height.

    Two unknowns are left, the turn and the direction of the way. A ray x of the first camera, a ray y of the other and
    the way c between them lie in one plane: c . (x cross R'y) = 0. The error is the distance to that in rays; the best
    turn and direction are found on a grid, then on a finer one, so that no start is needed and outliers do no harm.
    """
    rays = [np.concatenate([places, np.ones((len(places), 1))], axis=1) for places in (first, other)]
    turn, way, spans = 0.0, 0.0, (np.radians(45.0), np.radians(90.0))
    for steps in (46, 21, 21):
        turns, ways = turn + np.linspace(-spans[0], spans[0], steps), way + np.linspace(-spans[1], spans[1], steps)
        errors = _pair_errors(rays[0], rays[1], turns, ways)
        cost = np.minimum(errors * focal, 1.0).sum(axis=2)  # beyond a pixel an error is an error
        best = np.unravel_index(int(cost.argmin()), cost.shape)
        turn, way = float(turns[best[0]]), float(ways[best[1]])
        spans = (2 * spans[0] / steps, 2 * spans[1] / steps)
    ahead = np.asarray([0, turn, 0, np.sin(way), 0, np.cos(way)])
    poses = [ahead, np.concatenate([ahead[:3], -ahead[3:]])]
    counts = [np.isfinite(_triangulate(first, other, np.zeros(6), pose, focal)[:, 0]).sum() for pose in poses]
    return np.asarray(poses[int(np.argmax(counts))])


def _pair_errors(first: Floats, other: Floats, turns: Floats, ways: Floats) -> Floats:
    """Distances [turns, ways, N] of the pairs of rays from a common plane with the way."""
    matrices, _ = rotations(np.stack([0 * turns, turns, 0 * turns], axis=1))
    turned = np.einsum("nj,tjk->tnk", other, matrices)  # R'y
    normal = np.cross(first[None], turned)
    sin, cos = np.sin(ways)[None, :, None], np.cos(ways)[None, :, None]
    error = sin * normal[:, None, :, 0] + cos * normal[:, None, :, 2]
    spread = np.sqrt(_across(first[None], sin, cos) + _across(turned, sin, cos))
    return np.asarray(np.abs(error) / np.maximum(spread, 1e-2))


def _across(rays: Floats, sin: Floats, cos: Floats) -> Floats:
    """Squared length of way cross ray, [turns, ways, N]."""
    x, y, z = (rays[:, None, :, axis] for axis in range(3))
    return np.asarray(y**2 + (cos * x - sin * z) ** 2)


def _triangulate(a: Floats, b: Floats, pose_a: Floats, pose_b: Floats, focal: float) -> Floats:
    """Points [N, 3] from their places in two frames; NaN where rays are too parallel, miss or end behind."""
    turns, _ = rotations(np.stack([pose_a[:3], pose_b[:3]]))
    ones = np.ones((len(a), 1))
    rays = [np.concatenate([place, ones], axis=1) @ turn for place, turn in ((a, turns[0]), (b, turns[1]))]
    base = pose_b[3:] - pose_a[3:]
    aa, ab, bb = (np.einsum("ni,ni->n", x, y) for x, y in ((rays[0], rays[0]), (rays[0], rays[1]), (rays[1], rays[1])))
    determinant = aa * bb - ab * ab
    with np.errstate(invalid="ignore", divide="ignore"):
        depth_a = (bb * (rays[0] @ base) - ab * (rays[1] @ base)) / determinant
        depth_b = (ab * (rays[0] @ base) - aa * (rays[1] @ base)) / determinant
        ends = pose_a[3:] + depth_a[:, None] * rays[0], pose_b[3:] + depth_b[:, None] * rays[1]
        miss = np.linalg.norm(ends[0] - ends[1], axis=1) / np.minimum(depth_a, depth_b)
        angle = np.arccos(np.clip(ab / np.sqrt(aa * bb), -1, 1))
        good = (depth_a > 0) & (depth_b > 0) & (miss < 2 * MAX_ERROR_PX / focal) & (angle > MIN_ANGLE)
    return np.where(good[:, None], (ends[0] + ends[1]) / 2, np.nan)


def _locate(places: Floats, points: Floats, guess: Floats, focal: float) -> Floats | None:
    """Pose of a frame from points that it sees."""
    known = np.flatnonzero(np.isfinite(places[:, 0]) & np.isfinite(points[:, 0]))
    if len(known) < MIN_LOCATED:
        return None
    pose = guess
    for width in WIDTHS:
        pose = locate(pose, points[known], places[known], width * STD_PX / focal)
        if not np.isfinite(pose).all():
            return None
    seen = Sightings(frame=np.zeros(len(known), np.int64), point=known, place=places[known])
    error = np.hypot(*(project_points(pose[None], points, seen)[0] - seen.place).T)
    return pose if (error < MAX_ERROR_PX / focal).sum() >= max(MIN_LOCATED, MIN_SHARE * len(known)) else None


def _place_more(
    places: Floats, points: Floats, poses: Floats, found: NDArray[np.bool_], frame: int, focal: float
) -> Floats:
    """Points that this frame sees and that have no place yet, with the earliest found frame that saw them."""
    missing = np.flatnonzero(np.isfinite(places[frame, :, 0]) & ~np.isfinite(points[:, 0]))
    seen = np.isfinite(places[:, missing, 0]) & found[:, None]
    points = points.copy()
    for earlier in np.unique(seen.argmax(axis=0)) if len(missing) else ():
        if earlier == frame or not found[earlier]:
            continue
        chosen = missing[(seen.argmax(axis=0) == earlier) & seen[earlier]]
        pair = places[earlier, chosen], places[frame, chosen], poses[earlier], poses[frame]
        points[chosen] = _triangulate(*pair, focal)
    return points


def _sightings(places: Floats, points: Floats, frames: NDArray[np.int64]) -> tuple[Sightings, NDArray[np.int64]]:
    """All sightings in these frames of placed points that at least two of them see, and which points these are."""
    seen = np.isfinite(places[frames, :, 0]) & np.isfinite(points[:, 0])
    chosen = np.flatnonzero(seen.sum(axis=0) >= 2)
    frame, point = np.nonzero(seen[:, chosen])
    return Sightings(frame=frame, point=point, place=places[frames[frame], chosen[point]]), chosen


def _adjusted(
    places: Floats, points: Floats, poses: Floats, found: NDArray[np.bool_], focal: float, rounds: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Poses and points after bundle adjustment; gross errors are left out before each of the runs of so many rounds.

    Units are anchor distances once the anchor is found.
    """
    order = np.concatenate([[FIRST], np.flatnonzero(found & (np.arange(len(found)) != FIRST))])
    unit = float(np.linalg.norm(poses[ANCHOR, 3:] - poses[FIRST, 3:])) if found[ANCHOR] else 1.0
    scaled = poses[order].copy()
    scaled[:, 3:] /= unit
    everything, chosen = _sightings(places, points, order)
    cloud = points[chosen] / unit
    for num in rounds:
        seen, depth = project_points(scaled, cloud, everything)
        kept = (np.hypot(*(seen - everything.place).T) < 4 * MAX_ERROR_PX / focal) & (depth > 0)
        clean = Sightings(frame=everything.frame[kept], point=everything.point[kept], place=everything.place[kept])
        scaled, cloud = adjust(scaled, cloud, clean, STD_PX / focal, num)
    poses, points = poses.copy(), points / unit
    poses[order], points[chosen] = scaled, cloud
    return poses, points


def _explained(
    places: Floats, points: Floats, poses: Floats, found: NDArray[np.bool_], focal: float
) -> NDArray[np.bool_]:
    """Frames whose sightings are where they should be, by the median; all after a lost one are lost too."""
    good = found.copy()
    for frame in np.flatnonzero(found):
        known = np.flatnonzero(np.isfinite(places[frame, :, 0]) & np.isfinite(points[:, 0]))
        seen = Sightings(frame=np.zeros(len(known), np.int64), point=known, place=places[frame, known])
        error = np.hypot(*(project_points(poses[frame : frame + 1], points, seen)[0] - seen.place).T)
        good[frame] = len(known) >= MIN_LOCATED and float(np.median(error)) < MAX_ERROR_PX / focal
    good[FIRST:] = np.logical_and.accumulate(good[FIRST:])
    return good
