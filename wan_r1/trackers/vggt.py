"""The camera decoder of Target-Bench's official tables: VGGT (https://github.com/facebookresearch/vggt).

The protocol of evaluation/target_eval_vggt.py: NUM_DECODED frames, the anchor's picture last; camera centres in the
frame of the first camera; scale = known metres / distance of the *translations* of the first and the last extrinsics,
as there.
"""

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError
from wan_r1.trackers.camera import Clip, camera_track, decoded_frames, lost_camera
from wan_r1.types import Track
from wan_r1.video import write_image

__all__ = ["VggtDecoder", "path_from_extrinsics"]

INSTALL = "pip install git+https://github.com/facebookresearch/vggt (and mind the licence of its weights)"


@dataclass(frozen=True, kw_only=True, slots=True)
class VggtDecoder:
    """VGGT-1B on nine frames and the anchor; needs its package, its weights and, in practice, a GPU."""

    weights: str = "facebook/VGGT-1B"
    """Name or folder of the weights."""
    device: str | None = None
    """None takes a GPU if there is one."""

    def __call__(self, clip: Clip) -> Track:
        """The camera's track, seen at the nine frames. TrackingError if VGGT is not installed."""
        num_frames = len(clip.video)
        frames = decoded_frames(num_frames)
        extrinsics = _extrinsics([*clip.video[frames], clip.anchor.picture], self.weights, self.device)
        points = path_from_extrinsics(extrinsics, clip.anchor.distance_m)
        if points is None:
            return lost_camera(num_frames)
        whole, seen = np.full((num_frames, 2), np.nan), np.zeros(num_frames, bool)
        whole[frames], seen[frames] = points, True
        return camera_track(whole, seen, np.ones(num_frames))


def path_from_extrinsics(extrinsics: NDArray[np.float64], distance_m: float) -> NDArray[np.float64] | None:
    """Points [N, 2] in metres (x forward, y left) of cameras [N + 1, 3, 4] (OpenCV, world to camera), the anchor last.

    None if the first camera and the anchor are in the same place, where the scale is undefined.
    """
    rotations, translations = extrinsics[:, :, :3], extrinsics[:, :, 3]
    apart = float(np.linalg.norm(translations[0] - translations[-1]))
    if not np.isfinite(extrinsics).all() or apart < 1e-9:
        return None
    centers = -np.einsum("nij,ni->nj", rotations, translations)[:-1] * (distance_m / apart)
    return np.stack([centers[:, 2], -centers[:, 0]], axis=1)


def _extrinsics(pictures: list[NDArray[np.uint8]], weights: str, device: str | None) -> NDArray[np.float64]:
    """World-to-camera matrices [N, 3, 4] of pictures of any sizes."""
    try:
        import torch
        from vggt.utils.load_fn import load_and_preprocess_images
        from vggt.utils.pose_enc import pose_encoding_to_extri_intri
    except ImportError as error:
        raise TrackingError(f"vggt: its package is not installed ({error}): {INSTALL}") from error
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    model = _model(weights, device)
    with tempfile.TemporaryDirectory() as folder:  # its loader takes files
        files = [Path(folder) / f"{index:02d}.png" for index in range(len(pictures))]
        for file, picture in zip(files, pictures, strict=True):
            write_image(file, picture)
        images = load_and_preprocess_images([str(file) for file in files]).to(device)
    number = torch.float32 if device == "cpu" else torch.bfloat16
    with torch.no_grad(), torch.autocast(device.split(":")[0], dtype=number, enabled=device != "cpu"):
        tokens, _ = model.aggregator(images[None])
        pose = model.camera_head(tokens)[-1]
    matrices, _ = pose_encoding_to_extri_intri(pose.float(), images.shape[-2:])
    return np.asarray(matrices[0].cpu().numpy(), np.float64)


@functools.lru_cache(maxsize=1)
def _model(weights: str, device: str) -> Any:
    from vggt.models.vggt import VGGT

    try:
        return VGGT.from_pretrained(weights).to(device).eval()
    except (OSError, ValueError) as error:
        raise TrackingError(
            f"vggt: weights {weights!r} cannot be loaded ({error}); give a folder that has them"
        ) from error
