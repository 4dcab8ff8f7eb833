"""Files that are written whole or not at all; digests of what folders hold."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from threading import get_ident

__all__ = ["folder_digest", "write_whole"]


def folder_digest(folder: Path, pattern: str = "*") -> str:
    """A digest of names and contents of a folder's files; pattern `**/*.py` takes those of inner folders too.

    A folder that is not there counts as an empty one.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.glob(pattern) if path.is_file()):
        with file.open("rb") as content:
            digest.update(os.fsencode(file.relative_to(folder)) + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def write_whole(path: Path, data: bytes, durable: bool = False) -> None:
    """Write a file so that a full disk or a killed process leaves what was there; OSError if it cannot be written.

    durable: wait until the disk has it, so that a power cut leaves it too.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with suppress(OSError):  # the folder itself may be what is wrong
            partial.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
