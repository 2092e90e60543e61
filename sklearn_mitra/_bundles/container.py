"""The ``.wlrn`` codec: bytes <-> manifest and artifacts, whatever the model.

A bundle is a little-endian header, two JSON texts, and the artifacts end to end::

    offset    bytes  content
    0         4      magic, b"WLRN"
    4         4      u32, version of this layout: 1
    8         4      u32 m, size of the manifest
    12        4      u32 t, size of the table of contents (TOC)
    16        m      manifest {typeId, bundleVersion, requires, artifacts, params, ...}
    16+m      t      TOC [{id, offset, length, sha256, mediaType}, ...], sorted by id
    16+m+t           the artifacts; offsets in the TOC count from here

The same manifest and artifacts always give the same bytes, identical to those of PyPI's ``wlearn``:
JSON is ASCII with sorted keys and no spaces. Bundles of the older JavaScript package lack
``requires``, ``artifacts`` and ``mediaType``; they can be read, but are never written. Bundles
within bundles are neither read nor written.

When a version number changes:

- The version of the layout, in the header and in ``manifest.bundleVersion``, belongs to wlearn. It
  changes when a reader of the old layout could no longer find or verify an artifact.
- The number after the ``@`` of ``typeId`` changes when a reader of the old artifacts would misread
  the new ones: an artifact is gone, or its dtype, order or meaning is different.
- A new artifact or manifest key changes no version, since readers skip keys they don't know.
"""

import hashlib
import os
import re
import struct
from collections.abc import Mapping
from typing import Any

from .._common.fields import brief
from .._errors import BundleError
from .canonical import from_json, to_json
from .fields import BundleFields

_MAGIC = b"WLRN"
_VERSION = 1
_HEADER = struct.Struct("<4sIII")
_TYPE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*@[0-9]+")

# The limits of wlearn 0.3.2, which allows 2**24 bytes each for the manifest and the TOC.
_MAX_BUNDLE_SIZE = 2**30
_MAX_JSON_SIZE = 2**24
_MAX_ARTIFACTS = 10_000

# The fields that are checked, and their types.
_MANIFEST = {"typeId": str, "bundleVersion": int}
_MANIFEST_OPTIONAL = {"requires": list, "params": dict, "metadata": dict, "seed": int}
_ENTRY = {"id": str, "offset": int, "length": int, "sha256": str}
_ENTRY_OPTIONAL = {"mediaType": str}


def encode_bundle(manifest: dict[str, Any], artifacts: dict[str, tuple[bytes, str]]) -> bytes:
    """Write a bundle.

    Parameters
    ----------
    manifest : dict
        Must have ``typeId``. ``bundleVersion`` and ``artifacts`` are filled in; ``requires`` and
        ``params`` are empty by default.
    artifacts : dict of str to (bytes, str)
        The data and the media type of each artifact, by id.

    Returns
    -------
    data : bytes
    """
    toc, blobs, offset = [], [], 0
    for name in sorted(artifacts, key=str):  # an id that is not a str is refused below
        data, media_type = artifacts[name]
        _check_type(data, f"The data of artifact {name!r}", bytes, bytearray, memoryview)
        blob = bytes(data)
        entry = {"id": name, "offset": offset, "length": len(blob), "mediaType": media_type}
        toc.append({**entry, "sha256": hashlib.sha256(blob).hexdigest()})
        blobs.append(blob)
        offset += len(blob)
    filled_in = {"bundleVersion": _VERSION, "artifacts": _declarations(toc)}
    manifest = {"requires": [], "params": {}, **manifest, **filled_in}
    _check_manifest(manifest)
    _check_toc(toc, offset)
    manifest["requires"] = sorted(manifest["requires"])

    head, contents = to_json(manifest, "manifest"), to_json(toc, "TOC")
    header = _HEADER.pack(_MAGIC, _VERSION, len(head), len(contents))
    _check_sizes(len(head) + len(contents), len(header) + len(head) + len(contents) + offset)
    return b"".join([header, head, contents, *blobs])


def decode_bundle(data: Any) -> tuple[dict[str, Any], dict[str, memoryview]]:
    """Read a bundle and check all of it. Any fault raises a `BundleError`.

    Parameters
    ----------
    data : bytes, bytearray, memoryview, str or os.PathLike
        A bundle, or its path.

    Returns
    -------
    manifest : dict
    artifacts : dict of str to memoryview
        Read-only views into the bundle, not copies, and not aligned.
    """
    _check_type(data, "data", bytes, bytearray, memoryview, str, os.PathLike)
    if isinstance(data, (str, os.PathLike)):
        data = _read_file(data)
    view = memoryview(data).toreadonly().cast("B")
    _check_magic(view[: _HEADER.size], len(view))
    _, version, head_size, toc_size = _HEADER.unpack_from(view)
    if version != _VERSION:
        raise BundleError(f"The bundle has version {version}. Only version {_VERSION} can be read.")
    toc_start = _HEADER.size + head_size
    blobs_start = toc_start + toc_size
    if blobs_start > len(view):
        raise BundleError(
            f"The bundle is truncated: it has {len(view)} bytes, but its header, manifest and TOC "
            f"alone take {blobs_start}."
        )
    _check_sizes(head_size + toc_size, len(view))

    manifest = from_json(view[_HEADER.size : toc_start], "manifest")
    toc = from_json(view[toc_start:blobs_start], "TOC")
    blobs = view[blobs_start:]
    _check_manifest(manifest)
    _check_toc(toc, len(blobs))
    # Compared as JSON, where 1, 1.0 and true are different.
    if "artifacts" in manifest and to_json(manifest["artifacts"]) != to_json(_declarations(toc)):
        raise BundleError("manifest.artifacts doesn't match the TOC.")

    artifacts = {}
    for entry in toc:
        blob = blobs[entry["offset"] : entry["offset"] + entry["length"]]
        if hashlib.sha256(blob).hexdigest() != entry["sha256"]:
            raise BundleError(f"Artifact {brief(entry['id'])} is damaged: its SHA-256 differs.")
        artifacts[entry["id"]] = blob
    return manifest, artifacts


