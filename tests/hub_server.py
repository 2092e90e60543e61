"""A small Hugging Face hub on the loopback interface, for the real client to talk to.

It answers what ``huggingface_hub`` asks for to download single files, over plain HTTP::

    HEAD, GET  /{organisation}/{name}/resolve/{revision}/{filename}

with the headers the client relies on: ``ETag``, ``X-Repo-Commit``, ``Content-Length``,
``Content-Range`` and, in failures, ``X-Error-Code``.
"""

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

_RESOLVE = re.compile(r"/(?P<repo_id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<filename>.+)")


class HubServer:
    """Serve repositories while the ``with`` block runs.

    Parameters
    ----------
    repositories : dict of str to dict of str to Path
        Directory of each revision of each repository: ``{"org/name": {"main": directory}}``.
    gated : set of str
        Repositories that exist, but that nobody has access to.
    drop_first_download : bool
        Whether the connection breaks in the middle of the first download.

    Attributes
    ----------
    url : str
        For ``HF_ENDPOINT``.
    requests : list of str
        "METHOD repository revision filename" of every request, in order.
    """

    def __init__(self, repositories, gated=frozenset(), drop_first_download=False):
        self.repositories, self.gated = repositories, gated
        self.drop_next_download = drop_first_download
        self.requests = []

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"hub": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = "http://{}:{}".format(*self._http.server_address)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._http.shutdown()
        self._http.server_close()

    def take_requests(self):
        """The requests since the last call."""
        taken, self.requests = self.requests, []
        return taken


class _Handler(BaseHTTPRequestHandler):
    hub = None  # the HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._respond(with_body=False)

    def do_GET(self):
        self._respond(with_body=True)

    def log_message(self, *arguments):
        """Keep quiet; the hub counts requests."""

    def _respond(self, with_body):
        match = _RESOLVE.fullmatch(self.path)
        if match is None:
            return self._fail(404, "")
        repo_id, revision, filename = map(unquote, match.groups())  # a revision may have a "/"
        self.hub.requests.append(f"{self.command} {repo_id} {revision} {filename}")
        revisions = self.hub.repositories.get(repo_id)
        if repo_id in self.hub.gated:
            return self._fail(403, "GatedRepo")
        if revisions is None:
            return self._fail(404, "RepoNotFound")
        if revision not in revisions:
            return self._fail(404, "RevisionNotFound")
        path = revisions[revision] / filename
        if not path.is_file():
            return self._fail(404, "EntryNotFound")
        self._send_file(path, _sha1(repo_id, path.parent.name), with_body)

    def _send_file(self, path, commit, with_body):
        size = path.stat().st_size
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(begin[1]) if begin else 0
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - begin))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{_etag(path, commit)}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if not with_body:
            return
        count = size - begin
        if self.hub.drop_next_download:
            self.hub.drop_next_download = False
            self.close_connection = True
            count //= 2
        with open(path, "rb") as file:
            self.wfile.flush()
            self.connection.sendfile(file, begin, count)

    def _fail(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _etag(path, commit):
    """The sha256 of large files, which weights are; for others something like a hash of Git."""
    if path.suffix == ".safetensors":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return _sha1(commit, path.name)


def _sha1(*parts):
    return hashlib.sha1("/".join(parts).encode()).hexdigest()
