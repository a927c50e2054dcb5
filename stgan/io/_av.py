"""PyAV, loaded when a video file is first met: drawn clips and pictures do without it."""

from typing import Any


def load_av() -> Any:
    """Return the module ``av``.

    Raises:
        ModuleNotFoundError: If PyAV is not installed; names the extra that brings it.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "reading and writing video files needs PyAV; install it with pip install 'stgan[video]'"
        ) from error
    return av
