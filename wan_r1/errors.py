"""Every error of wan-r1, drawn as a tree.

    WanR1Error
    |-- ConfigError (ValueError)   a recipe, an option or an argument is wrong
    |-- GenerationError            a task could not be generated
    |-- VideoError                 a video or picture cannot be read or written, or has a wrong shape
    |-- TrackingError              a tracker was asked for something that it cannot do
    |-- RewardServerError          a remote reward did not answer
    |-- CheckpointError            a checkpoint or model folder is missing, incomplete or does not fit
    `-- DatasetError               a benchmark folder, state JSON or metadata file is wrong

A broken program raises; a bad video never raises: it gets a verdict and a low score.
"""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DatasetError",
    "GenerationError",
    "RewardServerError",
    "TrackingError",
    "VideoError",
    "WanR1Error",
]


class WanR1Error(Exception):
    """Base of all errors that wan-r1 raises on purpose."""


class ConfigError(WanR1Error, ValueError):
    """A recipe, an option or an argument is wrong."""


class GenerationError(WanR1Error):
    """A task could not be generated with these settings."""


class VideoError(WanR1Error):
    """A video or picture cannot be read or written, or has the wrong shape."""


class TrackingError(WanR1Error):
    """A tracker was asked for something that it cannot do."""


class RewardServerError(WanR1Error):
    """A remote reward did not answer in time, or answered nonsense."""


class CheckpointError(WanR1Error):
    """A checkpoint or model folder is missing, incomplete or does not fit."""


class DatasetError(WanR1Error):
    """A benchmark folder, a state JSON or a metadata file is wrong."""
