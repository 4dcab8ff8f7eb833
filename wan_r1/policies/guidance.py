"""Classifier-free guidance (https://arxiv.org/abs/2207.12598)."""

from torch import Tensor

from wan_r1.errors import ConfigError

__all__ = ["guide"]


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Velocity unconditional + scale * (conditional - unconditional), in float32; all [B, C, F, h, w].

    Guidance multiplies every rounding error by the scale, hence float32 whatever the network computes in.
    """
    if conditional.shape != unconditional.shape:
        raise ConfigError(f"guide: shapes {tuple(conditional.shape)} and {tuple(unconditional.shape)} must agree")
    unconditional = unconditional.float()
    return unconditional + scale * (conditional.float() - unconditional)
