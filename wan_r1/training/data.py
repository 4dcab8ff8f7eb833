"""Examples for supervised fine-tuning: solver videos of tasks, or the user's own videos; encoded once, then cached."""

import csv
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from wan_r1 import tasks as task_code
from wan_r1.distributed import World
from wan_r1.errors import CheckpointError, ConfigError, DatasetError
from wan_r1.files import folder_digest
from wan_r1.policies.policy import Condition
from wan_r1.policies.wan import WanPolicy
from wan_r1.runs import write_json
from wan_r1.tasks import family_of, make_family, make_tasks
from wan_r1.types import Path as Way
from wan_r1.types import Task
from wan_r1.video import read_image, read_video, resize_video, subsample

__all__ = ["Demonstrations", "Encoded", "TaskSource", "VideoFolder", "encode_examples", "solver_videos"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSource:
    """A stream of tasks: task i depends on the seed and i only."""

    family: str | tuple[str, ...] = "maze"
    "one family, or several that take turns; one that is named twice has twice as many tasks"
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    "settings of the family, for example level, skin, split; those of several families must suit all"

    def __post_init__(self) -> None:
        if self.seed < 0 or not self.families:
            raise ConfigError(f"seed = {self.seed} must be at least 0, and a family named")
        for family in self.families:
            make_family(family, **self.settings)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the families, in their turns."""
        return (self.family,) if isinstance(self.family, str) else self.family

    def tasks(self, first: int, num: int) -> list[Task]:
        """Tasks first .. first + num - 1, at least one. Families take turns; each counts its own tasks from 0."""
        if num < 1:
            raise ConfigError(f"num_tasks = {num} must be at least 1: without a task there is nothing to do")
        found = []
        for index in range(first, first + num):
            rounds, turn = divmod(index, len(self.families))
            family = self.families[turn]
            number = rounds * self.families.count(family) + self.families[:turn].count(family)
            found += make_tasks(family, self.seed, 1, start=number, **self.settings)
        return found

    def videos(self, tasks: Sequence[Task], num_frames: int, size: int) -> NDArray[np.uint8]:
        """Videos [B, T, H, W, 3] to learn these tasks from: their solutions."""
        return solver_videos(tasks, num_frames, size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Demonstrations(TaskSource):
    """Videos of a demonstrator at work on a stream of tasks."""

    wrong_turns: float | dict[str, float] = 0.0
    "chance of a wrong turn at each junction, or one for each family; 0, or a family left out, shows solutions"

    def __post_init__(self) -> None:
        TaskSource.__post_init__(self)
        named = self.wrong_turns if isinstance(self.wrong_turns, dict) else {}
        if odd := sorted(set(named) - set(self.families)):
            shown = ", ".join(dict.fromkeys(self.families))
            raise ConfigError(
                f"data: wrong_turns names {', '.join(odd)}, but the tasks are of {shown}; "
                "name families of data.family only, or give one number for all"
            )
        for family in self.families:
            if not 0 <= self.chance(family) < 1:
                raise ConfigError(f"data: wrong_turns = {self.wrong_turns} must lie in [0, 1)")

    def chance(self, family: str) -> float:
        """The chance of a wrong turn in a family."""
        return self.wrong_turns.get(family, 0.0) if isinstance(self.wrong_turns, dict) else self.wrong_turns

    def videos(self, tasks: Sequence[Task], num_frames: int, size: int) -> NDArray[np.uint8]:
        """Videos [B, T, H, W, 3] of these tasks. ConfigError if the family has no demonstrator that errs."""
        return np.stack([family_of(task).render(task, self._way(task), num_frames, size) for task in tasks])

    def _way(self, task: Task) -> Way:
        chance = self.chance(task.family)
        errant = getattr(family_of(task), "errant_walk", None)
        if chance and errant is None:
            raise ConfigError(f"data: wrong_turns = {chance}: {task.family} has expert demonstrations only")
        way: Way = errant(task, chance) if chance and errant is not None else task.solution
        return way


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFolder:
    """The user's own videos: `metadata.csv` with columns video,prompt,input_image (which may be empty)."""

    path: str

    def rows(self) -> list[dict[str, str]]:
        """The rows of metadata.csv. DatasetError if it is missing, empty, or lacks a column."""
        file = Path(self.path) / "metadata.csv"
        try:
            with file.open(newline="", encoding="utf-8") as handle:
                rows = list(csv.DictReader(handle))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(
                f"{file}: cannot be read ({error}); it needs columns video,prompt,input_image"
            ) from error
        if not rows:
            raise DatasetError(f"{file}: holds no rows")
        for column in ("video", "prompt"):
            if rows[0].get(column) is None:
                raise DatasetError(f"{file}: column {column!r} is missing; found {', '.join(rows[0])}")
        for line, row in enumerate(rows, start=2):
            if not row["video"] or row["prompt"] is None:
                raise DatasetError(f"{file}: line {line} names no video or has no prompt")
        return rows

    def load(self, row: dict[str, str], num_frames: int, height: int, width: int) -> tuple[str, NDArray[np.uint8]]:
        """Prompt and video [num_frames, height, width, 3] of a row; frames are spread evenly over the file."""
        video = resize_video(subsample(read_video(Path(self.path) / row["video"]), num_frames), height, width)
        if row.get("input_image"):
            picture = read_image(Path(self.path) / row["input_image"])
            video[0] = resize_video(picture[None], height, width)[0]
        return row["prompt"], video


def solver_videos(tasks: Sequence[Task], num_frames: int, size: int) -> NDArray[np.uint8]:
    """Videos [B, T, H, W, 3] in which the tasks are solved as their solvers do it."""
    return np.stack([family_of(task).render(task, task.solution, num_frames, size) for task in tasks])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Encoded:
    """Encoded examples, on the CPU: latents [N, C, F, h, w] float16, the P distinct prompts, prompt of each [N].

    text are P embeddings [l, D] up to their last token: thousands of captions would fill the memory. negative_text
    [1, L, D] is that of `Condition`; first_latents and image_tokens too, but one row for each example, because first
    frames differ where prompts do not.
    """

    latents: Tensor
    text: tuple[Tensor, ...]
    negative_text: Tensor
    prompt_index: Tensor
    first_latents: Tensor
    image_tokens: Tensor

    def __len__(self) -> int:
        return len(self.latents)

    def batch(self, rows: Tensor, device: torch.device | str = "cpu") -> tuple[Tensor, Condition]:
        """Latents [B, C, F, h, w] float32 and conditions of some examples, on a device."""
        length = self.negative_text.shape[1]
        texts = [self.text[index] for index in self.prompt_index[rows].tolist()]
        condition = Condition(
            text=torch.stack([functional.pad(text, (0, 0, 0, length - len(text))) for text in texts]).to(device),
            negative_text=self.negative_text.to(device),
            first_latents=self.first_latents[rows].to(device).float(),
            image_tokens=self.image_tokens[rows].to(device).float(),
        )
        return self.latents[rows].to(device).float(), condition


def encode_examples(
    policy: WanPolicy,
    source: TaskSource | VideoFolder,
    num_examples: int,
    cache: Path | None,
    progress: Progress,
    batch_size: int = 32,
    world: World | None = None,
) -> Encoded:
    """Encode `num_examples` examples (a folder: its rows), or read them from the cache folder if they are there.

    Several processes share the work; every one gets all examples.
    """
    world = world or World()
    rows = source.rows() if isinstance(source, VideoFolder) else None
    total = num_examples if rows is None else len(rows)
    key = _fingerprint(policy, source, rows, total)
    stored = _read_cache(cache, key)
    lacking = world.any(stored is None)  # a disk of one machine may hold what another's does not; all must ask
    if stored is None or lacking:
        stored = _encode_all(policy, source, rows, total, progress, batch_size, world)
        if world.is_main:
            _write_cache(cache, key, stored)
    tensors, prompts = stored
    texts = list[Tensor]()
    for prompt in prompts:
        text, negative = policy.encode_prompts([prompt])
        texts.append(_up_to_the_last_token(text[0]).cpu())
    return Encoded(
        latents=tensors["latents"],
        text=tuple(texts),
        negative_text=negative.cpu(),
        prompt_index=tensors["prompt_index"],
        first_latents=tensors["first_latents"],
        image_tokens=tensors.get("image_tokens", torch.zeros(total, 0, 1)),
    )


def _up_to_the_last_token(text: Tensor) -> Tensor:
    """An embedding [L, D] without the zeros after its last token."""
    tokens = text.any(dim=1).nonzero()
    return text[: int(tokens[-1]) + 1 if len(tokens) else 0].clone()


def _encode_all(
    policy: WanPolicy,
    source: TaskSource | VideoFolder,
    rows: list[dict[str, str]] | None,
    total: int,
    progress: Progress,
    batch_size: int,
    world: World,
) -> tuple[dict[str, Tensor], list[str]]:
    latents, firsts, images, texts = [], [], [], list[str]()
    mine = world.share(total)
    progress("encoding videos", 0, len(mine))
    for start in range(mine.start, mine.stop, batch_size):
        stop = min(mine.stop, start + batch_size)
        prompts, videos = _examples(policy, source, rows, start, stop)
        latents.append(policy.encode_video(videos).half().cpu())
        first, tokens = _first_frames(policy, videos, latents[-1])
        firsts.append(first)
        images.append(tokens)
        texts += prompts
        progress("encoding videos", stop - mine.start, len(mine))
    texts = world.gather_items(texts)
    distinct = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    tensors = {
        "latents": world.gather(torch.cat(latents)),
        "first_latents": world.gather(torch.cat(firsts)),
        "prompt_index": torch.tensor([distinct[text] for text in texts], dtype=torch.long),
    }
    if images[0].numel():
        tensors["image_tokens"] = world.gather(torch.cat(images))
    return tensors, list(distinct)


def _examples(
    policy: WanPolicy, source: TaskSource | VideoFolder, rows: list[dict[str, str]] | None, start: int, stop: int
) -> tuple[list[str], NDArray[np.uint8]]:
    config = policy.config
    if isinstance(source, VideoFolder):
        loaded = [source.load(row, config.num_frames, config.height, config.width) for row in (rows or [])[start:stop]]
        return [prompt for prompt, _ in loaded], np.stack([video for _, video in loaded])
    tasks = source.tasks(start, stop - start)
    videos = source.videos(tasks, config.num_frames, max(config.height, config.width))
    if videos.shape[2:4] != (config.height, config.width):
        raise ConfigError(
            f"tasks of {', '.join(source.families)} are {videos.shape[2]} x {videos.shape[3]} px at this size, "
            f"the policy makes {config.height} x {config.width}; set policy.height and policy.width"
        )
    return [task.prompt for task in tasks], videos


def _first_frames(policy: WanPolicy, videos: NDArray[np.uint8], latents: Tensor) -> tuple[Tensor, Tensor]:
    """first_latents and image_tokens (see Condition) of the videos' first frames, float16."""
    if policy.kind == "ti2v":  # the autoencoder is causal: latent frame 0 is the first frame alone
        return latents[:, :, :1].clone(), latents.new_zeros(len(latents), 0, 1)
    condition = policy.encode_inputs([""] * len(videos), list(videos[:, 0]))
    return condition.first_latents.half().cpu(), condition.image_tokens.half().cpu()


def _fingerprint(
    policy: WanPolicy, source: TaskSource | VideoFolder, rows: list[dict[str, str]] | None, total: int
) -> str:
    """A name for the encoded examples that changes with whatever they are made from."""
    encoders = [part for part in ("vae", "image_encoder", "image_processor") if part in policy.folder.parts]
    weights = [(part, folder_digest(policy.folder.path / part)) for part in encoders]
    config = policy.config
    files: list[Any]
    if isinstance(source, VideoFolder):
        named = [Path(source.path) / (row.get(name) or "") for row in rows or [] for name in ("video", "input_image")]
        files = [rows, [(f.stat().st_size, f.stat().st_mtime_ns) for f in named if f.is_file()]]
    else:
        files = [_tasks_code(), folder_digest(Path(source.settings.get("skin") or "plain"))]  # a theme is no folder
    size = [config.num_frames, config.height, config.width]
    facts = [repr(source), total, size, config.vae_dtype, weights, policy.kind, files]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=12).hexdigest()


def _tasks_code() -> str:
    """A digest of the code that draws tasks: examples are not read back after it has changed what they show."""
    return folder_digest(Path(task_code.__file__).parent, "**/*.py")


def _read_cache(cache: Path | None, key: str) -> tuple[dict[str, Tensor], list[str]] | None:
    """What is kept under a key; None if nothing is, or nothing that can be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if cache is None:
        return None
    try:
        prompts: list[str] = json.loads((cache / f"{key}.json").read_text(encoding="utf-8"))
        return load_file(cache / f"{key}.safetensors"), prompts
    except (OSError, ValueError, SafetensorError):  # not there, cut short or damaged: encoded anew
        return None


def _write_cache(cache: Path | None, key: str, stored: tuple[dict[str, Tensor], list[str]]) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    if cache is None:
        return
    partial = cache / f".{key}.{os.getpid()}.partial"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in stored[0].items()}, partial)
        partial.replace(cache / f"{key}.safetensors")
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{cache}: encoded videos cannot be kept ({error}); or set cache=none") from error
    write_json(cache / f"{key}.json", stored[1])  # written last: its presence says that all is there
