"""VR-Bench folders: the levels that a dataset holds, and which generated video belongs to which level.

    DATASET/[GAME/][SKIN/][DIFFICULTY/]{images,states,videos}/DIFFICULTY_0001.{png,json,mp4}

A level may have several solution videos, `DIFFICULTY_0001_<k>.mp4`, as the released data has; then these count. A
generated video has the name of its level, with `_s<k>` or `_<k>` behind it if there are several, or lies in one folder
for each sample. What is wrong with one file is a Problem; the others are still read.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Literal

from wan_r1.errors import DatasetError
from wan_r1.video import VIDEO_SUFFIXES

__all__ = [
    "UNKNOWN",
    "Level",
    "Problem",
    "ProblemKind",
    "Sample",
    "find_levels",
    "find_samples",
    "leads_out",
    "shown",
]

NUMBERED = re.compile(r"(?P<stem>.+)(?P<sample>_s?\d+)")
UNKNOWN = "-"
"""Game, skin or difficulty that nothing tells."""
GAMES = {
    "maze": "maze",
    "regular_maze": "maze",
    "irregular_maze": "irregular_maze",
    "pathfinder": "irregular_maze",
    "maze3d": "maze3d",
    "3d_maze": "maze3d",
    "trapfield": "trapfield",
    "sokoban": "sokoban",
}
"""Names of folders of a game -> its family; VR-Bench uses all of them."""

ProblemKind = Literal["dataset", "video", "unmatched"]
"""dataset: a level is broken, whatever the model does; video: a video is; unmatched: a video belongs to no level."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is wrong with a file, in one line that names it."""

    kind: ProblemKind
    path: FilePath
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """One level of a dataset: its files, and where they lie.

    name: folders and stem, unique in the dataset. folders: game, skin, difficulty, as far as there are folders for
    them. game: the family by the folder above the skin, "-" without one. solutions: the solution videos, perhaps
    none. problem: why the level cannot be read, or None.
    """

    name: str
    folders: tuple[str, ...]
    game: str
    skin: str
    difficulty: str
    state: FilePath
    image: FilePath
    solutions: tuple[FilePath, ...]
    problem: Problem | None = None

    @property
    def stem(self) -> str:
        """The name of its files."""
        return self.state.stem


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A generated video and which of a level's videos it is: "s3", a folder, "_3" as solutions are named, or ""."""

    path: FilePath
    label: str


def shown(path: object) -> str:
    """A path as text that can be printed: bytes of a name that are not UTF-8 as \\xNN, line ends as spaces."""
    text = os.fsencode(str(path)).decode("utf-8", "backslashreplace")
    return " ".join(text.splitlines())


def find_levels(root: FilePath) -> tuple[list[Level], list[Problem]]:
    """All levels below a folder, in order of their names, and what cannot be a level.

    Links that lead out of the folder are problems: a dataset must not show other files of its reader.
    """
    if not root.is_dir():
        raise DatasetError(f"{shown(root)}: no such folder; give a dataset with images/, states/ and videos/ below it")
    root, levels, problems = root.resolve(), [], list[Problem]()
    closed = _adder("dataset", problems)
    for here, names, _ in os.walk(root, onerror=closed):
        names.sort()
        base = FilePath(here)
        links = (base / name for name in names if (base / name).is_symlink())
        problems += [_outside(link) for link in links if leads_out(link, root)]
        if "states" in names or {"images", "videos"} <= set(names):
            try:
                found, wrong = _levels_of(base, root)
            except OSError as error:
                closed(error)
                continue
            levels += found
            problems += wrong
    if not levels and not problems:
        raise DatasetError(
            f"{shown(root)}: no states/*.json below it; expected SKIN/DIFFICULTY/{{images,states,videos}}"
        )
    return levels, problems


def _adder(kind: ProblemKind, problems: list[Problem]) -> Callable[[OSError], None]:
    """What a walk calls with a folder that cannot be read: it becomes a problem, once."""

    def add(error: OSError) -> None:
        folder = FilePath(str(error.filename))
        if all(problem.path != folder for problem in problems):
            text = f"{shown(folder)}: cannot be read ({error.strerror}); levels and videos in it are left out"
            problems.append(Problem(kind=kind, path=folder, text=text))

    return add


def _levels_of(base: FilePath, root: FilePath) -> tuple[list[Level], list[Problem]]:
    """Levels of one folder with states/, and the pictures in it that have no state."""
    states, images, videos = (_files(base / name, root) for name in ("states", "images", "videos"))
    states = {stem: paths for stem, paths in states.items() if paths[0].suffix.lower() == ".json"}
    numbered: dict[str, list[FilePath]] = {}
    for stem, paths in videos.items():
        match = NUMBERED.fullmatch(stem)
        if match and match["sample"][1:].isdigit():
            numbered.setdefault(match["stem"], []).extend(paths)
    levels = [
        _level(
            base,
            root,
            state=paths[0],
            image=images.get(stem, [base / "images" / f"{stem}.png"])[-1],
            solutions=(*numbered.get(stem, ()),) or (*videos.get(stem, ()),),
        )
        for stem, paths in states.items()
    ]
    problems = [
        Problem(kind="dataset", path=paths[0], text=f"{shown(paths[0])}: no ../states/{shown(stem)}.json beside it")
        for stem, paths in images.items()
        if stem not in states
    ]
    return levels, problems


