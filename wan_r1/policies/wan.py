"""One class for every Wan folder in diffusers format; the folder says which kind of model it holds.

| kind | first frame | example |
|---|---|---|
| t2v | none | Wan2.1-T2V, Wan2.2-T2V-A14B |
| i2v | mask and latents concatenated to the channels | Wan2.1-I2V, Wan2.2-I2V-A14B |
| ti2v (`expand_timesteps`) | clean latent frame 0, never stepped, with timestep 0 | Wan2.2-TI2V-5B, wan-tiny |

With two experts, `transformer` works from sigma 1 down to boundary_ratio and `transformer_2` below.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.flow.sample import draw_noise
from wan_r1.flow.schedule import to_timesteps
from wan_r1.policies.codec import VideoCodec
from wan_r1.policies.conditioner import Conditioner, ImageEmbedder, WanKind
from wan_r1.policies.folder import DTYPES, WanFolder, open_folder
from wan_r1.policies.frame_time import keep_time_exact, use_frame_timesteps
from wan_r1.policies.guidance import guide
from wan_r1.policies.lora import LoraConfig, adapter_off, add_lora, load_lora, merged_state, save_lora
from wan_r1.policies.policy import Condition
from wan_r1.policies.sharding import anywhere, exchange, gather_whole, part_of, shard
from wan_r1.policies.sizes import check_sizes
from wan_r1.policies.text import TextEmbedder
from wan_r1.types import Task

__all__ = ["WanConfig", "WanPolicy"]

DtypeName = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WanConfig:
    """Which Wan folder to load and how to run it; `load` makes the policy."""

    path: str
    "diffusers folder"
    num_frames: int = 17
    "frames of a video, 4n + 1; the released models were made for 81 (Wan2.1, A14B) and 121 (TI2V-5B)"
    height: int = 80
    "pixels; a multiple of what one token covers"
    width: int = 80
    max_sequence_length: int = 32
    "text tokens; shorter prompts are padded and the padding costs time; the released models take 512"
    negative_prompt: str = ""
    "used with guidance only"
    dtype: DtypeName = "float32"
    "what the network computes in; trained weights and the sampler stay float32"
    vae_dtype: DtypeName = "float32"
    vae_batch_size: int = 16
    "videos that are decoded or encoded at a time"
    text_device: str | None = None
    "where the text encoder runs; none is the policy's device, cpu saves 11 GB of GPU memory with the released models"
    train: Literal["nothing", "lora", "full"] = "full"
    lora: LoraConfig = field(default_factory=LoraConfig)
    "used with train = lora"
    train_experts: Literal["both", "high_noise", "low_noise"] = "both"
    "for folders with two experts: an early window of stochastic steps lies in the high-noise expert"
    sharding: Literal["none", "fsdp2"] = "none"
    "fsdp2 spreads the weights of the transformers over the processes of torchrun; none keeps all in each"
    gradient_checkpointing: bool = False
    "recomputes activations in the backward pass: less memory, a third more time"

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.num_frames % 4 != 1:
            below = max(1, (self.num_frames - 1) // 4 * 4 + 1)
            raise ConfigError(
                f"policy: num_frames = {self.num_frames}; Wan needs 4n + 1 frames (81 = 4 * 20 + 1), "
                f"for example {below} or {below + 4}"
            )
        for name in (self.dtype, self.vae_dtype):
            if name not in DTYPES:
                raise ConfigError(f"policy: dtype {name!r} is not known; choose from {', '.join(DTYPES)}")
        if self.dtype == "float16" and self.train != "nothing":
            raise ConfigError(
                "policy: dtype = 'float16' cannot be trained: losses are not scaled, and small gradients become 0; "
                "take bfloat16 or float32, or train = 'nothing'"
            )
        if self.vae_batch_size < 1 or self.max_sequence_length < 1:
            raise ConfigError("policy: vae_batch_size and max_sequence_length must be at least 1")

    def load(self, device: str | torch.device = "cpu") -> "WanPolicy":
        """Reads the folder and puts the model on the device."""
        return WanPolicy(self, open_folder(self.path), torch.device(device))


class WanPolicy:
    """A loaded Wan model; implements `Policy`."""

    def __init__(self, config: WanConfig, folder: WanFolder, device: torch.device) -> None:
        self.config = config
        self.folder = folder
        self.device = device
        self.shift = folder.shift()
        self._codec = VideoCodec(folder.load("vae", DTYPES[config.vae_dtype]).to(device), config.vae_batch_size)
        self._sharded = config.sharding == "fsdp2"
        compute = DTYPES[config.dtype]
        names = [part for part in ("transformer", "transformer_2") if part in folder.parts]
        full = self._trained_names(names) if config.train == "full" else []
        place = torch.device("cpu") if self._sharded else device  # sharded weights go there block by block
        self._experts: dict[str, nn.Module] = {
            name: folder.load(name, torch.float32 if name in full else compute).to(place) for name in names
        }
        for module in self._experts.values():
            keep_time_exact(module, device)
            if self.kind == "ti2v":
                use_frame_timesteps(module)
        self._reference: dict[str, Tensor] = {}
        check_sizes(config, self._settings, self._codec, self.kind, folder.path)
        self._conditioner = self._make_conditioner()
        self._prepare_training()
        for module in self._experts.values() if self._sharded else ():
            shard(module, device)

    # What the folder says.

    @property
    def kind(self) -> WanKind:
        """How the first frame gets in: see the table at the top of this file."""
        if self.folder.expand_timesteps:
            return "ti2v"
        return "i2v" if self._settings.in_channels > self._codec.num_channels else "t2v"

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(C, F, h, w) of one video."""
        factor = self._codec.spatial_factor
        frames = (self.config.num_frames - 1) // self._codec.temporal_factor + 1
        return self._codec.num_channels, frames, self.config.height // factor, self.config.width // factor

    @property
    def free_mask(self) -> Tensor:
        """[1, 1, F, 1, 1] bool: false for the clean latent frame 0 of ti2v, true elsewhere."""
        mask = torch.ones(1, 1, self.latent_shape[1], 1, 1, dtype=torch.bool, device=self.device)
        if self.kind == "ti2v":
            mask[:, :, 0] = False
        return mask

    @property
    def _settings(self) -> Any:
        return self._experts["transformer"].config

    # Conditions.

    def encode(self, tasks: Sequence[Task]) -> Condition:
        """Prompts and first frames of the tasks; frames of another size are resized."""
        return self.encode_inputs([task.prompt for task in tasks], [task.first_frame for task in tasks])

    def encode_inputs(self, prompts: Sequence[str], frames: Sequence[NDArray[np.uint8]]) -> Condition:
        """Condition of B prompts and B first frames [H, W, 3] uint8."""
        return self._conditioner(prompts, frames)

    def encode_prompts(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Embeddings [B, L, D] of B prompts and [1, L, D] of the negative prompt, as a Condition holds them."""
        return self._conditioner.text(prompts), self._conditioner.text([self.config.negative_prompt])

    # The network.

    def velocity(self, latents: Tensor, sigmas: Tensor, condition: Condition, *, guidance_scale: float = 1.0) -> Tensor:
        """Predicted noise - video for latents [B, C, F, h, w] at sigmas [B]; float32, same shape.

        With guidance_scale > 1 the network runs twice, the second time with the negative prompt.
        """
        if latents.shape[1:] != self.latent_shape or sigmas.shape != latents.shape[:1]:
            raise ConfigError(
                f"velocity: latents {tuple(latents.shape)} and sigmas {tuple(sigmas.shape)} must be "
                f"[B, {', '.join(map(str, self.latent_shape))}] and [B]"
            )
        if condition.batch_size != len(latents):
            raise ConfigError(f"velocity: {condition.batch_size} conditions for {len(latents)} videos; use repeat")
        if self.kind == "i2v":
            latents = torch.cat([latents, condition.first_latents], dim=1)
        timesteps = to_timesteps(sigmas)
        conditional = self._predict(latents, timesteps, condition.text, condition.image_tokens)
        if guidance_scale <= 1:
            return conditional
        negative = condition.negative_text.expand_as(condition.text)
        unconditional = self._predict(latents, timesteps, negative, condition.image_tokens)
        return guide(conditional, unconditional, guidance_scale)

    def _predict(self, latents: Tensor, timesteps: Tensor, text: Tensor, image_tokens: Tensor) -> Tensor:
        """One pass; each row goes to the expert of its timestep."""
        high = self.folder.high_noise(timesteps)
        rows = {"transformer": high.nonzero()[:, 0], "transformer_2": (~high).nonzero()[:, 0]}
        needed = [name for name, index in rows.items() if len(index)]
        if self._sharded and len(self._experts) > 1:  # sharded experts run in all processes together
            needed = anywhere(needed, list(rows), self.device)
        if len(needed) == 1:
            return self._run(needed[0], latents, timesteps, text, image_tokens)
        parts = []
        for name, index in rows.items():
            # An expert that only other processes need runs on one row, which is cut off.
            taken = index if len(index) else index.new_zeros(1)
            part = self._run(name, latents[taken], timesteps[taken], text[taken], image_tokens[taken])
            parts.append(part[: len(index)])
        return torch.cat(parts)[torch.cat(list(rows.values())).argsort()]

    def _run(self, name: str, latents: Tensor, timesteps: Tensor, text: Tensor, image_tokens: Tensor) -> Tensor:
        compute = DTYPES[self.config.dtype]
        if self.kind == "ti2v":
            timesteps = timesteps[:, None] * self.free_mask.view(1, -1)
        # Without a cache: a pass uses each weight once, and the cache would hold a copy of all trained ones through it.
        with torch.autocast(self.device.type, dtype=compute, enabled=compute != torch.float32, cache_enabled=False):
            predicted: Tensor = self._experts[name](
                hidden_states=latents.to(compute),
                timestep=timesteps,
                encoder_hidden_states=text.to(compute),
                encoder_hidden_states_image=image_tokens.to(compute) if image_tokens.shape[1] else None,
                return_dict=False,
            )[0]
        return predicted.float()

    # Latents.

    def noise(self, generators: Sequence[torch.Generator]) -> Tensor:
        """Start noise [B, C, F, h, w] float32, one CPU generator for each video."""
        return draw_noise(self.latent_shape, generators, self.device)

    def pin(self, latents: Tensor, condition: Condition) -> Tensor:
        """Latents with the clean latent frame 0 in place (ti2v), or as they are."""
        if self.kind != "ti2v":
            return latents
        return torch.cat([condition.first_latents.to(latents.dtype), latents[:, :, 1:]], dim=2)

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Videos [B, T, H, W, 3] uint8 of latents [B, C, F, h, w]."""
        return self._codec.decode(latents)

    def encode_video(self, videos: NDArray[np.uint8]) -> Tensor:
        """Latents [B, C, F, h, w] float32 of videos [B, T, H, W, 3] uint8 of the configured size."""
        wanted = (self.config.num_frames, self.config.height, self.config.width, 3)
        if videos.shape[1:] != wanted:
            raise ConfigError(
                f"encode_video: videos {videos.shape[1:]} must be {wanted}; resize them or change the config"
            )
        return self._codec.encode(videos)

    # Training.

    def trainable_parameters(self) -> dict[str, nn.Parameter]:
        """Parameters that training changes, by expert and name."""
        return {
            f"{expert}.{name}": parameter
            for expert, module in self._experts.items()
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }

    def trained_modules(self) -> dict[str, nn.Module]:
        """The experts that hold trainable parameters."""
        return {
            name: module
            for name, module in self._experts.items()
            if any(parameter.requires_grad for parameter in module.parameters())
        }

    def trained_at(self, sigmas: Tensor) -> Tensor:
        """[B] bool: whether weights that training changes predict the velocity at sigmas [B]."""
        trained, high = self.trained_modules(), self.folder.high_noise(to_timesteps(sigmas))
        return torch.where(high, "transformer" in trained, "transformer_2" in trained)

    @contextmanager
    def weights(self, values: Mapping[str, Tensor]) -> Iterator[None]:
        """Trainable parameters replaced by others of the same names (an average, an earlier model) within a block."""
        parameters = self.trainable_parameters()
        if values.keys() != parameters.keys():
            odd = sorted(values.keys() ^ parameters.keys())[:3]
            raise ConfigError(f"weights: names differ from the trainable parameters, for example {odd}")
        kept = {name: exchange(parameter, values[name]) for name, parameter in parameters.items()}
        try:
            yield
        finally:
            for name, parameter in parameters.items():
                exchange(parameter, kept[name])

    @torch.no_grad()
    def reset(self, seed: int) -> None:
        """Random trainable weights, as a model of this shape starts out. ConfigError for an adapter."""
        if self.config.train == "lora":
            raise ConfigError("reset: train = 'lora' has no weights of a model to start anew; take train = 'full'")
        for module in self.trained_modules().values():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                fresh = type(module).from_config(module.config)  # type: ignore[attr-defined]
            for name, tensor in module.state_dict().items():
                tensor.copy_(part_of(fresh.state_dict()[name], tensor))

    def keep_reference(self) -> None:
        """Copies the trainable parameters for `reference`; needed once before training all weights."""
        self._reference = {name: value.detach().clone() for name, value in self.trainable_parameters().items()}

    @contextmanager
    def reference(self) -> Iterator[None]:
        """The model before training: the adapter off, or the kept copy; within a block."""
        with ExitStack() as stack:
            if self.config.train == "lora":
                for module in self.trained_modules().values():
                    stack.enter_context(adapter_off(module))
            elif self._reference:
                stack.enter_context(self.weights(self._reference))
            elif self.config.train == "full":
                raise ConfigError("reference: no copy of the weights was kept; call keep_reference() before training")
            yield

    # Files.

    def save(self, folder: Path | str, dtype: DtypeName | None = None) -> Path:
        """Writes a diffusers folder with the present weights, adapter merged in; none keeps the parts' own dtype."""
        target = Path(folder)
        if target.resolve() == self.folder.path.resolve():
            raise CheckpointError(f"{target}: is the folder that the policy was loaded from; save to another one")
        if self._sharded:
            self._save_whole(lambda policy: policy.save(target, dtype))
        else:
            experts = {name: merged_state(module) for name, module in self._experts.items()}
            self.folder.write(target, experts, DTYPES[dtype] if dtype else None)
        return target

    def save_lora(self, folder: Path | str) -> Path:
        """Writes the adapters as files for diffusers' `load_lora_weights`."""
        if self.config.train != "lora":
            raise ConfigError(f"save_lora: train = {self.config.train!r}, so there is no adapter; use save")
        if self._sharded:
            self._save_whole(lambda policy: policy.save_lora(folder))
        else:
            for name, module in self.trained_modules().items():
                save_lora(module, Path(folder), name)
        return Path(folder)

    def load_lora(self, folder: Path | str) -> None:
        """Puts adapters that `save_lora` wrote into this policy; rank and targets must be the same."""
        if self.config.train != "lora":
            raise ConfigError(f"load_lora: train = {self.config.train!r}; load the policy with train = 'lora'")
        if self._sharded:
            raise ConfigError("load_lora: not into a sharded policy; without sharding, save a merged folder to load")
        for name, module in self.trained_modules().items():
            load_lora(module, Path(folder), name)

    def _save_whole(self, save: Callable[["WanPolicy"], Path]) -> None:
        """Puts this policy together on the CPU of process 0, which saves it; every process must call this."""
        weights = gather_whole(self.trainable_parameters())
        if dist.get_rank() == 0:
            policy = replace(self.config, sharding="none").load()
            with policy.weights(weights):
                save(policy)

    # Setting up.

    def _make_conditioner(self) -> Conditioner:
        image = None
        if self._settings.image_dim is not None:
            encoder = self.folder.load("image_encoder").to(self.device)
            image = ImageEmbedder(encoder=encoder, processor=self.folder.load("image_processor"))
        text_encoder = self.folder.load("text_encoder", DTYPES[self.config.dtype])
        text_encoder = text_encoder.to(self.config.text_device or self.device)
        return Conditioner(
            kind=self.kind,
            text=TextEmbedder(
                self.folder.load("tokenizer"), text_encoder, self.config.max_sequence_length, self.device
            ),
            codec=self._codec,
            image=image,
            negative_prompt=self.config.negative_prompt,
            num_frames=self.config.num_frames,
            size=(self.config.height, self.config.width),
        )

    def _trained_names(self, experts: Sequence[str]) -> list[str]:
        """Those of the experts that `train_experts` means."""
        high, low = "transformer", "transformer_2"
        chosen = {"both": (high, low), "high_noise": (high,), "low_noise": (low,)}
        names = [name for name in chosen[self.config.train_experts] if name in experts]
        if not names:
            raise ConfigError("policy: train_experts = low_noise, but this folder has one expert; take both")
        return names

    def _prepare_training(self) -> None:
        names = self._trained_names(list(self._experts))
        for name in names if self.config.train != "nothing" else ():
            module = self._experts[name]
            if self.config.train == "lora":
                add_lora(module, self.config.lora)
            else:
                module.requires_grad_(True)
            if self.config.gradient_checkpointing:
                module.enable_gradient_checkpointing()  # type: ignore[operator]
