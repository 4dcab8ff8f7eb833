"""A camera decoder for small pictures: a small network reads the motion between two frames, and motions are added up.

At 64 or 80 px there are too few corners for geometry. The network has seen drawn rooms with known poses, whose camera
has one height and one lens; from these it takes metres, so the anchor is not used. It answers for any two pictures; a
frame that does not look like the one before it, moved sideways, is lost. Trained by benchmarks/pose_regressor.py, whose
file states its error on rooms of the test side.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.trackers.camera import Clip, camera_track, lost_camera
from wan_r1.trackers.network_file import read_network, write_network
from wan_r1.types import Track
from wan_r1.video import resize_video

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "MOTION_UNITS",
    "PoseRegressor",
    "RegressorShape",
    "add_up",
    "build_regressor",
    "pair_inputs",
    "read_regressor",
    "write_regressor",
]

KIND = "pose_regressor"
"""Of network files; benchmarks/pose_regressor.py writes one."""
SHIPPED = "pose_regressor.safetensors"
LEAST_LIKENESS, LIKENESS_PX, LIKENESS_SHIFT = 0.25, 24, 10
"""Correlation of two frames of this width, and moved by at most this many px, below which the second is lost. Frames of
drawn walks have .36 and more (9 frames in all, noise of sigma 12), white noise .16 at most."""
MOTION_UNITS = (0.1, 0.1, 0.1)
"""One unit of the network's output: metres forward, metres to the left, radians to the left."""
NORM_GROUPS = 8
PAIRS_AT_ONCE = 64

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegressorShape:
    """What the network looks at, and how wide it is."""

    size_px: int = 64
    "side of the square that frames are resized to"
    widths: tuple[int, ...] = (16, 32, 64, 64)
    "channels of the stages; each halves the picture"
    hidden: int = 96

    def __post_init__(self) -> None:
        if not self.widths or self.size_px % 2 ** len(self.widths) or self.hidden < 1:
            raise ConfigError(f"pose regressor: {self}: size_px must be a multiple of 2 ** the number of widths")
        if any(width < 1 or width % NORM_GROUPS for width in self.widths):
            raise ConfigError(f"pose regressor: widths = {self.widths}: must be multiples of {NORM_GROUPS}")


def pair_inputs(first: NDArray[np.uint8], second: NDArray[np.uint8], shape: RegressorShape) -> Floats:
    """What the network sees of frames [N, H, W, 3] and later frames [N, H, W, 3]: [N, 6, size, size] in [-1, 1]."""
    sides = [resize_video(frames, shape.size_px, shape.size_px) for frames in (first, second)]
    pairs = np.concatenate(sides, axis=3).astype(np.float32) / 127.5 - 1
    return np.ascontiguousarray(pairs.transpose(0, 3, 1, 2))


def build_regressor(shape: RegressorShape) -> "nn.Sequential":
    """The network [N, 6, size, size] -> [N, 3], motions in MOTION_UNITS; random weights."""
    from torch import nn

    layers: list[nn.Module] = []
    before = 6
    for width in shape.widths:
        layers += [nn.Conv2d(before, width, 5 if before == 6 else 3, 2, 2 if before == 6 else 1)]
        layers += [nn.GroupNorm(NORM_GROUPS, width), nn.SiLU()]
        layers += [nn.Conv2d(width, width, 3, 1, 1), nn.GroupNorm(NORM_GROUPS, width), nn.SiLU()]
        before = width
    cells = (shape.size_px >> len(shape.widths)) ** 2
    # Where something moves says as much as how: places are kept, not averaged.
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(before * cells, shape.hidden), nn.SiLU(), nn.Linear(shape.hidden, 3)
    )


def add_up(motions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Points [T, 2] in metres from motions [T - 1, 3]: each in the axes of the camera before it, starting at 0."""
    forward, left, turns = np.asarray(motions, dtype=np.float64).T
    heading = np.cumsum(turns) - turns
    cos, sin = np.cos(heading), np.sin(heading)
    steps = np.stack([cos * forward - sin * left, sin * forward + cos * left], axis=1)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def write_regressor(path: Path, network: "nn.Sequential", shape: RegressorShape, facts: dict[str, Any]) -> None:
    """Write weights (half precision), shape and facts (data, error on held-out rooms) to one file."""
    write_network(path, network, KIND, shape, facts)


def read_regressor(path: Path) -> tuple["nn.Sequential", RegressorShape, dict[str, Any]]:
    """Network, shape and facts of a file. CheckpointError if it is none."""
    return read_network(path, KIND, RegressorShape, build_regressor)


@lru_cache(maxsize=2)
def _loaded(path: str | None) -> tuple["nn.Sequential", RegressorShape]:
    if path is not None:
        return read_regressor(Path(path))[:2]
    with as_file(files("wan_r1") / "assets" / SHIPPED) as file:
        return read_regressor(file)[:2]


def _likeness(video: NDArray[np.uint8]) -> Floats:
    """Correlation [T - 1] of each frame with the next, small and grey, at the best shift sideways; 0 if it is flat."""
    size = (LIKENESS_PX, LIKENESS_PX)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in grey]).astype(np.float64)
    best = np.full(len(video) - 1, -1.0)
    for shift in range(-LIKENESS_SHIFT, LIKENESS_SHIFT + 1):
        first = small[:-1, :, max(0, shift) : LIKENESS_PX + min(0, shift)]
        second = small[1:, :, max(0, -shift) : LIKENESS_PX + min(0, -shift)]
        first = first - first.mean(axis=(1, 2), keepdims=True)
        second = second - second.mean(axis=(1, 2), keepdims=True)
        shared = (first * second).sum(axis=(1, 2))
        scale = np.sqrt(np.square(first).sum(axis=(1, 2)) * np.square(second).sum(axis=(1, 2)))
        best = np.maximum(best, np.where(scale > 1, shared / np.maximum(scale, 1), 0))
    return best


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseRegressor:
    """Camera path by a network that was trained on drawn rooms; see the module's first lines."""

    path: str | None = None
    """File of the network; none takes the shipped one."""

    def __call__(self, clip: Clip) -> Track:
        """The camera's track; lost if the clip is of one frame, and in frames unlike the one before."""
        if len(clip.video) < 2:
            return lost_camera(len(clip.video))
        points = add_up(self.motions(clip.video))
        likeness = np.concatenate([[1.0], _likeness(clip.video)])
        return camera_track(points, likeness >= LEAST_LIKENESS, likeness)

    def motions(self, video: NDArray[np.uint8]) -> Floats:
        """Motions [T - 1, 3] between the frames of video [T, H, W, 3]: metres forward and left, radians left."""
        import torch

        network, shape = _loaded(self.path)
        inputs = torch.from_numpy(pair_inputs(video[:-1], video[1:], shape))
        with torch.inference_mode():
            found = torch.cat([network(part) for part in torch.split(inputs, PAIRS_AT_ONCE)])
        return (found * torch.tensor(MOTION_UNITS)).numpy()
