"""Reads and writes Wan folders in diffusers format, whole or part by part."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wan_r1.errors import CheckpointError
from wan_r1.flow.schedule import NUM_TRAIN_TIMESTEPS

__all__ = ["DTYPES", "WanFolder", "open_folder", "quiet"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

INDEX = "model_index.json"

DOWNLOAD_HINT = "download it with `hf download Wan-AI/Wan2.2-TI2V-5B-Diffusers --local-dir DIR` and name that folder"


@dataclass(frozen=True, kw_only=True, slots=True)
class WanFolder:
    """A checked Wan folder: where it is and what its model_index.json says."""

    path: Path
    expand_timesteps: bool
    boundary_ratio: float | None
    parts: tuple[str, ...]
    "names of the sub-folders in use"

    def load(self, part: str, dtype: torch.dtype = torch.float32) -> Any:
        """One part as its own class, frozen and in evaluation mode if it has weights."""
        import diffusers
        import transformers

        classes: dict[str, Any] = {
            "tokenizer": transformers.AutoTokenizer,
            "text_encoder": transformers.UMT5EncoderModel,
            "vae": diffusers.AutoencoderKLWan,
            "transformer": diffusers.WanTransformer3DModel,
            "transformer_2": diffusers.WanTransformer3DModel,
            "image_encoder": transformers.CLIPVisionModel,
            "image_processor": transformers.AutoImageProcessor,
        }
        source = self.path / part
        options = {} if part in ("tokenizer", "image_processor") else {"dtype": dtype}
        try:
            with quiet():
                loaded = classes[part].from_pretrained(source, local_files_only=True, **options)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise CheckpointError(f"{source}: cannot be loaded: {error}; {DOWNLOAD_HINT}") from error
        return loaded.eval().requires_grad_(False) if isinstance(loaded, nn.Module) else loaded

    def shift(self) -> float:
        """Shift of the sigma schedule; Euler schedulers call it shift, UniPC flow_shift."""
        settings = _read_json(self.path / "scheduler" / "scheduler_config.json")
        return float(settings.get("flow_shift", settings.get("shift", 1.0)))

    def high_noise(self, timesteps: Tensor) -> Tensor:
        """[B] bool: which timesteps [B] the first of two experts takes; all of them where there is one."""
        return timesteps >= (self.boundary_ratio or 0) * NUM_TRAIN_TIMESTEPS

    def write(
        self, target: Path, experts: Mapping[str, Mapping[str, Tensor]], dtype: torch.dtype | None = None
    ) -> None:
        """Writes a folder with the given weights for the named experts; all else as it is here.

        Args:
            target: folder to write; its files are replaced.
            experts: state of "transformer" and, if there, "transformer_2".
            dtype: how weights are stored; none keeps every part as it is.
        """
        import diffusers

        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path / INDEX, target / INDEX)
        for part in self.parts:
            if part in experts:
                self._write_expert(target, part, experts[part], dtype)
            elif part == "scheduler":
                diffusers.FlowMatchEulerDiscreteScheduler(shift=self.shift()).save_pretrained(target / part)
            elif dtype is None or part in ("tokenizer", "image_processor"):
                shutil.copytree(self.path / part, target / part, dirs_exist_ok=True)
            else:
                with quiet():
                    self.load(part, dtype).save_pretrained(target / part)
        _forget_origin(target)
        index = _read_json(target / INDEX)
        index["scheduler"] = ["diffusers", "FlowMatchEulerDiscreteScheduler"]
        (target / INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def _write_expert(self, target: Path, part: str, state: Mapping[str, Tensor], dtype: torch.dtype | None) -> None:
        """Writes one transformer from its state without touching the one in use."""
        from diffusers import WanTransformer3DModel

        settings = WanTransformer3DModel.load_config(self.path / part)
        with torch.device("meta"):
            model = WanTransformer3DModel.from_config(settings)
        kept = model._keep_in_fp32_modules
        stored = {
            name: tensor if dtype is None or any(piece in name.split(".") for piece in kept) else tensor.to(dtype)
            for name, tensor in state.items()
        }
        model.load_state_dict(stored, strict=True, assign=True)
        with quiet():
            model.save_pretrained(target / part)


def open_folder(path: Path | str) -> WanFolder:
    """Checks a Wan folder and reads its index; every missing file is named."""
    path = Path(path)
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such model folder; {DOWNLOAD_HINT}, or build a small one with build_tiny")
    if not (path / INDEX).is_file():
        raise CheckpointError(f"{path}: no {INDEX}, so this is no diffusers folder; {DOWNLOAD_HINT}")
    index = _read_json(path / INDEX)
    parts = tuple(
        name for name, entry in index.items() if isinstance(entry, list) and len(entry) == 2 and entry[0] is not None
    )
    needed = {"tokenizer", "text_encoder", "vae", "scheduler", "transformer"}
    missing = sorted(name for name in needed.union(parts) if name not in parts or not (path / name).is_dir())
    if missing:
        raise CheckpointError(f"{path}: without {', '.join(missing)}; {DOWNLOAD_HINT}")
    ratio = index.get("boundary_ratio")
    if (ratio is None) != ("transformer_2" not in parts):
        raise CheckpointError(f"{path}: boundary_ratio {ratio} and parts {parts} do not fit: two experts need both")
    return WanFolder(path=path, expand_timesteps=bool(index.get("expand_timesteps")), boundary_ratio=ratio, parts=parts)


def _forget_origin(folder: Path) -> None:
    """Takes `_name_or_path` out of the parts' configs: a path of the machine that wrote them, of no use elsewhere."""
    for file in folder.glob("*/*config.json"):
        settings = _read_json(file)
        if settings.pop("_name_or_path", None) is not None:
            file.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@contextmanager
def quiet() -> Iterator[None]:
    """Hides the progress bars of diffusers and transformers within a block."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    shown = [module for module in (diffusers_logging, transformers_logging) if module.is_progress_bar_enabled()]
    for module in shown:
        module.disable_progress_bar()
    try:
        yield
    finally:
        for module in shown:
            module.enable_progress_bar()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}; {DOWNLOAD_HINT}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds no JSON object; {DOWNLOAD_HINT}")
    return content
