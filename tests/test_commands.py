"""Commands and files of settings that the pages show are taken as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from examples.imaginator.config import parse_settings
from examples.imaginator.model import ImaGINator
from examples.imaginator.train import objective_of
from stgan.training import build_objective

ROOT = Path(__file__).resolve().parent.parent
TEXTS = [ROOT / "README.md", ROOT / "examples/imaginator/README.md",
         *sorted((ROOT / "docs").rglob("*.md")),
         *sorted((ROOT / "docs/tutorials").glob("*.py"))]  # fmt: skip
COMMAND = re.compile(r"-m examples\.imaginator\.train((?:[^\n`]*\\\n)*[^\n`]*)")
FILE = re.compile(r"^ *```yaml\n *# (\S+\.yaml)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# What the shell puts there, or where the words go on.
NOT_MEANT = re.compile(r"\$\w+|\.\.\.|--resume")


def _said(text: str) -> list[list[str]]:
    """The options of every command to train, also in comments and strings of a tutorial."""
    text = re.sub(r'"\n\s*f?"|^#', "", text, flags=re.MULTILINE)
    lines = [NOT_MEANT.sub("", found[1]) for found in COMMAND.finditer(text)]
    return [shlex.split(line.replace("\\\n", " ").rstrip('",'), comments=True) for line in lines]


PAGES = [path for path in TEXTS if _said(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_to_train_on_a_page_is_one(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = path.read_text(encoding="utf-8")
    for name, content in FILE.findall(text):
        Path(name).write_text(content, encoding="utf-8")
    for options in _said(text):
        parse_settings(options)


README = (ROOT / "examples/imaginator/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "content"), FILE.findall(README))
def test_every_file_of_settings_in_the_readme_builds_what_it_says(
    name: str, content: str, tmp_path: Path
) -> None:
    # The weights are those of whoever reads the page.
    file = tmp_path / name
    file.write_text(content.replace("weights: resnet18.safetensors, ", ""), encoding="utf-8")
    settings = parse_settings(["--preset", "tiny", "--config", str(file)])
    gan = ImaGINator(settings.model, settings.discriminator, num_classes=6)
    terms = objective_of(settings.loss, settings.discriminator)
    objective = build_objective(terms, gan.discriminator, logits=gan.streams)
    assert {name.partition(".")[0] for name in gan.streams} == {"video", "image"}
    assert list(objective.penalties) == list(settings.loss.penalties)
