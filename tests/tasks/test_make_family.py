"""What all families share: how they are made from settings."""

import pytest

from wan_r1.errors import ConfigError
from wan_r1.tasks import FAMILIES, make_family, task_seed
from wan_r1.tasks.skin_folders import check_skin


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("setting", "value"), [("size", "80"), ("size", 80.5), ("size", True), ("level", None)])
def test_a_setting_of_the_wrong_type_is_named_with_its_value(name, setting, value):
    with pytest.raises(ConfigError, match=rf"{setting} = {value!r}: must be"):
        make_family(name, **{setting: value})


def test_half_a_box_is_refused():
    with pytest.raises(ConfigError, match=r"num_boxes = 1\.5: must be int, not float"):
        make_family("sokoban", num_boxes=1.5)


def test_a_negative_task_number_is_refused():
    with pytest.raises(ConfigError, match="task number -1"):
        task_seed(0, -1)


def test_a_family_without_skin_folders_says_so(tmp_path):
    (tmp_path / "colors.json").write_text("{}")
    with pytest.raises(ConfigError, match="newgame takes skins by name only"):
        check_skin(str(tmp_path), "newgame")
