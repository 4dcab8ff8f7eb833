import pytest
import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.policies.frame_time import use_frame_timesteps
from wan_r1.policies.memory import RELEASED, block_bytes, estimate_memory, meta_transformer

BILLIONS = {
    "wan2.1-t2v-1.3b": 1.42,
    "wan2.1-t2v-14b": 14.29,
    "wan2.1-i2v-14b": 16.39,
    "wan2.2-ti2v-5b": 5.00,
    "wan2.2-t2v-a14b": 14.29,
    "wan2.2-i2v-a14b": 14.29,
}


@pytest.mark.parametrize("name", ["wan2.2-ti2v-5b", "wan2.2-i2v-a14b"])
def test_a_released_transformer_loads_without_memory_and_has_its_size(name: str) -> None:
    module = meta_transformer(name)
    assert all(parameter.device.type == "meta" for parameter in module.parameters())
    assert sum(parameter.numel() for parameter in module.parameters()) / 1e9 == pytest.approx(BILLIONS[name], abs=0.01)


def test_every_released_model_has_its_size_written_here() -> None:
    assert set(RELEASED) == set(BILLIONS)


def test_an_adapter_for_ti2v_5b_fits_on_one_gpu_of_24_gib_and_all_weights_on_one_of_141() -> None:
    adapter = estimate_memory("wan2.2-ti2v-5b", num_frames=49, height=480, width=832)
    full = estimate_memory("wan2.2-ti2v-5b", num_frames=49, height=480, width=832, train="full")
    assert adapter.transformer == pytest.approx(9.31, abs=0.01)
    assert adapter.total < 24
    assert 70 < full.total < 141


def test_more_frames_more_videos_and_no_checkpointing_take_more_and_two_experts_twice_the_weights() -> None:
    sizes = {"num_frames": 49, "height": 480, "width": 832}
    small = estimate_memory("wan2.2-ti2v-5b", **sizes)
    assert estimate_memory("wan2.2-ti2v-5b", **(sizes | {"num_frames": 97})).activations > 1.8 * small.activations
    assert estimate_memory("wan2.2-ti2v-5b", **sizes, batch_size=2).activations == pytest.approx(2 * small.activations)
    unchecked = estimate_memory("wan2.2-ti2v-5b", **sizes, gradient_checkpointing=False)
    assert unchecked.activations > 10 * small.activations
    one, two = (estimate_memory(name, **sizes) for name in ("wan2.1-t2v-14b", "wan2.2-t2v-a14b"))
    assert two.transformer == pytest.approx(2 * one.transformer)


@pytest.mark.parametrize("expand_timesteps", [False, True])
def test_the_bytes_of_a_block_are_those_that_autograd_keeps(expand_timesteps: bool) -> None:
    counted = (_kept_bytes(3, expand_timesteps) - _kept_bytes(1, expand_timesteps)) / 2
    assert counted == pytest.approx(block_bytes(256, 1024), rel=0.1)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"wan2\.2-ti2v-5b"):
        estimate_memory("wan3", num_frames=81, height=480, width=832)


def _kept_bytes(layers: int, expand_timesteps: bool) -> float:
    """Bytes per token that a backward pass through adapters needs, in bfloat16."""
    from diffusers import WanTransformer3DModel
    from peft import LoraConfig

    model = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=128, text_dim=64, freq_dim=64, ffn_dim=1024, num_layers=layers
    )
    model.to(torch.bfloat16).requires_grad_(False)
    targets = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]
    model.add_adapter(LoraConfig(r=4, target_modules=targets))
    for parameter in model.parameters():
        parameter.data = parameter.data.float() if parameter.requires_grad else parameter.data
    if expand_timesteps:
        use_frame_timesteps(model)
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}

    def remember(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    tokens = 3 * 8 * 8
    timesteps = torch.full((1, 3) if expand_timesteps else (1,), 500.0)
    inputs = torch.zeros(1, 16, 3, 16, 16, dtype=torch.bfloat16)
    text = torch.zeros(1, 16, 64, dtype=torch.bfloat16)
    with (
        torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16),
    ):
        model(inputs, timestep=timesteps, encoder_hidden_states=text, return_dict=False)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / tokens
