import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from wan_r1.distributed import World
from wan_r1.errors import ConfigError, DatasetError, VideoError
from wan_r1.policies.tiny import TinySpec, build_tiny
from wan_r1.policies.wan import WanConfig
from wan_r1.tasks import make_task
from wan_r1.training.data import Demonstrations, TaskSource, VideoFolder, encode_examples, solver_videos
from wan_r1.video import write_image, write_video


class Progress:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def __call__(self, what: str, done: int, total: int) -> None:
        self.calls.append((what, done, total))


def test_tasks_of_a_source_depend_on_their_number_only(maze_source):
    together, alone = maze_source.tasks(5, 3), maze_source.tasks(7, 1)
    assert together[2].seed == alone[0].seed
    np.testing.assert_array_equal(together[2].first_frame, alone[0].first_frame)


def test_a_demonstrator_errs_in_some_videos_and_never_with_a_chance_of_zero():
    settings = {"level": "tiny", "size": 80}
    tasks = TaskSource(settings=settings).tasks(0, 12)
    experts = Demonstrations(settings=settings).videos(tasks, 17, 80)
    assert np.array_equal(experts, solver_videos(tasks, 17, 80))
    others = Demonstrations(settings=settings, wrong_turns=0.5).videos(tasks, 17, 80)
    same = [np.array_equal(a, b) for a, b in zip(experts, others, strict=True)]
    assert 1 <= sum(same) <= 10


@pytest.mark.parametrize("chance", [-0.1, 1.0])
def test_impossible_chances_of_wrong_turns_are_refused(chance):
    with pytest.raises(ConfigError, match="wrong_turns"):
        Demonstrations(wrong_turns=chance)


def test_a_chance_of_wrong_turns_for_a_family_that_is_not_shown_is_refused():
    with pytest.raises(ConfigError, match="wrong_turns names trapfeild, but the tasks are of maze, trapfield; name"):
        Demonstrations(family=("maze", "trapfield", "maze"), wrong_turns={"maze": 0.5, "trapfeild": 0.5})


def test_solver_videos_begin_with_the_first_frame_of_their_task():
    tasks = TaskSource(settings={"level": "tiny", "size": 32}).tasks(0, 2)
    videos = solver_videos(tasks, 5, 32)
    assert videos.shape == (2, 5, 32, 32, 3)
    for task, video in zip(tasks, videos, strict=True):
        np.testing.assert_array_equal(video[0], task.first_frame)


def test_a_cache_hit_gives_the_same_tensors_without_encoding(load_tiny, maze_source, tmp_path):
    policy, first, second = load_tiny(), Progress(), Progress()
    made = encode_examples(policy, maze_source, 5, tmp_path, first, batch_size=2)
    read = encode_examples(policy, maze_source, 5, tmp_path, second, batch_size=2)
    assert first.calls == [("encoding videos", done, 5) for done in (0, 2, 4, 5)]
    assert second.calls == []
    assert len(made) == len(read) == 5
    for name in ("latents", "first_latents", "image_tokens", "prompt_index"):
        assert torch.equal(getattr(made, name), getattr(read, name))
    assert len(made.text) == len(read.text) == len({task.prompt for task in maze_source.tasks(0, 5)})
    assert all(torch.equal(one, other) for one, other in zip(made.text, read.text, strict=True))
    assert max(map(len, made.text)) < policy.config.max_sequence_length  # no zeros after the last token


@pytest.mark.parametrize(
    "change",
    [{"num_examples": 6}, {"seed": 4}, {"skin": "night"}, {"num_frames": 9}],
    ids=lambda change: next(iter(change)),
)
def test_other_examples_have_another_cache(load_tiny, tmp_path, change):
    def encode(num_examples=5, seed=3, skin="plain", num_frames=5):
        source = TaskSource(seed=seed, settings={"level": "tiny", "size": 32, "skin": skin})
        progress = Progress()
        policy = load_tiny(num_frames=num_frames, max_sequence_length=200)
        encode_examples(policy, source, num_examples, tmp_path, progress)
        return progress.calls

    assert encode()
    assert encode(**change)
    assert not encode(**change)


def test_a_batch_holds_the_latents_of_its_examples(load_tiny, maze_source):
    policy = load_tiny()
    examples = encode_examples(policy, maze_source, 4, None, Progress())
    latents, condition = examples.batch(torch.tensor([3, 1, 3]))
    tasks = maze_source.tasks(0, 4)
    expected = policy.encode_video(solver_videos([tasks[3], tasks[1], tasks[3]], 5, 32))
    assert latents.dtype == torch.float32
    torch.testing.assert_close(latents, expected, rtol=1e-3, atol=1e-3)
    assert condition.batch_size == 3


