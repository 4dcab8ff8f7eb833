"""The family `irregular_maze`: VR-Bench's irregular maze (its game `pathfinder`), and a tiny level for small models."""

from dataclasses import asdict, dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks.demonstrator import ERRANT, walk_with_wrong_turns
from wan_r1.tasks.difficulty import ROAD_LEVELS, RoadLevel, level_named
from wan_r1.tasks.irregular_maze import rules
from wan_r1.tasks.irregular_maze.generate import (
    RoadNet,
    RoadState,
    canonical_roads,
    lay_roads,
    place_by_length,
    place_far,
)
from wan_r1.tasks.irregular_maze.render import draw_positions, draw_walk, node_box, road_cover, road_prompt, sprites
from wan_r1.tasks.irregular_maze.solve import Leg, branches, legs_to_points, shortest_way
from wan_r1.tasks.skin_folders import check_skin
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.types import Path, Task, Track, Verdict

__all__ = ["IrregularMazeFamily", "RoadNet", "RoadState"]

MAX_TRIES = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class IrregularMazeFamily:
    """Nets of curved roads; the agent follows the roads to the goal, by a shortest way if it can."""

    level: str = field(default="tiny", metadata={"help": "tiny, easy, medium or hard"})
    skin: str = field(default="plain", metadata={"help": "a theme (tasks/skins.py), or a skin folder of VR-Bench"})
    size: int | None = field(default=None, metadata={"help": "picture side in px; None is the level's native size"})
    split: str | None = field(
        default=None, metadata={"help": "train, validation or test: only layouts of that side; None takes all"}
    )

    def __post_init__(self) -> None:
        level_named(ROAD_LEVELS, self.level)
        check_skin(self.skin, "irregular_maze")
        if self.split is not None and self.split not in SPLITS:
            raise ConfigError(f"split {self.split!r}: unknown; use {', '.join(SPLITS)} or none")

    @property
    def parameters(self) -> RoadLevel:
        """Parameters of this level."""
        return level_named(ROAD_LEVELS, self.level)

    def generate(self, seed: int) -> Task:
        """The net of this seed."""
        level = self.parameters
        rng = np.random.default_rng(seed)
        for _ in range(MAX_TRIES):
            net = lay_roads(rng, level)
            if net is None or (self.split is not None and split_of(canonical_roads(net)) != self.split):
                continue
            placed = self._place(rng, net)
            if placed is not None:
                return self.task(RoadState(net=net, start=placed[0], goal=placed[1], skin=self.skin), seed)
        raise GenerationError(f"irregular_maze level {self.level!r}: no net of roads fits after {MAX_TRIES} tries")

    def _place(self, rng: np.random.Generator, net: RoadNet) -> tuple[int, int] | None:
        level = self.parameters
        if level.min_way is None or level.max_way is None:
            return place_far(rng, net.roads, level.min_nodes)
        return place_by_length(rng, net.distances() / net.width, level.min_way, level.max_way)

    def task(self, state: RoadState, seed: int = 0) -> Task:
        """The task of a given net. GenerationError if its goal cannot be reached."""
        net = state.net
        legs = self._shortest(state)
        if not legs:
            raise GenerationError(f"irregular_maze: no way from node {state.start} to node {state.goal}")
        size = self.parameters.size_px if self.size is None else self.size
        box = node_box(net, state.start)
        way = legs_to_points(legs, net.curves()).astype(np.float32)
        return Task(
            family="irregular_maze",
            seed=seed,
            settings=asdict(self),
            prompt=road_prompt(state),
            first_frame=draw_positions(state, way[:1], size)[0],
            objects={"agent": box},
            sprites=sprites(state, size),
            goals=(node_box(net, state.goal),),
            solution=Path(points=way, unit="image"),
            state=state,
        )

    def render(self, task: Task, path: Path, num_frames: int, size: int) -> NDArray[np.uint8]:
        """Video [num_frames, size, size, 3] of the agent walking `path`, then resting at its end."""
        return draw_walk(task.state, path, num_frames, size, self.parameters.widths_per_frame)

    def errant_walk(self, task: Task, chance: float) -> Path:
        """The way of a demonstrator who takes a wrong road with this chance at each crossing, and stays at its end."""
        state, rng = task.state, np.random.default_rng([task.seed, ERRANT])
        roads = state.net.roads
        leg_to = {(here, there): leg for here in range(len(state.net.nodes)) for there, leg in branches(roads, here)}
        way = [state.start, *(int(roads[leg.road, int(leg.forward)]) for leg in self._shortest(state))]
        ways = {node: [there for there, _ in branches(roads, node)] for node in range(len(state.net.nodes))}
        nodes = walk_with_wrong_turns(way, ways.__getitem__, chance, rng, lambda before, here: [])
        legs = [leg_to[step] for step in pairwise(nodes)]
        return Path(points=legs_to_points(legs, state.net.curves()).astype(np.float32), unit="image")

    @staticmethod
    def _shortest(state: RoadState) -> list[Leg]:
        net = state.net
        return shortest_way(net.roads, net.lengths(), net.distances()[:, state.goal], state.start, state.goal)

    def judge(self, task: Task, track: Track) -> Verdict:
        """The facts by the rules of the roads; see tasks/irregular_maze/rules.py."""
        return rules.judge(task, track)

    def layout_key(self, task: Task) -> bytes:
        """A key that is equal for nets with the same roads up to rotation and reflection."""
        return canonical_roads(task.state.net)

    def blocked_area(self, task: Task, size: int) -> NDArray[np.bool_]:
        """Pixels [size, size] beside the roads, where the agent must not be."""
        return np.asarray(road_cover(task.state.net, size) < 0.5)
