"""Target-Bench's folders <-> Task. The format: https://github.com/TUM-AVS/target-bench (MIT).

ROOT/Benchmark/<segment>/<segment>_current_frame.png ...   what a model is given, and the reference path
ROOT/wm_videos/<model>/<segment>.mp4                       what models made of it; gt_videos are real ones
"""

from wan_r1.tasks.target_bench.reading import (
    HORIZONS,
    REFERENCE_MODEL,
    SegmentState,
    list_models,
    list_segments,
    list_videos,
    read_segment,
    read_truth,
)
from wan_r1.tasks.target_bench.writing import segment_name, write_segment

__all__ = [
    "HORIZONS",
    "REFERENCE_MODEL",
    "SegmentState",
    "list_models",
    "list_segments",
    "list_videos",
    "read_segment",
    "read_truth",
    "segment_name",
    "write_segment",
]
