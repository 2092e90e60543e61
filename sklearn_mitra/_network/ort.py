"""onnxruntime, imported so that it doesn't report to its maker.

From 1.29 on, onnxruntime's official builds look up a server and keep an identifier in the user's
cache. The one way to prevent both is an environment variable, which is read while onnxruntime is
imported. The environment is left as it was.
"""

import os

_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
if _NO_TELEMETRY in os.environ:  # the user has decided
    import onnxruntime
else:
    os.environ[_NO_TELEMETRY] = "1"
    try:
        import onnxruntime
    finally:
        del os.environ[_NO_TELEMETRY]

__all__ = ["onnxruntime"]
