"""The script that builds the playground, which is no part of the package."""

import importlib.util
from pathlib import Path

PLAYGROUND = Path(__file__).resolve().parents[2] / "docs" / "playground"

_spec = importlib.util.spec_from_file_location("build_playground", PLAYGROUND / "build.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
build, Handler, store_as_half = _module.build, _module.Handler, _module.store_as_half
