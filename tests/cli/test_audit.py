"""`wan-r1 audit`: exit code 0 for a sound reward, 1 for one that pays cheats."""

import json

from wan_r1.cli.main import main


def test_a_sound_reward_passes_and_prints_each_check(capsys):
    assert main(["audit", "--level", "tiny", "--num", "1", "--frames", "17", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["passed"] is True
    assert all(result["checks"].values())


def test_a_reward_that_pays_cheats_is_told_by_code_1(capsys):
    assert main(["audit", "--level", "tiny", "--num", "1", "--frames", "17", "--reward", "paper"]) == 1
    assert "NO   cheats" in capsys.readouterr().out


def test_an_unknown_reward_is_one_clear_line_and_code_2(capsys):
    assert main(["audit", "--reward", "trajektory"]) == 2
    assert 'Did you mean "trajectory"?' in capsys.readouterr().err
