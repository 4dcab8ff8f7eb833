"""A reward as a user would write one. A random model solves no maze, so this one looks at the last digits of a mean."""

from dataclasses import dataclass

from wan_r1.types import Score, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class LastDigits:
    """Fraction of `scale` times the mean red value: differs between any two videos; solved above one half."""

    scale: float = 100.0

    def __call__(self, task, video):
        value = float(video[..., 0].mean()) * self.scale % 1
        solved = value > 0.5
        return Score(value=value, parts={"red": value}, verdict=Verdict(solved=solved, optimal=solved, progress=value))