@pytest.mark.parametrize("kind", ["ti2v", "t2v", "i2v", "i2v_with_image_tokens"])
def test_the_condition_of_an_example_is_that_of_its_prompt_and_first_frame(tmp_path, kind):
    image_encoder = kind == "i2v_with_image_tokens"
    spec = TinySpec(
        kind=kind.split("_")[0],
        image_encoder=image_encoder,
        num_heads=2,
        head_dim=16,
        num_layers=1,
        ffn_dim=32,
        freq_dim=32,
        text_dim=16,
        text_heads=2,
        vae_base_dim=4,
        vae_decoder_base_dim=4,
        z_dim=4,
        dim_mult=(1, 1, 1),
        num_res_blocks=1,
    )
    sources = [TaskSource(seed=1, settings={"level": "tiny", "size": 32, "skin": skin}) for skin in ("plain", "night")]
    prompts = [make_task("maze", seed=0, skin=skin).prompt for skin in ("plain", "night")]
    path = build_tiny(tmp_path / "model", spec, prompts)
    policy = WanConfig(
        path=str(path), num_frames=5, height=32, width=32, max_sequence_length=512 if image_encoder else 32
    ).load()
    for source in sources:
        examples = encode_examples(policy, source, 2, tmp_path / "cache", Progress())
        _, found = examples.batch(torch.tensor([1, 0]))
        task = source.tasks(0, 2)
        expected = policy.encode([task[1], task[0]])
        for name in ("text", "negative_text", "first_latents", "image_tokens"):
            torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=2e-3, atol=2e-3)


def test_tasks_of_another_shape_than_the_policy_are_refused(load_tiny, maze_source):
    with pytest.raises(ConfigError, match=r"32 x 32 px at this size, the policy makes 32 x 16"):
        encode_examples(load_tiny(width=16), maze_source, 2, None, Progress())


@pytest.fixture
def folder(tmp_path: Path) -> VideoFolder:
    """Two videos of 9 frames, one colour per video; the first has a white first picture."""
    root = tmp_path / "mine"
    root.mkdir()
    for name, level in (("a.mp4", 60), ("b.mp4", 180)):
        write_video(root / name, np.full((9, 48, 48, 3), level, dtype=np.uint8))
    write_image(root / "white.png", np.full((16, 16, 3), 255, dtype=np.uint8))
    lines = ["video,prompt,input_image", "a.mp4,the red circle walks,white.png", "b.mp4,the white floor,"]
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    return VideoFolder(path=str(root))


def test_a_folder_of_videos_is_read_at_the_size_of_the_policy(folder):
    first, second = folder.rows()
    prompt, video = folder.load(first, 5, 32, 16)
    assert prompt == "the red circle walks"
    assert video.shape == (5, 32, 16, 3)
    assert video[0].min() == 255
    assert abs(int(video[1:].mean()) - 60) < 5
    prompt, video = folder.load(second, 5, 32, 16)
    assert prompt == "the white floor"
    assert abs(int(video[0].mean()) - 180) < 5


def test_a_folder_of_videos_is_encoded_row_by_row(load_tiny, folder):
    examples = encode_examples(load_tiny(), folder, 999, None, Progress())
    assert len(examples) == 2
    assert examples.prompt_index.tolist() == [0, 1]


def encodes(policy, source, cache):
    """Whether two examples are encoded, and not read from the cache."""
    progress = Progress()
    encode_examples(policy, source, 2, cache, progress)
    return bool(progress.calls)


def test_examples_of_other_code_of_the_tasks_are_encoded_again(load_tiny, maze_source, tmp_path, monkeypatch):
    policy = load_tiny()
    assert encodes(policy, maze_source, tmp_path)
    monkeypatch.setattr("wan_r1.training.data._tasks_code", lambda: "other")
    assert encodes(policy, maze_source, tmp_path)
    assert not encodes(policy, maze_source, tmp_path)


def test_examples_of_a_changed_skin_folder_are_encoded_again(load_tiny, tmp_path):
    skin, cache = tmp_path / "skin", tmp_path / "cache"
    skin.mkdir()
    for name in ("player", "target", "wall"):
        write_image(skin / f"{name}.png", np.full((8, 8, 3), len(name), dtype=np.uint8))
    policy = load_tiny(max_sequence_length=200)
    source = TaskSource(seed=3, settings={"level": "tiny", "size": 32, "skin": str(skin)})
    assert encodes(policy, source, cache)
    assert not encodes(policy, source, cache)
    write_image(skin / "wall.png", np.full((8, 8, 3), 200, dtype=np.uint8))
    assert encodes(policy, source, cache)


@pytest.mark.parametrize("part", ["vae", "image_encoder"])
def test_examples_of_other_weights_are_encoded_again(load_tiny, maze_source, tmp_path, tiny_folder, part):
    policy = load_tiny()
    path = shutil.copytree(tiny_folder, tmp_path / "model")
    (path / part).mkdir(exist_ok=True)
    policy.folder = replace(policy.folder, path=path, parts=(*policy.folder.parts, part))
    assert encodes(policy, maze_source, tmp_path)
    (path / part / "more.safetensors").write_bytes(b"other weights")
    assert encodes(policy, maze_source, tmp_path)


