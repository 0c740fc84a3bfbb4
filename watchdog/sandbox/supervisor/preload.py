"""Loads modules of the standard library once, and provides them to processes forked from here.

Standard library only, and it runs on Python 3.8. A fork imports a module as a fresh interpreter
does: until it is imported it is in no `sys.modules` and no attribute of its package, and importing
it brings those modules that it imports itself, no others. Only its code is not run again.

What would differ from a fresh interpreter is not preloaded: modules that warn when they are
imported, or that remember where Python is installed.
"""

from __future__ import annotations

import builtins
import sys
from _frozen_importlib import BuiltinImporter, ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader, PathFinder

# Nothing else is imported here: what is in `sys.modules` before `load` is not provided.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any, Iterable, Mapping, Sequence


CHANGED = 86
"""Exit code of a cell that replaced functions of the standard library which other modules hold."""

_OWN = ("__main__", "sys", "warnings")
"""Modules of which the probe, or any program, replaces functions."""


class Preloaded:
    """Modules that were loaded, and which of them each of them imports.

    Attributes:
        modules: by name, in the order in which they were loaded.
        imports: the names of the modules that the code of each imports, at its top level.
        functions: of each module of the process, what can be called or is a module and is held by
            another one too: its identity by its name.
    """

    def __init__(
        self,
        modules: dict[str, ModuleType],
        imports: dict[str, dict[str, None]],
        functions: dict[str, dict[str, int]],
    ) -> None:
        self.modules = modules
        self.imports = imports
        self.functions = functions
        self._closures: dict[str, list[str]] = {}

    def closure(self, name: str) -> list[str]:
        """Return the names of what importing a module brings, itself last."""
        if name not in self._closures:
            seen: dict[str, None] = {}
            self._add(name, seen, set())
            self._closures[name] = list(seen)
        return self._closures[name]

    def _add(self, name: str, seen: dict[str, None], entered: set[str]) -> None:
        if name in entered or name not in self.modules:
            return
        entered.add(name)
        if "." in name:
            self._add(name.rpartition(".")[0], seen, entered)
        for other in self.imports.get(name, ()):
            self._add(other, seen, entered)
        seen[name] = None

    def part(self, names: Iterable[str], left_out: set[str]) -> Preloaded:
        """Return some modules with what they import, except those that import one left out."""
        closures = [self.closure(name) for name in names]
        wanted = {n for closure in closures if left_out.isdisjoint(closure) for n in closure}
        kept = {name: module for name, module in self.modules.items() if name in wanted}
        gone = set(self.modules).difference(kept)
        functions = {n: f for n, f in self.functions.items() if n not in gone}
        part = Preloaded(kept, self.imports, _shared(functions))
        for name in kept:
            part.closure(name)  # kept, so that no fork has to find it
        return part