def _level(
    base: FilePath, root: FilePath, *, state: FilePath, image: FilePath, solutions: tuple[FilePath, ...]
) -> Level:
    folders = base.relative_to(root).parts
    difficulty = state.stem.rpartition("_")[0] or UNKNOWN
    around = (root.parts + folders)[-3:]
    if around[-1] == difficulty:
        above = (UNKNOWN, UNKNOWN, *around[:-1])[-2:]
        game, skin = (above[1], UNKNOWN) if above[1] in GAMES and above[0] not in GAMES else above
    else:  # the files lie in a folder of another meaning
        game, skin = UNKNOWN, UNKNOWN
    outside = [path for path in (state, image, *solutions) if leads_out(path, root)]
    return Level(
        name="/".join((*folders, state.stem)),
        folders=folders,
        game=GAMES.get(game, UNKNOWN),
        skin=skin,
        difficulty=difficulty,
        state=state,
        image=image,
        solutions=solutions,
        problem=_outside(outside[0]) if outside else None,
    )


def _files(folder: FilePath, root: FilePath) -> dict[str, list[FilePath]]:
    """Files of a folder by their stem, in order; hidden ones, such as archives of macOS leave, are no data."""
    found: dict[str, list[FilePath]] = {}
    if folder.is_dir() and not leads_out(folder, root):
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and path.suffix.lower() in (".json", ".png", *VIDEO_SUFFIXES):
                found.setdefault(path.stem, []).append(path)
    return found


def leads_out(path: FilePath, root: FilePath) -> bool:
    """Whether a path, through links, lies outside of a folder that is resolved, or nowhere."""
    try:
        return not path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link to itself
        return True


def _outside(path: FilePath) -> Problem:
    text = f"{shown(path)}: a link that leads out of the dataset; put the file itself there"
    return Problem(kind="dataset", path=path, text=text)


def find_samples(root: FilePath, levels: Sequence[Level]) -> tuple[dict[str, list[Sample]], list[Problem]]:
    """The generated videos below a folder by the name of their level, and those that belong to none."""
    if not root.is_dir():
        raise DatasetError(f"{shown(root)}: no such folder; give the folder with the generated videos")
    by_stem: dict[str, list[Level]] = {}
    for level in levels:
        by_stem.setdefault(level.stem, []).append(level)
    found: dict[str, list[Sample]] = {level.name: [] for level in levels}
    problems, taken = list[Problem](), set()
    for path in _videos(root, _adder("unmatched", problems)):
        number = NUMBERED.fullmatch(path.stem)
        candidates, label = by_stem.get(path.stem, []), ""
        if not candidates and number:
            candidates, label = by_stem.get(number["stem"], []), number["sample"].replace("_s", "s")
        placed = _place(path, root, candidates)
        if isinstance(placed, str):
            problems.append(Problem(kind="unmatched", path=path, text=f"{shown(path)}: {placed}"))
            continue
        level, between = placed
        sample = Sample(path=path, label="/".join((*between, *([label] if label else []))))
        if (level.name, sample.label) in taken:
            text = f"{shown(path)}: another video is this sample of {shown(level.name)} already; give each a name"
            problems.append(Problem(kind="unmatched", path=path, text=text))
            continue
        taken.add((level.name, sample.label))
        found[level.name].append(sample)
    return found, problems


def _videos(root: FilePath, closed: Callable[[OSError], None]) -> Iterator[FilePath]:
    visited = set[FilePath]()
    for here, names, files in os.walk(root, onerror=closed, followlinks=True):
        place = FilePath(here).resolve()
        if place in visited:  # a link back
            names.clear()
            continue
        visited.add(place)
        names.sort()
        for name in sorted(files):
            if FilePath(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                yield FilePath(here) / name


def _place(path: FilePath, root: FilePath, candidates: list[Level]) -> tuple[Level, tuple[str, ...]] | str:
    """The level of a video, and the folders that name the sample; or why there is none."""
    if not candidates:
        return f"no level of this name; expected DIFFICULTY_NUMBER{path.suffix}, or the same with _s<k>"
    inner = path.relative_to(root).parent.parts
    for folders in (inner, root.resolve().parts + inner):
        placed = [(level, match) for level in candidates if (match := _match(level, folders)) is not None]
        best = max((score for _, (score, _) in placed), default=-1)
        winners = [(level, rest) for level, (score, rest) in placed if score == best]
        if len(winners) == 1:
            level, rest = winners[0]
            return level, rest if folders is inner else ()
    names = ", ".join(shown(level.name) for level in candidates[:3])
    return f"cannot tell its level ({names}, ..): put it into SKIN/DIFFICULTY/, as in the dataset"


def _match(level: Level, folders: tuple[str, ...]) -> tuple[int, tuple[str, ...]] | None:
    """How many of a level's folders a video's folders name, and the others; None if they name another skin or game."""
    rest, others, score = list(folders), list[str](), 0
    for depth, part in enumerate(reversed(level.folders)):
        if part in rest:
            at = len(rest) - 1 - rest[::-1].index(part)
            others, rest, score = [*rest[at + 1 :], *others], rest[:at], score + 1
        elif depth == 1 and score and rest:
            return None
    left = [part for part in (*rest, *others) if part != "videos"]
    if level.game != UNKNOWN and any(GAMES.get(part, level.game) != level.game for part in left):
        return None
    return score, tuple(part for part in left if GAMES.get(part) != level.game)
