"""The backward pass of one batch: the same for imitation and for rewards."""

from torch import Tensor

__all__ = ["add_gradients"]


def add_gradients(loss: Tensor) -> float:
    """Add the gradients of a loss, shape [], to those of the weights; returns its value.

    A batch whose noise levels all belong to an expert that is not trained adds none. Processes that share weights agree
    on this: they run the same experts, and a row that is cut off keeps its place in the backward pass.
    """
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())
