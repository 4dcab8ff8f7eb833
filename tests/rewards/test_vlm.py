"""The multimodal model as a reward: what it is shown, how its answer is read, kept, logged and shared out."""

import base64
import io
import json
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from chat_server import answer, chat_server, refuse, stall

from wan_r1.cli.main import main
from wan_r1.config import choose, dump, load, pick
from wan_r1.errors import ConfigError, RewardServerError
from wan_r1.rewards import REWARDS, MixReward, ScorePool, TrajectoryReward, VLMReward, score_all
from wan_r1.rewards.chat import ChatServer
from wan_r1.rewards.vlm import RULES, question, read_score
from wan_r1.tasks import FAMILIES, family_of, make_tasks
from wan_r1.tasks.vr_bench import write_state
from wan_r1.video import read_video, write_image, write_video

TASKS = make_tasks("maze", 5, 6)
TASK = TASKS[0]
VIDEOS = [family_of(task).render(task, task.solution, 17, 80) for task in TASKS]
SOLVED = VIDEOS[0]


def reward(server, **settings):
    patience = {"timeout_s": 5.0, "tries": 2, "backoff_s": 0.01}
    return VLMReward(
        server=ChatServer(base_url=server.url, model="judge", **patience),
        **{"folder": None, "facts": None, "size_px": 80, **settings},
    )


def score_of(text):
    return answer(json.dumps({"reason": "", "score": text}))


def lines(folder):
    return [json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines()]


def test_the_score_is_a_share_of_ten_points_beside_the_verdict_of_the_rules() -> None:
    with chat_server(score_of(3)) as server:
        score = pick(REWARDS, {"name": "vlm", "server": {"base_url": server.url, "model": "m"}, "folder": "none"}, "r")(
            TASK, SOLVED
        )
    assert (score.value, score.parts) == (0.3, {"vlm": 0.3})
    assert score.verdict is not None
    assert score.verdict.solved
    assert score.route


def test_the_model_sees_rules_first_picture_and_frames_in_order() -> None:
    asked = question(TASK, SOLVED, VLMReward(num_frames=5, size_px=160))
    (message,) = asked["messages"]
    kinds = [part["type"] for part in message["content"]]
    assert kinds == ["text", "image_url", "text", *["text", "image_url"] * 5, "text"]
    assert TASK.prompt in message["content"][0]["text"]
    assert RULES["maze"] in message["content"][0]["text"]
    assert '"score"' in message["content"][-1]["text"]
    pictures = [part["image_url"]["url"] for part in message["content"] if part["type"] == "image_url"]
    assert all(url.startswith("data:image/png;base64,") for url in pictures)
    first, *frames = [_decoded(url) for url in pictures]
    assert first.shape == (160, 160, 3)
    for frame, index in zip(frames, (0, 4, 8, 12, 16), strict=True):
        expected = cv2.resize(SOLVED[index], (160, 160), interpolation=cv2.INTER_LINEAR)
        assert (frame == expected).all()
    assert asked["response_format"]["json_schema"]["schema"]["required"] == ["reason", "score"]


def _decoded(url):
    data = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def test_the_video_can_go_as_one_file(tmp_path) -> None:
    asked = question(TASK, SOLVED, VLMReward(send="video", num_frames=9, size_px=80, constrained=False))
    (part,) = [part for part in asked["messages"][0]["content"] if part["type"] == "video_url"]
    kind, _, data = part["video_url"]["url"].partition(",")
    assert kind == "data:video/mp4;base64"
    (tmp_path / "sent.mp4").write_bytes(io.BytesIO(base64.b64decode(data)).read())
    sent = read_video(tmp_path / "sent.mp4")
    assert sent.shape == (9, 80, 80, 3)
    assert np.abs(sent[-1].astype(int) - SOLVED[-1]).mean() < 4
    assert "response_format" not in asked


@pytest.mark.parametrize("shape", [(1, 80, 80), (2, 7, 5), (40, 30, 90)], ids=str)
def test_videos_of_any_length_and_shape_can_be_asked_about(shape) -> None:
    video = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for send in ("frames", "video"):
        asked = question(TASK, video, VLMReward(send=send, num_frames=8, size_px=56))
        assert len(asked["messages"][0]["content"]) >= 4


