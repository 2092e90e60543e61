"""Files from the Hugging Face hub. This is the only file of the package that uses the network."""

import functools
import os
from typing import Any

from .._errors import CheckpointError


def find(repo_id: str, revision: str | None, filename: str) -> str | None:
    """The path of a repository's file if it is in the hub's cache. Nothing is asked or fetched."""
    import huggingface_hub as hub

    try:
        path = hub.try_to_load_from_cache(repo_id, filename, revision=revision)
    except ValueError:  # an invalid repository id
        return None
    return path if isinstance(path, str) and os.path.isfile(path) else None


def fetch(
    repo_id: str, revision: str | None, filename: str, most: int, sha256: str | None = None
) -> str:
    """The path of a repository's file in the hub's cache, downloaded if it isn't there.

    The hub is asked once per process.

    Parameters
    ----------
    repo_id : str
    revision : str or None
    filename : str
    most : int
        Larger files, in bytes, are not downloaded.
    sha256 : str, default=None
        A file with another is not downloaded, if the hub says what it has.

    Raises
    ------
    CheckpointError
        If the file can't be had.
    """
    path = _download(repo_id, revision, filename, most, sha256)
    if not os.path.isfile(path):  # the hub's cache was emptied meanwhile
        _download.cache_clear()
        path = _download(repo_id, revision, filename, most, sha256)
    return path


@functools.cache  # or every fit would ask the hub what is new
def _download(
    repo_id: str, revision: str | None, filename: str, most: int, sha256: str | None
) -> str:
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError

    # The hub's errors have no common base. Its HTTP client (requests, httpx or httpx2, as its
    # version has it) is among the bases of HfHubHTTPError; ValueError is an invalid repository
    # id, RuntimeError a transfer that failed in hf_xet.
    failures: Any = (*HfHubHTTPError.__bases__, OSError, ValueError, RuntimeError)
    at = f"the hub repository {repo_id!r}" + (f" at revision {revision!r}" if revision else "")
    try:
        if find(repo_id, revision, filename) is None:
            # Without a network hf_hub_download retries for 23 s, or for minutes if nothing
            # answers, and takes no argument to stop that (2.4). This asks once.
            url = hub.hf_hub_url(repo_id, filename, revision=revision)
            _check_metadata(hub.get_hf_file_metadata(url), f"{filename} in {at}", most, sha256)
        return hub.hf_hub_download(repo_id, filename, revision=revision)
    except CheckpointError:
        raise
    except failures as error:
        reason = " ".join(str(error).split())  # the hub's messages have paragraphs
        raise CheckpointError(
            f"Can't fetch {filename} of {at}. Without a network, "
            "model='mini' works, and so does the path of a directory with config.json and "
            "model.safetensors. The cause: "
            f"{type(error).__name__}: {reason}"
        ) from error


def _check_metadata(metadata: Any, what: str, most: int, sha256: str | None) -> None:
    """Compare what the hub says of a file with what is wanted, before it is downloaded."""
    if metadata.size is not None and metadata.size > most:
        raise CheckpointError(
            f"{what} has {metadata.size} bytes, more than the {most} that are expected at most. "
            "It is not downloaded."
        )
    # of large files the entity tag is the sha256, of small ones a hash of Git
    found = metadata.etag or ""
    if sha256 is not None and len(found) == len(sha256) and found != sha256:
        raise CheckpointError(
            f"{what} has the sha256 {found}, and {sha256} is wanted. It is not downloaded. Name "
            "the revision that has it, or pass a directory with the former files as model."
        )
