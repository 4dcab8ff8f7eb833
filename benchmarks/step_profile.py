"""Where an RL iteration spends its time, from the metrics of a run.

    python benchmarks/step_profile.py runs/demo     # prints the shares and writes benchmarks/results/step_profile.json

encode (prompts, first frames), sample and train are the transformer's, decode is the autoencoder's; score_wait is the
time in which nothing but scoring was left to do. Evaluations are left out.
"""

import argparse
import json
import sys
from pathlib import Path

from wan_r1.cli.console import print_rows

RESULTS = Path(__file__).parent / "results" / "step_profile.json"
STAGES = ("encode", "screen", "sample", "decode", "score_wait", "train")


def main() -> int:
    """Shares of the time of all iterations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    args = parser.parse_args()
    lines = [json.loads(line) for line in (args.run / "metrics.jsonl").read_text().splitlines()]
    seconds = {stage: sum(line.get(f"seconds/{stage}", 0.0) for line in lines) for stage in STAGES}
    total = sum(seconds.values())
    shares = {stage: value / total for stage, value in seconds.items()}
    facts = {"iterations": len(lines), "seconds_per_iteration": total / len(lines), "shares": shares}
    facts["transformer_and_autoencoder"] = sum(shares[stage] for stage in ("encode", "sample", "decode", "train"))
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
    print_rows([("stage", "share"), *((stage, f"{share:.1%}") for stage, share in shares.items())])
    return 0


if __name__ == "__main__":
    sys.exit(main())
