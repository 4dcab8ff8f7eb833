"""Whether pictures, text and weights of a Wan model fit together."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.policies.codec import VideoCodec
from wan_r1.policies.conditioner import WanKind

if TYPE_CHECKING:
    from wan_r1.policies.wan import WanConfig

__all__ = ["check_sizes"]

IMAGE_TOKEN_TEXT_LENGTH = 512
"""diffusers cuts text and image tokens apart at this text length; models with image tokens need exactly it."""


def check_sizes(config: "WanConfig", settings: Any, codec: VideoCodec, kind: WanKind, path: Path) -> None:
    """Whether the videos of a configuration fit the model in the folder `path`, and its parts each other.

    settings: the transformer's. Raises ConfigError for what the user chose, CheckpointError for what the folder holds.
    """
    _, *patch = settings.patch_size
    sides = {"height": config.height, "width": config.width}
    for (name, side), cells in zip(sides.items(), patch, strict=True):
        unit = codec.spatial_factor * cells
        if side < unit or side % unit:
            near = max(1, round(side / unit)) * unit
            raise ConfigError(f"policy: {name} = {side} is no multiple of {unit} for this model; take {near}")
    expected = {"t2v": 1, "ti2v": 1, "i2v": 2}[kind] * codec.num_channels
    expected += codec.temporal_factor if kind == "i2v" else 0
    if settings.in_channels != expected:
        raise CheckpointError(
            f"{path}: the transformer takes {settings.in_channels} channels; "
            f"kind {kind} with {codec.num_channels} latent channels needs {expected}"
        )
    if settings.image_dim is not None and config.max_sequence_length != IMAGE_TOKEN_TEXT_LENGTH:
        raise ConfigError(
            f"policy: max_sequence_length = {config.max_sequence_length}; this model has image tokens "
            f"and needs {IMAGE_TOKEN_TEXT_LENGTH}"
        )
