"""The folder of a run: tried before the first step, and written to by one process."""

import errno
import os
import re
import socket
import stat
import uuid
import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stgan._files import refuse_link
from stgan.errors import CheckpointError
from stgan.training._checkpoint_files import check_path
from stgan.training.checkpoint import not_written

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

__all__ = ["RunFolder", "check_run_folder"]

_LOCK = ".lock"
_HOLDER = re.compile(rb"process \d{1,10} on [\w.-]{1,64}\n")


class RunFolder:
    """A run folder that this process alone writes to until it is closed.

    Two runs in one folder overwrite each other. The system's lock on the file ``.lock`` in it
    keeps the second one out. It ends with its process, however that ends, and neither a file that
    is left nor a copied folder is locked. Reading needs no lock. Of the processes of one
    distributed run the one that writes opens it.

    Where a file system has no locks, as on some networks, a warning says so and the run goes on.

    Args:
        path: The folder; made if missing.
        writes: As for :func:`check_run_folder`.

    Attributes:
        path: The folder.
        checkpoints: ``path / "checkpoints"``, where errors look for what can be resumed.

    Raises:
        CheckpointError: If another process holds the folder, named if it is known, or if the
            folder cannot be made, written to or locked.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as out, RunFolder(out) as folder:
        ...     with folder.writing("metrics.jsonl"):
        ...         _ = (folder.path / "metrics.jsonl").write_text("")
        ...     RunFolder(out)
        Traceback (most recent call last):
        stgan.errors.CheckpointError: run folder ... is in use by process ...
    """

    def __init__(self, path: str | Path, writes: Iterable[str] = ()) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        check_run_folder(self.path, writes)
        self._handle = _take(self.path)
        # Also where nobody closes it, so that a notebook can begin again.
        self._close = weakref.finalize(self, os.close, self._handle)
        _HELD.add(self)

    def check(self) -> None:
        """Refuse to go on in a folder that is no longer the one that was opened.

        Raises:
            CheckpointError: If it has been deleted, moved or replaced, or was closed.
        """
        if self._close.alive:
            try:
                there = (self.path / _LOCK).stat(follow_symlinks=False)
                if os.path.samestat(there, os.fstat(self._handle)):
                    return
            except OSError:
                pass
        raise CheckpointError(
            f"run folder {self.path} is no longer the one that this run began in, it was deleted, "
            f"moved or replaced; move it back and resume, or begin again"
        )

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Say in one sentence why a file of the folder could not be written, and how to go on.

        Args:
            name: Of the file, such as ``"metrics.jsonl"``.

        Raises:
            CheckpointError: If the folder is gone, or the system refuses to write, also where a
                logger hides that behind an error of its own; names the newest sound checkpoint.
        """
        self.check()
        try:
            yield
        except Exception as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
            self.check()
            if isinstance(error, CheckpointError):  # a sentence already
                raise
            raise not_written(str(self.path / name), self.checkpoints, refusal) from error

    def close(self) -> None:
        """Let others write to the folder; a second call does nothing."""
        self._close()
        _HELD.discard(self)

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


# Workers of a loader are forked and outlive a run that is killed by some seconds. They must not go
# on holding its folder.
_HELD: "weakref.WeakSet[RunFolder]" = weakref.WeakSet()


def _let_go() -> None:
    for folder in list(_HELD):
        folder.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _take(folder: Path) -> int:
    """Open and lock the lock file, and write down who holds it."""
    path = folder / _LOCK
    handle = None
    try:
        # Through no link, and without waiting for the other end of a pipe.
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(None, "not a file")
        locked = _lock(handle, folder)
        held = os.read(handle, 200)
        if not locked:
            holder = held.decode().strip() if _HOLDER.fullmatch(held) else "another process"
            raise CheckpointError(
                f"run folder {folder} is in use by {holder}; wait until that run ends, or name "
                f"another folder"
            )
        # What is not ours is not overwritten, nor a file that has another name elsewhere.
        alone = os.fstat(handle).st_nlink == 1
        if alone and (not held or _HOLDER.fullmatch(held)):
            os.lseek(handle, 0, os.SEEK_SET)
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    except (OSError, CheckpointError) as error:
        if handle is not None:
            os.close(handle)
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"run folder {folder} cannot be locked, {path.name}: {error.strerror or error}; remove "
            f"that file, or name another folder"
        ) from error
    return handle


def _lock(handle: int, folder: Path) -> bool:
    """Lock a file without waiting; false if another process has."""
    try:
        if fcntl is None:
            raise OSError(None, "this system has no fcntl")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        warnings.warn(
            f"run folder {folder} cannot be locked, {error.strerror}; make sure that no other run "
            f"writes to it",
            stacklevel=4,
        )
    return True


def _refusal(error: BaseException | None) -> OSError | None:
    """Find the error of the system behind those that were raised from it."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    return error


def check_run_folder(folder: str | Path, writes: Iterable[str] = ()) -> None:
    """Make the folder of a run, and make sure that files can be written there and renamed.

    Call it before the first step, on the process that saves: a run should not find out at its
    first checkpoint. :class:`RunFolder` does.

    Args:
        folder: The folder; made if missing.
        writes: Names of files and folders that the run will write in it. None may be a link, by
            which a run folder from elsewhere would have another place written to.

    Raises:
        CheckpointError: If it cannot be made or written to, or holds such a link; gives the reason.
            Also if its path is not text in UTF-8.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_run_folder(Path(folder) / "runs" / "a")
        ...     (Path(folder) / "runs" / "a").is_dir()
        True
    """
    folder = Path(folder)
    check_path(folder)
    for name in writes:
        refuse_link(folder / name, CheckpointError)
    # A name of its own, as the processes of two runs may look into one folder.
    probe = folder / f".probe_{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with probe.open("xb") as file:  # not through a link that lies there already
            file.write(b"can be written")
        probe.replace(probe.with_suffix(".renamed")).unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:  # a full disk takes the name all the same
            probe.unlink(missing_ok=True)
        raise CheckpointError(
            f"run folder {folder} cannot be written to: {error.strerror}; name another one, or "
            f"change its permissions"
        ) from error
