"""For every test: one thread, no network, no colours."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["NO_COLOR"] = "1"
os.environ.pop("WAN_R1_DEBUG", None)
