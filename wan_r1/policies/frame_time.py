"""Runs a Wan transformer with one timestep for each latent frame instead of one for each token.

diffusers takes a timestep per token where the first frame is given (`expand_timesteps`) and then keeps six modulation
vectors for every token in every block. All tokens of a frame share theirs, so one set per frame gives the same result
in less time (an eighth for wan-tiny) and less memory (a third of the activations). Weights, names and hooks stay.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from wan_r1.errors import CheckpointError

__all__ = ["keep_time_exact", "use_frame_timesteps"]


def keep_time_exact(transformer: nn.Module, device: torch.device) -> None:
    """Keeps autocast from the embedding of the timestep, as diffusers does, whose weights stay in float32.

    All tokens of a frame share it: what rounding would change there is no noise, but a shift.
    """
    embedder = transformer.condition_embedder.time_embedder  # type: ignore[union-attr]
    embedder.forward = torch.autocast(device.type, enabled=False)(embedder.forward)  # type: ignore[union-attr]


def use_frame_timesteps(transformer: nn.Module) -> None:
    """Makes `transformer(timestep=...)` take [B, F], one timestep for each latent frame; all else stays the same."""
    patch = transformer.config.patch_size  # type: ignore[union-attr]
    if patch[0] != 1:  # type: ignore[index]
        raise CheckpointError(f"transformer: patch size {patch} joins frames; one timestep per frame needs (1, h, w)")
    for block in transformer.blocks:  # type: ignore[union-attr]
        block.forward = MethodType(_block_forward, block)
    transformer.forward = MethodType(_forward, transformer)


def _modulate(tokens: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """tokens [B, N, D] times 1 + scale plus shift, both [B, F, 1, D], frame by frame."""
    batch, frames, _, width = scale.shape
    return (tokens.view(batch, frames, -1, width) * (1 + scale) + shift).view_as(tokens)


def _gated_sum(tokens: Tensor, update: Tensor, gate: Tensor) -> Tensor:
    """tokens + update * gate in float32; tokens, update [B, N, D], gate [B, F, 1, D]."""
    batch, frames, _, width = gate.shape
    shape = (batch, frames, -1, width)
    return (tokens.float().view(shape) + update.float().view(shape) * gate).view_as(tokens)


def _block_forward(block: Any, tokens: Tensor, context: Tensor, modulation: Tensor, rotary: Any) -> Tensor:
    """One block: self-attention, cross-attention, feed-forward; modulation [B, F, 6, D]."""
    parts = (block.scale_shift_table.unsqueeze(0) + modulation.float()).chunk(6, dim=2)
    shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = parts
    normed = _modulate(block.norm1(tokens.float()), scale, shift).type_as(tokens)
    tokens = _gated_sum(tokens, block.attn1(normed, None, None, rotary), gate).type_as(tokens)
    normed = block.norm2(tokens.float()).type_as(tokens)
    tokens = tokens + block.attn2(normed, context, None, None)
    normed = _modulate(block.norm3(tokens.float()), ffn_scale, ffn_shift).type_as(tokens)
    return _gated_sum(tokens, block.ffn(normed), ffn_gate).type_as(tokens)


def _forward(
    model: Any,
    hidden_states: Tensor,
    timestep: Tensor,
    encoder_hidden_states: Tensor,
    encoder_hidden_states_image: Tensor | None = None,
    return_dict: bool = False,
) -> tuple[Tensor]:
    """Velocity of latents [B, C, F, h, w] at timesteps [B, F]."""
    batch, _, frames, height, width = hidden_states.shape
    patch = model.config.patch_size
    grid = (frames // patch[0], height // patch[1], width // patch[2])
    rotary = model.rope(hidden_states)
    tokens = model.patch_embedding(hidden_states).flatten(2).transpose(1, 2).contiguous()
    time, modulation, context, image = model.condition_embedder(
        timestep.flatten(), encoder_hidden_states, encoder_hidden_states_image, timestep_seq_len=timestep.shape[1]
    )
    modulation = modulation.unflatten(2, (6, -1))
    context = context if image is None else torch.cat([image, context], dim=1)
    for block in model.blocks:
        if torch.is_grad_enabled() and model.gradient_checkpointing:
            tokens = model._gradient_checkpointing_func(block, tokens, context, modulation, rotary)
        else:
            tokens = block(tokens, context, modulation, rotary)
    shift, scale = (model.scale_shift_table.unsqueeze(0) + time.unsqueeze(2)).chunk(2, dim=2)
    tokens = model.proj_out(_modulate(model.norm_out(tokens.float()), scale, shift).type_as(tokens))
    pixels = tokens.view(batch, *grid, *patch, -1).permute(0, 7, 1, 4, 2, 5, 3, 6)
    return (pixels.reshape(batch, -1, frames, height, width),)
