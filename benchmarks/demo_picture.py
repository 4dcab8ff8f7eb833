"""The picture of the README: videos of a run before (above) and after (below), each as its last frame with its track.

python benchmarks/demo_picture.py runs/demo      # -> docs/images/demo.png
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from wan_r1.reports.overlay import draw_line, draw_track, enlarge
from wan_r1.runs import RunFolder, VideoEntry
from wan_r1.video import read_video, write_image

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "demo.png"
SHOWN, PX, GAP_PX = 6, 160, 6


def last_frame(run: RunFolder, entry: VideoEntry) -> np.ndarray:
    """The end of a video, the solution in grey and the whole track in violet, on a white margin."""
    video = enlarge(read_video(run.videos / entry.file), PX)
    track = np.asarray([point or (np.nan, np.nan) for point in entry.track], dtype=np.float32)
    video = draw_track(draw_line(video, np.asarray(entry.solution, dtype=np.float32)), track)
    return np.pad(video[-1], ((GAP_PX, GAP_PX), (GAP_PX, GAP_PX), (0, 0)), constant_values=255)


def main() -> int:
    """One row for each side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    args = parser.parse_args()
    run = RunFolder(args.run)
    entries = run.read_videos()
    rows = []
    for group in ("before", "after"):
        chosen = sorted((e for e in entries if e.group == group), key=lambda entry: entry.task)[:SHOWN]
        rows.append(np.concatenate([last_frame(run, entry) for entry in chosen], axis=1))
    write_image(PICTURE, np.concatenate(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
