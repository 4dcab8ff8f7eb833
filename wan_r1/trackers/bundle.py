"""Bundle adjustment: poses and points that explain where points were seen.

A pose is (pitch, yaw, roll, x, y, z) [6]: angles of the camera and its centre, OpenCV axes (x right, y down, z
forward). Gauss-Newton with Levenberg's damping and Huber's weights; the points are eliminated (Schur complement), so
that a step costs one small dense system of the poses. Hartley and Zisserman, Multiple View Geometry, appendix 6.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sightings", "adjust", "locate", "project_points", "rotations"]

Floats = NDArray[np.float64]

HUBER = 1.5
"""Standard deviations beyond which a residual counts linearly."""
ROLL_PITCH_STD = np.radians(1.5)
HEIGHT_STD_M = 0.03
"""A walking robot's camera stays level and at its height, about so well; what was seen may say otherwise."""
FIXED_STD = 1e-5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sightings:
    """M sightings: of which point [M], in which frame [M], where [M, 2] in units of the focal length."""

    frame: NDArray[np.int64]
    point: NDArray[np.int64]
    place: Floats


def rotations(angles: Floats) -> tuple[Floats, Floats]:
    """World-to-camera rotations [F, 3, 3] of (pitch, yaw, roll) [F, 3], and their derivatives [F, 3, 3, 3]."""
    zero, one = np.zeros(len(angles)), np.ones(len(angles))
    turns, slopes = [], []
    for axis in range(3):
        c, s = np.cos(angles[:, axis]), np.sin(angles[:, axis])
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        turn, slope = (np.zeros((len(angles), 3, 3)) for _ in range(2))
        turn[:, axis, axis] = one
        for matrix, on, off in ((turn, c, s), (slope, -s, c)):
            matrix[:, i, i], matrix[:, j, j], matrix[:, i, j], matrix[:, j, i] = on, on, off, -off
        turns.append(turn)
        slopes.append(slope + zero[:, None, None])
    (x, y, z), (dx, dy, dz) = turns, slopes
    return z @ x @ y, np.stack([z @ dx @ y, z @ x @ dy, dz @ x @ y], axis=1)


def project_points(poses: Floats, points: Floats, sightings: Sightings) -> tuple[Floats, Floats]:
    """Where the points should be seen [M, 2], and their depths [M]."""
    turn, _ = rotations(poses[:, :3])
    local = np.einsum("mij,mj->mi", turn[sightings.frame], points[sightings.point] - poses[sightings.frame, 3:])
    depth = np.maximum(local[:, 2], 1e-3)
    return local[:, :2] / depth[:, None], local[:, 2]


def adjust(poses: Floats, points: Floats, sightings: Sightings, std: float, rounds: int) -> tuple[Floats, Floats]:
    """Better poses [F, 6] and points [N, 3]; frame 0 stays. `std`: of a sighting, in units of the focal length."""
    damping, cost = 1e-3, _cost(poses, points, sightings, std)
    for _ in range(rounds):
        step_poses, step_points = _step(poses, points, sightings, std, damping)
        moved = poses + step_poses, points + step_points
        value = _cost(*moved, sightings, std)
        if value < cost:
            done = cost - value < 1e-4 * cost
            (poses, points), cost, damping = moved, value, max(damping / 5, 1e-7)
            if done:
                break
        else:
            damping *= 10
    return poses, points


def locate(guess: Floats, points: Floats, places: Floats, std: float, rounds: int = 15) -> Floats:
    """Pose [6] of one frame that sees points [N, 3] at places [N, 2], from a guess; gross errors count little."""
    pose, num = guess[None].copy(), len(points)
    sightings = Sightings(frame=np.zeros(num, np.int64), point=np.arange(num), place=places)
    inverse_variance = _prior(2)[1] ** -2.0
    for _ in range(rounds):
        by_pose, _, error = _derivatives(pose, points, sightings)
        # Cauchy's weights: unlike Huber's they let a point that moved by itself go.
        weight = 1 / (1 + (np.hypot(*error.T) / (2 * std)) ** 2) / std**2
        normal = np.einsum("mki,mkj,m->ij", by_pose, by_pose, weight) + np.diag(inverse_variance + 1e-6)
        step = np.linalg.solve(normal, -np.einsum("mki,mk,m->i", by_pose, error, weight) - inverse_variance * pose[0])
        pose[0] += step
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(pose[0])


