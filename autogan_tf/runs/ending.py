"""How a long command ends: complete, asked to stop, out of disk space, or by a failure of the training."""

from __future__ import annotations

import errno
from collections.abc import Callable

from autogan_tf.runs.checkpoints import SaveFailed
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.keeper import Interrupted, StopRequest
from autogan_tf.runs.progress import Terminal
from autogan_tf.runs.report import Refreshed

_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES)


def exit_code_of(
    body: Callable[[StopRequest], None],
    *,
    folder: RunFolder,
    terminal: Terminal,
    failures: tuple[type[Exception], ...],
    has_report: bool = True,
) -> int:
    """Runs `body` while SIGTERM and SIGINT are heard; where it does not come to its own end, says how it ended, and
    brings the run's report up to date.

    failures: exceptions with which a training ends; has_report: the folder is that of a run, which has one.

    Returns:
      0; 128 and the number of a signal; or 1.
    """
    again = f"the same command with --run_dir={folder.path} goes on"
    code = 1
    try:
        with StopRequest().listening() as stop:
            body(stop)
        return 0
    except Interrupted as error:
        terminal.result(f"{error}; {again}")
        code = error.exit_code
    except SaveFailed as error:
        terminal.result(f"stopped: {error}; make room, and {again}")
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        what = error.filename or f"a file in {folder.path}"
        terminal.result(f"stopped: {what} cannot be written: {error.strerror}; make room, and {again}")
    except failures as error:
        terminal.result(f"stopped: {error}; the last good state is the newest checkpoint in {folder.path}")
    if has_report:
        Refreshed(folder).now()
    return code
