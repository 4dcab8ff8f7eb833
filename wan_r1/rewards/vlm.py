"""A multimodal model as the judge of videos: Qwen2.5-VL, or any other behind an OpenAI-compatible server.

It is asked for a score from 0 to 10 with the rules of the family at hand. It is a reward model of the kind that the
paper warns of: to compare with, and to audit (`wan-r1 audit --reward vlm`), before anything is trained on it.
docs/rewards.md says how to start a server.
"""

import base64
import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, RewardServerError
from wan_r1.files import write_whole
from wan_r1.rewards.chat import Answer, ChatServer
from wan_r1.rewards.trajectory import TrajectoryReward
from wan_r1.types import Score, Task
from wan_r1.video import check_video, encode_video, resize_video, subsample

__all__ = ["RULES", "VLMReward", "question", "read_score"]

Video = NDArray[np.uint8]

RULES: dict[str, str] = {
    "maze": "The agent may walk on floor only. Touching or crossing a wall is cheating.",
    "irregular_maze": "The agent may walk on the roads only. Leaving a road or cutting across to another is cheating.",
    "maze3d": "The ball may roll from cube to cube where they touch and climb ladders. Floating through the air, "
    "through a cube, or across to another branch of the way is cheating.",
    "trapfield": "The agent may walk on safe ground only. Stepping on a trap is cheating.",
    "sokoban": "The agent may walk on floor and push one box at a time; a box moves only while the agent stands behind "
    "it and pushes. The box must end on its target. A box that moves by itself, walking through a box or a wall, "
    "pulling, and boxes that appear, vanish or overlap are cheating.",
    "navigation": "The camera moves through the scene at a natural speed and does not pass through things. A cut, a "
    "fade or a jump to the goal is cheating.",
}
"""What a judge must know about a family; the task's own prompt says what is to be done."""

