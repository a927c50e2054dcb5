"""Entries of other packages are found, loaded when asked for, and named when they are broken."""

import importlib
import os
import subprocess
import sys
import sysconfig
import textwrap
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

import stgan
import stgan._plugins
from stgan.errors import PluginError
from stgan.registry import LAYERS, Registry

GOOD = """
import home

@home.pens.register("gel", source="", shape="")
def gel(): return "a gel pen"
"""
Offer = Callable[[dict[str, str]], Registry]


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """Make a registry of pens, with one pen of its own, to which packages offer entry points."""
    monkeypatch.syspath_prepend(tmp_path)
    pens = Registry("pens")
    pens.register("ball", source="a shop", shape="() -> ()")(object)
    (tmp_path / "good_pens.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad_pens.py").write_text("import a_module_that_is_not_there\n", encoding="utf-8")
    (tmp_path / "no_pens.py").write_text("quill = int\n", encoding="utf-8")
    (tmp_path / "home.py").write_text("pens = None\n", encoding="utf-8")
    importlib.import_module("home").pens = pens  # type: ignore[attr-defined]

    def make(points: dict[str, str]) -> Registry:
        found = EntryPoints(
            EntryPoint(name.rstrip("!"), value, "stgan.pens") for name, value in points.items()
        )
        monkeypatch.setattr(stgan._plugins, "entry_points", lambda group: found.select(group=group))
        return pens

    yield make
    for name in ("good_pens", "bad_pens", "no_pens", "home", "leaving_pens", "slow_pens"):
        sys.modules.pop(name, None)


def test_listing_imports_nothing_and_asking_loads(offer: Offer) -> None:
    pens = offer({"gel": "good_pens:gel"})
    assert pens.list() == ["ball", "gel"]
    assert ("gel" in pens, len(pens), list(pens)) == (True, 2, ["ball", "gel"])
    assert "good_pens" not in sys.modules
    assert pens.create("gel") == "a gel pen"
    assert pens.info("gel").owner == "good_pens.gel"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "bad_pens:x",
            "cannot load 'quill', which the package unknown offers to pens: Module.* fix",
        ),
        (
            "no_pens:quill",
            r"no_pens:quill was .* registers no such name; .* @PENS\.register\('quill'",
        ),
        ("no_pens:gone", "cannot load 'quill'.*AttributeError"),
    ],
    ids=["import", "unregistered", "attribute"],
)
def test_a_broken_package_is_named_and_the_rest_works(
    offer: Offer, value: str, message: str
) -> None:
    pens = offer({"quill": value, "gel": "good_pens:gel"})
    assert pens.list() == ["ball", "gel", "quill"]
    for _ in range(2):
        with pytest.raises(PluginError, match=message):
            pens.create("quill")
    assert pens.create("gel") == "a gel pen"
    assert pens["ball"] is object


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        ("import sys; sys.exit('needs a GPU')", "SystemExit: needs a GPU; fix or remove"),
        ("raise SystemExit", "SystemExit: ; fix or remove"),
        ("raise GeneratorExit", "GeneratorExit: ;"),
        ("raise BaseException('of its own')", "BaseException: of its own;"),
        ("raise ValueError('x\\x1b[31m' * 9000)", r"ValueError: x\\x1b\[31mx.{0,600}; fix"),
    ],
)
def test_a_package_that_ends_the_program_is_named(offer: Offer, tmp_path: Path, fails: str,
                                                  told: str) -> None:  # fmt: skip
    (tmp_path / "leaving_pens.py").write_text(fails, encoding="utf-8")
    pens = offer({"quill": "leaving_pens:quill", "gel": "good_pens:gel"})
    for ask in (pens.create, pens.info, pens.__getitem__):
        with pytest.raises(PluginError, match=f"^cannot load 'quill', .*: {told}"):
            ask("quill")
    assert pens.create("gel") == "a gel pen"


