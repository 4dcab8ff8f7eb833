"""The documents and examples: their code runs, their links lead somewhere, their commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [page for page in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))) if page.exists()]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MAX_README_LINES = 150
MAX_EXAMPLE_SECONDS = 280
SHIPPED_MODEL = ROOT / "wan_r1" / "assets" / "wan-tiny"
WORLD_EXAMPLES = [
    "make_dataset",
    "reward_in_flow_factory",
    "reward_in_flow_grpo",
    "reward_in_trl",
    "reward_in_verl_omni",
    "reward_on_your_video",
]
MODEL_EXAMPLES = ["best_of_n", "train_with_own_reward"]


def blocks(page, language):
    return [code for found, code in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def name(page):
    return str(page.relative_to(ROOT))


def run_code(code, folder):
    """Run a program in an empty folder; one that needs the shipped model is skipped where that is not built."""
    if "wan-tiny" in code and not SHIPPED_MODEL.is_dir():
        pytest.skip("the shipped model wan-tiny is not in this tree; build it: make tiny")
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=MAX_EXAMPLE_SECONDS,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name)
def test_the_python_code_of_a_page_runs(page, tmp_path):
    """All python blocks of a page are one program, run in an empty folder."""
    result = run_code("\n".join(blocks(page, "python")), tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]


def test_every_example_is_tested():
    assert sorted(file.stem for file in ROOT.glob("examples/*.py")) == sorted(WORLD_EXAMPLES + MODEL_EXAMPLES)


@pytest.mark.parametrize("example", WORLD_EXAMPLES)
def test_an_example_of_the_world_half_runs_without_torch(example, tmp_path):
    code = (ROOT / "examples" / f"{example}.py").read_text().replace("sys.exit(main())", "main()")
    result = run_code(code + "\nassert 'torch' not in sys.modules\n", tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout != ""


@pytest.mark.slow
@pytest.mark.parametrize("example", MODEL_EXAMPLES)
def test_an_example_with_the_shipped_model_runs(example, tmp_path):
    result = run_code((ROOT / "examples" / f"{example}.py").read_text(), tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout != ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_python_code_of_a_page_compiles(page):
    for code in blocks(page, "python"):
        compile(code, name(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_inside_the_repository_lead_to_a_file(page):
    links = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    inside = [link.split("#")[0] for link in links if not link.startswith(("http://", "https://", "#", "mailto:"))]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_of_a_page_exist(page):
    from wan_r1.cli.main import COMMANDS

    shell = "\n".join(blocks(page, "bash") + blocks(page, "sh") + blocks(page, "console") + blocks(page, ""))
    used = set(re.findall(r"\bwan-r1 ([a-z]+)", shell))
    assert used <= set(COMMANDS)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)$", shell, re.MULTILINE)) <= targets


def test_the_readme_is_short():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README.md in this tree")
    assert len(readme.read_text().splitlines()) <= MAX_README_LINES
