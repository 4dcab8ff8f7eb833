"""A run folder becomes a page that holds everything in itself."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from fake_run import NUM_TASKS, write_run

from wan_r1.errors import CheckpointError
from wan_r1.reports.facts import read_facts
from wan_r1.reports.page import render_page, write_page
from wan_r1.runs import RunFolder, write_json
from wan_r1.types import Score
from wan_r1.video import read_video

VOID = {"meta", "br", "img", "input"}


class Checker(HTMLParser):
    """Collects tags, links and what is left open."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href", "xlink:href", "poster")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "demo")


@pytest.fixture(scope="module")
def page(run):
    write_page(run.report, [run])
    return run.report.read_text()


def test_the_page_is_well_formed(page):
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.tags.count("svg") == 6


def test_no_link_leads_out_of_the_page(page):
    checker = Checker()
    checker.feed(page)
    assert all(link.startswith(("data:video/mp4;base64,", "#")) for link in checker.links)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)


def test_the_page_says_what_came_out_and_of_what_it_was_made(page):
    for text in (
        "removes 26% of the failures",
        "35.5% of 256 held-out tasks",
        "+16.5 points <small>[+10.2, +22.8]</small>",
        "35.5% <small>[29.9, 41.5]</small>",
        "Distinct layouts",
        "VR-Bench EM",
        "teleport, frame",
        "through wall",
        "name = &quot;nft&quot;",
    ):
        assert text in page


def test_videos_before_and_after_stand_side_by_side_and_play(run, page, tmp_path):
    films = re.findall(r"data:video/mp4;base64,([A-Za-z0-9+/=]+)", page)
    failures = sum(not entry.verdict["solved"] for entry in run.read_videos() if entry.group == "after")
    assert len(films) == 2 * NUM_TASKS + failures
    (tmp_path / "film.mp4").write_bytes(base64.b64decode(films[0]))
    # 17 frames, and the last one held for a second of 8 frames.
    assert read_video(tmp_path / "film.mp4").shape == (25, 320, 320, 3)


def test_what_a_run_says_is_escaped(tmp_path):
    run = RunFolder(tmp_path / "a<b>")
    run.start('note = "<script>alert(1)</script>"\n')
    write_json(run.summary, {"algorithm": "<i>x</i>"})
    page = render_page([run])
    assert "<script>alert" not in page
    assert "&lt;i&gt;x&lt;/i&gt;" in page
    assert "a&lt;b&gt;" in page


def test_an_unfinished_run_gets_a_page_too(tmp_path):
    run = RunFolder(tmp_path / "short")
    run.start("")
    run.append_metrics(1, {"reward/mean": 0.5, "loss": float("nan")})
    page = render_page([run])
    assert page.count("<svg") == 2
    assert "no final table yet" in page
    assert "<h2>Result" not in page


def test_several_runs_share_one_page_with_a_table_of_all(run, page):
    both = render_page([run, run])
    assert "<h1>2 runs</h1>" in both
    assert both.count("<h1>demo</h1>") == 2


def test_every_system_of_the_summary_is_a_column(tmp_path):
    run = RunFolder(tmp_path / "controls")
    run.start("")
    side = {"em": 0.4, "n": 512, "layouts": 500}
    write_json(run.summary, {"shuffled_rewards": side, "rl": {**side, "em": 0.6}, "sft": side})
    assert [side.label for side in read_facts(run).sides] == ["Before (SFT)", "After (RL)", "shuffled rewards"]


@pytest.mark.parametrize("summary", [[1], "x"])
def test_a_summary_of_another_form_is_an_error_of_ours(tmp_path, summary):
    run = RunFolder(tmp_path)
    run.summary.write_text(json.dumps(summary))
    with pytest.raises(CheckpointError, match="expected an object with sft, rl and difference"):
        render_page([run])


SIDE = {"em": 0.5, "n": 8}
DAMAGES = {
    "no step": ("metrics.jsonl", b'{"loss": 1}\n', r"metrics\.jsonl:1: expected an object with a number as step"),
    "line is a number": ("metrics.jsonl", b'{"step": 1}\n3\n', r"metrics\.jsonl:2: expected an object"),
    "recipe not UTF-8": ("recipe.toml", b"\xff", r"recipe\.toml: cannot be read as UTF-8"),
    "provenance is a list": ("provenance.json", b"[]", r"provenance\.json: expected an object; got \[\]"),
    "command is a number": ("provenance.json", b'{"command": 3}', r"provenance\.json: command: expected a list"),
    "empty difference": (
        "summary.json",
        {"sft": SIDE, "rl": SIDE, "difference": {}},
        r"summary\.json: difference\.failures_removed: expected a number; got None",
    ),
    "no headline": ("summary.json", {"sft": {"n": 3}}, r"summary\.json: sft\.value: expected a number; got None"),
    "no count": ("summary.json", {"sft": {"em": 0.5}}, r"summary\.json: sft\.n: expected a number"),
    "side is a list": ("summary.json", {"sft": SIDE, "rl": []}, r"summary\.json: rl: expected an object; got \[\]"),
    "half an interval": ("summary.json", {"sft": {**SIDE, "em_ci95": [0.1]}}, r"sft\.em_ci95: expected two numbers"),
    "pass@k": ("summary.json", {"sft": {**SIDE, "pass_at_k": {"one": 1}}}, r"sft\.pass_at_k: expected an object"),
    "seconds": ("summary.json", {"seconds": "long"}, r"summary\.json: seconds: expected a number; got 'long'"),
}


