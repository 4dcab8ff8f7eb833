"""Every kind of Wan folder goes through the same class and gives what diffusers gives."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.flow.loss import flow_matching_loss
from wan_r1.flow.replay import replay
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.policy import Policy, draw_latents, velocity_given
from wan_r1.policies.wan import WanConfig, WanPolicy

KINDS = ["t2v", "i2v", "ti2v", "two_experts", "image_tokens"]
PROMPT = "The  ball moves &amp; rests"
Load = Callable[..., WanPolicy]
Frame = NDArray[np.uint8]


def generators(count: int, seed: int = 0) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(1000 * seed + i) for i in range(count)]


def diffusers_latents(folder: Path, frame: Frame, noise: Tensor, length: int, guidance: float) -> Tensor:
    """What diffusers' own pipeline makes of the same start noise."""
    from diffusers import DiffusionPipeline
    from PIL import Image

    pipeline: Any = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    image = {"image": Image.fromarray(frame)} if "ImageToVideo" in type(pipeline).__name__ else {}
    result: Tensor = pipeline(
        prompt=PROMPT,
        negative_prompt="goal",
        height=32,
        width=32,
        num_frames=5,
        num_inference_steps=4,
        guidance_scale=guidance,
        latents=noise.clone(),
        max_sequence_length=length,
        output_type="latent",
        **image,
    ).frames
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_generates_videos(kind: str, load_policy: Load, first_frame: Frame) -> None:
    policy: Policy = load_policy(kind)
    condition = policy.encode_inputs([PROMPT], [first_frame]).repeat(2)
    trace = draw_latents(policy, condition, policy.noise(generators(2)), SamplerSettings(num_steps=3), generators(2, 1))
    videos = policy.decode(trace.result)
    assert policy.latent_shape == (8, 2, 4, 4)
    assert trace.result.shape == (2, 8, 2, 4, 4)
    assert videos.shape == (2, 5, 32, 32, 3)
    assert videos.dtype == np.uint8
    assert (videos[0] != videos[1]).any()


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("kind", KINDS)
def test_the_ode_gives_the_latents_of_the_diffusers_pipeline(
    kind: str, guidance: float, load_policy: Load, wan_folder: Callable[[str], Path], first_frame: Frame
) -> None:
    policy = load_policy(kind, negative_prompt="goal")
    settings = SamplerSettings(num_steps=4, kernel="ode", guidance_scale=guidance)
    noise = policy.noise(generators(1))
    ours = draw_latents(policy, policy.encode_inputs([PROMPT], [first_frame]), noise, settings).result
    length = policy.config.max_sequence_length
    theirs = diffusers_latents(wan_folder(kind), first_frame, noise, length, guidance)
    assert (ours - theirs).abs().max() <= 1e-4


@pytest.mark.parametrize("kernel", ["flow_sde", "dance_sde", "cps"])
@pytest.mark.parametrize("kind", KINDS)
def test_replay_gives_ratio_one_before_the_first_update(
    kind: str, kernel: str, load_policy: Load, first_frame: Frame
) -> None:
    policy = load_policy(kind)
    condition = policy.encode_inputs([PROMPT], [first_frame]).repeat(3)
    settings = SamplerSettings(num_steps=4, kernel=kernel, sde_steps=(0, 2))  # type: ignore[arg-type]
    trace = draw_latents(policy, condition, policy.noise(generators(3)), settings, generators(3, 1))
    for position in (0, 1):
        again = replay(velocity_given(policy, condition, settings), trace, position)
        assert (again.ratio - 1).abs().max() <= 1e-6
        assert again.ratio.requires_grad


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")
def test_bfloat16_replays_with_ratio_one(load_policy: Load, first_frame: Frame) -> None:
    policy = load_policy("ti2v", dtype="bfloat16")
    condition = policy.encode_inputs([PROMPT], [first_frame]).repeat(3)
    settings = SamplerSettings(num_steps=4)
    trace = draw_latents(policy, condition, policy.noise(generators(3)), settings, generators(3, 1))
    again = replay(velocity_given(policy, condition, settings), trace, 0)
    assert (again.ratio - 1).abs().max() <= 1e-6  # the clip of a released model is far below its rounding
    assert all(p.dtype == torch.float32 for p in policy.trainable_parameters().values())
    assert again.velocity.dtype == torch.float32