def test_every_family_has_its_rules() -> None:
    assert set(FAMILIES) <= set(RULES)
    assert len(set(RULES.values())) == len(RULES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"reason": "ok", "score": 10}', 1.0),
        ('{"score": 0}', 0.0),
        (' \n{"score": 7.5, "reason": "nearly"}\n', 0.75),
        ('```json\n{"score": 4}\n```', 0.4),
        ('```\n{"score": 4}```', 0.4),
    ],
)
def test_a_score_is_read(text, value) -> None:
    assert read_score(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "score: 7",
        "[7]",
        '{"score": 7',
        '{"score": 7} and more',
        'I think {"score": 7}',
        '{"score": "7"}',
        '{"score": true}',
        '{"score": null}',
        '{"score": [7]}',
        '{"score": NaN}',
        '{"score": 1e999}',
        '{"score": Infinity}',
        '{"score": -1}',
        '{"score": 11}',
        '{"Score": 7}',
        '{"score": 1, "score": 9}',
        '{"score": ' + "9" * 5000 + "}",
        "[" * 100_000,
        "```",
    ],
)
def test_anything_else_is_no_score(text) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_score(text)


def test_an_answer_is_kept_and_not_asked_for_again(tmp_path) -> None:
    with chat_server(score_of(3), score_of(9)) as server:
        kept = reward(server, folder=str(tmp_path), usd_per_million_in=2.0, usd_per_million_out=10.0)
        assert [kept(TASK, SOLVED).value, kept(TASK, SOLVED).value] == [0.3, 0.3]
        assert kept(TASK, SOLVED[:9]).value == 0.9
    assert len(server.asked) == 2
    first, again, other = lines(tmp_path)
    assert (first["cached"], again["cached"], other["cached"]) == (False, True, False)
    assert (first["prompt_tokens"], first["completion_tokens"], first["tries"]) == (900, 20, 1)
    assert first["usd"] == pytest.approx(900 * 2e-6 + 20 * 10e-6)
    assert (first["family"], first["seed"], first["model"], first["score"]) == ("maze", TASK.seed, "judge", 0.3)
    assert 0 < first["seconds"] < 5


def test_a_kept_answer_that_is_broken_is_asked_for_again(tmp_path) -> None:
    with chat_server(score_of(3), score_of(9)) as server:
        kept = reward(server, folder=str(tmp_path))
        kept(TASK, SOLVED)
        (file,) = (tmp_path / "answers").rglob("*.json")
        file.write_text(file.read_text()[:20])
        assert kept(TASK, SOLVED).value == 0.9
        assert kept(TASK, SOLVED).value == 0.9
    assert len(server.asked) == 2


def test_the_key_is_in_no_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WAN_R1_VLM_KEY", "sk-very-secret")
    with chat_server(score_of(3), refuse(401, b"no: sk-very-secret")) as server:
        kept = reward(server, folder=str(tmp_path))
        kept(TASK, SOLVED)
        with pytest.raises(RewardServerError):
            kept(TASK, SOLVED[:5])
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 2
    assert all(b"sk-very" not in file.read_bytes() for file in files)
    assert "HTTP 401" in lines(tmp_path)[-1]["error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    reward: Any = field(metadata=choose(REWARDS))


@pytest.mark.parametrize("facts", [TrajectoryReward(penalty=0.1), None], ids=["facts", "none"])
def test_a_recipe_is_saved_with_all_settings_but_the_key_and_read_again(tmp_path, monkeypatch, facts) -> None:
    monkeypatch.setenv("WAN_R1_VLM_KEY", "sk-very-secret")
    recipe = Recipe(reward=VLMReward(server=ChatServer(model="judge", tries=2), send="video", facts=facts))
    text = dump(recipe)
    (tmp_path / "recipe.toml").write_text(text)
    assert load(tmp_path / "recipe.toml", Recipe) == recipe
    assert "sk-very" not in text


def test_a_key_in_a_recipe_is_refused_without_showing_it() -> None:
    for server in ({"key": "sk-very-secret"}, {"key_variable": "sk-very-secret"}):
        with pytest.raises(ConfigError) as caught:
            pick(REWARDS, {"name": "vlm", "server": server}, "reward")
        assert "sk-very" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with chat_server(answer()) as server, pytest.raises(ConfigError, match=r"cannot be written .* reward\.folder"):
        reward(server, folder=str(tmp_path / "file"))(TASK, SOLVED)


def test_many_questions_are_asked_at_once_but_not_more_than_allowed_and_scores_keep_their_order() -> None:
    def slowly(handler):
        stall(0.15)(handler)
        # The length of the request tells the videos apart.
        score_of(int(handler.headers["Content-Length"]) % 11)(handler)

    with chat_server(slowly) as server:
        limited = reward(server, concurrency=3)
        together = limited.score_many(TASKS, VIDEOS)
        assert server.most_at_once == 3
        alone = [limited(task, video) for task, video in zip(TASKS, VIDEOS, strict=True)]
    assert together == alone
    assert len({score.value for score in together}) > 1


def test_a_mixture_asks_many_questions_at_once_too() -> None:
    def slowly(handler):
        stall(0.15)(handler)
        score_of(int(handler.headers["Content-Length"]) % 11)(handler)

    weights = {"rules": 0.5, "model": 0.5}
    with chat_server(slowly) as server:
        mixed = MixReward(
            rewards={"rules": TrajectoryReward(), "model": reward(server, concurrency=3)}, weights=weights
        )
        together = score_all(mixed, TASKS, VIDEOS)
        assert server.most_at_once == 3
        assert together == [mixed(task, video) for task, video in zip(TASKS, VIDEOS, strict=True)]


def test_scores_do_not_depend_on_the_number_of_workers_and_a_dead_server_stops_them_with_a_clear_error() -> None:
    def judge(handler):
        score_of(int(handler.headers["Content-Length"]) % 11)(handler)

    with chat_server(*[judge] * 2 * len(TASKS), refuse(503)) as server:
        here = score_all(reward(server), TASKS, VIDEOS)
        with ScorePool(reward(server), workers=2) as pool:
            assert pool.submit(TASKS, VIDEOS).result(timeout=120) == here
            with pytest.raises(RewardServerError, match=r"http://127\.0\.0\.1:.* no score after 2 of 2 .* HTTP 503"):
                pool.submit(TASKS, VIDEOS).result(timeout=120)


@pytest.mark.parametrize(
    "settings", [{"num_frames": 0}, {"size_px": 0}, {"concurrency": 0}, {"max_tokens": 0}], ids=str
)
def test_wrong_settings_are_refused(settings) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} = 0"):
        VLMReward(**settings)


