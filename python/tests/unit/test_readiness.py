"""When a worker is ready, and who is told: a file, and systemd's socket."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from celeriac import InvalidCall
from celeriac.worker.readiness import Readiness


def test_all_processes_or_none(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    path.write_text("of another life")
    readiness = Readiness(2, path)
    assert not readiness and not path.exists()
    readiness.up(1)
    assert not readiness and not path.exists()
    readiness.up(2)
    assert readiness and path.read_text() == f"{os.getpid()}\n"
    readiness.down(1)
    assert not readiness and not path.exists()
    readiness.up(1)
    assert readiness and path.exists()
    readiness.leave()
    assert not readiness and not path.exists()
    readiness.up(2)
    assert not readiness and not path.exists(), "it leaves, whatever comes up"


def test_a_child_says_so(tmp_path: Path) -> None:
    readiness = Readiness(1, tmp_path / "ready")
    pid = os.fork()
    if pid == 0:
        readiness.up(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert readiness and (tmp_path / "ready").exists()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_once(tmp_path: Path, abstract: bool) -> None:
    name = f"@celeriac-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(name.replace("@", "\0"))
        listening.settimeout(5)
        readiness = Readiness(1, None, name)
        readiness.up(1)
        readiness.up(1)
        readiness.leave()
        assert [listening.recv(99), listening.recv(99)] == [b"READY=1", b"STOPPING=1"]


def test_nobody_listens(tmp_path: Path) -> None:
    readiness = Readiness(1, None, str(tmp_path / "nobody"))
    readiness.up(1)
    assert readiness


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidCall, match="the ready file .* cannot be written"):
        Readiness(1, tmp_path / "no" / "file")
