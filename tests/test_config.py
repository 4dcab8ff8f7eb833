"""Recipes: what is read, what is refused and in which words."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from wan_r1.config import build, choose, dump, load, override, pick
from wan_r1.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Grpo:
    clip: float = 0.2
    updates: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Nft:
    ema: float = 0.5


ALGORITHMS = {"grpo": Grpo, "nft": Nft}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trainer:
    steps: int
    lr: float = 3e-4
    limit: int | None = 5
    window: tuple[int, ...] = (0, 1)
    size: tuple[int, int] = (64, 64)
    mode: Literal["full", "lora"] = "full"
    out: Path = Path("runs/x")
    amp: bool = False

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ConfigError(f"lr = {self.lr}: must be above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    level: str
    num: int = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    trainer: Trainer
    algorithm: Any = field(default_factory=Grpo, metadata=choose(ALGORITHMS))
    reward: Any = field(default=None, metadata=choose({"list": Table}, own_code=True))
    tables: tuple[Table, ...] = ()
    extra: Table | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    source: Source = field(default_factory=lambda: Source(seed=7, settings={"split": "test", "size": 80}))
    algorithm: Any = field(default_factory=lambda: Grpo(clip=0.5), metadata=choose(ALGORITHMS))


MINIMAL = "[trainer]\nsteps = 10\n"
FULL = """
tables = [{level = "easy"}, {level = "hard", num = 9}]

[trainer]
steps = 10
lr = 1
window = [0, 1, 2]
mode = "lora"
out = "runs/y"

[algorithm]
name = "nft"
ema = 0.9

[extra]
level = "tiny"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_a_full_recipe_fills_every_kind_of_field(tmp_path):
    recipe = load(write(tmp_path, FULL), Recipe)
    assert recipe.trainer == Trainer(steps=10, lr=1.0, window=(0, 1, 2), mode="lora", out=Path("runs/y"))
    assert isinstance(recipe.trainer.lr, float)
    assert recipe.algorithm == Nft(ema=0.9)
    assert recipe.tables == (Table(level="easy"), Table(level="hard", num=9))
    assert recipe.extra == Table(level="tiny")


def test_what_the_recipe_leaves_out_keeps_the_default_of_its_dataclass(tmp_path):
    recipe = load(write(tmp_path, MINIMAL), Recipe)
    assert recipe == Recipe(trainer=Trainer(steps=10))


@pytest.mark.parametrize("text", [MINIMAL, FULL, '[trainer]\nsteps = 1\nlimit = "none"\n'])
def test_a_dumped_recipe_loads_as_the_same_recipe(tmp_path, text):
    recipe = load(write(tmp_path, text), Recipe)
    assert load(write(tmp_path, dump(recipe)), Recipe) == recipe


def test_dump_writes_every_default_and_the_name_of_a_choice(tmp_path):
    text = dump(load(write(tmp_path, MINIMAL), Recipe))
    values = tomllib.loads(text)
    assert values["trainer"]["window"] == [0, 1]
    assert values["algorithm"] == {"name": "grpo", "clip": 0.2, "updates": 2}


