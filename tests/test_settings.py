"""Settings from presets, files and the command line."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from stgan.errors import CheckpointError, ConfigError, UnknownNameError
from stgan.settings import (
    Count,
    NotNegative,
    Part,
    Positive,
    Rare,
    RunSettings,
    SettingsGroup,
    Share,
    Terms,
    check_settings,
    parse_settings,
    read_settings,
    write_settings,
)
from stgan.training import Retention


@dataclass(frozen=True)
class Network(SettingsGroup):
    """A network."""

    size: tuple[Count, Count] = (64, 64)
    """Height and width."""
    part: Part = "plain"
    """What it is made of."""
    width: Count | Literal["match", "out"] = "match"
    """How wide it is."""


@dataclass(frozen=True)
class Training(SettingsGroup):
    """How it is trained."""

    steps: Count = 10
    """How long."""
    rate: Positive = 1e-3
    """How fast."""
    betas: tuple[Share, Share] = (0.5, 0.999)
    """Of Adam."""
    weight: NotNegative = 1.0
    """Of a term."""
    terms: Terms = field(default_factory=dict)
    """Further ones."""
    root: Path | None = None
    """Folder of clips."""
    depth: Rare[Count] = 3
    """For those who know."""
    keep: Retention = field(default_factory=Retention)
    """Which checkpoints stay."""


@dataclass(frozen=True)
class Mine(RunSettings):
    """A recipe."""

    network: Network = field(default_factory=Network)
    training: Training = field(default_factory=Training)


PRESETS = {
    "usual": Mine(preset="usual"),
    "small": Mine(preset="small", out=Path("runs/small"), network=Network(size=(8, 8))),
}


def parse(*args: str, **settings: Any) -> Mine:
    return parse_settings(PRESETS, args, prog="mine", **settings)


def test_a_preset_a_file_and_options_in_this_order(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "preset: small\nout: elsewhere\nnetwork: {part: {name: fine, depth: 3}}\n"
        "training: {steps: 5, terms: {r1: 2, r2: {weight: 1e-3, every: 4}}}\n"
    )
    settings = parse("--config", str(file), "--training.steps", "7", "--network.width", "out")
    assert settings.preset == "small"
    assert settings.network == Network((8, 8), {"name": "fine", "depth": 3}, "out")
    assert settings.training.steps == 7
    assert settings.training.terms == {"r1": 2.0, "r2": {"weight": 1e-3, "every": 4}}
    # Where is written, a file that may come from a stranger does not say.
    assert settings.out == Path("runs/new")
    assert parse("--preset", "usual", "--config", str(file)).network.size == (64, 64)
    assert parse().preset == "usual"


def test_parts_and_terms_on_a_command_line() -> None:
    settings = parse("--network.part", "other", "--training.terms", "r1", "5", "lecam", "0.3")
    assert (settings.network.part, settings.training.terms) == ("other", {"r1": 5.0, "lecam": 0.3})
    assert parse("--network.part", "none").network.part is None


def test_what_is_rare_is_set_in_a_file_or_by_an_option_that_help_does_not_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"training": {"depth": 4}}')
    assert parse("--config", str(file)).training.depth == 4
    with pytest.raises(SystemExit, match="0"):
        parse("--help")
    assert "--training.rate" in (shown := capsys.readouterr().out)
    assert "depth" not in shown
    assert parse("--training.depth", "4").training.depth == 4
    file.write_text('{"training": {"depth": 0}}')
    with pytest.raises(ConfigError, match=r"training.depth must be at least 1, got 0$"):
        parse("--config", str(file))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    settings = replace(
        PRESETS["small"],
        training=Training(terms={"r1": 5.0}, root=Path("a b/c"), rate=3e-5),
        network=Network(part={"name": "x", "inside": {"name": "y", "list": [1, None]}}),
        trust=True,
    )
    file = tmp_path / "config.yaml"
    file.write_text(write_settings(settings))
    assert read_settings(file, PRESETS) == replace(settings, trust=False)
    assert set(yaml.safe_load(file.read_text())) == {"preset", "out", "network", "training"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("network: {size: [8, 0]}", r"network.size must be at least 1, got 0$"),
        ("network: {size: [8]}", r"network.size must be .*, got \[8\]$"),
        ("network: {size: [8, 8.0]}", r"network.size must be a whole number, got 8.0$"),
        ("network: {size: [8, true]}", r"network.size must be a whole number, got True$"),
        (
            "network: {width: mach}",
            r"width must be a whole number or 'match' or",
        ),
        ("network: {width: 0}", r"network.width must be at least 1 or 'match' or 'out', got 0$"),
        ("network: {part: [a]}", r"network.part must be text or a mapping, got \['a'\]$"),
        ("network: 3", r"network must be a mapping, got 3$"),
        ("training: {steps: '5'}", r"training.steps must be a whole number, got '5'$"),
        ("training: {rate: .nan}", r"must have numbers for settings, got .nan$"),
        ("training: {rate: 0}", r"training.rate must be greater than 0, got 0$"),
        ("training: {betas: [0.5, 1]}", r"training.betas must be less than 1, got 1"),
        ("training: {weight: -1}", r"training.weight must be at least 0, got -1"),
        ("training: {terms: {r1: [1]}}", r"training.terms must be a number or a mapping"),
        ("training: {root: 3}", r"training.root must be text, got 3$"),
        ("[1]", r"must hold a mapping of settings, got \[1\]$"),
        ("a: &a [*a]", r"must be nested at most"),
    ],
)
def test_a_file_with_what_no_setting_takes(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        parse("--config", str(file))
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("training: {stesp: 5}", "training has no setting named 'stesp'; did you mean 'steps'"),
        ("netwrok: {}", "the recipe has no setting named 'netwrok'; did you mean 'network'"),
        ("preset: smal", "no preset named 'smal'; did you mean 'small'"),
    ],
)
def test_a_file_with_a_name_that_there_is_not(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(UnknownNameError, match=message):
        parse("--config", str(file))


def test_options_out_of_bounds_and_settings_made_in_a_program() -> None:
    with pytest.raises(ConfigError, match=r"^training.steps must be at least 1, got 0$"):
        parse("--training.steps", "0")
    with pytest.raises(ConfigError, match=r"^training.rate must be a finite number, got inf$"):
        check_settings(replace(PRESETS["usual"], training=Training(rate=float("inf"))))
    with pytest.raises(SystemExit, match="2"):
        parse("--training.terms", "r1", "5", "r1", "3")


def test_a_file_of_an_older_version_is_converted(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("preset: small\nlength: 5\n")

    def convert(told: dict[str, Any]) -> dict[str, Any]:
        return {"preset": told["preset"], "training": {"steps": told["length"]}}

    assert read_settings(file, PRESETS, convert=convert).training.steps == 5


def test_a_resumed_run_stays_what_it_is(tmp_path: Path) -> None:
    out = tmp_path / "run"
    begin = ("--out", str(out), "--resume")
    with pytest.raises(CheckpointError, match=r"run holds no config.yaml to resume from;"):
        parse(*begin)
    out.mkdir()
    told = replace(PRESETS["small"], out=Path("gone"), training=Training(root=Path("there")))
    (out / "config.yaml").write_text(write_settings(told))
    free = {"may_change": ("training.steps",)}
    settings = parse(*begin, "--training.steps", "99", "--training.root", "here", **free)
    assert settings == replace(
        told, out=out, resume=True, training=Training(steps=99, root=Path("here"))
    )
    with pytest.raises(
        CheckpointError,
        match=r"with another network.part \('plain' there, 'x' here\), training.rate \(0.001 there",
    ):
        parse(*begin, "--training.rate", "1", "--network.part", "x", **free)
    with pytest.raises(CheckpointError, match=r"another preset \('small' there, 'usual' here\)"):
        parse(*begin, "--preset", "usual", **free)
    with pytest.raises(CheckpointError, match=r"training.root \(.*there'\) there, None here"):
        parse(*begin, "--training.root", "None", **free)
    with pytest.raises(CheckpointError, match=r"--config mine.yaml is not read where a run is res"):
        parse(*begin, "--config", "mine.yaml", **free)


def test_settings_of_a_part_are_options_too() -> None:
    settings = parse("--network.part", "fine", "--network.part.depth", "3", "--network.part.thick")
    assert settings.network.part == {"name": "fine", "depth": 3, "thick": True}
    settings = parse("--network.part.sizes", "1", "2.5", "--network.part.no-thick")
    assert settings.network.part == {"name": "plain", "sizes": [1, 2.5], "thick": False}
    assert parse("--network.part.of=None").network.part == {"name": "plain", "of": None}
    former = {"depth_of_old": "training.depth"}
    assert parse("--depth-of-old", "5", former=former).training.depth == 5
    assert parse("--depth_of_old=5", former=former).training.depth == 5


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("--training.stesp 5", UnknownNameError, "training has no setting named 'stesp'; did you"),
        ("--netwrok.size 5", ConfigError, "--netwrok.size is none of the settings, which have no"),
        ("--training.steps.more 5", ConfigError, "which have no 'steps' to set"),
        ("--training.depth 0", ConfigError, "training.depth must be at least 1, got 0"),
        (
            "--training.depth 1 2",
            ConfigError,
            r"training.depth must be a whole number, got \[1, 2\]",
        ),
        ("word", ConfigError, "'word' must follow an option"),
        ("--network.part.a {b: [}", ConfigError, "--network.part.a is no valid YAML"),
    ],
)
def test_an_option_that_is_none(words: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        parse(*words.split(" ", 1) if "{" in words else words.split())


def test_an_unknown_setting_of_a_nested_record_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {keep: {lst: 3}}")
    with pytest.raises(UnknownNameError, match=r"training.keep has no setting named 'lst'"):
        parse("--config", str(file))
    with pytest.raises(UnknownNameError, match=r"keep has no setting named 'lst'"):
        parse("--training.keep.lst", "3")
