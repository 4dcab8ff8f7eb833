import json
from dataclasses import replace

import diffusers
import numpy as np
import pytest
import torch

from wan_r1.policies.tiny import TinySpec, tiny_vae_config
from wan_r1.tasks.scenes import random_scene
from wan_r1.training.vae import VAESettings, latent_statistics, reconstruction_psnr, train_vae

SETTINGS = VAESettings(steps=4, batch_size=2, warmup_steps=2, scene_px=32, crop_px=16, num_frames=5, checkpoint_every=2)
SPEC = TinySpec(vae_base_dim=4, vae_decoder_base_dim=4, z_dim=4, dim_mult=(1, 1, 1), num_res_blocks=1)


def make_vae():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return diffusers.AutoencoderKLWan(**tiny_vae_config(SPEC))


class Killed(BaseException):
    pass


def plain(lines):
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def test_a_killed_and_resumed_training_equals_a_whole_one(tmp_path):
    whole, half, lines, rest = make_vae(), make_vae(), [], []

    def killing(numbers):
        if numbers["step"] == 3:
            raise Killed

    train_vae(whole, SETTINGS, tmp_path / "whole", False, lines.append)
    with pytest.raises(Killed):
        train_vae(half, SETTINGS, tmp_path / "half", False, killing)
    resumed = make_vae()
    train_vae(resumed, SETTINGS, tmp_path / "half", True, rest.append)
    assert plain(rest) == plain(lines[2:])
    for (name, expected), found in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(expected, found), name
    assert json.loads((tmp_path / "half" / "state.json").read_text()) == {"step": 4}


def clips(count):
    return [random_scene(np.random.default_rng(seed), 5, 32) for seed in range(count)]


def test_training_makes_reconstructions_better(tmp_path):
    vae = make_vae()
    before = np.mean([reconstruction_psnr(vae, clip) for clip in clips(3)])
    train_vae(vae, replace(SETTINGS, steps=15, checkpoint_every=15), tmp_path / "vae", False, lambda numbers: None)
    after = np.mean([reconstruction_psnr(vae, clip) for clip in clips(3)])
    assert after > before + 0.2


def test_latent_statistics_make_each_channel_standard():
    vae = make_vae()
    mean, std = latent_statistics(vae, iter(clips(3)))
    pixels = torch.from_numpy(np.stack(clips(3))).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    with torch.no_grad():
        latents = vae.encode(pixels).latent_dist.mode().transpose(0, 1).flatten(1)
    standard = (latents - torch.tensor(mean)[:, None]) / torch.tensor(std)[:, None]
    torch.testing.assert_close(standard.mean(dim=1), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(standard.std(dim=1), torch.ones(4), rtol=0, atol=1e-4)


def test_psnr_is_a_number_of_decibels():
    assert 0 < reconstruction_psnr(make_vae(), clips(1)[0]) < 40
