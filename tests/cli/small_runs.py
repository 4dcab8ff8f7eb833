"""Recipes that train a model of a few thousand weights for seconds."""

SMALL = {
    "num_heads": 1,
    "head_dim": 8,
    "num_layers": 1,
    "ffn_dim": 16,
    "freq_dim": 16,
    "text_dim": 8,
    "vae_base_dim": 4,
    "vae_decoder_base_dim": 4,
    "z_dim": 4,
    "dim_mult": (1, 1, 1),
    "num_res_blocks": 1,
}
POLICY = """
score_workers = 0
num_videos = 2
[reward]
name = "own_reward:LastDigits"
scale = 1000
[policy]
path = "{model}"
num_frames = 9
[validation]
num_tasks = 2
[validation.sampler]
num_steps = 2
[test]
num_tasks = 3
[test.sampler]
num_steps = 2
"""
RL = """
run = "{run}"
{policy}
[rl]
iterations = 2
tasks_per_iteration = 2
group_size = 2
noises_per_group = 2
batch_size = 4
evaluate_every = 1
checkpoint_every = 1
[algorithm]
name = "nft"
updates = 1
[algorithm.sampler]
num_steps = 2
"""
SFT = """
run = "{run}"
num_examples = 6
{policy}
[sft]
steps = 4
batch_size = 2
log_every = 2
evaluate_every = 4
checkpoint_every = 2
"""


def write_recipe(folder, text, model):
    path = folder / "recipe.toml"
    path.write_text(text.format(run=folder / "run", policy=POLICY.format(model=model)))
    return str(path)
