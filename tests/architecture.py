"""Rules of the package's structure, read from its source with `ast`.

A rule is a function from the parsed package to the faults it finds. ADR 0023 says why these.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "bayes_ihlrt"

FLOORS = (
    ("_lazy", "escaping", "frozen", "limits", "names", "verdicts"),
    ("errors", "labels", "plain", "priors"),
    ("clinical", "hazards", "parts", "schema", "storage", "synthetic"),
    ("spec",),
    ("files",),
    ("cohort",),
    ("designs", "proposal"),
    ("model",),
    ("propensity",),
    ("batch",),
    ("posterior",),
    ("calibration", "comparators", "estimands", "weighted"),
    ("checks", "multistate"),
    ("analysis",),
    ("ladder", "sensitivity", "trials"),
    ("interim",),
    ("results",),
    ("methods", "review"),
    ("explorer", "report"),
    ("face",),
    ("cli",),
)
FLOOR = {unit: number for number, units in enumerate(FLOORS) for unit in units}

LEAF = "plots"
LEAF_MAY_IMPORT = {"escaping", "names", "errors"}
LEAF_IS_FOR = {"face", "report"}

# What may be imported from elsewhere on load: `check` answers in 1.5 s, pandas alone takes 1.7 s.
LIGHT = {"numpy", "pyarrow", "pydantic", "pydantic_core", "tomli_w"}
LIGHT_ON_LOAD = {unit: LIGHT for unit, floor in FLOOR.items() if floor <= FLOOR["designs"]} | {
    "hazards": {"numpy"}
}

MAX_ROOM_FILES = 25
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_PUBLIC_METHODS = 8

BANNED_ATTRIBUTES = {
    "Potential": "drops the patient from log_likelihood",
    "Censored": "gives NaN gradients with a zero entry time",
}
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
TABLE = re.compile(r"(?<![^\s(])\[\[?([a-z][a-z_]*(?:\.[a-z_]+)*)\]")
PLACE = re.compile(r"\[([a-z_.]+)\] ([a-z_]+)")
BANNED_WORDS = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")

BY_NAME = ("import_module", "__import__")
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, order=True)
class Fault:
    """One breach: where, of which rule, and what was found."""

    path: str
    line: int
    rule: str
    found: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.found}"


@dataclass(frozen=True)
class Import:
    """One imported module, by its full dotted name."""

    target: str
    line: int
    inside_function: bool
    for_types_only: bool


@dataclass(frozen=True)
class Module:
    """One source file; `name` is dotted and relative to the package, empty for the package."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.path)

    @cached_property
    def code(self) -> set[int]:
        """Numbers of the lines that hold code: no comment, no docstring, not empty."""
        silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT}
        silent |= {tokenize.DEDENT, tokenize.ENDMARKER}
        found: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
            if token.type not in silent:
                found.update(range(token.start[0], token.end[0] + 1))
        return found - self.documentation

    @cached_property
    def documentation(self) -> set[int]:
        """Numbers of the lines of docstrings, those below a constant included."""
        return {
            line
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if isinstance(node.value.value, str)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }

    @property
    def is_init(self) -> bool:
        return Path(self.path).name == "__init__.py"

    @property
    def name(self) -> str:
        parts = Path(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if self.is_init else parts)

    @property
    def unit(self) -> str:
        return self.name.partition(".")[0]


type Package = Mapping[str, Module]


def parse_package(sources: Mapping[str, str]) -> Package:
    """Return the modules of `sources` (path within the package to text) by dotted name."""
    modules = [Module(path, source) for path, source in sources.items()]
    return {module.name: module for module in modules}


def read_package(root: Path) -> Package:
    """Return the modules under `root`."""
    files = sorted(root.rglob("*.py"))
    return parse_package({file.relative_to(root).as_posix(): file.read_text() for file in files})


def imports(module: Module, package: Package) -> Iterator[Import]:
    """Yield what `module` imports; ``from a import b`` means ``a.b`` where that is a module."""

    def visit(node: ast.AST, inside: bool, types: bool) -> Iterator[Import]:
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(alias.name, node.lineno, inside, types)
            case ast.ImportFrom(module=origin) if origin is not None and node.level == 0:
                for alias in node.names:
                    whole = f"{origin}.{alias.name}"
                    known = whole.removeprefix(f"{PACKAGE}.") in package
                    yield Import(whole if known else origin, node.lineno, inside, types)
            case ast.ImportFrom():
                yield Import(f"{PACKAGE}.<relative>", node.lineno, inside, types)
        inside |= isinstance(node, FUNCTION)
        guard = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside, types or (guard and child in node.body))

    yield from visit(module.tree, False, False)


