import filecmp
from pathlib import Path

import pytest

from wan_r1.errors import ConfigError
from wan_r1.policies.text import clean_prompt
from wan_r1.policies.tiny import TinySpec, build_tiny, tiny_transformer_config, tiny_vae_config, tiny_vocabulary
from wan_r1.policies.wan import WanConfig

PROMPTS = ["The red ball moves to the goal.", "The ball rests."]


def test_the_default_spec_is_that_of_wan_tiny() -> None:
    vae, transformer = tiny_vae_config(TinySpec()), tiny_transformer_config(TinySpec())
    assert (vae["scale_factor_spatial"], vae["scale_factor_temporal"], vae["z_dim"]) == (8, 4, 16)
    assert (vae["base_dim"], vae["dim_mult"], vae["is_residual"]) == (8, [1, 4, 4], True)
    assert (transformer["patch_size"], transformer["in_channels"], transformer["num_layers"]) == ((1, 2, 2), 16, 6)


def test_concatenated_conditions_add_four_mask_channels_and_the_latents() -> None:
    assert tiny_transformer_config(TinySpec(kind="i2v"))["in_channels"] == 36
    assert tiny_transformer_config(TinySpec(kind="i2v"))["out_channels"] == 16


def test_every_word_of_the_prompts_is_one_token_and_other_words_are_spelled(tmp_path: Path) -> None:
    from transformers import T5Tokenizer

    tokenizer = T5Tokenizer(vocab=tiny_vocabulary(PROMPTS), extra_ids=0)
    assert tokenizer.convert_ids_to_tokens(tokenizer("red ball").input_ids) == ["\u2581red", "\u2581ball", "</s>"]
    assert tokenizer.convert_ids_to_tokens(tokenizer("red cat").input_ids)[1:] == ["\u2581", "c", "a", "t", "</s>"]
    assert tokenizer.unk_token_id not in tokenizer("a strange, unseen text!").input_ids


def test_pieces_are_unique_also_where_a_prompt_has_words_of_one_letter() -> None:
    pieces = [piece for piece, _ in tiny_vocabulary(["a b c", "I"])]
    assert len(pieces) == len(set(pieces))
    assert "a" in pieces


def test_the_same_spec_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    sizes = {"num_layers": 1, "num_heads": 1, "ffn_dim": 16, "vae_base_dim": 4, "vae_decoder_base_dim": 4}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        build_tiny(tmp_path / name, TinySpec(**sizes, seed=seed), PROMPTS)  # type: ignore[arg-type]
    files = [str(path.relative_to(tmp_path / "a")) for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", files, shallow=False)[0] == files
    assert (
        "transformer/diffusion_pytorch_model.safetensors"
        in filecmp.cmpfiles(tmp_path / "a", tmp_path / "c", files, shallow=False)[1]
    )


def test_a_wan_tiny_of_default_size_has_125_tokens_at_80_pixels_and_17_frames(tmp_path: Path) -> None:
    policy = WanConfig(path=str(build_tiny(tmp_path, TinySpec(), PROMPTS)), train="nothing").load()
    channels, frames, height, width = policy.latent_shape
    assert (channels, frames * (height // 2) * (width // 2)) == (16, 125)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "v2v"}, "v2v"),
        ({"experts": 3}, "experts = 3"),
        ({"image_encoder": True}, "kind i2v only"),
        ({"temperal_downsample": (True, False)}, "temperal_downsample"),
    ],
)
def test_wrong_specs_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TinySpec(**settings)  # type: ignore[arg-type]


def test_prompts_are_cleaned_as_diffusers_cleans_them() -> None:
    from diffusers.pipelines.wan.pipeline_wan import prompt_clean

    for prompt in ("  a  \n b ", "x &amp;amp; y", "caf\u00c3\u00a9 &lt;b&gt;", ""):
        assert clean_prompt(prompt) == prompt_clean(prompt)