def test_only_ti2v_holds_its_first_latent_frame(load_policy: Load, first_frame: Frame) -> None:
    for kind in KINDS:
        policy = load_policy(kind)
        condition = policy.encode_inputs([PROMPT], [first_frame])
        noise = policy.noise(generators(1))
        pinned = policy.pin(noise, condition)
        assert policy.free_mask.flatten().tolist() == [kind != "ti2v", True]
        assert torch.equal(pinned[:, :, 1:], noise[:, :, 1:])
        assert torch.equal(pinned[:, :, :1], condition.first_latents if kind == "ti2v" else noise[:, :, :1])


def test_the_noise_of_a_held_frame_changes_nothing_and_its_prediction_gets_no_gradient(
    load_policy: Load, first_frame: Frame
) -> None:
    policy = load_policy("ti2v")
    condition = policy.encode_inputs([PROMPT], [first_frame])
    noise = policy.noise(generators(1))
    other = noise.clone()
    other[:, :, 0] += 3.0
    settings = SamplerSettings(num_steps=4)
    first, second = (draw_latents(policy, condition, start, settings, generators(1, 1)) for start in (noise, other))
    assert torch.equal(first.latents, second.latents)
    velocity = policy.velocity(policy.pin(noise, condition), torch.tensor([0.5]), condition)
    velocity.retain_grad()
    flow_matching_loss(velocity, noise, policy.free_mask).sum().backward()
    assert velocity.grad is not None
    assert velocity.grad[:, :, 0].abs().max() == 0.0
    assert velocity.grad[:, :, 1].abs().max() > 0.0


def test_two_experts_share_a_batch_of_mixed_sigmas_as_if_alone(load_policy: Load, first_frame: Frame) -> None:
    policy = load_policy("two_experts")
    condition = policy.encode_inputs([PROMPT], [first_frame]).repeat(3)
    noise, sigmas = policy.noise(generators(3)), torch.tensor([0.95, 0.2, 0.9])
    together = policy.velocity(noise, sigmas, condition)
    for i in range(3):
        alone = policy.velocity(noise[i : i + 1], sigmas[i : i + 1], condition.select([i]))
        assert torch.allclose(together[i], alone[0], atol=1e-5)
    high, low = (policy.velocity(noise, torch.full((3,), sigma), condition) for sigma in (0.9, 0.8999))
    assert (high - low).abs().max() > 1e-2


def test_an_encoded_video_begins_with_the_latents_of_its_first_frame(load_policy: Load) -> None:
    policy = load_policy("ti2v")
    videos = np.random.default_rng(1).integers(0, 256, (2, 5, 32, 32, 3), dtype=np.uint8)
    latents = policy.encode_video(videos)
    condition = policy.encode_inputs([PROMPT] * 2, list(videos[:, 0]))
    assert latents.shape == (2, 8, 2, 4, 4)
    assert torch.allclose(latents[:, :, :1], condition.first_latents, atol=1e-5)


def test_a_first_frame_of_another_size_is_resized(load_policy: Load, first_frame: Frame) -> None:
    policy = load_policy("ti2v")
    large = first_frame.repeat(2, axis=0).repeat(2, axis=1)
    assert policy.encode_inputs([PROMPT], [large]).first_latents.shape == (1, 8, 1, 4, 4)


def test_conditions_repeat_side_by_side_and_select_by_index(load_policy: Load, first_frame: Frame) -> None:
    condition = load_policy("ti2v").encode_inputs(["The ball", "goal"], [first_frame, 255 - first_frame])
    repeated = condition.repeat(2)
    assert repeated.batch_size == 4
    assert torch.equal(repeated.text[1], condition.text[0])
    assert torch.equal(repeated.first_latents[2], condition.first_latents[1])
    assert torch.equal(repeated.select([3, 0]).text, condition.text[[1, 0]])


def test_the_reference_of_full_training_is_the_kept_copy(load_policy: Load, first_frame: Frame) -> None:
    policy = load_policy("ti2v")
    condition = policy.encode_inputs([PROMPT], [first_frame])
    noise, sigmas = policy.noise(generators(1)), torch.tensor([0.7])
    with pytest.raises(ConfigError, match="keep_reference"), policy.reference():
        pass
    policy.keep_reference()
    with torch.no_grad():
        before = policy.velocity(noise, sigmas, condition)
        for parameter in policy.trainable_parameters().values():
            parameter.add_(0.05)
        after = policy.velocity(noise, sigmas, condition)
        with policy.reference():
            assert torch.equal(policy.velocity(noise, sigmas, condition), before)
        assert torch.equal(policy.velocity(noise, sigmas, condition), after)
    assert (after - before).abs().max() > 1e-3