def _declarations(toc: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = "id", "length", "sha256", "mediaType"
    return [{key: entry[key] for key in keys if key in entry} for entry in toc]


def _check_type(value: object, name: str, *types: type) -> None:
    if not isinstance(value, types):
        expected = ", ".join(t.__name__ for t in types)
        raise TypeError(f"{name} must be of type {expected}. Got {type(value).__name__} instead.")


def _read_file(path: str | os.PathLike[str]) -> bytearray:
    """Read a file, but stop early if it is too large, is a device, or is not a bundle."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size  # 0 for a pipe or device
        _check_sizes(0, size)
        head = file.read(_HEADER.size)
        _check_magic(head, max(size, len(head)))
        data = bytearray(head)
        while piece := file.read(2**16):
            data += piece
            _check_sizes(0, len(data))
    return data


def _check_magic(head: Any, size: int) -> None:
    if len(head) < _HEADER.size or head[:4] != _MAGIC:
        raise BundleError(
            f"A .wlrn bundle starts with {_MAGIC!r} and has at least {_HEADER.size} bytes. "
            f"Got {size} bytes that start with {bytes(head[:4])!r} instead."
        )


def _check_sizes(json_size: int, bundle_size: int) -> None:
    if json_size > _MAX_JSON_SIZE or bundle_size > _MAX_BUNDLE_SIZE:
        raise BundleError(
            f"The bundle is too large: {bundle_size} bytes, {json_size} of them JSON. "
            f"At most {_MAX_BUNDLE_SIZE} and {_MAX_JSON_SIZE} are read."
        )


def _check_fields(
    obj: object, what: str, required: Mapping[str, type], optional: Mapping[str, type]
) -> None:
    fields = BundleFields(obj, what)
    for field, kind in {**required, **optional}.items():
        if field in fields or field in required:
            fields.get(field, f"of type {kind.__name__}", kind)


def _check_manifest(manifest: Any) -> None:
    _check_fields(manifest, "manifest", _MANIFEST, _MANIFEST_OPTIONAL)
    if manifest["bundleVersion"] != _VERSION:
        got = manifest["bundleVersion"]
        raise BundleError(f"manifest.bundleVersion must be {_VERSION}. Got {got} instead.")
    requires = manifest.get("requires", [])
    for type_id in [manifest["typeId"], *requires]:
        if not isinstance(type_id, str) or not _TYPE_ID.fullmatch(type_id):
            raise BundleError(
                "manifest.typeId and .requires must name versioned types such as "
                f"'wlearn.model@1'. Got {brief(type_id)} instead."
            )
    if len(set(requires)) < len(requires):
        raise BundleError(f"manifest.requires has a duplicate: {brief(requires)}.")


def _check_toc(toc: Any, size: int) -> None:
    if not isinstance(toc, list) or len(toc) > _MAX_ARTIFACTS:
        raise BundleError(f"The TOC must be a list of at most {_MAX_ARTIFACTS} entries.")
    ids = set()
    for entry in toc:
        _check_fields(entry, "TOC entry", _ENTRY, _ENTRY_OPTIONAL)
        name = brief(entry["id"])
        if not 0 < len(entry["id"]) <= 1024:
            raise BundleError(
                f"An artifact's id must have 1 to 1024 characters. Got {name} instead."
            )
        if entry["id"] in ids:
            raise BundleError(f"Artifact {name} is in the TOC twice.")
        if entry.get("mediaType") in ("", "application/x-wlearn-bundle"):
            raise BundleError(f"Artifact {name} must have a media type other than a bundle's.")
        if entry["offset"] < 0 or entry["length"] < 0 or entry["offset"] + entry["length"] > size:
            raise BundleError(
                f"Artifact {name} is out of bounds: {entry['length']} bytes at offset "
                f"{entry['offset']}, of {size} in all. The bundle is damaged or truncated."
            )
        ids.add(entry["id"])
    end = 0
    for entry in sorted(toc, key=lambda entry: (entry["offset"], entry["length"])):
        if entry["offset"] != end:
            fault = "overlaps the one before" if entry["offset"] < end else "follows a gap"
            raise BundleError(f"Artifact {brief(entry['id'])} {fault}.")
        end += entry["length"]
    if end < size:
        raise BundleError(f"The bundle has {size - end} trailing bytes that belong to no artifact.")
