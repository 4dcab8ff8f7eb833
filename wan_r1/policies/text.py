"""Prompts to text embeddings, exactly as diffusers' Wan pipelines make them, each prompt once."""

import html
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from wan_r1.errors import ConfigError

__all__ = ["TextEmbedder", "clean_prompt"]

MAX_CACHED_PROMPTS = 256
"""4 MB each with the released text encoder; the oldest goes first."""


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
        found = {prompt: self._cache.get(prompt) for prompt in dict.fromkeys(prompts)}
        embedded = {prompt: self._embed(prompt) if value is None else value for prompt, value in found.items()}
        self._cache.update(embedded)
        for prompt in list(self._cache)[:-MAX_CACHED_PROMPTS]:
            del self._cache[prompt]
        return torch.stack([embedded[prompt] for prompt in prompts])

    @torch.no_grad()
    def _embed(self, prompt: str) -> Tensor:
        # One prompt at a time: the embedding of a prompt must not depend on which others stand beside it.
        tokens = self.tokenizer(
            [clean_prompt(prompt)],
            padding="max_length",
            max_length=self.max_length,
            truncation=False,
            return_attention_mask=True,
            return_tensors="pt",
        )
        length = tokens.input_ids.shape[1]
        if length > self.max_length:
            raise ConfigError(
                f"prompt of {length} tokens, max_sequence_length = {self.max_length}: raise it or shorten the prompt "
                f"{prompt[:60]!r}"
            )
        mask = tokens.attention_mask.to(self.encoder.device)
        hidden = self.encoder(tokens.input_ids.to(self.encoder.device), mask).last_hidden_state[0]
        return torch.where(mask[0].gt(0)[:, None], hidden, 0.0).to(self.device)
