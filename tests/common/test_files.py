"""Files that are replaced: as a whole or not at all, with the modes that they should have."""

import contextlib
import os
import stat
import subprocess
import sys
import threading

import pytest

from sklearn_mitra._common.files import replaced, written


def write(path, data, **kwargs):
    with replaced(path, **kwargs) as temporary, open(temporary, "wb") as file:
        file.write(data)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_an_existing_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"former")
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_failure_leaves_what_was_there(exists, tmp_path):
    path = tmp_path / "file"
    if exists:
        path.write_bytes(b"former")
    with pytest.raises(KeyboardInterrupt), replaced(path) as temporary:
        with open(temporary, "wb") as file:
            file.write(b"half of")
        raise KeyboardInterrupt
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"former"] * exists


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664])
@pytest.mark.parametrize("private", [True, False])
def test_an_existing_file_keeps_its_mode(mode, private, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(mode)
    write(path, b"new", private=private)
    assert mode_of(path) == mode


def test_a_private_new_file_is_its_owners_and_others_have_the_usual_mode(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write(tmp_path / "private", b"", private=True)
    write(tmp_path / "other", b"")
    assert mode_of(tmp_path / "private") == 0o600
    assert mode_of(tmp_path / "other") == mode_of(tmp_path / "usual")


@pytest.mark.parametrize("mode", [None, 0o640])
def test_the_temporary_file_may_be_replaced(mode, tmp_path):
    path, usual = tmp_path / "file", tmp_path / "usual"
    usual.write_bytes(b"")
    if mode:
        path.write_bytes(b"")
        path.chmod(mode)
    with replaced(path) as temporary:
        (tmp_path / "own").write_bytes(b"new")
        (tmp_path / "own").chmod(0o600)
        os.replace(tmp_path / "own", temporary)
    assert path.read_bytes() == b"new"
    assert mode_of(path) == (mode or mode_of(usual))


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_bytes(b"former")
    (tmp_path / "link").symlink_to("target")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write(tmp_path / "pipe", b"through")
    reader.join(timeout=60)
    assert read == [b"through"]
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none" / "file", b"")


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "none" / "file"
    with pytest.raises(OSError) as error, replaced(path):
        pass
    assert error.value.filename == str(path)


@pytest.mark.parametrize("path", ["folder", ".", os.curdir + os.sep, "link"])
def test_a_folder_is_not_replaced(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with pytest.raises(IsADirectoryError, match="Pass a file in it") as error:
        write(path, b"")
    assert error.value.filename == path and error.value.filename2 is None
    assert sorted(os.listdir(tmp_path)) == ["folder", "link"]


def test_an_empty_path_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="The path is empty. Pass the path of a file: ''"):
        write("", b"")


# ---- streams -------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened_file(tmp_path, mode):
    """A log with a line in it, and the number of it as an open file."""
    path = tmp_path / "log"
    path.write_bytes(b"former\n")
    with open(path, mode) as file:
        file.seek(0, os.SEEK_END)
        yield path, file.fileno()


NAMES = {
    "fd": "/dev/fd/{}",
    "self": "/proc/self/fd/{}",
    "process": f"/proc/{os.getpid()}/fd/{{}}",
    "thread": "/proc/thread-self/fd/{}",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("mode", ["ab", "r+b"])
@pytest.mark.parametrize("how", ["directly", "by a link", "by two"])
def test_an_open_file_is_written_to_and_not_replaced(name, mode, how, tmp_path):
    with opened_file(tmp_path, mode) as (log, number):
        path = name.format(number)
        if how != "directly":
            (tmp_path / "link").symlink_to(path)
            (tmp_path / "second").symlink_to("link")
            path = tmp_path / ("link" if how == "by a link" else "second")
        inode = os.stat(log).st_ino
        for data in (b"new\n", b"newer\n"):
            with written(path, private=True) as file:
                file.write(data)
        os.write(number, b"last\n")
    assert log.read_bytes() == b"former\nnew\nnewer\nlast\n"
    assert os.stat(log).st_ino == inode
    assert {file.name for file in tmp_path.iterdir()} <= {"log", "link", "second"}


def test_another_process_keeps_what_it_has_written(tmp_path):
    code = "import sys; print('former', flush=True); sys.stdin.read()"
    log = tmp_path / "log"
    with open(log, "wb") as file:
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file) as process:
            while not log.read_bytes():
                pass
            with written(f"/proc/{process.pid}/fd/1") as stream:
                stream.write(b"new\n")
            process.stdin.close()
    assert log.read_bytes() == b"former\nnew\n"


def test_a_descriptor_that_is_not_open_is_an_error():
    with pytest.raises(OSError) as error, written("/dev/fd/987654"):
        pass
    assert "fd/987654" in str(error.value)
    with pytest.raises(FileNotFoundError), written("/proc/self/fd/none"):
        pass


def test_links_in_a_circle_lead_to_no_stream(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with written(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