def test_an_interrupt_of_the_user_is_no_fault_of_the_package(offer: Offer, tmp_path: Path) -> None:
    (tmp_path / "slow_pens.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    pens = offer({"quill": "slow_pens:quill"})
    with pytest.raises(KeyboardInterrupt):
        pens.create("quill")


@pytest.mark.shared
def test_the_package_that_leaves(shared_folder: Path) -> None:
    home = shared_folder.resolve() / "cases" / "plugin_exit"
    paths = os.pathsep.join(map(str, (home, Path.cwd(), os.environ.get("PYTHONPATH", ""))))
    program = "import stgan; stgan.create('fusions', 'leaver', 4)"
    listed, built = (
        subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, check=False, timeout=300,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        for words in (["-m", "stgan", "list", "fusions"], ["-c", program])
    )  # fmt: skip
    assert listed.returncode == 0
    words = " ".join(listed.stdout.split())
    assert "concat Concatenate" in words
    assert "leaver cannot load 'leaver', which the package leaver 1.0 offers to fusions" in words
    assert built.returncode == 1
    assert "PluginError: cannot load 'leaver', which the package leaver 1.0" in built.stderr


def test_a_taken_name_stays_with_its_first_owner(offer: Offer) -> None:
    pens = offer({"ball": "good_pens:gel"})
    with pytest.warns(UserWarning, match="offers pens under the name 'ball', which belongs to "
                                         "builtins.object; it is left out"):  # fmt: skip
        assert pens.list() == ["ball"]
    assert pens["ball"] is object


def test_two_packages_with_one_name_are_both_named(offer: Offer) -> None:
    pens = offer({"gel": "good_pens:gel", "gel!": "no_pens:quill"})
    with pytest.warns(UserWarning, match="'gel', which belongs to the package unknown; it is left"):
        assert pens.list() == ["ball", "gel"]
    assert pens.create("gel") == "a gel pen"


HALF = """
import home
from stgan.registry import LAYERS
{imports}

@home.pens.register("quill", source="", shape="")
def quill(): return "half a quill"

@home.pens.register("reed", source="", shape="")
def reed(): return "half a reed"

@LAYERS.register("half_imported", source="", shape="")
def layer(): return "half a layer"

{fails}
"""
FAILS = "raise RuntimeError('no feathers')"


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Write modules of a package that offers pens, and forget them after the test."""

    def write(name: str, text: str) -> None:
        (tmp_path / "pen_case").mkdir(exist_ok=True)
        (tmp_path / "pen_case" / f"{name}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "pen_case"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("init", "module", "value"),
    [
        ("", HALF.format(imports="", fails=FAILS), "pen_case.pens:quill"),
        (
            f"import pen_case.pens\n{FAILS}\n",
            HALF.format(imports="", fails=""),
            "pen_case.pens:quill",
        ),
        ("", HALF.format(imports="", fails=FAILS), "pen_case.more:quill"),
    ],
    ids=["module", "package", "another"],
)
def test_what_a_failed_import_had_registered_is_not_served(
    offer: Offer, package: Callable[[str, str], None], init: str, module: str, value: str
) -> None:
    package("__init__", init)
    package("pens", module)
    package("more", "from pen_case.pens import quill\n")
    pens = offer({"quill": value, "reed": value})
    for name in ("quill", "quill", "reed"):
        with pytest.raises(PluginError, match=f"cannot load '{name}'.* RuntimeError: no feathers"):
            pens.create(name)
    assert pens.list() == ["ball", "quill", "reed"]
    assert "half_imported" not in LAYERS


def test_a_package_that_was_mended_is_loaded(
    offer: Offer, package: Callable[[str, str], None]
) -> None:
    package("__init__", f"import pen_case.pens\n{FAILS}\n")
    package("pens", HALF.format(imports="", fails=""))
    pens = offer({"quill": "pen_case.pens:quill"})
    with pytest.raises(PluginError, match="no feathers"):
        pens.create("quill")
    package("__init__", "")
    assert pens.create("quill") == "half a quill"
    del LAYERS._entries["half_imported"]


def test_what_a_module_registered_whole_stays_if_another_that_needs_it_fails(
    offer: Offer, package: Callable[[str, str], None]
) -> None:
    package("__init__", "")
    package("pens", HALF.format(imports="import good_pens", fails=FAILS))
    pens = offer({"gel": "good_pens:gel", "quill": "pen_case.pens:quill"})
    for _ in range(2):
        with pytest.raises(PluginError, match="no feathers"):
            pens.create("quill")
    assert pens.create("gel") == "a gel pen"


def test_a_missing_attribute_stays_missing(offer: Offer) -> None:
    pens = offer({"gel": "good_pens:gone"})
    for _ in range(2):
        with pytest.raises(PluginError, match=r"cannot load 'gel'.*AttributeError"):
            pens.create("gel")


PLUGIN = """
    import torch
    from torch import nn

    from stgan import Example
    from stgan.discriminators import Discriminator
    from stgan.losses import LossTerm
    from stgan.registry import DISCRIMINATORS, LAYERS, LOSSES, PENALTIES


    @DISCRIMINATORS.register("brightness", source="arithmetic", shape="(N, C, T, H, W) -> (N,)")
    class Brightness(Discriminator):
        '''Tell clips apart by their brightness.'''

        def __init__(self, input_size, *, num_classes=0, base_channels=1, max_channels=1, gain=1.0):
            super().__init__()
            self.scale = nn.Parameter(torch.full((), gain))

        def forward(self, video, label=None):
            return self.scale * video.mean(dim=(1, 2, 3, 4))


    @PENALTIES.register("far_logits", source="arithmetic", shape="(N,), (N,) -> ()")
    class FarLogits(LossTerm):
        '''Keep logits near 0.'''

        player, takes = "discriminator", "logits"

        def forward(self, *, fake, real):
            return fake.square().mean() + real.square().mean()


    @LOSSES.register("contrast", source="arithmetic", shape="(N, C, T, H, W) twice -> ()")
    class Contrast(LossTerm):
        '''Be as bright as the real clip.'''

        player, takes = "generator", "clips"

        def forward(self, *, fake, real):
            return (fake.mean() - real.mean()).square()


    @LAYERS.register("negate", source="arithmetic", shape="(N, C, T, H, W) -> the same",
                     example=Example(inputs={"video": "N 2 T H W"}))
    class Negate(nn.Module):
        '''Change the sign of a clip.'''

        def forward(self, video):
            return -video

        def output_shape(self, input_shape):
            return tuple(input_shape)
"""
PROJECT = """
    [build-system]
    requires = ["setuptools"]
    build-backend = "setuptools.build_meta"

    [project]
    name = "stgan-negate"
    version = "1.2"

    [project.entry-points."stgan.layers"]
    negate = "stgan_negate:Negate"
    broken = "stgan_negate.gone:Nothing"

    [project.entry-points."stgan.discriminators"]
    brightness = "stgan_negate:Brightness"

    [project.entry-points."stgan.losses"]
    contrast = "stgan_negate:Contrast"

    [project.entry-points."stgan.penalties"]
    far_logits = "stgan_negate:FarLogits"

    [tool.setuptools]
    py-modules = ["stgan_negate"]
"""
PROGRAM = """
    import sys, torch, stgan
    from stgan.errors import PluginError
    print(stgan.list("layers", "negate"), "stgan_negate" in sys.modules)
    print(stgan.create("layers", "negate")(torch.ones(1)).item())
    config = stgan.to_config(stgan.create("layers", "negate"))
    print(config, stgan.build(config))
    try:
        stgan.info("layers", "broken")
    except PluginError as error:
        print(error)
"""


RECIPE = """
    from examples.imaginator.config import LossSettings
    from tests.examples.games import game, step
    played = game(
        LossSettings(penalties={"far_logits": 0.5}, generator_terms={"contrast": 2.0}),
        video={"name": "brightness", "gain": 3.0},
    )
    losses = {name: value.item() for name, value in step(played).items()}
    stream = played.gan.discriminator.video
    terms = [losses[f"discriminator/{name}"] for name in ("video", "image", "far_logits")]
    expected = terms[0] + terms[1] + 0.5 * terms[2]
    print(type(stream).__name__, stream.scale.item() != 3, terms[2] > 0)
    print(abs(losses["discriminator/total"] - expected) < 1e-5)
    names = ("reconstruction", "video", "image", "contrast")
    terms = [losses[f"generator/{name}"] for name in names]
    expected = 100 * terms[0] + terms[1] + terms[2] + 2 * terms[3]
    print(terms[3] > 0, abs(losses["generator/total"] - expected) < 1e-4)
"""


def test_a_package_installed_in_a_fresh_environment_is_found(tmp_path: Path) -> None:
    source = tmp_path / "plugin"
    source.mkdir()
    (source / "stgan_negate.py").write_text(textwrap.dedent(PLUGIN), encoding="utf-8")
    (source / "pyproject.toml").write_text(textwrap.dedent(PROJECT), encoding="utf-8")
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    # torch is large: the fresh environment sees the packages of this one, and adds its own.
    fresh = next(home.glob("lib/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (fresh / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    python = str(home / "bin" / "python")

    def run(*command: str, **variables: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300,
            env=os.environ | variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-build-isolation"]
    run(*pip, "--no-deps", "--disable-pip-version-check", f"--prefix={home}", str(source))
    listed, negated, rebuilt, refused = run(
        python, "-W", "error", "-c", textwrap.dedent(PROGRAM)
    ).splitlines()
    assert listed == "['negate'] False"
    assert negated == "-1.0"
    assert rebuilt == "{'kind': 'layers', 'name': 'negate'} Negate()"
    assert refused.startswith(
        "cannot load 'broken', which the package stgan-negate 1.2 offers to layers: "
        "ModuleNotFoundError: No module named 'stgan_negate.gone'"
    )
    # Its stream, its loss and its penalty go into the recipe by the names in the settings.
    root = str(Path(stgan.__file__).parents[1])
    played = run(python, "-c", textwrap.dedent(RECIPE), PYTHONPATH=root).splitlines()
    assert played == ["Brightness True True", "True", "True True"]