def own_imports(module: Module, package: Package) -> Iterator[tuple[Import, str]]:
    """Yield the imports of the package's own modules, with the name within the package."""
    for found in imports(module, package):
        top, _, rest = found.target.partition(".")
        if top == PACKAGE:
            yield found, rest


def floor_faults(package: Package) -> Iterator[Fault]:
    """A room imports from lower floors and from itself; plots is a leaf; the face faces outward."""
    for module in package.values():
        unit = module.unit
        if unit and unit != LEAF and unit not in FLOOR:
            yield Fault(module.path, 1, "floor", f"'{unit}' stands on no floor of FLOORS")
            continue
        for found, name in own_imports(module, package):
            if why := _floor_breach(unit, name.partition(".")[0]):
                yield Fault(module.path, found.line, "floor", why)


def _floor_breach(unit: str, other: str) -> str | None:
    if unit in ("", other):
        return None
    if other == "":
        return "imports the package's public face: name the module that defines it"
    if other == "<relative>":
        return "a relative import hides the floor: write it in full"
    if unit == LEAF:
        allowed = other in LEAF_MAY_IMPORT
    elif other == LEAF:
        allowed = unit in LEAF_IS_FOR
    else:
        allowed = other in FLOOR and FLOOR[other] < FLOOR[unit]
    floors = f"{unit} (floor {FLOOR.get(unit, 'leaf')}) imports {other}"
    return None if allowed else f"{floors} (floor {FLOOR.get(other, 'leaf')})"


def cycle_faults(package: Package) -> Iterator[Fault]:
    """No module imports itself by way of others, for types included, and no room either."""
    graph = {
        name: {other for _, other in own_imports(module, package) if other in package}
        for name, module in package.items()
    }
    rooms: dict[str, set[str]] = {}
    for name, others in graph.items():
        own = package[name].unit
        if own:
            found = {other.partition(".")[0] for other in others} - {own}
            rooms[own] = rooms.get(own, set()) | found
    for rule, edges in (("cycle", graph), ("room-cycle", rooms)):
        try:
            TopologicalSorter(edges).prepare()
        except CycleError as error:
            ring = [name or PACKAGE for name in reversed(error.args[1])]
            path = package[error.args[1][0]].path if rule == "cycle" else ring[0]
            yield Fault(path, 1, rule, " -> ".join(ring))


def face_faults(package: Package) -> Iterator[Fault]:
    """A room says in its `__init__` what it holds, and offers nothing there."""
    for module in package.values():
        if module.is_init and module.name:
            body = module.tree.body
            if len(body) != 1 or ast.get_docstring(module.tree) is None:
                yield Fault(module.path, 1, "inner-face", "more or less than one sentence")


def hidden_import_faults(package: Package) -> Iterator[Fault]:
    """Own modules are imported at the top; only an `__init__` loads names on first use."""
    for module in package.values():
        if module.unit == "_lazy":
            continue
        for found, name in own_imports(module, package):
            if found.inside_function and not module.is_init:
                yield Fault(module.path, found.line, "hidden-import", f"{name} inside a function")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(BY_NAME):
                yield Fault(module.path, node.lineno, "hidden-import", ast.unparse(node))


def on_load_faults(package: Package) -> Iterator[Fault]:
    """The lower floors load in a blink: nothing heavy at their top level."""
    for module in package.values():
        allowed = LIGHT_ON_LOAD.get(module.unit)
        if allowed is None:
            continue
        for found in imports(module, package):
            top = found.target.partition(".")[0]
            free = top in {*allowed, PACKAGE} or top in sys.stdlib_module_names
            if not (free or found.inside_function or found.for_types_only):
                yield Fault(module.path, found.line, "heavy-on-load", found.target)


