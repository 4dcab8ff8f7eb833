"""Judge a video file by the rules of its task. Needs no model and no torch.

    python examples/reward_on_your_video.py                                   # makes a task and two videos of its own
    python examples/reward_on_your_video.py video.mp4 states/easy_0001.json   # your video of a VR-Bench task

The picture of a state is ../images/STEM.png beside it; `wan-r1 score` does the same on the command line.
"""

import sys
import tempfile
from pathlib import Path

from wan_r1 import Score, TrajectoryReward, family_of, make_task, read_video, write_video
from wan_r1.tasks.vr_bench import read_state


def show(name: str, score: Score) -> None:
    """Print what the reward saw."""
    verdict = score.verdict
    assert verdict is not None
    print(f"{name}: value {score.value:.3f}, solved {verdict.solved}, optimal {verdict.optimal}")
    for part, value in score.parts.items():
        print(f"  {part:<12}{value:.3f}")
    for violation in verdict.violations:
        print(f"  broken rule: {violation.kind} in frame {violation.frame}")


def main() -> int:
    """Score the files of the command line, or two videos made here."""
    reward = TrajectoryReward()
    if len(sys.argv) == 3:
        video, state = sys.argv[1:]
        show(video, reward(read_state(state), read_video(video)))
        return 0
    task = make_task("maze", seed=1, level="easy")
    solved = family_of(task).render(task, task.solution, num_frames=49, size=210)
    still = solved[:1].repeat(49, axis=0)
    with tempfile.TemporaryDirectory() as folder:
        for name, frames in (("solved.mp4", solved), ("still.mp4", still)):
            write_video(Path(folder) / name, frames)
            show(name, reward(task, read_video(Path(folder) / name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
