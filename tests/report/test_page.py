"""The report: one page that holds all it shows, and opens in a browser."""

import base64
import html
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from stgan.data import MovingShapes
from stgan.errors import DataError
from stgan.metrics import CLIP_SCORES, ClipProtocol, ModuleFeatures, score_features
from stgan.report import GeneratorScores, Report, clip_figures, score_generator
from stgan.report.clips import _liveliest_rows
from stgan.report.page import compare


def _find_browser() -> str | None:
    """Return one that starts: on some systems the name is that of a stub."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            started = subprocess.run([path, "--version"], capture_output=True, check=False)
            if started.returncode == 0:
                return path
    return None


BROWSER = _find_browser()
# What the page says of itself after it was loaded, for a browser that prints the page.
PROBE = """<script>
const errors = [];
addEventListener("error", event => errors.push(event.message));
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(one => one.open = true);
  const widths = [...document.images].map(one => one.naturalWidth);
  const wide = document.documentElement.scrollWidth - innerWidth;
  const shrunk = [...document.querySelectorAll("img.film")]
    .filter(one => one.clientWidth != one.naturalWidth).length;
  const told = document.createElement("pre");
  told.id = "probe";
  told.textContent = JSON.stringify({ errors, widths, wide, shrunk });
  document.body.append(told);
});
</script>"""
CLASSES = ["left_right", "zoom"]
LINES = [
    {"step": step, "generator/reconstruction": 0.5 / step, "generator/total": 1.0, "loss": 2.0,
     "discriminator/video": 0.7, "health/alarm/dead/video": float(step > 2)}
    for step in (1, 2, 3, 4)
]  # fmt: skip


def _fade(image: Tensor, z: Tensor, label: Tensor) -> Tensor:
    return image.unsqueeze(2) * torch.linspace(1, 0.5, 4).view(1, 1, 4, 1, 1)


@pytest.fixture(scope="module")
def scored() -> GeneratorScores:
    shapes = MovingShapes(6, num_frames=4, image_size=16, motions=CLASSES)
    return score_generator(_fade, shapes, CLASSES, z_dim=3, samples=2, training=shapes)


def _log(folder: Path, lines: list[dict[str, Any]]) -> Path:
    path = folder / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def page(scored: GeneratorScores, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with all there is, whose title has signs that mean something in HTML."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    Report(
        "mine<b>&co",
        about="A generator that fades.",
        facts={"data": Path("shapes/\a")},
        results=scored.results,
        figures=scored.figures(_fade),
        log=_log(path.parent, LINES),
        settings={"train": {"steps": 7, "betas": (0.5, 0.999)}, "flip": True},
        usual={"train": {"steps": 5, "betas": (0.5, 0.999)}, "flip": True},
    ).write(path)
    return path.read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(page: str) -> None:
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(addresses) > 7
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"@import|url\(|<script|<link[^>]*stylesheet", page)
    for kind, content in re.findall(r'src="data:image/(\w+);base64,([^"]*)"', page):
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            assert picture.format == kind.upper()
            assert getattr(picture, "n_frames", 1) == (4 if kind == "gif" else 1)


def test_scores_stand_with_interval_and_protocol(page: str, scored: GeneratorScores) -> None:
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall(r"<td>(.*?)</td>", row, re.DOTALL) for row in body.split("</tr>")[:-1]]
    assert [row[0] for row in rows] == ["generated", "first frame", "real"]
    names = [n for n in CLIP_SCORES if any(n in found for found in scored.results.values())]
    for cells, found in zip(rows, scored.results.values(), strict=True):
        for name, cell in zip(names, cells[1:], strict=True):
            if name not in found:
                assert cell == ""
                continue
            form = f".{CLIP_SCORES[name].decimals}f"
            assert found[name].ci95 is not None
            low, high = (format(end, form) for end in found[name].ci95 or ())
            assert cell == f"{found[name].value:{form}}<small>{low} to {high}</small>"
    lines = [html.unescape(line) for line in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert lines == [str(r) for found in scored.results.values() for r in found.values()]
    assert "FVD" not in re.sub(r'"data:[^"]*"', "", page)


def test_scores_of_features_come_first_and_warn(scored: GeneratorScores) -> None:
    features, clips = ModuleFeatures(nn.Flatten(), "all pixels"), torch.rand(2, 20, 3, 2, 4, 4)
    (distance,) = score_features(
        features(clips[0]), features(clips[1]), features, ClipProtocol(2, (4, 4)),
        metrics=["frechet"],
    )  # fmt: skip
    page = Report("x", results={"generated": {**scored.results["real"], "frechet": distance}})
    first = re.search('<th scope="col">([^<]+)<small>(.*?)</small>', text := page.render())
    assert first is not None
    assert first.groups() == ("Frechet distance", "low")
    assert "<dd>of all pixels</dd>" in text
    assert "Note: 20 clips are fewer than the 96 numbers of a feature" in text


def test_what_a_name_holds_is_no_html_and_can_be_shown(page: str) -> None:
    assert "mine&lt;b&gt;&amp;co" in page
    assert "<b>" not in page
    assert "shapes/\\x07" in page


def test_what_is_not_given_is_left_out(page: str) -> None:
    bare = Report("bare").render()
    for heading in ("Scores", "Clips", "Training", "Settings"):
        assert f"<h2>{heading}</h2>" in page
        assert f"<h2>{heading}</h2>" not in bare
    some = Report("some", settings={"lr": 1}).render()
    assert "<td>lr</td>" in some
    assert "What differs" not in some
    assert "All are those of" not in some


def test_clips_that_do_not_belong_together_are_not_said_to() -> None:
    clips = {"real": torch.rand(2, 3, 4, 16, 16), "generated": torch.rand(2, 3, 4, 16, 16)}
    for paired, words in ((True, "go on from one image"), (False, "do not belong together")):
        film, slices, energy = clip_figures(clips, paired=paired)
        assert words in film.about
        assert ("in which the real one moves most" in slices.about) is paired
        assert [figure.moves for figure in (film, slices, energy)] == [True, False, False]


def test_slices_are_cut_where_the_real_clip_moves_most() -> None:
    video = torch.zeros(3, 3, 4, 8, 8)
    video[0, :, 1::2, 6] = 0.5
    video[0, :, 1, 4] = 0.5  # for a moment only
    video[1] = torch.rand(3, 1, 8, 8)  # stands still
    video[2, :, 2, 0, 3] = 1
    assert _liveliest_rows(video) == [6, 4, 0]


def test_settings_that_differ_are_marked(page: str) -> None:
    entries = compare(
        {"loss": {"penalties": {"r1": 0.5}}, "ema": None, "sizes": [4, 4], "flip": False},
        {"loss": {"penalties": {"r2": 1}}, "ema": None, "sizes": [4, 4], "flip": True},
    )
    assert entries == [
        ("loss.penalties.r1", "0.5", True), ("ema", "none", False), ("sizes", "4, 4", False),
        ("flip", "off", True), ("loss.penalties.r2", "none", True),
    ]  # fmt: skip
    changed = page.partition("What differs from the defaults:")[2].partition("</table>")[0]
    assert re.findall("<td>(.*?)</td>", changed) == ["train.steps", "7"]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (None, "metrics.jsonl is not in the run folder, so there are no curves."),
        (LINES[:1], "The log has fewer than two lines, so there are no curves."),
    ],
)
def test_a_run_without_a_log_has_a_sentence_in_its_place(
    lines: Any, sentence: str, tmp_path: Path
) -> None:
    log = tmp_path / "metrics.jsonl" if lines is None else _log(tmp_path, lines)
    page = Report("run", log=log).render()
    assert sentence in page
    assert "raised no alarm" not in page


def test_curves_and_alarms_of_a_log_are_shown(page: str, tmp_path: Path) -> None:
    assert "<code>dead/video</code>: 2 readings from step 3 to 4" in page
    assert "<h3>Losses</h3>" in page
    assert "<h3>Other curves</h3>" in page
    # Half a line at the end of a log is one that is being written.
    log = _log(tmp_path, LINES[:2])
    log.write_text(log.read_text() + '{"step": 3, "gener')
    assert "raised no alarm" in Report("run", log=log).render()


def test_a_broken_log_is_refused_and_the_page_before_it_stays(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text('{\n{"step": 1}\n')
    (tmp_path / "report.html").write_text("before")
    with pytest.raises(DataError, match="is not a JSON object with a step; remove the line"):
        Report("run", log=log).write(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "before"
    assert not list(tmp_path.glob(".report*"))


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_all_pictures_and_has_no_complaint(
    page: str, width: int, tmp_path: Path
) -> None:
    assert BROWSER is not None
    probed = tmp_path / "report.html"
    probed.write_text(page.replace("<head>", f"<head>{PROBE}", 1), encoding="utf-8")
    shown = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900",
            "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    found = re.search(r'<pre id="probe">(.*?)</pre>', shown.stdout)
    assert found is not None, shown.stderr
    told = json.loads(html.unescape(found[1]))
    assert told["errors"] == []
    assert len(told["widths"]) == page.count("<img")
    assert min(told["widths"]) > 0
    assert told["wide"] <= 0
    assert told["shrunk"] == 0  # captions would lose lines
    assert "CONSOLE" not in shown.stderr
