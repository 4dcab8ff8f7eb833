"""Every recipe that comes with the library loads against its schema and says what it means."""

from pathlib import Path

import pytest

from wan_r1.config import dump, load

ROOT = Path(__file__).parent.parent
RECIPES = sorted(
    [*ROOT.glob("recipes/rl/*.toml"), *ROOT.glob("recipes/sft/*.toml"), *ROOT.glob("wan_r1/assets/*.toml")]
)
SPLITS = {"validation": "validation", "test": "test"}


def schema_of(path):
    from wan_r1.cli.recipe import RLRecipe, SFTRecipe

    return SFTRecipe if "[sft]" in path.read_text() else RLRecipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_recipe_loads_and_its_dump_is_the_same_recipe(path, tmp_path):
    recipe = load(path, schema_of(path))
    (tmp_path / "dumped.toml").write_text(dump(recipe))
    assert load(tmp_path / "dumped.toml", schema_of(path)) == recipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_recipe_judges_on_the_side_that_the_section_names(path):
    recipe = load(path, schema_of(path))
    for section, split in SPLITS.items():
        assert getattr(recipe, section).source.settings.get("split") == split


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_recipe_judges_validation_and_test_tasks_by_the_same_sampler(path):
    recipe = load(path, schema_of(path))
    assert recipe.validation.sampler == recipe.test.sampler


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_recipe_trains_on_the_training_side(path):
    recipe = load(path, schema_of(path))
    source = recipe.tasks if hasattr(recipe, "tasks") else recipe.data
    if hasattr(source, "settings"):
        assert source.settings.get("split") == "train"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_tasks_of_a_recipe_can_be_made(path):
    recipe = load(path, schema_of(path))
    assert len(recipe.validation.source.tasks(0, 1)) == 1
    assert len(recipe.test.source.tasks(0, 1)) == 1


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_recipe_begins_with_a_comment_that_says_what_it_is(path):
    assert path.read_text().startswith("# ")
