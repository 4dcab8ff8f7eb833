"""Frames as vectors, by frozen encoders. What two pictures show is alike where the angle of their vectors is small."""

import functools
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import CheckpointError, ConfigError

__all__ = ["ENCODERS", "encode_frames"]

Video = NDArray[np.uint8]
Vectors = NDArray[np.float32]

LAYOUT_PX = 64
LAYOUT_CELLS = 8
ORIENTATIONS = 6
EDGE_WEIGHT = 0.7
"""Length of the edge part beside a colour part of length 1."""

INPUT_PX = 224
VJEPA_PX = 256
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DINO_WEIGHTS, VJEPA_WEIGHTS = "facebook/dinov2-small", "facebook/vjepa2-vitl-fpc64-256"


def encode_frames(name: str, video: Video, weights: str | None = None, device: str | None = None) -> Vectors:
    """Vectors [T, D] of length 1 of video [T, H, W, 3] uint8 by the encoder of this name.

    weights: name or folder of the weights of dinov2 or vjepa2; None takes the published small ones.
    """
    if name not in ENCODERS:
        raise ConfigError(f"encoder {name!r}: unknown; known are {', '.join(ENCODERS)}")
    vectors = ENCODERS[name](video, weights, device)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def _layout(video: Video, weights: str | None, device: str | None) -> Vectors:
    """Which colours and edges are where, on a grid of cells: needs no weights.

    Colours lose the mean and contrast of the frame and edges their strength, so that light matters little.
    """
    return np.stack([_frame_layout(frame) for frame in video])


def _frame_layout(frame: Video) -> NDArray[np.float32]:
    small = cv2.resize(frame, (LAYOUT_PX, LAYOUT_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    colors = cv2.resize(small, (LAYOUT_CELLS, LAYOUT_CELLS), interpolation=cv2.INTER_AREA)
    colors = _unit(colors - colors.mean(axis=(0, 1)))
    gray = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    strength, angle = np.hypot(across, down), np.arctan2(down, across) % np.pi
    bins = np.minimum((angle * (ORIENTATIONS / np.pi)).astype(int), ORIENTATIONS - 1)
    planes = np.where(bins[..., None] == np.arange(ORIENTATIONS), strength[..., None], 0).astype(np.float32)
    cells = np.sqrt(cv2.resize(planes, (LAYOUT_CELLS, LAYOUT_CELLS), interpolation=cv2.INTER_AREA))
    edges = _unit(cells - cells.mean(axis=(0, 1)))
    return np.concatenate([colors.ravel(), EDGE_WEIGHT * edges.ravel()])


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), np.float32)


def _dinov2(video: Video, weights: str | None, device: str | None) -> Vectors:
    """The class token of DINOv2 (arXiv 2304.07193), frame by frame."""
    import torch

    model, device = _model(weights or DINO_WEIGHTS, device)
    with torch.no_grad():
        tokens = model(pixel_values=_pixels(video, INPUT_PX, device)).last_hidden_state
    return np.asarray(tokens[:, 0].float().cpu().numpy(), np.float32)


def _vjepa2(video: Video, weights: str | None, device: str | None) -> Vectors:
    """The mean token of each pair of frames of V-JEPA 2 (arXiv 2506.09985), for both frames of the pair."""
    import torch

    model, device = _model(weights or VJEPA_WEIGHTS, device)
    step = int(model.config.tubelet_size)
    padded = np.concatenate([video, video[-1:].repeat(-len(video) % step, axis=0)])
    with torch.no_grad():
        tokens = model.get_vision_features(_pixels(padded, int(model.config.crop_size), device)[None])[0]
    pairs = tokens.reshape(len(padded) // step, -1, tokens.shape[-1]).mean(dim=1)
    return np.asarray(pairs.repeat_interleave(step, dim=0)[: len(video)].float().cpu().numpy(), np.float32)


def _pixels(video: Video, side: int, device: str) -> Any:
    """Frames as the encoders were trained on them, [T, 3, side, side]."""
    import torch

    frames = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in video])
    scaled = (frames.astype(np.float32) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    return torch.from_numpy(scaled.astype(np.float32)).permute(0, 3, 1, 2).to(device)


@functools.lru_cache(maxsize=2)
def _model(weights: str, device: str | None) -> tuple[Any, str]:
    import torch
    from transformers import AutoModel

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model = AutoModel.from_pretrained(weights)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"encoder weights {weights!r}: cannot be loaded ({error}); download them, or take encoder = layout"
        ) from error
    return model.to(device).eval(), device


ENCODERS: dict[str, Callable[[Video, str | None, str | None], Vectors]] = {
    "layout": _layout,
    "dinov2": _dinov2,
    "vjepa2": _vjepa2,
}
"""Name -> (video, weights, device) -> vectors [T, D] of any length."""
