"""What is public is there, listed once, typed, and complete."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import typing
from pathlib import Path
from types import ModuleType

import pytest
from extent import cases
from reached import qualified, reached

import m3asyncio
import m3trio
from m3core import errors, public
from m3core.conference.commands import Commands
from m3core.conference.modules.base import CommandGroup
from m3core.conference.state import ConferenceState

ROOT = Path(__file__).parents[2]
ADAPTERS = [m3asyncio, m3trio]
PACKAGES = [
    "m3core",
    "m3core.messages",
    "m3core.sdp",
    "m3core.conference",
    "m3core.controller",
    "m3core.testing",
    "m3asyncio",
    "m3trio",
]


def run(code: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()


# -- all packages ---
@pytest.mark.parametrize("name", PACKAGES)
def test_all_names_are_there_and_none_is_listed_twice(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__all__
    assert len(set(package.__all__)) == len(package.__all__)
    assert [public for public in package.__all__ if not hasattr(package, public)] == []


@pytest.mark.parametrize("name", ["m3core", "m3asyncio", "m3trio"])
def test_packages_say_that_they_are_typed(name: str) -> None:
    assert (ROOT / name / "py.typed").exists()


@pytest.mark.parametrize("name", ["m3core", "m3asyncio", "m3trio"])
def test_completion_knows_all_names_before_any_is_imported(name: str) -> None:
    (line,) = run(
        f"import {name}; listed = dir({name}); print(*sorted(set({name}.__all__) - set(listed)), len(listed))"
    )
    missing, count = line.split()[:-1], int(line.split()[-1])
    assert missing == []
    assert count > len(importlib.import_module(name).__all__)


@pytest.mark.parametrize("name", ["m3core", "m3asyncio", "m3trio"])
def test_names_that_are_not_there_are_attribute_errors(name: str) -> None:
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name


# -- the list ---
def imports(path: Path) -> list[tuple[str, str, str]]:
    """The module, the name and the public name of each `from module import name as public` of a file."""
    tree = ast.parse(path.read_text("utf-8"))
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [(node.module or "", alias.name, alias.asname or alias.name) for node in froms for alias in node.names]


LISTED = imports(ROOT / "m3core" / "public.py")


def defined(path: Path) -> set[str]:
    """What a module makes itself, and does not import."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return found


def test_each_name_is_listed_at_the_module_that_defines_it() -> None:
    files = {module: ROOT.joinpath(*module.split(".")).with_suffix(".py") for module, _, _ in LISTED}
    own = {module: defined(path) for module, path in files.items()}
    assert [f"{name} is not defined in {module}" for module, name, _ in LISTED if name not in own[module]] == []
    assert len({public for _, _, public in LISTED}) == len(LISTED) > 200


def test_the_list_is_what_users_see() -> None:
    listed = {public for _, _, public in LISTED}
    assert {name for name in vars(public) if not name.startswith("_")} == listed
    for adapter in ADAPTERS:
        assert listed < set(adapter.__all__)
        assert [name for name in listed if getattr(adapter, name) is not vars(public)[name]] == []


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
def test_type_checkers_see_the_names_of_an_adapter_where_they_are(adapter: ModuleType) -> None:
    """An adapter says twice where its few own names are: to type checkers, and to `lazy.find`."""
    own = {name: home for name, (home, _) in vars(adapter)["_OWN"].items()}
    typed = {
        public: f"{module}.{name}" if name == "sources" else module
        for module, name, public in imports(Path(str(adapter.__file__)))
        if module not in {"typing", "m3core", "m3core.public"}
    }
    assert typed == own


# -- every type that users meet ---
def commands() -> list[object]:
    """The command groups, such as `conference.chat`: attributes that a conference makes."""
    return [type(group) for group in vars(Commands(lambda _: None, ConferenceState)).values() if is_group(group)]


def is_group(one: object) -> bool:
    return isinstance(one, CommandGroup)


def events() -> list[type]:
    """All classes of events: those of the union, or the classes below the base class."""
    base: typing.Any = public.ConferenceEvent
    found: list[type] = list(typing.get_args(base))
    pending = [] if found else [base]
    while pending:
        found += (below := pending.pop().__subclasses__())
        pending += below
    return found


NOT_FOR_USERS = {
    "m3core.conference.modules.base.ClientModule": "inside of the engine, which asks a state for the part of a module",
    "m3core.client.media.MediaFactory": "part of the port to an event loop",
    "m3core.io.ConnectionId": "what the adapter tells `Server`",
    "m3core.serving.Peer": "what the adapter tells `Server`",
    "m3core.rest.endpoint.Blank": "inside of endpoints, which users take as they are",
}