def test_dump_keeps_strings_with_quotes_newlines_and_umlauts(tmp_path):
    recipe = Recipe(trainer=Trainer(steps=1, out=Path('a"b\\c\n\x7f\u00fc')))
    assert load(write(tmp_path, dump(recipe)), Recipe) == recipe


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stesp = 3", r'trainer\.stesp: unknown key\. Did you mean "steps"\?'),
        ("zzzzzz = 3", r'trainer\.zzzzzz: unknown key\. Known: "amp", "limit"'),
        ('lr = "fast"', r'trainer\.lr = "fast": expected a number'),
        ("amp = 1", r"trainer\.amp = 1: expected true or false"),
        ("limit = 2.5", r'trainer\.limit = 2\.5: expected a whole number or "none"'),
        ("window = [0, true]", r"trainer\.window\[1\] = true: expected a list of a whole number"),
        ("size = [1, 2, 3]", r"trainer\.size = \[1, 2, 3\]: expected \[a whole number, a whole number\]"),
        ('mode = "lorra"', r'trainer\.mode = "lorra": expected one of "full", "lora"\. Did you mean "lora"\?'),
        ("lr = -1", r"trainer: lr = -1\.0: must be above 0"),
    ],
)
def test_a_wrong_value_is_named_with_its_section_and_the_expected_type(tmp_path, line, message):
    with pytest.raises(ConfigError, match=r"recipe\.toml: " + message):
        load(write(tmp_path, MINIMAL + line + "\n"), Recipe)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trainer]\nlr = 1.0\n", r"trainer\.steps: missing; expected a whole number"),
        ("", r"trainer\.steps: missing"),
        ("trainer = 3", r"trainer = 3: expected a section with keys"),
        ("[trainer\n", "not valid TOML"),
        (MINIMAL + "[algorithm]\nname = 'gpro'\n", r'algorithm\.name = "gpro": expected one of .* mean "grpo"\?'),
        (MINIMAL + "[algorithm]\nclip = 1.0\n", r"algorithm = .*: expected a section with name = one of"),
        (MINIMAL + "[algorithm]\nname = 'nft'\nclip = 1.0\n", r"algorithm\.clip: unknown key"),
        ("tables = [{level = 'a', num = 'b'}]\n" + MINIMAL, r'tables\[0\]\.num = "b": expected a whole number'),
        (MINIMAL + "[reward]\nname = 'no_such_module:f'\n", r"cannot import it"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_place(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load(write(tmp_path, text), Recipe)


def test_a_missing_recipe_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.toml: cannot read the recipe"):
        load(tmp_path / "nothing.toml", Recipe)


def test_overrides_are_toml_values_and_bare_words_are_strings():
    values = override({"trainer": {"steps": 1}}, ["trainer.steps=2", "trainer.mode=lora", "trainer.window=[1, 2]"])
    assert values == {"trainer": {"steps": 2, "mode": "lora", "window": [1, 2]}}


def test_overrides_leave_the_given_values_alone():
    values = {"trainer": {"steps": 1}}
    override(values, ["trainer.steps=2"])
    assert values == {"trainer": {"steps": 1}}


@pytest.mark.parametrize("text", ["trainer.steps", "=3", "trainer..steps=3", "trainer.steps.x=3"])
def test_an_override_without_the_right_form_is_refused(text):
    with pytest.raises(ConfigError, match="override"):
        override({"trainer": {"steps": 1}}, [text])


def test_naming_another_choice_drops_the_settings_of_the_first(tmp_path):
    text = MINIMAL + "[algorithm]\nname = 'grpo'\nclip = 0.1\n"
    path = write(tmp_path, text)
    assert load(path, Recipe, ["algorithm.name=nft", "algorithm.ema=0.7"]).algorithm == Nft(ema=0.7)
    assert load(path, Recipe, ["algorithm.name=grpo"]).algorithm == Grpo(clip=0.1)


def test_the_order_of_overrides_does_not_matter(tmp_path):
    path = write(tmp_path, MINIMAL + "[algorithm]\nname = 'nft'\nema = 0.1\n")
    for order in (["algorithm.clip=0.01", "algorithm.name=grpo"], ["algorithm.clip=0.01", "algorithm=grpo"]):
        assert load(path, Recipe, order).algorithm == Grpo(clip=0.01)
        assert load(path, Recipe, order[::-1]).algorithm == Grpo(clip=0.01)
    assert load(path, Recipe, ["algorithm.ema=0.2", "algorithm.ema=0.3"]).algorithm == Nft(ema=0.3)


def test_a_section_that_must_be_picked_cannot_be_none(tmp_path):
    with pytest.raises(ConfigError, match=r'algorithm\.name = "none": expected one of "grpo", "nft"'):
        load(write(tmp_path, MINIMAL), Recipe, ["algorithm=none"])
    assert load(write(tmp_path, MINIMAL), Recipe, ["reward=none"]).reward is None


def test_a_bare_string_picks_by_name_and_overrides_open_it(tmp_path):
    path = write(tmp_path, 'algorithm = "grpo"\n' + MINIMAL)
    assert load(path, Recipe, ["algorithm.clip=0.3"]).algorithm == Grpo(clip=0.3)


def test_own_code_is_imported_by_module_and_attribute(tmp_path):
    recipe = load(write(tmp_path, MINIMAL + "[reward]\nname = 'math:sqrt'\n"), Recipe)
    assert recipe.reward(4) == 2
    assert 'name = "math:sqrt"' in dump(recipe)


def test_own_code_is_refused_where_the_field_does_not_allow_it():
    with pytest.raises(ConfigError, match=r'"math:sqrt": expected one of "grpo", "nft"'):
        pick(ALGORITHMS, "math:sqrt", "algorithm")


def test_a_function_takes_no_settings():
    with pytest.raises(ConfigError, match="takes no settings"):
        pick({}, {"name": "math:sqrt", "x": 1}, "reward", own_code=True)


def test_build_makes_a_dataclass_from_plain_values():
    assert build(Table, {"level": "easy", "num": 2}) == Table(level="easy", num=2)


def test_a_section_keeps_what_its_field_sets_by_default():
    assert build(Judged, {"source": {"seed": 8}}).source == Source(seed=8, settings={"split": "test", "size": 80})
    assert build(Judged, {"algorithm": {"name": "grpo", "updates": 1}}).algorithm == Grpo(clip=0.5, updates=1)
    assert build(Judged, {"algorithm": {"name": "nft"}}).algorithm == Nft()


def test_a_dict_is_merged_into_its_default_and_can_hold_none():
    source = build(Judged, {"source": {"settings": {"size": "none", "level": "easy"}}}).source
    assert source.settings == {"split": "test", "size": None, "level": "easy"}
