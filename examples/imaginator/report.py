"""Everything about a trained run on one page that opens in any browser, also without a network.

``python -m examples.imaginator.evaluate RUN`` writes it beside the scores as ``report.html``.
"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from examples.imaginator.config import PRESETS, Settings, preset_settings
from examples.imaginator.examined import SCORES, Examined, results_of
from examples.imaginator.report_clips import figures_of_clips
from examples.imaginator.report_curves import figures_of_run
from stgan.errors import printable
from stgan.io import replacing
from stgan.training import MetricsLog

__all__ = ["render_report", "settings_of", "write_report"]

Numbers = dict[str, float | None]


def settings_of(settings: Settings) -> list[tuple[str, str, bool]]:
    """List every setting as a dotted name, its value, and whether the preset has another."""
    preset = preset_settings(settings.preset) if settings.preset in PRESETS else Settings()
    usual = dict(_flat(asdict(preset)))
    skipped = {"preset", "out", "resume", "config"}
    return [
        (name, _word(value), name in usual and usual[name] != value)
        for name, value in _flat(asdict(settings))
        if name not in skipped
    ]


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        # A mapping of terms and weights is one setting.
        if isinstance(value, dict) and not prefix:
            found += _flat(value, f"{name}.")
        else:
            found.append((f"{prefix}{name}", value))
    return found


def _word(value: Any) -> str:
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def render_report(run: Path, examined: Examined) -> str:
    """Return the page as HTML that needs nothing else: no script, no font, no other file.

    Args:
        run: The run folder, for its log.
        examined: What was generated and scored.
    """
    trained = examined.trained
    log, missing = _read_log(run / "metrics.jsonl")
    settings = settings_of(trained.settings)
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=printable,  # not all that a name can hold can stand in a page
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html.jinja")
    return page.render(
        name=run.resolve().name,
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        facts=_facts(examined),
        rows=[(name, _cells(row)) for name, row in examined.scores.items()],
        columns=[(name, SCORES[name]) for name in _columns(examined)],
        lines=[str(result) for result in results_of(examined)],
        clip_figures=figures_of_clips(examined),
        run_figures=figures_of_run(log) if not missing else [],
        missing=missing,
        alarms=_alarms(log),
        changed=[entry for entry in settings if entry[2]],
        settings=settings,
        preset=trained.settings.preset,
    )


def write_report(path: Path, run: Path, examined: Examined) -> None:
    """Write :func:`render_report` to a file, whole or not at all."""
    page = render_report(run, examined)
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8")


def _facts(examined: Examined) -> dict[str, str]:
    trained, settings = examined.trained, examined.trained.settings
    height, width = settings.model.image_size
    source = "drawn moving shapes" if settings.data.root is None else str(settings.data.root)
    versions = results_of(examined)[0].versions
    return {
        "preset": settings.preset,
        "trained for": f"{trained.step:,} steps of {settings.train.batch_size} clips",
        "generator": "moving average" if settings.train.ema_decay else "as of the last step",
        "data": source,
        "actions": ", ".join(trained.classes),
        "clips": f"{settings.model.num_frames} frames of {height} x {width}",
        "scored on": f"{examined.clips} clips kept for validation",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _columns(examined: Examined) -> list[str]:
    return [name for name in SCORES if any(name in row for row in examined.scores.values())]


def _cells(row: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.{SCORES[name].decimals}f}" for name, value in row.items()}


def _read_log(path: Path) -> tuple[list[Numbers], str]:
    """Return the lines of a log, or a sentence that says why there are none."""
    if not path.is_file():
        return [], "metrics.jsonl is not in the run folder, so there are no curves."
    lines = MetricsLog(path).read()
    if len(lines) < 2:
        return lines, "The log has fewer than two lines, so there are no curves."
    return lines, ""


def _alarms(log: list[Numbers]) -> list[tuple[str, str]]:
    """Name every alarm of the health monitor with the steps at which it was up."""
    steps: dict[str, list[Any]] = {}
    for entry in log:
        for name, value in entry.items():
            if name.startswith("health/alarm/") and value:
                steps.setdefault(name.removeprefix("health/alarm/"), []).append(entry["step"])
    return [
        (name, f"{len(at)} readings from step {at[0]:,} to {at[-1]:,}")
        for name, at in steps.items()
    ]
