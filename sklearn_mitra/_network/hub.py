"""Files from the Hugging Face hub. This is the only file of the package that uses the network."""

import functools
import os
from typing import Any

from .._errors import CheckpointError


def fetch(repo_id: str, revision: str | None, filename: str) -> str:
    """The path of a repository's file in the hub's cache, downloaded if it isn't there.

    The hub is asked once per process.

    Raises
    ------
    CheckpointError
        If the file can't be had.
    """
    path = _download(repo_id, revision, filename)
    if not os.path.isfile(path):  # the hub's cache was emptied meanwhile
        _download.cache_clear()
        path = _download(repo_id, revision, filename)
    return path


@functools.cache  # or every fit would ask the hub what is new
def _download(repo_id: str, revision: str | None, filename: str) -> str:
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError

    # The hub's errors have no common base. Its HTTP client (requests, httpx or httpx2, as its
    # version has it) is among the bases of HfHubHTTPError; ValueError is an invalid repository
    # id, RuntimeError a transfer that failed in hf_xet.
    failures: Any = (*HfHubHTTPError.__bases__, OSError, ValueError, RuntimeError)
    try:
        if not isinstance(hub.try_to_load_from_cache(repo_id, filename, revision=revision), str):
            # Without a network hf_hub_download retries for 23 s, or for minutes if nothing
            # answers, and takes no argument to stop that (2.4). This asks once.
            hub.get_hf_file_metadata(hub.hf_hub_url(repo_id, filename, revision=revision))
        return hub.hf_hub_download(repo_id, filename, revision=revision)
    except failures as error:
        at = f" at revision {revision!r}" if revision else ""
        reason = " ".join(str(error).split())  # the hub's messages have paragraphs
        raise CheckpointError(
            f"Can't fetch {filename} of the hub repository {repo_id!r}{at}. Without a network, "
            "model='mini' works, and so does the path of a directory with config.json and "
            "model.safetensors. The cause: "
            f"{type(error).__name__}: {reason}"
        ) from error
