"""Writing rooms of the family `navigation` as Target-Bench's segment folders."""

import json
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, DatasetError
from wan_r1.files import write_whole
from wan_r1.tasks.navigation import NavigationFamily, NavigationState, draw_map
from wan_r1.tasks.target_bench.reading import REFERENCE_MODEL
from wan_r1.types import Path, Task
from wan_r1.video import check_fps, write_image, write_video

__all__ = ["segment_name", "write_segment"]

HISTORY_FRAMES = 8
"""Frames from the first picture of a segment to the conditioning picture."""
MAP_PX = 480


def segment_name(scene: str, num_frames: int) -> str:
    """Target-Bench's name of the segment of a scene that ends with its video."""
    return f"{scene}_custom_segment_{HISTORY_FRAMES:03d}_{HISTORY_FRAMES + num_frames - 1:03d}"


def write_segment(
    root: str | FilePath, scene: str, task: Task, num_frames: int, fps: float = 24, crf: int = 18
) -> tuple[FilePath, FilePath]:
    """Write a room's segment folder and its reference as wm_videos/gt_videos/<segment>.mp4, with true poses beside it.

    Returns that video and the conditioning picture, both relative to `root`.
    """
    if not isinstance(task.state, NavigationState):
        raise DatasetError(f"family {task.family!r}: only rooms of the family navigation can be written as segments")
    if num_frames < 2:
        raise ConfigError(f"num_frames = {num_frames}: a segment needs at least 2, its start and its end")
    check_fps(fps)
    root, name = FilePath(root), segment_name(scene, num_frames)
    family, size = NavigationFamily(**task.settings), max(task.first_frame.shape[:2])
    folder = root / "Benchmark" / name
    reference = family.render(task, task.solution, num_frames, size)
    history = _history(family, task, size)
    points = family.poses(task, task.solution, num_frames)
    poses = _target_bench_poses(task.state, points)
    write_image(folder / f"{name}_first_frame.png", history[0])
    write_image(folder / f"{name}_current_frame.png", task.first_frame)
    write_image(folder / f"{name}_trajectory_plot.png", draw_map(task.state, [task.solution.points], MAP_PX))
    write_video(folder / f"{name}_video.mp4", np.concatenate([history, reference]), fps=fps, crf=crf)
    _write(folder / f"{name}_caption.txt", task.prompt + "\n")
    _write(folder / f"{name}_trajectory.csv", _csv(("x", "y"), poses[:, :2]))
    _write(folder / f"{name}_trajectory.json", json.dumps(_trajectory(poses), indent=2))
    _write(folder / f"{name}_metadata.json", json.dumps(_metadata(task, scene, poses, fps), indent=2))
    video = FilePath("wm_videos") / REFERENCE_MODEL / f"{name}.mp4"
    write_video(root / video, reference, fps=fps, crf=crf)
    _write((root / video).with_name(f"{name}_poses.csv"), _csv(("x", "y", "heading"), poses))
    return video, (folder / f"{name}_current_frame.png").relative_to(root)


def _history(family: NavigationFamily, task: Task, size: int) -> NDArray[np.uint8]:
    """The frames before the start: straight from the anchor's pose, [HISTORY_FRAMES, H, W, 3]."""
    away = np.linspace(-task.state.anchor_distance_m, 0, HISTORY_FRAMES, endpoint=False, dtype=np.float32)
    points = np.stack([away, np.zeros_like(away)], axis=1)
    path = Path(points=points, unit="metre", headings=np.zeros(HISTORY_FRAMES, np.float32))
    return family.render(task, path, HISTORY_FRAMES, size)


def _target_bench_poses(state: NavigationState, poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Poses (x right, y forward, heading from x) [T, 3] from the start, given poses in the room frame."""
    offset, yaw = poses[:, :2] - poses[0, :2], state.start[2]
    forward = offset[:, 0] * np.cos(yaw) + offset[:, 1] * np.sin(yaw)
    left = offset[:, 1] * np.cos(yaw) - offset[:, 0] * np.sin(yaw)
    return np.stack([-left, forward, poses[:, 2] - yaw + np.pi / 2], axis=1)


def _trajectory(poses: NDArray[np.float64]) -> dict[str, Any]:
    last = HISTORY_FRAMES + len(poses) - 1
    return {
        "x_coordinates": [round(float(x), 6) for x in poses[:, 0]],
        "y_coordinates": [round(float(y), 6) for y in poses[:, 1]],
        "start_frame": HISTORY_FRAMES,
        "end_frame": last,
        "video_start_idx": HISTORY_FRAMES,
        "video_end_idx": last,
        "total_points": len(poses),
        "transformation_applied": True,
        "heading_aligned_to_y_axis": True,
    }


def _metadata(task: Task, scene: str, poses: NDArray[np.float64], fps: float) -> dict[str, Any]:
    last = HISTORY_FRAMES + len(poses) - 1
    length = float(np.hypot(*np.diff(poses[:, :2], axis=0).T).sum())
    return {
        "scene_name": scene,
        "segment_type": "custom",
        "user_caption": task.prompt,
        "trajectory_start_frame": HISTORY_FRAMES,
        "trajectory_end_frame": last,
        "video_start_idx": HISTORY_FRAMES,
        "video_end_idx": last,
        "frame_duration": 1 / fps,
        "total_distance_meters": length,
        "trajectory_points": len(poses),
        "distance_first_to_current": {"distance_meters": task.state.anchor_distance_m},
        "distance_current_to_end": {"distance_meters": float(np.hypot(*poses[-1, :2]))},
        "wan_r1": {"family": task.family, "seed": task.seed, "settings": task.settings},
    }


def _csv(names: tuple[str, ...], rows: NDArray[np.float64]) -> str:
    lines = [",".join(f"{value:.6f}" for value in row) for row in rows]
    return "\n".join([",".join(names), *lines]) + "\n"


def _write(path: FilePath, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror})") from error
