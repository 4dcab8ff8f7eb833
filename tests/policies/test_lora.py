"""An adapter trained here works in plain diffusers, as an adapter and merged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.lora import LoraConfig
from wan_r1.policies.policy import draw_latents
from wan_r1.policies.wan import WanConfig, WanPolicy

PROMPT = "The ball moves"
LORA = LoraConfig(rank=4, alpha=16.0)
ODE = SamplerSettings(num_steps=4, kernel="ode")
Load = Callable[..., WanPolicy]
Frame = NDArray[np.uint8]


def noise_of(policy: WanPolicy) -> Tensor:
    return policy.noise([torch.Generator().manual_seed(3)])


def latents_of(policy: WanPolicy, frame: Frame) -> Tensor:
    return draw_latents(policy, policy.encode_inputs([PROMPT], [frame]), noise_of(policy), ODE).result


def disturbed(policy: WanPolicy) -> WanPolicy:
    """The policy with an adapter that does something."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in policy.trainable_parameters().values():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return policy


def pipeline_at(folder: Path) -> Any:
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def diffusers_latents(pipeline: Any, frame: Frame, noise: Tensor) -> Tensor:
    from PIL import Image

    result: Tensor = pipeline(
        image=Image.fromarray(frame),
        prompt=PROMPT,
        height=32,
        width=32,
        num_frames=5,
        num_inference_steps=4,
        guidance_scale=1.0,
        latents=noise.clone(),
        max_sequence_length=12,
        output_type="latent",
    ).frames
    return result


@pytest.mark.parametrize("kind", ["ti2v", "two_experts"])
def test_an_adapter_and_its_merged_weights_give_the_same_latents_in_plain_diffusers(
    kind: str, load_policy: Load, wan_folder: Callable[[str], Path], first_frame: Frame, tmp_path: Path
) -> None:
    policy = load_policy(kind, train="lora", lora=LORA)
    plain = latents_of(policy, first_frame)
    trained = latents_of(disturbed(policy), first_frame)
    assert (trained - plain).abs().max() > 0.1
    policy.save_lora(tmp_path / "lora")
    pipeline = pipeline_at(wan_folder(kind))
    pipeline.load_lora_weights(tmp_path / "lora", weight_name="pytorch_lora_weights.safetensors")
    if kind == "two_experts":
        pipeline.load_lora_weights(
            tmp_path / "lora", weight_name="transformer_2_lora.safetensors", load_into_transformer_2=True
        )
    assert (diffusers_latents(pipeline, first_frame, noise_of(policy)) - trained).abs().max() <= 1e-4
    merged = policy.save(tmp_path / "merged")
    assert (diffusers_latents(pipeline_at(merged), first_frame, noise_of(policy)) - trained).abs().max() <= 1e-4
    again = WanConfig(path=str(merged), num_frames=5, height=32, width=32, max_sequence_length=12).load()
    assert (latents_of(again, first_frame) - trained).abs().max() <= 1e-4


def test_the_reference_is_the_adapter_switched_off(load_policy: Load, first_frame: Frame) -> None:
    policy = load_policy("ti2v", train="lora", lora=LORA)
    plain = latents_of(policy, first_frame)
    trained = latents_of(disturbed(policy), first_frame)
    with policy.reference():
        assert torch.equal(latents_of(policy, first_frame), plain)
    assert torch.equal(latents_of(policy, first_frame), trained)


def test_a_fresh_adapter_changes_nothing_and_only_it_trains(load_policy: Load, first_frame: Frame) -> None:
    policy = load_policy("ti2v", train="lora", lora=LORA)
    assert torch.equal(latents_of(policy, first_frame), latents_of(load_policy("ti2v"), first_frame))
    parameters = policy.trainable_parameters()
    # 2 blocks x (4 + 4 attention + 2 feed-forward layers) x 2 matrices
    assert len(parameters) == 40
    assert all(".lora_" in name and value.dtype == torch.float32 for name, value in parameters.items())


def test_the_same_seed_starts_the_same_adapter(load_policy: Load) -> None:
    first, second = (load_policy("ti2v", train="lora", lora=LORA).trainable_parameters() for _ in range(2))
    other = load_policy("ti2v", train="lora", lora=LoraConfig(rank=4, alpha=16.0, seed=1)).trainable_parameters()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_an_adapter_loads_back(load_policy: Load, first_frame: Frame, tmp_path: Path) -> None:
    policy = disturbed(load_policy("ti2v", train="lora", lora=LORA))
    policy.save_lora(tmp_path)
    again = load_policy("ti2v", train="lora", lora=LORA)
    again.load_lora(tmp_path)
    assert torch.equal(latents_of(again, first_frame), latents_of(policy, first_frame))


def test_an_adapter_of_another_rank_or_none_at_all_is_refused(load_policy: Load, tmp_path: Path) -> None:
    policy = load_policy("ti2v", train="lora", lora=LORA)
    with pytest.raises(CheckpointError, match="no such adapter"):
        policy.load_lora(tmp_path)
    policy.save_lora(tmp_path)
    with pytest.raises(CheckpointError, match="differ in name or shape"):
        load_policy("ti2v", train="lora", lora=LoraConfig(rank=8, alpha=16.0)).load_lora(tmp_path)


def test_a_half_written_adapter_is_refused(load_policy: Load, tmp_path: Path) -> None:
    policy = load_policy("ti2v", train="lora", lora=LORA)
    policy.save_lora(tmp_path)
    path = tmp_path / "pytorch_lora_weights.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="cannot be read"):
        policy.load_lora(tmp_path)


def test_full_training_has_no_adapter_to_save(load_policy: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="use save"):
        load_policy("ti2v").save_lora(tmp_path)


def test_targets_that_name_no_layer_are_refused(load_policy: Load) -> None:
    with pytest.raises(ConfigError, match="no_such_layer"):
        load_policy("ti2v", train="lora", lora=LoraConfig(rank=4, targets=("no_such_layer",)))


def test_rank_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="rank 0"):
        LoraConfig(rank=0)
