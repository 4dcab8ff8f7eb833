"""A model of a few thousand weights."""

from pathlib import Path

import pytest
from small_runs import SMALL


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one transformer layer, for videos of 80 px."""
    from wan_r1.policies.tiny import TinySpec, build_tiny
    from wan_r1.tasks import make_task

    return build_tiny(tmp_path_factory.mktemp("model"), TinySpec(**SMALL), [make_task("maze", 0).prompt])
