"""`wan-r1 audit`: exit code 0 for a sound reward, 1 for one that pays cheats."""

import json
import re
from pathlib import Path

import pytest

from wan_r1.cli.main import main

SMALL = ["audit", "--level", "tiny", "--num", "1", "--frames", "17"]
FOREIGN = Path(__file__).parents[1] / "data/vr_bench/maze/easy/states/easy_0001.json"


def test_a_sound_reward_of_ones_own_passes_each_check(capsys):
    assert main([*SMALL, "--reward", "wan_r1.rewards:TrajectoryReward", "--search", "8", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["passed"] is True
    assert set(result["checks"]) == {"exact", "prefixes", "cheats", "roc", "search"}
    assert all(result["checks"].values())
    assert len(result["found"]) == 1


def test_a_reward_that_pays_cheats_is_told_by_code_1_and_its_page_shows_them(capsys, tmp_path):
    page = tmp_path / "audit.html"
    assert main([*SMALL, "--reward", "paper", "--report", str(page)]) == 1
    out, err = capsys.readouterr()
    assert "NO   cheats" in out
    assert f"wrote {page}" in err
    text = page.read_text()
    assert text.count("<video ") == len(re.findall(r"^\S+ +(?:honest|prefix|unranked|cheat) ", out, re.MULTILINE))
    assert 'class="clip paid"' in text
    assert "http" not in text.replace("http-equiv", "")


def test_a_page_goes_into_a_folder_that_is_made_and_a_fault_is_told_before_the_work(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert main([*SMALL, "--report", str(tmp_path / "file" / "audit.html")]) == 2
    assert "cannot make the folder" in capsys.readouterr().err
    assert main([*SMALL, "--report", str(tmp_path / "new" / "audit.html")]) == 0
    assert (tmp_path / "new" / "audit.html").is_file()


def test_the_table_is_printed_although_the_page_cannot_be_written(capsys, tmp_path):
    assert main([*SMALL, "--report", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert "yes  cheats" in out
    assert "cannot be written" in err


@pytest.mark.slow
def test_a_level_of_vr_bench_is_audited_from_its_state(capsys):
    assert main(["audit", "--state", str(FOREIGN), "--frames", "17"]) == 0
    assert "yes  cheats" in capsys.readouterr().out


def test_wrong_input_is_one_clear_line_and_code_2(capsys, tmp_path):
    assert main(["audit", "--reward", "trajektory"]) == 2
    assert 'Did you mean "trajectory"?' in capsys.readouterr().err
    assert main(["audit", "--family", "mase"]) == 2
    assert "known families are" in capsys.readouterr().err
    assert main(["audit", "--state", str(tmp_path / "none.json")]) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err