def test_a_still_video_and_the_solution_are_different_questions() -> None:
    still = SOLVED[:1].repeat(17, axis=0)
    assert question(TASK, SOLVED, VLMReward()) != question(TASK, still, VLMReward())
    assert question(TASK, SOLVED, VLMReward()) == question(TASK, SOLVED.copy(), VLMReward())


def test_the_command_line_takes_the_reward_with_its_settings(tmp_path, capsys) -> None:
    write_video(tmp_path / "video.mp4", SOLVED)
    state = tmp_path / "states" / "a.json"
    write_state(state, TASK)
    write_image(tmp_path / "images" / "a.png", TASK.first_frame)
    with chat_server(score_of(6)) as server:
        settings = [f"server.base_url={server.url}", "server.model=judge", "folder=none", "num_frames=4"]
        options = [word for setting in settings for word in ("--set", setting)]
        code = main(
            ["score", str(tmp_path / "video.mp4"), "--state", str(state), "--reward", "vlm", *options, "--json"]
        )
    assert code == 0
    assert json.loads(capsys.readouterr().out)["value"] == 0.6
    assert main(["score", "x.mp4", "--state", str(state), "--reward", "vlm", "--set", "num_frame=4"]) == 2
    assert 'Did you mean "num_frames"?' in capsys.readouterr().err


@pytest.mark.parametrize("key", ["0", "7", "score"])
def test_a_kept_answer_is_found_again_though_the_key_was_taken_out_of_it(tmp_path, monkeypatch, key) -> None:
    monkeypatch.setenv("WAN_R1_VLM_KEY", key)
    with chat_server(score_of(10), score_of(7)) as server:
        kept = reward(server, folder=str(tmp_path))
        assert [kept(TASK, SOLVED).value, kept(TASK, SOLVED[:9]).value] == [1.0, 0.7]
        assert [kept(TASK, SOLVED).value, kept(TASK, SOLVED[:9]).value] == [1.0, 0.7]
    assert len(server.asked) == 2


@pytest.mark.parametrize("value", [7, 1.5, -0.1, None, "0.7"])
def test_a_kept_value_that_is_no_share_is_asked_for_again(tmp_path, value) -> None:
    with chat_server(score_of(3), score_of(9)) as server:
        kept = reward(server, folder=str(tmp_path))
        kept(TASK, SOLVED)
        (file,) = (tmp_path / "answers").rglob("*.json")
        file.write_text(json.dumps({**json.loads(file.read_text()), "value": value}))
        assert kept(TASK, SOLVED).value == 0.9


def test_one_frame_and_unknown_ways_of_sending_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"num_frames = 1.*at least 2"):
        VLMReward(num_frames=1)
    with pytest.raises(ConfigError, match='send: "gif" is unknown; known are frames, video'):
        VLMReward(send="gif")