@pytest.mark.parametrize(("name", "content", "message"), list(DAMAGES.values()), ids=list(DAMAGES))
def test_a_damaged_run_folder_is_an_error_of_ours_with_file_and_key(tmp_path, name, content, message):
    run = RunFolder(tmp_path)
    run.start("")
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(CheckpointError, match=message):
        render_page([run])


def test_wilson_interval_of_a_known_case(tmp_path):
    run = RunFolder(tmp_path)
    write_json(run.summary, {"sft": {"em": 0.5, "n": 100}})
    low, high = read_facts(run).sides[0].interval("em")
    assert low == pytest.approx(0.4038, abs=1e-4)
    assert high == pytest.approx(0.5962, abs=1e-4)


def test_the_seed_is_that_of_the_training(tmp_path):
    assert ("Seed", "1") in read_facts(write_run(tmp_path / "run")).origin


def test_a_first_person_run_is_about_the_overall_score_in_its_own_units(tmp_path):
    run = RunFolder(tmp_path)
    run.start("")
    numbers = {"em": 0.0, "sr": 0.0, "n": 128, "layouts": None, "value": 0.5, "ade": 0.62, "miss_rate": 62.0}
    write_json(
        run.summary,
        {
            "sft": {**numbers, "overall": 0.41, "fde": 1.3},
            "rl": {**numbers, "overall": 0.52, "fde": 0.9, "miss_rate": 40.0},
            "difference": {
                "em": 0,
                "em_ci95": [0, 0],
                "failures_removed": 0,
                "overall": 0.11,
                "overall_ci95": [0.1, 0.2],
            },
        },
    )
    text = render_page([run])
    assert "from 0.410 to 0.520" in text
    assert "from 1.30 m to 0.90 m" in text
    assert "+0.110 <small>[+0.100, +0.200]</small>" in text
    assert "0.620" in text
    assert "62.000" in text
    assert "None" not in text


def test_a_run_without_verdicts_is_about_its_reward(tmp_path):
    run = RunFolder(tmp_path / "unjudged")
    run.start("")
    sides = {name: {"value": value, "n": 64, "layouts": 60} for name, value in (("sft", 0.25), ("rl", 0.75))}
    write_json(run.summary, {**sides, "difference": {"value": 0.5, "value_ci95": [0.4, 0.6]}})
    for group in ("before", "after"):
        run.add_video(np.zeros((5, 16, 16, 3), np.uint8), group=group, task="000", score=Score(value=0.5, parts={}))
    text = render_page([run, run])
    assert "moves the mean reward on 64 held-out tasks from 0.250 to 0.750.</p>" in text
    assert "<b>+0.500</b><span>paired difference [+0.400, +0.600]" in text
    assert "<td>unjudged</td><td>reward</td><td>0.250</td><td>0.750</td>" in text
    assert "<h2>Failures" not in text
    assert "%" not in re.sub(r"<style>.*?</style>|base64,[A-Za-z0-9+/=]+|95%", "", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("side", "sentence"),
    [
        ({"em": 0.5}, "After supervised training, 50.0% of 8 held-out tasks are solved by a shortest way."),
        ({"value": 0.5}, "After supervised training, the mean reward on 8 held-out tasks is 0.500."),
        ({"overall": 0.4, "value": 0.5}, "Target-Bench's overall score on 8 held-out tasks is 0.400."),
    ],
)
def test_supervised_training_is_told_by_what_its_side_holds(tmp_path, side, sentence):
    run = RunFolder(tmp_path)
    write_json(run.summary, {"sft": {**side, "n": 8}})
    assert read_facts(run).sentence.endswith(sentence)


def test_the_time_of_training_is_told_beside_that_of_the_last_session(tmp_path):
    run = RunFolder(tmp_path)
    write_json(run.summary, {"training_seconds": 600.0, "seconds": 90.0})
    rows = dict(read_facts(run).origin)
    assert (rows["Training time"], rows["Last session, evaluations included"]) == ("10.0 min", "1.5 min")


def test_first_person_videos_come_with_their_tracks_from_above(tmp_path):
    run = RunFolder(tmp_path / "walks")
    run.start("[rl]\nseed = 1\n")
    video = np.zeros((5, 16, 16, 3), np.uint8)
    reference = np.stack([np.linspace(0, 1, 9), np.zeros(9)], axis=1).astype(np.float32)
    for group, share in (("before", 0.5), ("after", 1.0)):
        track = reference[np.linspace(0, 8, 5).astype(int)] * share
        track[2] = np.nan  # a frame without a pose is a gap
        run.add_video(
            video,
            group=group,
            task="000",
            score=Score(value=share, parts={}),
            track=track,
            solution=reference,
            unit="metre",
        )
    text = render_page([run])
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert text.count("From above") == 1
    assert checker.tags.count("svg") == 1
    assert "is shown from above" in text
    assert "a shortest solution" not in text


def test_tracks_that_could_not_be_read_are_left_out(tmp_path):
    run = RunFolder(tmp_path / "walks")
    run.start("[rl]\nseed = 1\n")
    video, reference = np.zeros((5, 16, 16, 3), np.uint8), np.asarray([[0, 0], [1, 0]], np.float32)
    for group in ("before", "after"):
        lost = np.full((5, 2), np.nan, np.float32)
        run.add_video(
            video,
            group=group,
            task="000",
            score=Score(value=0.0, parts={}),
            track=lost,
            solution=reference,
            unit="metre",
        )
    assert "From above" in render_page([run])
