"""Train, validation and test sides, disjoint by layout: a side is a function of the layout's symmetry class."""

import hashlib

__all__ = ["SPLITS", "split_of"]

SPLITS = ("train", "validation", "test")

HELD_OUT_SHARE = 0.10
"""Share of the layouts on each of the validation and test sides."""


def split_of(layout_key: bytes) -> str:
    """The side of a layout, from a key that is equal for all its symmetric variants (tasks/grid.py)."""
    position = int.from_bytes(hashlib.blake2b(layout_key, digest_size=8).digest(), "big") / 2**64
    if position < HELD_OUT_SHARE:
        return "test"
    if position < 2 * HELD_OUT_SHARE:
        return "validation"
    return "train"