def _prior(num_frames: int) -> Floats:
    """Standard deviations [F, 6] around 0 of the poses."""
    std = np.tile([ROLL_PITCH_STD, np.inf, ROLL_PITCH_STD, np.inf, HEIGHT_STD_M, np.inf], (num_frames, 1))
    std[0] = FIXED_STD
    return np.asarray(std)


def _cost(poses: Floats, points: Floats, sightings: Sightings, std: float) -> float:
    seen, depth = project_points(poses, points, sightings)
    error = np.hypot(*(seen - sightings.place).T) / std
    error = np.where(depth > 0, error, 1e3)
    data = np.where(error < HUBER, 0.5 * error**2, HUBER * (error - 0.5 * HUBER)).sum()
    return float(data + 0.5 * ((poses / _prior(len(poses))) ** 2).sum())


def _step(poses: Floats, points: Floats, sightings: Sightings, std: float, damping: float) -> tuple[Floats, Floats]:
    by_pose, by_point, error = _derivatives(poses, points, sightings)
    size = np.hypot(*error.T) / std
    weight = np.minimum(1.0, HUBER / np.maximum(size, 1e-9)) / std**2
    num_frames, num_points = len(poses), len(points)
    frame, point = sightings.frame, sightings.point
    weighted = by_pose * weight[:, None, None], by_point * weight[:, None, None]
    u, v = np.zeros((num_frames, 6, 6)), np.zeros((num_points, 3, 3))
    a, b = np.zeros((num_frames, 6)), np.zeros((num_points, 3))
    np.add.at(u, frame, np.einsum("mki,mkj->mij", weighted[0], by_pose))
    np.add.at(v, point, np.einsum("mki,mkj->mij", weighted[1], by_point))
    np.add.at(a, frame, -np.einsum("mki,mk->mi", weighted[0], error))
    np.add.at(b, point, -np.einsum("mki,mk->mi", weighted[1], error))
    cross = np.zeros((num_frames, num_points, 6, 3))
    cross[frame, point] = np.einsum("mki,mkj->mij", weighted[0], by_point)
    prior = _prior(num_frames)
    diagonal = np.arange(6)
    u[:, diagonal, diagonal] = (u[:, diagonal, diagonal] + 1 / prior**2) * (1 + damping) + 1e-9
    a -= poses / prior**2
    v[:, diagonal[:3], diagonal[:3]] = v[:, diagonal[:3], diagonal[:3]] * (1 + damping) + 1e-9
    return _solve(u, v, a, b, cross)


def _solve(u: Floats, v: Floats, a: Floats, b: Floats, cross: Floats) -> tuple[Floats, Floats]:
    """The steps [F, 6] and [N, 3] of the normal equations, points eliminated."""
    num_frames, num_points = len(u), len(v)
    inverse = np.linalg.inv(v)
    wide = cross.transpose(0, 2, 1, 3).reshape(num_frames * 6, num_points * 3)
    scaled = np.einsum("fnik,nkl->finl", cross, inverse).reshape(num_frames * 6, num_points * 3)
    system = -scaled @ wide.T
    for index in range(num_frames):
        rows = slice(6 * index, 6 * index + 6)
        system[rows, rows] += u[index]
    poses = np.linalg.solve(system, a.ravel() - scaled @ b.ravel())
    points = np.einsum("nij,nj->ni", inverse, b - (wide.T @ poses).reshape(num_points, 3))
    return poses.reshape(num_frames, 6), points


def _derivatives(poses: Floats, points: Floats, sightings: Sightings) -> tuple[Floats, Floats, Floats]:
    """Of the projected places by pose [M, 2, 6] and by point [M, 2, 3], and the errors [M, 2]."""
    turn, slope = rotations(poses[:, :3])
    frame, away = sightings.frame, points[sightings.point] - poses[sightings.frame, 3:]
    local = np.einsum("mij,mj->mi", turn[frame], away)
    depth = np.maximum(local[:, 2], 1e-3)
    flat = np.zeros((len(frame), 2, 3))
    flat[:, 0, 0] = flat[:, 1, 1] = 1 / depth
    flat[:, :, 2] = -local[:, :2] / depth[:, None] ** 2
    by_angle = np.einsum("mkij,mj->mik", slope[frame], away)
    by_point = flat @ turn[frame]
    by_pose = np.concatenate([flat @ by_angle, -by_point], axis=2)
    return by_pose, by_point, local[:, :2] / depth[:, None] - sightings.place
