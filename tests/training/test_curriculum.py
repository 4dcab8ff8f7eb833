import pytest

from wan_r1.errors import ConfigError
from wan_r1.tasks import make_tasks
from wan_r1.training.curriculum import hardest


def test_the_hardest_tasks_have_the_lowest_values_and_keep_their_order():
    tasks = make_tasks("maze", 0, 5, level="tiny", size=20)
    assert hardest(tasks, [0.3, 0.9, 0.1, 0.8, 0.2], 3) == [tasks[0], tasks[2], tasks[4]]


def test_of_equally_hard_tasks_the_first_are_taken():
    tasks = make_tasks("maze", 0, 4, level="tiny", size=20)
    assert hardest(tasks, [0.5, 0.5, 0.5, 0.5], 2) == tasks[:2]


@pytest.mark.parametrize(("values", "num"), [([0.1], 1), ([0.1, 0.2], 0), ([0.1, 0.2], 3)])
def test_values_that_do_not_fit_the_tasks_are_refused(values, num):
    with pytest.raises(ConfigError, match="hardest"):
        hardest(make_tasks("maze", 0, 2, level="tiny", size=20), values, num)
