"""`wan-r1 report` on run folders."""

import json

from wan_r1.cli.main import main
from wan_r1.runs import RunFolder, write_json


def test_report_writes_the_page_into_the_run_folder(tmp_path, capsys):
    run = RunFolder(tmp_path / "a")
    run.start("seed = 1\n")
    run.append_metrics(1, {"reward/mean": 0.5})
    assert main(["report", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] == str(run.report)
    assert run.report.read_text().startswith("<!doctype html>")


def test_report_writes_elsewhere_on_request(tmp_path):
    run = RunFolder(tmp_path / "a")
    run.start("")
    write_json(run.summary, {})
    assert main(["report", str(run.path), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").exists()
    assert not run.report.exists()


def test_a_folder_without_a_run_is_one_clear_line_and_code_2(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "no run folder (neither metrics.jsonl nor summary.json)" in capsys.readouterr().err
