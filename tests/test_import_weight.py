"""What an import costs: the world half and the command line load no torch."""

import resource
import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft")
LIGHT_MODULES = (
    "wan_r1",
    "wan_r1.types",
    "wan_r1.video",
    "wan_r1.tasks",
    "wan_r1.trackers",
    "wan_r1.metrics",
    "wan_r1.rewards",
    "wan_r1.config",
    "wan_r1.runs",
    "wan_r1.reports.page",
    "wan_r1.evaluation.suite",
    "wan_r1.evaluation.table",
    "wan_r1.cli.main",
)
HELP_LIMIT_S = 0.5


def loaded_after(code):
    """Names of the top-level packages that are loaded after running `code` in a fresh interpreter."""
    program = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_importing_a_light_module_loads_no_model_library(module):
    assert loaded_after(f"import {module}") & set(HEAVY) == set()


def test_making_and_reading_a_task_loads_no_model_library():
    assert loaded_after("import wan_r1; wan_r1.make_task('maze', seed=1)") & set(HEAVY) == set()


def test_the_package_root_alone_loads_not_even_numpy():
    assert loaded_after("import wan_r1") & {"numpy", "cv2", "scipy", "matplotlib", "pydantic"} == set()


def test_help_starts_at_once():
    command = [sys.executable, "-m", "wan_r1", "--help"]
    # Processor time of the child, since the machine may be busy with other work.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < HELP_LIMIT_S
