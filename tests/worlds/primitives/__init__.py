"""The primitives: one small file each. A file has a class with `draw`, `put` and, where it must stand alone, `claims`."""

import importlib
import pathlib

from .base import Primitive

ALL = {}
for _file in sorted(pathlib.Path(__file__).parent.glob("*.py")):
    if _file.stem not in ("__init__", "base"):
        _module = importlib.import_module(f".{_file.stem}", __package__)
        for _thing in vars(_module).values():
            if isinstance(_thing, type) and issubclass(_thing, Primitive) and _thing.__module__ == _module.__name__:
                ALL[_thing.name] = _thing()