def load(names: Sequence[str], kept: set[str]) -> Preloaded:
    """Import modules, those of them that this Python has, and return what that loaded.

    Args:
        names: what to import.
        kept: names of the modules that a fresh interpreter has.
    """
    if "__future__" not in kept:
        sys.modules.pop("__future__", None)  # of this file
    before = kept.union(sys.modules)
    imports: dict[str, dict[str, None]] = {}
    warned: set[str] = set()
    import_ = builtins.__import__

    def recording_import(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  as it is called
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        importer = _module_being_loaded()
        try:
            return import_(name, globals, locals, fromlist or (), level)
        finally:
            wanted = imports.setdefault(importer, {})
            wanted.update(dict.fromkeys(_requested(name, globals, fromlist or (), level)))

    def note(*_args: object, **_kwargs: object) -> None:
        warned.add(_module_being_loaded())

    builtins.__import__ = recording_import
    seeker = _Seeker()
    sys.meta_path.insert(0, seeker)
    restore = [
        _watch(kind, name) for kind in _COMPILED for name in ("create_module", "exec_module")
    ]
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = note
            for name in names:
                try:
                    __import__(name)
                except ImportError:
                    continue
    finally:
        builtins.__import__ = import_
        sys.meta_path.remove(seeker)
        for kind, name, method in restore:
            setattr(kind, name, method)
    modules = {name: module for name, module in sys.modules.items() if name not in before}
    for name in modules:  # those that their package has made itself
        if name not in seeker.names and "." in name:
            imports.setdefault(name.rpartition(".")[0], {})[name] = None
    known = {name: m for name, m in sys.modules.items() if name in modules or name in kept}
    loaded = Preloaded(modules, imports, {name: _functions(m) for name, m in known.items()})
    places = {sys.prefix, sys.exec_prefix, sys.executable}
    return loaded.part(names, warned.union(n for n, m in modules.items() if _holds(m, places)))


class _Seeker:
    """Notes which modules the import system seeks; finds none."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Note a name."""
        self.names.add(name)


def _shared(functions: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Return of each module the functions that another one holds too, but `_exit`; see `hide`."""
    counts: dict[int, int] = {}
    for held in functions.values():
        for identity in set(held.values()):
            counts[identity] = counts.get(identity, 0) + 1
    return {
        name: {n: i for n, i in held.items() if counts[i] > 1 and n != "_exit"}
        for name, held in functions.items()
    }


def _functions(module: ModuleType) -> dict[str, int]:
    """Return the identities of what of a module can be called or is a module, by name."""
    kinds = (type(sys), type(_functions), type(len), type)
    return {name: id(value) for name, value in vars(module).items() if isinstance(value, kinds)}


_COMPILED = (BuiltinImporter, ExtensionFileLoader)
"""What loads modules that are not written in Python: no frame shows that they are being loaded."""


def _watch(kind: type, name: str) -> tuple[type, str, object]:
    """Let `_module_being_loaded` see which module a loader loads; return what was there before."""
    before = vars(kind)[name]

    def _loading(*args: Any) -> object:
        return before.__get__(args[0] if len(args) > 1 else None, kind)(args[-1])

    bound = _loading if kind is ExtensionFileLoader else staticmethod(_loading)
    setattr(kind, name, bound)
    return kind, name, before


def _module_being_loaded() -> str:
    """Return the name of the module whose top level is being run; empty if none is."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            return str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_name == "_loading" and frame.f_globals is globals():
            what = frame.f_locals["args"][-1]  # a spec, or a module
            return str(getattr(what, "__name__", None) or what.name)
        frame = frame.f_back
    return ""


def _requested(
    name: str, globals_: Mapping[str, Any] | None, fromlist: Sequence[str], level: int
) -> list[str]:
    """Return the full names of the modules that one import statement asks for."""
    if level:
        package = str((globals_ or {}).get("__package__") or "")
        for _ in range(level - 1):
            package = package.rpartition(".")[0]
        name = package + "." + name if name else package
    parts = name.split(".")
    names = [".".join(parts[: number + 1]) for number in range(len(parts))]
    return names + [name + "." + item for item in fromlist if name + "." + item in sys.modules]


def _holds(module: ModuleType, texts: set[str]) -> bool:
    """Return whether a variable of a module is, or has in it, one of some texts."""
    for value in list(vars(module).values()):
        values = value.values() if isinstance(value, dict) else value
        if not isinstance(values, (list, tuple, set)) and not isinstance(value, dict):
            values = [value]
        if any(isinstance(item, str) and item in texts for item in list(values)):
            return True
    return False


class Provider:
    """Finds preloaded modules for the import system; the first of its finders.

    What stands before the standard library on `sys.path` comes first, as always.
    """

    def __init__(self, preloaded: Preloaded) -> None:
        self._preloaded = preloaded
        self._path = list(sys.path)
        self._hidden = dict(preloaded.modules)
        self._attributes: dict[str, ModuleType] = {}

    def hide(self, kept: set[str]) -> None:
        """Take every module out of this process but some, and provide what is preloaded.

        Where the process ends by `os._exit`, as the probe does, it ends with `CHANGED` if functions
        were replaced.

        Args:
            kept: names of the modules that a fresh interpreter has.
        """
        everything = dict(sys.modules)
        for name, module in everything.items():
            if name in kept:
                continue
            del sys.modules[name]
            package, _, attribute = name.rpartition(".")
            parent = everything.get(package)
            if parent is not None and vars(parent).get(attribute) is module:
                delattr(parent, attribute)
                self._attributes[name] = module
        sys.meta_path.insert(0, self)
        os: Any = sys.modules["os"]
        own, end = os.getpid(), os._exit

        def _exit(status: int) -> None:
            if os.getpid() == own and (changed := self.changed()):
                text = (
                    "functions of the standard library were replaced: " + " ".join(changed) + "\n"
                )
                os.write(2, text.encode())
                end(CHANGED)
            end(status)

        os._exit = _exit

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        """Return how to load a module that is preloaded; None for any other."""
        if name not in self._hidden or self._is_covered(name, path):
            return None
        if any(
            other in self._hidden and other in sys.modules
            for other in self._preloaded.closure(name)
        ):
            return None  # what it imports was loaded from elsewhere, so it is loaded again as well
        found = vars(self._hidden[name])  # looking up an attribute may run code of a module
        known = found["__spec__"]
        spec = ModuleSpec(name, _Loader(self, known), origin=known.origin)  # type: ignore[arg-type]
        spec.submodule_search_locations = found.get("__path__")
        spec.has_location, spec.cached = known.has_location, known.cached
        return spec

    def _is_covered(self, name: str, path: Sequence[str] | None) -> bool:
        """Return whether a file that was put before the standard library has this name."""
        if path is not None or sys.path[: len(self._path)] == self._path:
            return False
        before = (
            sys.path[: sys.path.index(self._path[0])] if self._path[0] in sys.path else sys.path
        )
        return PathFinder.find_spec(name, before) is not None

    def _show(self, names: Iterable[str]) -> None:
        """Put modules back where they were: all of them first, as packages import their own."""
        shown = [name for name in names if name in self._hidden]
        sys.modules.update((name, self._hidden.pop(name)) for name in shown)
        for name in shown:
            if name in self._attributes:
                package, _, attribute = name.rpartition(".")
                parent = self._preloaded.modules.get(package) or sys.modules[package]
                setattr(parent, attribute, self._attributes[name])

    def changed(self) -> list[str]:
        """Return which functions of the standard library were replaced that another module holds.

        A module that was loaded before keeps such a function; a fresh Python, which loads it later,
        would give it the other one.
        """
        changed = []
        for name, held in self._preloaded.functions.items():
            module = sys.modules.get(name)
            if module is None or name in _OWN or vars(module).get("__name__") != name:
                continue
            present = vars(module)
            changed += [
                name + "." + attribute
                for attribute, identity in held.items()
                if attribute in present and id(present[attribute]) != identity
            ]
        return changed

    def provide(self, name: str) -> None:
        """Put a preloaded module into `sys.modules`, with what importing it brings."""
        sys.modules[name] = self._hidden.pop(name)
        self._show(self._preloaded.closure(name))


class _Loader:
    """Provides a preloaded module where it is imported; else it is the loader that it had.

    Some packages load a copy of a module for themselves, by its spec.
    """

    def __init__(self, provider: Provider, spec: ModuleSpec) -> None:
        self._provider = provider
        self._spec = spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spec.loader, name)

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        """Return an empty module; None for one that the import system makes."""
        if sys._getframe(2).f_code.co_name == "_load_unlocked":
            return None
        return self._spec.loader.create_module(self._spec)  # type: ignore[union-attr]

    def exec_module(self, empty: ModuleType) -> None:
        """Put the preloaded module in place of an empty one that is imported; fill any other."""
        if sys.modules.get(self._spec.name) is empty:
            self._provider.provide(self._spec.name)
            return
        empty.__spec__, empty.__loader__ = self._spec, self._spec.loader
        self._spec.loader.exec_module(empty)  # type: ignore[union-attr]