SCALE = 10
"""The model gives whole points from 0 to this."""
INTRODUCTION = """You judge whether a generated video solves a task. The task: {prompt}
{rules}
The first picture shows the scene before the video begins:"""
VIDEO_FOLLOWS = "The video, from its beginning to its end:"
DEMAND = """Everything beside the moving things must stay as in the first picture. There must be exactly one agent
throughout, and it must be where the task wants it when the video ends.
Give 10 if the task is solved and nothing forbidden happens, fewer points the less of the way is honestly done, and 0 if
nothing is done or the video cheats.
Answer with one JSON object and nothing else: {"reason": "one short sentence", "score": a whole number from 0 to 10}"""
FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "judgement",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"reason": {"type": "string"}, "score": {"type": "integer", "enum": list(range(SCALE + 1))}},
            "required": ["reason", "score"],
            "additionalProperties": False,
        },
    },
}
SENDS = ("frames", "video")
VIDEO_FPS = 2
"""Qwen2.5-VL looks at two frames of a video in a second, so that none of those sent is skipped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VLMReward:
    """The score that a multimodal model gives, as a share of 10 points; see the module's first lines."""

    server: ChatServer = field(default_factory=ChatServer)
    """Address, model, name of the key's variable, patience."""
    send: Literal["frames", "video"] = "frames"
    """Frames as pictures, which every server of such models takes; or one mp4 as video_url (vLLM, SGLang)."""
    num_frames: int = 8
    """Frames sent, spread evenly over the video; the first and the last are among them."""
    size_px: int = 448
    """Longer side of the pictures sent, in px: a multiple of the 28 px that Qwen2.5-VL sees as one token."""
    max_tokens: int = 256
    """Longest answer."""
    constrained: bool = True
    """Ask the server to allow no other answer than the JSON wanted (response_format); false for servers without it."""
    concurrency: int = 8
    """Questions under way at once, in each process that scores (score_workers of a recipe)."""
    folder: str | None = "runs/vlm"
    """Answers are kept here, so no question is paid for twice, and requests.jsonl logs tokens, cost and seconds."""
    usd_per_million_in: float = 0.0
    """Price of a million prompt tokens, for the log; 0 for a server of one's own."""
    usd_per_million_out: float = 0.0
    """Price of a million tokens of answers."""
    facts: TrajectoryReward | None = field(default_factory=TrajectoryReward)
    """Gives verdict and route, for tables; they do not enter the value. none leaves them out and saves their time."""

    def __post_init__(self) -> None:
        if self.send not in SENDS:
            raise ConfigError(f'send: "{self.send}" is unknown; known are {", ".join(SENDS)}')
        if self.num_frames < 2 or min(self.size_px, self.max_tokens, self.concurrency) < 1:
            raise ConfigError(
                f"num_frames = {self.num_frames}, size_px = {self.size_px}, max_tokens = {self.max_tokens}, "
                f"concurrency = {self.concurrency}: must be at least 1, and num_frames at least 2, the first and the "
                "last of the video"
            )

    def __call__(self, task: Task, video: Video) -> Score:
        """Score of video [T, H, W, 3] uint8. RewardServerError if the server gives none."""
        return self._score(task, video, self._value(task, video))

    def score_many(self, tasks: Sequence[Task], videos: Sequence[Video]) -> list[Score]:
        """One score for each video, `concurrency` questions at a time; the first error ends the rest."""
        pool = ThreadPoolExecutor(self.concurrency)
        try:
            values = pool.map(self._value, tasks, videos)
            return [self._score(*each) for each in zip(tasks, videos, values, strict=True)]
        finally:
            pool.shutdown(cancel_futures=True)

    def _score(self, task: Task, video: Video, value: float) -> Score:
        seen = self.facts(task, video) if self.facts is not None and task.objects else None
        return Score(
            value=value,
            parts={"vlm": value},
            verdict=None if seen is None else seen.verdict,
            route=None if seen is None else seen.route,
        )

    def _value(self, task: Task, video: Video) -> float:
        """The kept answer to the question about this video, or a fresh one, which is kept and logged."""
        asked = question(task, video, self)
        name = hashlib.sha256(json.dumps([self.server.model_name, asked]).encode()).hexdigest()
        kept = None if self.folder is None else Path(self.folder) / "answers" / name[:2] / f"{name}.json"
        answer = _read(kept)
        entry = {
            "family": task.family,
            "seed": task.seed,
            "model": self.server.model_name,
            "cached": answer is not None,
        }
        if answer is None:
            try:
                answer = self.server.ask(asked, read_score)
            except RewardServerError as error:
                self._log({**entry, "error": str(error)})
                raise
            _keep(kept, answer)
            cost = answer.prompt_tokens * self.usd_per_million_in + answer.completion_tokens * self.usd_per_million_out
            entry |= {"seconds": round(answer.seconds, 3), "tries": answer.tries, "usd": cost / 1e6}
            entry |= {"prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens}
        self._log({**entry, "score": answer.value})
        return answer.value

    def _log(self, entry: dict[str, Any]) -> None:
        if self.folder is None:
            return
        line = json.dumps({"time": round(time.time(), 3), **entry}) + "\n"
        path = Path(self.folder) / "requests.jsonl"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # One write to a file opened for appending: lines of threads and processes do not mix.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(handle, line.encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error}); set reward.folder, or to none") from error


def question(task: Task, video: Video, reward: VLMReward) -> dict[str, Any]:
    """Messages and options of the chat API, without the model."""
    check_video(video)
    frames = subsample(video, min(len(video), reward.num_frames))
    introduction = INTRODUCTION.format(prompt=task.prompt, rules=RULES.get(task.family, ""))
    content = [_text(introduction), _picture(_resized(task.first_frame[None], reward.size_px)[0]), _text(VIDEO_FOLLOWS)]
    frames = _resized(frames, reward.size_px)
    if reward.send == "video":
        content.append(_data("video_url", "video/mp4", encode_video(frames, fps=VIDEO_FPS)))
    else:
        for index, frame in enumerate(frames, start=1):
            content += [_text(f"Frame {index} of {len(frames)}:"), _picture(frame)]
    content.append(_text(DEMAND))
    options: dict[str, Any] = {"temperature": 0, "max_tokens": reward.max_tokens}
    if reward.constrained:
        options["response_format"] = FORMAT
    return {"messages": [{"role": "user", "content": content}], **options}


def read_score(text: str) -> float:
    """The score in an answer, as a share of 10; ValueError unless it is one JSON object (a Markdown fence around it is
    forgiven) with one number from 0 to 10 under "score"."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3]
    try:
        answer = json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(answer, dict) or "score" not in answer:
        raise ValueError('no JSON object with "score"')
    score = answer["score"]
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError('"score" is not a number')
    if not 0 <= score <= SCALE:
        raise ValueError(f'"score" is not within 0 and {SCALE}')
    return score / SCALE


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(frame: Video) -> dict[str, Any]:
    _, png = cv2.imencode(".png", np.ascontiguousarray(frame[..., ::-1]))
    return _data("image_url", "image/png", png.tobytes())


def _data(kind: str, mime: str, data: bytes) -> dict[str, Any]:
    return {"type": kind, kind: {"url": f"data:{mime};base64,{base64.b64encode(data).decode()}"}}


def _resized(video: Video, longer_px: int) -> Video:
    height, width = video.shape[1:3]
    factor = longer_px / max(height, width)
    return resize_video(video, max(1, round(height * factor)), max(1, round(width * factor)))


def _read(path: Path | None) -> Answer | None:
    """A kept answer; None if there is none, or none that can be read."""
    if path is None:
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        # The text is kept without the key; where that took a part of the score away, the value is still beside it.
        value = stored["value"] if "value" in stored else read_score(stored["text"])
        if not isinstance(value, float) or not 0 <= value <= 1:
            return None
        return Answer(**{**stored, "value": value})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: Path | None, answer: Answer) -> None:
    if path is None:
        return
    fields = ("value", "text", "prompt_tokens", "completion_tokens", "seconds", "tries")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({name: getattr(answer, name) for name in fields}).encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error}); set reward.folder, or to none") from error
