"""The documentation builds, its examples run, and every public name is documented exactly once."""

import importlib.util
import inspect
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import is_dataclass
from io import StringIO
from pathlib import Path
from shutil import copytree, ignore_patterns
from types import ModuleType
from typing import Any, is_typeddict

import pytest
import yaml
from sphinx.util.inventory import InventoryFile

import stgan
from stgan.registry import REGISTRIES
from stgan.settings import RunSettings, SettingsGroup

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = ["index", "quickstart", "conventions", "registries", "shapes", "support", "training",
         "metrics", "recipes/imaginator", "recipes/method", "recipes/own",
         "contributing"]  # fmt: skip
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _extension() -> ModuleType:
    """Load the extension of the documentation that knows which names are public."""
    spec = importlib.util.spec_from_file_location(
        "stgan_references", DOCS / "_ext" / "stgan_references.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PUBLIC: dict[str, Any] = _extension().public_names()
CALLABLE = {n: t for n, t in PUBLIC.items() if inspect.isclass(t) or inspect.isfunction(t)}


@pytest.fixture
def _own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page registers must not be seen by other tests."""
    for registry in REGISTRIES.values():
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))


@pytest.mark.usefixtures("_own_registries")
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs_and_prints_what_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    # A module that can be found, as what a page defines is pickled by its checks.
    home = ModuleType(page)
    home.__file__ = f"{page}.md"  # there is no source to read comments from
    monkeypatch.setitem(sys.modules, page, home)
    namespace = vars(home)
    count, printed = 0, None
    for fence in FENCE.finditer(text):
        language, body = fence.groups()
        # Line numbers of the page in a traceback.
        lines = "\n" * (text[: fence.start(2)].count("\n"))
        if language == "python":
            assert not printed, f"{page}.md does not show what this prints: {printed}"
            out = StringIO()
            with redirect_stdout(out):
                exec(compile(lines + body, f"{page}.md", "exec"), namespace)
            printed = out.getvalue()
            count += 1
        elif language == "text" and printed:
            assert printed == body
            printed = None
    assert not printed, f"{page}.md does not show what this prints: {printed}"
    assert count


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs")
    # A copy, so that the pages of tutorials which ran are not replaced by ones that did not.
    for folder in ("docs", "examples"):
        copytree(ROOT / folder, out / folder, ignore=ignore_patterns("_build", "gallery"))
    for name in ("stgan", "CHANGELOG.md"):
        (out / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        # Tutorials run when `make docs` builds them; here their pages are enough.
        [*command, "-D", "plot_gallery=0", "-d", out / "doctrees", out / "docs", out / "html"],
        capture_output=True,
        text=True,
        check=False,
        cwd=out,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.fixture(scope="session")
def inventory(built: Path) -> Counter[str]:
    """How often each name of a Python object is documented."""
    items = InventoryFile.loads((built / "objects.inv").read_bytes(), uri="").data
    return Counter(
        name
        for kind, objects in items.items()
        if kind.startswith("py:") and kind != "py:module"
        for name in objects
    )


def _directives() -> Iterator[str]:
    """Names that the sources of the reference document."""
    for page in sorted((DOCS / "api").glob("*.rst")):
        current = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            found = re.match(r"\.\. (py:)?(\w+):: ([^\s(]+)", line)
            if found and found[2] == "currentmodule":
                current = f"{found[3]}."
            elif found and found[2].startswith("auto") and found[2] != "automodule":
                yield found[3]
            elif found and found[2] == "data":
                yield f"{current}{found[3]}"


def test_every_public_name_is_documented_once(inventory: Counter[str]) -> None:
    documented = Counter(_directives())
    assert sorted(documented) == sorted(PUBLIC)
    assert [name for name, times in documented.items() if times > 1] == []
    assert [name for name in PUBLIC if inventory[name] != 1] == []
    # The same thing under two names would be documented twice in disguise.
    things = Counter(id(thing) for name, thing in CALLABLE.items() if name in documented)
    assert max(things.values()) == 1


def test_every_public_name_is_in_the_summary(built: Path) -> None:
    page = (built / "api" / "names.html").read_text(encoding="utf-8")
    for name in CALLABLE:
        assert f'title="{name}"' in page, f"{name} has no line"


def test_every_registry_entry_is_in_the_tables(built: Path) -> None:
    page = (built / "registries.html").read_text(encoding="utf-8")
    for kind, registry in REGISTRIES.items():
        assert f'id="registry-{kind}"' in page
        for name in registry:
            assert f'<span class="pre">{name}</span>' in page, f"{kind}/{name} has no row"


def test_the_documentation_loads_nothing_from_elsewhere(built: Path) -> None:
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?://[^"]+)"', text)
        assert loaded == [], page


@pytest.mark.parametrize("name", sorted(CALLABLE))
def test_a_docstring_explains_every_parameter(name: str) -> None:
    thing = CALLABLE[name]
    doc = inspect.getdoc(thing) or ""
    assert doc.partition("\n")[0].rstrip().endswith((".", ":")), f"{name} has no summary line"
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    if inspect.isclass(thing) and getattr(thing, "_is_protocol", False):
        return
    if (
        inspect.isclass(thing)
        and issubclass(thing, SettingsGroup)
        and not issubclass(thing, RunSettings)
    ):  # their comments are their help, and are shown with the source
        source = inspect.getsource(thing)
        for one in thing.__annotations__:
            assert re.search(rf"^    {one}: .*  # |^    # .*\n    {one}: ", source, re.MULTILINE), (
                one
            )
        return
    # A TypedDict has fields and no signature.
    fields = thing.__annotations__ if is_typeddict(thing) else inspect.signature(thing).parameters
    for parameter in fields:
        assert re.search(rf"^ +\*{{0,2}}{parameter}:", doc, re.MULTILINE), (
            f"{name} does not explain {parameter}"
        )


def _is_record(thing: Any) -> bool:
    """Errors, interfaces and records of fields are shown in the examples of what uses them."""
    return inspect.isclass(thing) and (
        is_dataclass(thing)
        or issubclass(thing, Exception | tuple | dict)
        or inspect.isabstract(thing)
        or getattr(thing, "_is_protocol", False)
    )


@pytest.mark.parametrize("name", sorted(n for n, t in CALLABLE.items() if not _is_record(t)))
def test_a_docstring_shows_an_example(name: str) -> None:
    doc = inspect.getdoc(CALLABLE[name]) or ""
    assert re.search(r"^Example:\n +>>> ", doc, re.MULTILINE)


def test_the_citation_file_is_valid_and_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert (cited["version"], cited["license"]) == (stgan.__version__, "MIT")


def test_every_tutorial_is_a_page_of_the_gallery(built: Path) -> None:
    scripts = sorted((DOCS / "tutorials").glob("plot_*.py"))
    assert len(scripts) >= 8
    for script in scripts:
        assert (built / "gallery" / f"{script.stem}.html").is_file()


def test_the_version_of_the_documentation_is_that_of_the_library(built: Path) -> None:
    assert f"stgan {stgan.__version__}" in (built / "index.html").read_text(encoding="utf-8")