def test_other_weights_stand_in_within_a_block_and_keep_the_graph_outside_intact(
    load_policy: Load, first_frame: Frame
) -> None:
    policy = load_policy("ti2v")
    condition = policy.encode_inputs([PROMPT], [first_frame])
    noise, sigmas = policy.noise(generators(1)), torch.tensor([0.7])
    zeros = {name: torch.zeros_like(value) for name, value in policy.trainable_parameters().items()}
    policy.velocity(noise, sigmas, condition).sum().backward()
    expected = {
        name: value.grad.clone() for name, value in policy.trainable_parameters().items() if value.grad is not None
    }
    for value in policy.trainable_parameters().values():
        value.grad = None
    velocity = policy.velocity(noise, sigmas, condition)
    with torch.no_grad(), policy.weights(zeros):
        assert policy.velocity(noise, sigmas, condition).abs().max() == 0.0
    velocity.sum().backward()
    for name, value in policy.trainable_parameters().items():
        if name in expected:
            assert value.grad is not None
            assert torch.equal(value.grad, expected[name])
    with pytest.raises(ConfigError, match="names differ"), policy.weights({}):
        pass


def test_gradient_checkpointing_changes_no_gradient(load_policy: Load, first_frame: Frame) -> None:
    gradients = []
    for checkpointing in (False, True):
        policy = load_policy("ti2v", gradient_checkpointing=checkpointing)
        condition = policy.encode_inputs([PROMPT], [first_frame])
        policy.velocity(policy.noise(generators(1)), torch.tensor([0.7]), condition).square().sum().backward()
        gradients.append(policy.trainable_parameters()["transformer.blocks.0.ffn.net.2.weight"].grad)
    assert gradients[0] is not None
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-5)


def test_one_expert_trains_alone(load_policy: Load) -> None:
    names = {
        name.split(".")[0] for name in load_policy("two_experts", train_experts="high_noise").trainable_parameters()
    }
    assert names == {"transformer"}
    assert load_policy("two_experts", train="nothing").trainable_parameters() == {}
    with pytest.raises(ConfigError, match="has one expert"):
        load_policy("ti2v", train_experts="low_noise")


@pytest.mark.parametrize("dtype", [None, "float16"])
def test_a_saved_folder_loads_again_and_in_diffusers(
    dtype: str | None, load_policy: Load, first_frame: Frame, tmp_path: Path
) -> None:
    policy = load_policy("two_experts")
    with torch.no_grad():
        for parameter in policy.trainable_parameters().values():
            parameter.mul_(1.1)
    folder = policy.save(tmp_path / "saved", dtype)  # type: ignore[arg-type]
    again = WanConfig(path=str(folder), num_frames=5, height=32, width=32, max_sequence_length=12).load()
    noise, settings = policy.noise(generators(1)), SamplerSettings(num_steps=4, kernel="ode")
    ours, reloaded = (
        draw_latents(p, p.encode_inputs([PROMPT], [first_frame]), noise, settings).result for p in (policy, again)
    )
    assert (ours - reloaded).abs().max() <= (1e-6 if dtype is None else 0.02)
    theirs = diffusers_latents(folder, first_frame, noise, 12, 1.0)
    assert (theirs - reloaded).abs().max() <= 1e-4
    assert not any("_name_or_path" in file.read_text() for file in folder.glob("*/*config.json"))


def test_saving_over_the_loaded_folder_is_refused(load_policy: Load, wan_folder: Callable[[str], Path]) -> None:
    with pytest.raises(CheckpointError, match="save to another one"):
        load_policy("ti2v").save(wan_folder("ti2v"))