def is_not_for_users(one: object) -> bool:
    return qualified(one) in NOT_FOR_USERS or qualified(one).startswith("m3core.client.loop.")  # the port to a loop


def test_every_type_that_users_meet_is_public() -> None:
    """It begins at all public names, all events, all errors and all commands, and follows fields and signatures."""
    names = [getattr(m3asyncio, name) for name in m3asyncio.__all__]
    met = reached([*names, *events(), *commands()], is_not_for_users)
    known = {qualified(one) for one in names}
    known |= {qualified(base) for one in names if isinstance(one, type) for base in one.__mro__}  # core's `Account`
    known |= {qualified(group) for group in commands()}  # methods of a conference, and nothing that is passed on
    assert len(met) > 200
    assert {name: f"is met at {place}" for name, place in met.items() if name not in known} == {}
    assert [name for name in map(qualified, events()) if name not in known] == []
    assert {"m3core.values.Timestamp", "m3core.messages.timer.TimerKind", "m3core.conference.common.Phase"} < set(met)


def test_every_error_is_public() -> None:
    every = [name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.M3Error)]
    assert len(every) > 20
    assert [name for name in every if not hasattr(public, name)] == []


def test_what_is_not_for_users_exists() -> None:
    for name in NOT_FOR_USERS:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute)


def test_the_walk_finds_what_is_not_public() -> None:
    assert "m3core.serving.Peer" in reached([m3asyncio.Server], lambda _: False)
    assert "m3core.messages.timer.TimerKind" in reached([m3asyncio.ConferenceState], is_not_for_users)


# -- laziness and missing extras ---
def test_importing_the_core_brings_no_library_that_does_io() -> None:
    (line,) = run("import sys, m3core; m3core.SignalingConnection; print(*sys.modules)")
    loaded = set(line.split())
    assert "m3core.signaling" in loaded
    assert not {"asyncio", "aiortc", "av", "numpy", "httpx", "trio", "h11", "wsproto"} & loaded


def test_signaling_needs_no_media() -> None:
    (line,) = run("import sys, m3asyncio; m3asyncio.join; m3asyncio.serve; print(*sys.modules)")
    assert "m3asyncio.client" in line.split()
    assert not {"aiortc", "av", "numpy"} & set(line.split())


def test_public_names_need_no_extra() -> None:
    third = "httpx trio aiortc av numpy h11 wsproto rich PIL hypothesis anyio"
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import m3core.public, m3asyncio; dir(m3asyncio)"
    )
    assert run(code, *third.split()) == []


MISSING = """
import sys
package, name, *modules = sys.argv[1:]
sys.modules.update(dict.fromkeys(modules))  # None: as if it were not installed
module = __import__(package)
print(hasattr(module, name), getattr(module, name, None))
for code in (f"{package}.{name}", f"{package}.{name}()", f"from {package} import {name}", f"from {package} import *"):
    try:
        exec(code, {package: module})
    except ImportError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.soak
@pytest.mark.parametrize("package", cases(["m3asyncio", "m3trio"], part=1))
@pytest.mark.parametrize(
    ("name", "modules", "extras"),
    [
        ("serve", "h11 wsproto", "{loop},controller"),
        ("serve", "httpx", "{loop},controller"),
        ("join", "httpx h11 wsproto", "{loop}"),
        ("Server", "h11", "controller"),
        ("sources", "av numpy", "media"),
    ],
)
def test_a_missing_extra_is_an_import_error_that_names_it(package: str, name: str, modules: str, extras: str) -> None:
    wanted = extras.format(loop=package.removeprefix("m3"))
    probed, *raised = run(MISSING, package, name, *modules.split())
    assert probed == "False None"
    assert len(raised) == 4
    told = f'MissingExtra {package}.{name} needs the extra "{wanted}": pip install "m3-conference[{wanted}]" ('
    assert [line for line in raised[:3] if not line.startswith(told)] == []
    assert raised[3].startswith(f"MissingExtra {package}.")


@pytest.mark.parametrize("code", ["frame.to_ndarray()", "frame.to_image()"])
def test_frames_without_the_libraries_that_show_them(code: str) -> None:
    modules = "import sys; sys.modules.update(numpy=None, PIL=None)"
    made = "import m3asyncio as m3; frame = m3.VideoFrame.from_rgb(2, 2, bytes(12))"
    (line,) = run(f"{modules}\n{made}\ntry:\n    {code}\nexcept ImportError as error:\n    print(type(error), error)")
    assert "MissingExtra" in line
    assert "pip install" in line


def test_rooms_of_the_core_are_imported_when_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    core = importlib.import_module("m3core")
    sdp = importlib.import_module("m3core.sdp")
    monkeypatch.delattr(core, "sdp")
    assert core.sdp is sdp
