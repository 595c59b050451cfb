"""Count the house and draw it.

    python tools/house.py counts [SOURCE]      # another checkout's src/bayes_ihlrt, to compare with
    python tools/house.py run COMMAND ...      # files whose functions run for a command
    python tools/house.py figure               # docs/figures/house.svg

`counts` tells modules, lines of code and of docstrings, the largest room and the largest file,
names of the public face, and runs of six lines of code (imports apart) that stand in several
places.
`run` carries out a command of the command line, e.g. ``run check heart --data heart``, and counts
the package's files of which more is needed than the import.
"""

import ast
import re
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from types import CodeType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "bayes_ihlrt"
FIGURE = ROOT / "docs" / "figures" / "house.svg"
NARROW = 30
RUN = 6
TOOL = sys.monitoring.PROFILER_ID
sys.path.insert(0, str(ROOT / "tests"))

import architecture  # noqa: E402


def counts(source: Path) -> None:
    """Print how large a checkout's package is."""
    package = architecture.read_package(source)
    inner = [module for module in package.values() if not module.is_init]
    rooms = Counter(module.unit for module in inner if "." in module.name)
    largest = max(package.values(), key=lambda module: len(module.code))
    room, files = rooms.most_common(1)[0]
    print(f"modules (inner __init__ files apart)  {len(inner)}")
    print(f"rooms                                 {len(rooms)}")
    print(f"lines of code                         {sum(len(m.code) for m in package.values())}")
    documented = sum(len(module.documentation) for module in package.values())
    print(f"lines of docstrings                   {documented}")
    print(f"largest room                          {room}, {files} files")
    print(f"largest file                          {largest.path}, {len(largest.code)} lines")
    stub = source / "__init__.pyi"
    face = (stub if stub.is_file() else source / "__init__.py").read_text("utf-8")
    names = re.findall(r"(?m)import \w+ as \w+$", face)
    print(f"public names                          {len(names)}")
    repeated = sum(count > 1 for count in runs(package).values())
    print(f"runs of {RUN} lines in several places     {repeated}")


def runs(package: architecture.Package) -> Counter[tuple[str, ...]]:
    """Return each run of lines of code, with the number of places in which it stands."""
    found: Counter[tuple[str, ...]] = Counter()
    for module in package.values():
        imports = {
            number
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        lines = module.source.splitlines()
        code = [lines[number - 1].strip() for number in sorted(module.code - imports)]
        found.update(tuple(code[i : i + RUN]) for i in range(len(code) - RUN + 1))
    return found


def run(arguments: list[str]) -> None:
    """Carry out a command and print how many files of the package took part."""
    ran: set[str] = set()

    def note(code: CodeType, _: int) -> object:
        if code.co_name != "<module>" and "bayes_ihlrt" in code.co_filename:
            ran.add(code.co_filename)
        return sys.monitoring.DISABLE

    monitor = sys.monitoring
    monitor.use_tool_id(TOOL, "house")
    monitor.register_callback(TOOL, monitor.events.PY_START, note)
    monitor.set_events(TOOL, monitor.events.PY_START)
    # Of an older checkout on the path the command line is the package's own attribute.
    try:
        from bayes_ihlrt.cli.main import main
    except ImportError:
        from bayes_ihlrt.cli import main
    sys.argv = ["bayes-ihlrt", *arguments]
    with suppress(SystemExit):
        main()
    monitor.set_events(TOOL, monitor.events.NO_EVENTS)
    print(f"\nfiles whose functions ran: {len(ran)}", file=sys.stderr)


def figure() -> None:
    """Draw rooms on their floors, with what each holds; imports go downwards only."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    package = architecture.read_package(SOURCE)
    files = Counter(m.unit for m in package.values() if not m.is_init)
    mpl.rcParams["svg.hashsalt"] = "house"
    pictured, axes = plt.subplots(figsize=(9.0, 12.0), layout="constrained")
    floors = architecture.FLOORS
    for height, units in enumerate(floors):
        axes.axhspan(height - 0.45, height + 0.45, color="0.95", zorder=0)
        for place, unit in enumerate(units):
            x = (place + 0.5) / len(units)
            _room(axes, (x, height), package[unit], files[unit], width=120 // len(units))
    axes.axhspan(len(floors) - 0.45, len(floors) + 0.45, color="0.95", zorder=0)
    leaf = " and ".join(sorted(architecture.LEAF_IS_FOR))
    _room(axes, (0.5, len(floors)), package["plots"], files["plots"], width=120)
    axes.text(0.99, len(floors), f"a leaf: only {leaf} imports it", ha="right", va="center", size=8)
    axes.set(xlim=(0.0, 1.0), ylim=(-0.6, len(floors) + 0.6), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title("Rooms on their floors (files): imports go downwards only", fontsize=12)
    pictured.savefig(FIGURE, metadata={"Date": None})
    print(FIGURE.relative_to(ROOT))


def _room(
    axes: "Axes", place: tuple[float, float], room: architecture.Module, files: int, *, width: int
) -> None:
    """Write a room's name, its number of files and the first sentence of what it says of itself."""
    x, height = place
    name = room.name if files == 1 else f"{room.name} ({files})"
    holds = (ast.get_docstring(room.tree) or "").partition("\n")[0].partition(". ")[0].rstrip(".")
    told = "\n".join(wrap(re.split("[:,]", holds)[0] if width < NARROW else holds, width))
    axes.text(x, height + 0.2, name, ha="center", va="center", fontsize=11)
    axes.text(x, height - 0.16, told, ha="center", va="center", fontsize=7)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["counts", *where]:
            counts(Path(where[0]) if where else SOURCE)
        case ["run", *arguments]:
            run(arguments)
        case ["figure"]:
            figure()
        case _:
            sys.exit(__doc__)
