"""Prompts to text embeddings, exactly as diffusers' Wan pipelines make them, each prompt once."""

import html
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["TextEmbedder", "clean_prompt"]


def clean_prompt(prompt: str) -> str:
    """Repairs broken unicode, resolves HTML entities, and makes every run of white space one blank."""
    import ftfy

    fixed = html.unescape(html.unescape(ftfy.fix_text(prompt)))
    return re.sub(r"\s+", " ", fixed.strip()).strip()


class TextEmbedder:
    """A tokenizer and a frozen text encoder with a cache; embeddings [L, D] are zero after the last token."""

    def __init__(self, tokenizer: Any, encoder: Any, max_length: int, device: torch.device | str) -> None:
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.max_length = max_length
        self.device = device
        self._cache: dict[str, Tensor] = {}

    def __call__(self, prompts: Sequence[str]) -> Tensor:
        """Embeddings [B, L, D] in the encoder's dtype, on the embedder's device."""
        missing = sorted(set(prompts) - set(self._cache))
        for prompt in missing:
            self._cache[prompt] = self._embed(prompt)
        return torch.stack([self._cache[prompt] for prompt in prompts])

    @torch.no_grad()
    def _embed(self, prompt: str) -> Tensor:
        tokens = self.tokenizer(
            [clean_prompt(prompt)],
            padding="max_length",
            max_length=self.max_length,
            truncation=True,
            add_special_tokens=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        mask = tokens.attention_mask.to(self.encoder.device)
        hidden = self.encoder(tokens.input_ids.to(self.encoder.device), mask).last_hidden_state[0]
        return torch.where(mask[0].gt(0)[:, None], hidden, 0.0).to(self.device)