def test_a_unipc_folder_keeps_its_shift(load_policy: Load, wan_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "unipc"
    shutil.copytree(wan_folder("ti2v"), folder)
    settings = {"_class_name": "UniPCMultistepScheduler", "flow_shift": 5.0, "use_flow_sigmas": True}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(settings), encoding="utf-8")
    policy = WanConfig(path=str(folder), num_frames=5, height=32, width=32).load()
    assert policy.shift == 5.0
    assert load_policy("ti2v").shift == 4.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_frames": 80}, r"81 = 4 \* 20 \+ 1"),
        ({"height": 40}, "height = 40 is no multiple of 16"),
        ({"width": 8}, "width = 8 is no multiple of 16"),
        ({"dtype": "int8"}, "int8"),
        ({"max_sequence_length": 0}, "at least 1"),
    ],
)
def test_wrong_sizes_are_refused_with_a_way_out(settings: dict[str, Any], message: str, load_policy: Load) -> None:
    with pytest.raises(ConfigError, match=message):
        load_policy("ti2v", **settings)


def test_image_tokens_need_a_text_length_of_512(load_policy: Load) -> None:
    with pytest.raises(ConfigError, match="needs 512"):
        load_policy("image_tokens", max_sequence_length=32)


def test_a_prompt_that_would_be_cut_is_refused(load_policy: Load, first_frame: Frame) -> None:
    with pytest.raises(ConfigError, match="max_sequence_length = 12"):
        load_policy("ti2v").encode_inputs(["an unknown word is spelled out"], [first_frame])


def test_shapes_that_do_not_fit_the_model_are_named(load_policy: Load, first_frame: Frame) -> None:
    policy = load_policy("ti2v")
    condition = policy.encode_inputs([PROMPT], [first_frame])
    with pytest.raises(ConfigError, match="1 conditions for 2 videos"):
        policy.velocity(policy.noise(generators(2)), torch.tensor([0.5, 0.5]), condition)
    with pytest.raises(ConfigError, match=r"\[B, 8, 2, 4, 4\]"):
        policy.velocity(torch.zeros(1, 8, 2, 4, 6), torch.tensor([0.5]), condition)
    with pytest.raises(ConfigError, match=r"\(9, 32, 32, 3\)"):
        policy.encode_video(np.zeros((1, 9, 32, 32, 3), dtype=np.uint8))
    with pytest.raises(ConfigError, match="2 prompts and 1 first frames"):
        policy.encode_inputs([PROMPT] * 2, [first_frame])


@pytest.mark.parametrize("removed", ["model_index.json", "vae", "transformer/diffusion_pytorch_model.safetensors"])
def test_a_folder_with_something_missing_is_refused_by_name(
    removed: str, wan_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(wan_folder("t2v"), folder)
    target = folder / removed
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(CheckpointError, match=removed.split("/")[0]):
        WanConfig(path=str(folder), num_frames=5, height=32, width=32).load()


def test_a_missing_folder_and_broken_json_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="hf download"):
        WanConfig(path=str(tmp_path / "nowhere")).load()
    (tmp_path / "model_index.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"model_index\.json: cannot be read"):
        WanConfig(path=str(tmp_path)).load()


def test_truncated_weights_are_refused(wan_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(wan_folder("t2v"), folder)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        WanConfig(path=str(folder), num_frames=5, height=32, width=32).load()


def test_float16_weights_are_not_trained(wan_folder: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match=r"float16.*bfloat16 or float32"):
        WanConfig(path=str(wan_folder("ti2v")), dtype="float16")
    assert WanConfig(path=str(wan_folder("ti2v")), dtype="float16", train="nothing").dtype == "float16"


def test_only_the_trained_expert_is_stored_in_float32(load_policy: Load) -> None:
    policy = load_policy("two_experts", train="full", train_experts="low_noise", dtype="bfloat16")
    kinds = {
        name: {p.dtype for key, p in module.named_parameters() if key.endswith("to_q.weight")}
        for name, module in policy._experts.items()
    }
    assert kinds == {"transformer": {torch.bfloat16}, "transformer_2": {torch.float32}}


def test_an_adapter_is_not_reset(load_policy: Load) -> None:
    with pytest.raises(ConfigError, match="train = 'full'"):
        load_policy("ti2v", train="lora").reset(0)


def test_first_frames_encoded_in_parts_are_those_of_the_whole(load_policy: Load) -> None:
    frames = list(np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8))
    whole, parts = (
        load_policy("i2v", vae_batch_size=size).encode_inputs([PROMPT] * 3, frames).first_latents for size in (3, 1)
    )
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)
