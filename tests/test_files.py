"""Digests change with whatever a folder holds."""

from wan_r1.files import folder_digest


def test_a_digest_changes_with_names_and_contents_and_with_nothing_else(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("a")
    (tmp_path / "inner" / "b.py").write_text("b")
    before = folder_digest(tmp_path, "**/*.py")
    (tmp_path / "c.txt").write_text("c")
    (tmp_path / "a.py").touch()
    assert folder_digest(tmp_path, "**/*.py") == before
    (tmp_path / "inner" / "b.py").write_text("B")
    changed = folder_digest(tmp_path, "**/*.py")
    (tmp_path / "inner" / "b.py").rename(tmp_path / "inner" / "d.py")
    assert len({before, changed, folder_digest(tmp_path, "**/*.py")}) == 3


def test_a_folder_that_is_not_there_counts_as_empty(tmp_path):
    assert folder_digest(tmp_path / "none") == folder_digest(tmp_path)
