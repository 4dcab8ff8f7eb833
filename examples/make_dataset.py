"""Write solver videos for supervised fine-tuning: metadata.csv with video,prompt,input_image. Needs no torch.

    python examples/make_dataset.py data/mazes 16

`wan-r1 make maze` does the same and writes VR-Bench's state files as well. The folder is what
`wan-r1 sft RECIPE data.name=videos data.path=data/mazes` takes; any videos with such a table are.
"""

import csv
import sys
from pathlib import Path

from wan_r1 import family_of, make_tasks, write_video
from wan_r1.tasks.skins import TRAIN_SKINS
from wan_r1.video import write_image


def main() -> int:
    """Make N tasks, one skin after the other, and their solver videos."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "data/mazes")
    num = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    rows = []
    for index in range(num):
        skin = TRAIN_SKINS[index % len(TRAIN_SKINS)]
        task = make_tasks("maze", seed=0, num=1, start=index, level="tiny", skin=skin, split="train")[0]
        video = family_of(task).render(task, task.solution, num_frames=17, size=80)
        row = (f"videos/{index:04d}.mp4", task.prompt, f"images/{index:04d}.png")
        write_video(folder / row[0], video, crf=10)
        write_image(folder / row[2], task.first_frame)
        rows.append(row)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("video", "prompt", "input_image"), *rows])
    print(f"wrote {num} videos and metadata.csv to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