def test_a_changed_video_is_encoded_again(load_tiny, folder, tmp_path):
    def encode():
        progress = Progress()
        encode_examples(load_tiny(), folder, 0, tmp_path / "cache", progress)
        return bool(progress.calls)

    assert encode()
    assert not encode()
    write_video(Path(folder.path) / "b.mp4", np.full((9, 48, 48, 3), 20, dtype=np.uint8))
    assert encode()
    metadata = Path(folder.path) / "metadata.csv"
    metadata.write_text(metadata.read_text().replace("walks", "stands"))
    assert encode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        ("video,prompt\n", "holds no rows"),
        ("video,text\na.mp4,hello\n", "column 'prompt' is missing; found video, text"),
        ("file,prompt\na.mp4,hello\n", "column 'video' is missing"),
        ("video,prompt\na.mp4,hello\n,hello\n", "line 3 names no video"),
        ("video,prompt\na.mp4\n", "column 'prompt'"),
    ],
)
def test_a_wrong_metadata_file_is_named_with_its_fault(tmp_path, text, message):
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"metadata\.csv") as caught:
        VideoFolder(path=str(tmp_path)).rows()
    assert message in str(caught.value)


def test_a_folder_without_metadata_says_which_columns_it_needs(tmp_path):
    with pytest.raises(DatasetError, match="video,prompt,input_image"):
        VideoFolder(path=str(tmp_path)).rows()


def test_metadata_that_is_no_text_is_a_dataset_error(tmp_path):
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\x00\x80video")
    with pytest.raises(DatasetError, match="cannot be read"):
        VideoFolder(path=str(tmp_path)).rows()


def test_a_missing_video_is_named(load_tiny, folder):
    os.remove(Path(folder.path) / "b.mp4")
    with pytest.raises(VideoError, match=r"b\.mp4: no such video file"):
        encode_examples(load_tiny(), folder, 0, None, Progress())


def test_a_cache_that_was_cut_short_is_made_again(load_tiny, maze_source, tmp_path):
    whole = encode_examples(load_tiny(), maze_source, 2, tmp_path, Progress())
    (json_file,) = tmp_path.glob("*.json")
    json_file.unlink()
    progress = Progress()
    again = encode_examples(load_tiny(), maze_source, 2, tmp_path, progress)
    assert progress.calls
    assert torch.equal(whole.latents, again.latents)
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("ending", ["safetensors", "json"])
def test_an_entry_of_the_cache_that_cannot_be_read_is_made_again_by_all(load_tiny, maze_source, tmp_path, ending):
    policy, asked = load_tiny(), []
    whole = encode_examples(policy, maze_source, 2, tmp_path, Progress())
    (file,) = tmp_path.glob(f"*.{ending}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    again = encode_examples(policy, maze_source, 2, tmp_path, Progress(), world=Neighbour(asked=asked))
    assert asked == [True]
    assert torch.equal(whole.latents, again.latents)
    assert not encodes(policy, maze_source, tmp_path)


def test_no_tasks_are_refused(maze_source):
    with pytest.raises(ConfigError, match="num_tasks = 0 must be at least 1"):
        maze_source.tasks(0, 0)


def test_several_families_take_turns_each_in_its_own_stream() -> None:
    mixed = TaskSource(family=("maze", "trapfield"), seed=4).tasks(3, 4)
    assert [task.family for task in mixed] == ["trapfield", "maze", "trapfield", "maze"]
    alone = TaskSource(family="trapfield", seed=4).tasks(1, 2)
    assert [task.seed for task in mixed[::2]] == [task.seed for task in alone]
    assert np.array_equal(mixed[0].first_frame, alone[0].first_frame)


def test_a_family_that_is_named_twice_has_twice_as_many_tasks_and_none_twice() -> None:
    mixed = TaskSource(family=("maze", "trapfield", "maze"), seed=4).tasks(1, 6)
    alone = TaskSource(family="maze", seed=4).tasks(1, 4)
    assert [task.family for task in mixed] == ["trapfield", "maze", "maze", "trapfield", "maze", "maze"]
    assert [task.seed for task in mixed if task.family == "maze"] == [task.seed for task in alone]


def test_each_family_may_have_a_chance_of_wrong_turns_of_its_own() -> None:
    source = Demonstrations(family=("maze", "trapfield"), wrong_turns={"maze": 0.5})
    tasks = source.tasks(0, 8)
    right, shown = solver_videos(tasks, 17, 80), source.videos(tasks, 17, 80)
    same = [np.array_equal(one, other) for one, other in zip(right, shown, strict=True)]
    assert all(same[1::2])
    assert not all(same[::2])


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour(World):
    """A world whose other process lacks the cache; it counts how often it is asked."""

    asked: list[bool]

    def any(self, flag: bool) -> bool:
        self.asked.append(flag)
        return True


def test_every_process_asks_whether_all_have_the_cache_and_encodes_if_one_has_not(load_tiny, maze_source, tmp_path):
    policy, asked, second = load_tiny(), [], Progress()
    encode_examples(policy, maze_source, 4, tmp_path, Progress(), world=Neighbour(asked=asked))
    encode_examples(policy, maze_source, 4, tmp_path, second, world=Neighbour(asked=asked))
    assert asked == [True, False]
    assert second.calls
