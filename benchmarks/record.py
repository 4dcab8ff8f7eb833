"""What long studies share: a file of finished runs that days and machines add to, and jobs at the same time."""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from wan_r1.cli.recipe import shipped_folder

WEIGHTS = Path("transformer") / "diffusion_pytorch_model.safetensors"


def read_record(file: Path, models: Sequence[str]) -> dict[str, Any]:
    """What a file holds of runs that started from these shipped models as they are now; else an empty record.

    A record is `model` (a digest of the models) and the sections `runs` and `evaluations`: a name -> what is known.
    """
    digest = hashlib.blake2b(digest_size=12)
    for model in models:
        digest.update((Path(shipped_folder(model)) / WEIGHTS).read_bytes())
    record = json.loads(file.read_text()) if file.exists() else {}
    if record.get("model") == digest.hexdigest():
        return dict(record)
    return {"model": digest.hexdigest(), "runs": {}, "evaluations": {}}


def write_record(file: Path, record: dict[str, Any]) -> None:
    """Write a record, one line for each run and evaluation."""
    sections = []
    for name in ("runs", "evaluations"):
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record[name].items())
        sections.append(f'"{name}": {{\n{lines}\n}}')
    file.write_text(f'{{"model": "{record["model"]}",\n' + ",\n".join(sections) + "}\n")


def curves(folder: Path, names: Sequence[str]) -> dict[str, list[list[float]]]:
    """[step, value] pairs of these numbers in a run's metrics.jsonl."""
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {name: [[m["step"], m[name]] for m in metrics if name in m] for name in names}


def at_once(workers: int, work: Callable[..., None], jobs: Sequence[tuple[Any, ...]]) -> None:
    """Do the jobs, so many at a time, all of them; then the first error is raised."""
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(work, *job) for job in jobs]
    for job in waiting:
        job.result()
