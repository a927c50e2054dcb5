"""Whatever is in a file or a structure, only errors of stgan come out."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import stgan
from examples.imaginator.config import PRESETS, read_settings
from stgan.data import ClipFolder, split_clips
from stgan.errors import ConfigError, DataError, ShapeError, UnknownNameError
from stgan.io import count_frames, read_image, read_video
from stgan.registry import REGISTRIES
from stgan.settings import write_settings
from tests.faults.soak import BAD, PERHAPS, SOUND

NAMES = sorted(name for registry in REGISTRIES.values() for name in registry)
OURS = (ConfigError, UnknownNameError, ShapeError)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([*NAMES, *REGISTRIES, "torch.nn.GroupNorm", "stgan.shapes.Stage", "pad/x"])
)
keys = (
    st.sampled_from(["kind", "name", "factory", "type", "in_channels", "out_channels", "norm"])
    | st.sampled_from(["kernel_size", "num_classes", "stages", "video", "image", "sampler"])
    | st.text(max_size=3)
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
parts = st.builds(
    lambda settings, kind, name: {**settings, "kind": kind, "name": name},
    st.dictionaries(keys, trees, max_size=4),
    st.sampled_from([*REGISTRIES]) | trees,
    st.sampled_from(NAMES) | trees,
)


@given(parts | trees)
def test_any_structure_is_a_part_or_refused(config: Any) -> None:
    with suppress(*OURS):
        stgan.build(config)


@given(st.sampled_from([kind for kind, entries in REGISTRIES.items() if len(entries)]), st.data())
def test_known_parts_with_any_settings_are_built_or_refused(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(REGISTRIES[kind])))
    settings = data.draw(st.dictionaries(keys, trees, max_size=3))
    with suppress(*OURS):
        stgan.build({**settings, "kind": kind, "name": name})


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".txt"])
@given(st.binary(max_size=60) | parts.map(lambda part: json.dumps(part).encode()))
def test_any_file_is_a_part_or_refused(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("config") / f"part{suffix}"
    path.write_bytes(content)
    with suppress(*OURS):
        stgan.build(path)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_bottomless_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"part{suffix}"
    path.write_text("[" * 3_000)
    with pytest.raises(ConfigError, match=f"^{path} must be nested at most 50 levels deep"):
        stgan.build(path)
    with pytest.raises(ConfigError, match=f"^{path} must be nested at most 50 levels deep"):
        read_settings(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=f"{path} cannot be read: it is not text in UTF-8"):
        stgan.build(path)


WHOLE = yaml.safe_load(write_settings(PRESETS["tiny"]))
# Any of the settings exchanged for anything.
changed = st.builds(
    lambda part, key, value: (
        WHOLE | {part: value}
        if key is None
        else WHOLE | {part: {**WHOLE[part], key: value}}
        if isinstance(WHOLE[part], dict)
        else WHOLE | {key: value}
    ),
    st.sampled_from([*WHOLE]),
    st.none() | st.sampled_from(["num_frames", "image_size", "root", "steps", "betas"]) | keys,
    trees,
)


@given(st.binary(max_size=80) | (changed | trees).map(lambda tree: yaml.safe_dump(tree).encode()))
def test_any_file_is_the_settings_of_a_run_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("settings") / "config.yaml"
    path.write_bytes(content)
    with suppress(ConfigError, UnknownNameError):
        settings = read_settings(path)
        # What is read can be written and read again.
        path.write_text(write_settings(settings), encoding="utf-8")
        assert repr(read_settings(path)) == repr(settings)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("originals")
    for name, write in (SOUND | BAD | PERHAPS).items():
        write(folder / name)
    return sorted(folder.iterdir())


@given(st.data())
def test_readers_of_clips_give_clips_or_name_the_file(
    clips: list[Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    source = data.draw(st.sampled_from(clips))
    scratch = tmp_path_factory.mktemp("fuzz")
    target = scratch / source.name
    if source.is_dir():
        shutil.copytree(source, target)
        victim = data.draw(st.sampled_from(sorted(target.iterdir())))
    else:
        other = data.draw(st.sampled_from([source.suffix, ".gif", ".png", ".mp4", ".tiff", ".ppm"]))
        victim = target = scratch / f"clip{other}"
        shutil.copy(source, target)
    content = victim.read_bytes()
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = start + data.draw(st.integers(0, 60))
        content = content[:start] + data.draw(st.binary(max_size=16)) + content[stop:]
    victim.write_bytes(content)
    for read in (count_frames, read_video, read_image):
        try:
            read(target)
        except DataError as error:
            told = str(error)
        else:
            continue
        assert str(target) in told
    shutil.rmtree(scratch)


names = st.text("ab. _\u00e9\U0001f3a5*[", min_size=1, max_size=4).filter(
    lambda name: name.strip(".") and "/" not in name
)


@given(
    st.dictionaries(
        names,
        st.none() | st.dictionaries(names, st.sampled_from([".mp4", ".png", "", "/"]), max_size=3),
        max_size=3,
    ),
    names,
)
def test_any_tree_of_files_is_a_folder_of_clips_or_refused(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, dict[str, str] | None], pattern: str
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for name, inner in tree.items():
        if inner is None:
            (root / name).write_bytes(b"a file beside the classes")
            continue
        (root / name).mkdir()
        for clip, suffix in inner.items():
            path = root / name / (clip + suffix.strip("/"))
            if suffix == "/":
                path.mkdir(exist_ok=True)
            elif not path.exists():
                path.write_bytes(b"no clip")
    with suppress(DataError):
        ClipFolder(root, num_frames=2, image_size=16, on_error="skip")
    with suppress(DataError):
        split_clips(root, pattern=pattern)
    shutil.rmtree(root)