def budget_faults(package: Package) -> Iterator[Fault]:
    """Rooms, files, functions (docstrings apart) and classes stay small."""
    rooms = Counter(module.unit for module in package.values() if "." in module.name)
    for room, files in sorted(rooms.items()):
        if files > MAX_ROOM_FILES:
            yield Fault(room, 1, "room-files", f"{files} files, {MAX_ROOM_FILES} allowed")
    for module in package.values():
        lines = len(module.code)
        if lines > MAX_FILE_LINES:
            found = f"{lines} lines of code, {MAX_FILE_LINES} allowed"
            yield Fault(module.path, 1, "file-lines", found)
        for node in ast.walk(module.tree):
            if isinstance(node, FUNCTION):
                size = code_lines(node)
                if size > MAX_FUNCTION_LINES:
                    found = f"{node.name}: {size} lines, {MAX_FUNCTION_LINES} allowed"
                    yield Fault(module.path, node.lineno, "function-lines", found)
            elif isinstance(node, ast.ClassDef):
                count = len(public_methods(node))
                if count > MAX_PUBLIC_METHODS:
                    found = f"{node.name}: {count} public methods, {MAX_PUBLIC_METHODS} allowed"
                    yield Fault(module.path, node.lineno, "class-methods", found)


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines from `def` to the end, less the docstring's."""

    def height(node: ast.stmt) -> int:
        return (node.end_lineno or node.lineno) - node.lineno + 1

    documented = ast.get_docstring(function) is not None
    return height(function) - (height(function.body[0]) if documented else 0)


def public_methods(node: ast.ClassDef) -> set[str]:
    """Return the names of public methods and properties; overloads and setters count once."""
    names = {item.name for item in node.body if isinstance(item, FUNCTION)}
    return {name for name in names if not name.startswith("_")}


def banned_faults(package: Package) -> Iterator[Fault]:
    """No likelihood that loses patients, no bare except, no promise left in the source."""
    for module in package.values():
        for number, line in enumerate(module.source.splitlines(), start=1):
            for word in BANNED_WORDS.findall(line):
                yield Fault(module.path, number, "banned", word)
        for node in ast.walk(module.tree):
            match node:
                case ast.Attribute(attr=name) if name in BANNED_ATTRIBUTES:
                    found = f"{ast.unparse(node)} {BANNED_ATTRIBUTES[name]}"
                    yield Fault(module.path, node.lineno, "banned", found)
                case ast.ImportFrom(names=aliases):
                    for name in {alias.name for alias in aliases} & BANNED_ATTRIBUTES.keys():
                        found = f"{name} {BANNED_ATTRIBUTES[name]}"
                        yield Fault(module.path, node.lineno, "banned", found)
                case ast.ExceptHandler(type=None):
                    yield Fault(module.path, node.lineno, "banned", "bare except")


def word_faults(package: Package) -> Iterator[Fault]:
    """The command line alone speaks of flags; below it an option is a field of the fault."""
    for module in package.values():
        if module.unit == "cli":
            continue
        for node in ast.walk(module.tree):
            match node:
                case ast.Constant(value=str(text)) if node.lineno not in module.documentation:
                    if found := FLAG.search(text):
                        yield Fault(module.path, node.lineno, "flag", found[0])
                case ast.FunctionDef() if _names_option(node) and not _gives_option(node):
                    yield Fault(module.path, node.lineno, "option", f"{node.name} gives none")


def _names_option(function: ast.FunctionDef) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "OPTION" for node in ast.walk(function))


def _gives_option(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.keyword) and node.arg == "option" for node in ast.walk(function)
    )


def options(package: Package) -> set[str]:
    """Return the options that faults have, as they are said in Python, values apart."""
    found = set()
    for module in package.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.keyword) and node.arg == "option":
                found |= {
                    part.value.partition("=")[0]
                    for part in ast.walk(node.value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value
                }
    return found


def tables(package: Package) -> set[tuple[str, str]]:
    """Return the tables that texts name below the command line, a key where that is all of it.

    What files say is read in `spec`, whose faults name tables of one design or scenario.
    """
    found = set()
    for module in package.values():
        for node in ast.walk(module.tree):
            match node:
                case ast.Constant(value=str(text)) if (
                    module.unit not in ("cli", "schema", "spec")
                    and node.lineno not in module.documentation
                ):
                    found |= {(table, "") for table in TABLE.findall(text)}
                    found |= {place.groups() for place in [PLACE.fullmatch(text)] if place}
    return found


def undeclared_faults(package: Package, *, declared: Iterable[str]) -> Iterator[Fault]:
    """What is imported is declared in pyproject.toml."""
    known = {*declared, PACKAGE}
    for module in package.values():
        for found in imports(module, package):
            top = found.target.partition(".")[0]
            if top not in known and top not in sys.stdlib_module_names:
                yield Fault(module.path, found.line, "undeclared", top)


RULES: dict[str, Callable[[Package], Iterator[Fault]]] = {
    "floors": floor_faults,
    "cycles": cycle_faults,
    "inner faces": face_faults,
    "hidden imports": hidden_import_faults,
    "light on load": on_load_faults,
    "budgets": budget_faults,
    "banned": banned_faults,
    "words": word_faults,
}
