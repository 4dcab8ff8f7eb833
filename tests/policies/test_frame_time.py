import copy

import pytest
import torch

from wan_r1.errors import CheckpointError
from wan_r1.policies.frame_time import keep_time_exact, use_frame_timesteps


def test_one_timestep_per_frame_gives_what_diffusers_gives_for_one_per_token() -> None:
    from diffusers import WanTransformer3DModel

    sizes = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "ffn_dim": 64}
    tokenwise = WanTransformer3DModel(in_channels=4, out_channels=4, text_dim=8, freq_dim=32, **sizes)
    framewise = copy.deepcopy(tokenwise)
    use_frame_timesteps(framewise)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 3, 4, 6, generator=generator)
    text = torch.randn(2, 5, 8, generator=generator)
    frames = torch.tensor([[0.0, 900.0, 900.0], [0.0, 150.0, 150.0]])
    tokens = frames.repeat_interleave(2 * 3, dim=1)
    expected = tokenwise(latents, timestep=tokens, encoder_hidden_states=text, return_dict=False)[0]
    found = framewise(latents, timestep=frames, encoder_hidden_states=text)[0]
    assert (found - expected).abs().max() <= 1e-6
    expected.square().sum().backward()
    found.square().sum().backward()
    theirs = dict(tokenwise.named_parameters())
    for name, parameter in framewise.named_parameters():
        other = theirs[name].grad
        assert parameter.grad is not None
        assert other is not None
        assert torch.allclose(parameter.grad, other, rtol=1e-4, atol=1e-5), name


def test_autocast_does_not_round_the_embedding_of_the_timestep() -> None:
    from diffusers import WanTransformer3DModel

    sizes = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1, "ffn_dim": 64}
    model = WanTransformer3DModel(in_channels=4, out_channels=4, text_dim=8, freq_dim=32, **sizes)
    embedder, timestep = model.condition_embedder.time_embedder, torch.randn(3, 32)
    expected = embedder(timestep)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = embedder(timestep)
        keep_time_exact(model, torch.device("cpu"))
        found = embedder(timestep)
    assert not torch.equal(rounded.float(), expected)
    assert torch.equal(found, expected)


def test_patches_that_join_frames_are_refused() -> None:
    from diffusers import WanTransformer3DModel

    model = WanTransformer3DModel(
        patch_size=(2, 2, 2), num_attention_heads=1, attention_head_dim=16, num_layers=1, ffn_dim=16, text_dim=8
    )
    with pytest.raises(CheckpointError, match="joins frames"):
        use_frame_timesteps(model)
