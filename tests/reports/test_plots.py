"""Every figure is an SVG that can stand inside a page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from wan_r1.reports import plots

NAN = float("nan")
STEPS = [0, 1, 2, 3]
FIGURES = {
    "success": lambda: plots.success_curve(
        STEPS, [0.1, NAN, 0.3, 0.4], [0, NAN, 0.2, 0.3], [0.2, NAN, 0.4, 0.5], STEPS
    ),
    "success without numbers": lambda: plots.success_curve(STEPS, [NAN] * 4),
    "reward": lambda: plots.reward_curve(STEPS, [0.1, 0.2, NAN, 0.4], [0.1] * 4),
    "parts": lambda: plots.reward_parts(STEPS, {"goal": STEPS, "exact & more": np.ones(4)}),
    "times": lambda: plots.phase_times({"sample": 2.0, "decode": 1.0, "score": 0.0}),
    "pass": lambda: plots.pass_at_k({1: 0.2, 16: 0.7}, {1: 0.4, 16: 0.8}),
    "other": lambda: plots.metric_curves("Loss <1>", STEPS, {"policy": STEPS}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_svg_without_links_that_follows_the_ink_of_the_page(name):
    svg = FIGURES[name]()
    assert svg.startswith("<svg ")
    assert "currentColor" in svg
    assert "http" not in svg
    assert "<style" not in svg
    assert ElementTree.fromstring(svg.replace("xlink:href", "href")).tag == "svg"


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_each_time(name):
    assert FIGURES[name]() == FIGURES[name]()


def test_bars_name_seconds_and_shares():
    svg = plots.phase_times({"sample": 3.0, "decode": 1.0})
    assert "3.00 s, 75%" in svg
    assert "1.00 s, 25%" in svg


def test_a_legend_names_the_curves():
    svg = plots.reward_parts(STEPS, {"goal": STEPS, "exact": STEPS})
    assert re.search(r">\s*goal\s*<", svg)
    assert re.search(r">\s*exact\s*<", svg)


def test_more_parts_than_colors_are_told_apart_by_their_lines():
    svg = plots.reward_parts(STEPS, {f"part {index}": STEPS for index in range(len(plots.SERIES) + 1)}, "embedding")
    assert svg.count("stroke-dasharray") > plots.reward_parts(STEPS, {"goal": STEPS}).count("stroke-dasharray")
    assert "part by part: embedding" in svg
