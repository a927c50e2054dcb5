"""Cross-references: the name under which a type is public, and the pages of other projects.

An annotation names a class by the module that defines it (``stgan.shapes.Stage``,
``stgan.discriminators.samplers.FrameSampler``); readers import it from its package, and that is the
name which is documented. Names of torch and Python are linked from the short list below, so that no
inventory has to be fetched and no name is ignored: one that is not listed is a warning.
"""

import builtins
import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject  # type: ignore[attr-defined]
from sphinx.environment import BuildEnvironment
from sphinx.ext.autodoc.preserve_defaults import DefaultValue
from sphinx.util.nodes import find_pending_xref_condition

import stgan

__all__ = ["EXTERNAL", "definitions", "public_names", "setup"]

_TORCH = "https://docs.pytorch.org/docs/stable/"
_PYTHON = "https://docs.python.org/3/"
_TORCHMETRICS = "https://lightning.ai/docs/torchmetrics/stable/"
_HYPOTHESIS = "https://hypothesis.readthedocs.io/en/latest/"
# Full name to page; the anchor is the name itself.
EXTERNAL = {
    "torch.Generator": f"{_TORCH}generated/torch.Generator.html",
    "torch.Size": f"{_TORCH}size.html",
    "torch.Tensor": f"{_TORCH}tensors.html",
    "torch.device": f"{_TORCH}tensor_attributes.html",
    "torch.dtype": f"{_TORCH}tensor_attributes.html",
    "torch.nn.ConvTranspose3d": f"{_TORCH}generated/torch.nn.ConvTranspose3d.html",
    "torch.nn.Module": f"{_TORCH}generated/torch.nn.Module.html",
    "torch.distributed.device_mesh.DeviceMesh": f"{_TORCH}distributed.html",
    "torch.optim.Optimizer": f"{_TORCH}optim.html",
    "torch.utils.data.DataLoader": f"{_TORCH}data.html",
    "torch.utils.data.Dataset": f"{_TORCH}data.html",
    "torchmetrics.Metric": f"{_TORCHMETRICS}references/metric.html",
    "torchmetrics.image.fid.FrechetInceptionDistance": (
        f"{_TORCHMETRICS}image/frechet_inception_distance.html"
    ),
    "hypothesis.strategies.SearchStrategy": f"{_HYPOTHESIS}reference/strategies.html",
    "collections.abc.Callable": f"{_PYTHON}library/collections.abc.html",
    "collections.abc.Collection": f"{_PYTHON}library/collections.abc.html",
    "collections.abc.Iterable": f"{_PYTHON}library/collections.abc.html",
    "collections.abc.Iterator": f"{_PYTHON}library/collections.abc.html",
    "collections.abc.Mapping": f"{_PYTHON}library/collections.abc.html",
    "collections.abc.Sequence": f"{_PYTHON}library/collections.abc.html",
    "signal.Signals": f"{_PYTHON}library/signal.html",
    "fractions.Fraction": f"{_PYTHON}library/fractions.html",
    "matplotlib.figure.Figure": "https://matplotlib.org/stable/api/figure_api.html",
    "pathlib.Path": f"{_PYTHON}library/pathlib.html",
}
_ROOT = Path(__file__).resolve().parents[2]
_README_FOLDERS = [_ROOT / "docs" / "recipes", *(_ROOT / "examples").iterdir(), _ROOT]
# The same objects under the names by which annotations know them.
_SAME = {
    "torch._C.Generator": "torch.Generator",
    "torch.nn.modules.module.Module": "torch.nn.Module",
    "torch.optim.optimizer.Optimizer": "torch.optim.Optimizer",
    "torch.utils.data.dataloader.DataLoader": "torch.utils.data.DataLoader",
    "torch.utils.data.dataset.Dataset": "torch.utils.data.Dataset",
    "pathlib._local.Path": "pathlib.Path",
    "hypothesis.strategies._internal.strategies.SearchStrategy": (
        "hypothesis.strategies.SearchStrategy"
    ),
}


def public_names() -> dict[str, Any]:
    """Map every public name, such as ``stgan.layers.spectral_norm``, to its object.

    Public are the names in the ``__all__`` of stgan, its packages and its ground modules. What
    stgan itself offers is left out of the module that it comes from.
    """
    # Left out of __all__, where it would hide Python's own.
    top = {f"stgan.{name}": getattr(stgan, name) for name in (*stgan.__all__, "list")}
    rooms = [info.name for info in pkgutil.iter_modules(stgan.__path__) if info.name[0] != "_"]
    inside = {
        f"stgan.{room}.{name}": getattr(importlib.import_module(f"stgan.{room}"), name)
        for room in rooms
        for name in importlib.import_module(f"stgan.{room}").__all__
    }
    offered = [id(thing) for thing in top.values()]
    inside = {name: thing for name, thing in inside.items() if id(thing) not in offered}
    return {n: t for n, t in top.items() if n.removeprefix("stgan.") not in rooms} | inside


def definitions() -> dict[str, str]:
    """Map ``module.qualified_name`` of public classes and functions to their public names."""
    return {
        f"{thing.__module__}.{thing.__qualname__}": name
        for name, thing in public_names().items()
        if hasattr(thing, "__qualname__")
    }


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    if node.get("refdomain") != "py":
        return None
    target = _SAME.get(node["reftarget"], node["reftarget"])
    if target in EXTERNAL:
        shown = nodes.reference("", "", internal=False, refuri=f"{EXTERNAL[target]}#{target}")
        shown += content
        return shown
    # A docstring names what lies beside it in its own module, without a path.
    beside = [name for name in public_names() if name.rpartition(".")[2] == target]
    public = definitions().get(target) or (beside[0] if len(beside) == 1 else None)
    if public is None:
        return None
    python = env.domains.python_domain
    return python.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], public, node, content
    )


def _keep_plain(app: Sphinx, doctree: nodes.document) -> None:
    """Link no built-in type, no literal and no file of the repository.

    ``list[str]`` is Python's list, also beside the function ``stgan.list``, and the ``"out"`` of an
    optional ``Literal["out"]`` is a value, which Sphinx takes for a class. An included README
    links to files and folders beside it, which are no pages of this site.
    """
    for node in list(doctree.findall(addnodes.pending_xref)):
        target = node["reftarget"]
        if node.get("reftype") == "myst" and any((up / target).exists() for up in _README_FOLDERS):
            node.replace_self(node.children)
        if node.get("reftype") == "class" and (target[:1] in "'\"" or hasattr(builtins, target)):
            short = find_pending_xref_condition(node, "resolved")
            node.replace_self(node.children if short is None else short.children)


def _own_defaults(app: Sphinx, thing: Any, bound_method: bool) -> None:
    """Show the defaults that a class sets of a constructor that it inherits, not the source's."""
    if not (own := getattr(thing, "own_defaults", None)):
        return
    signature = inspect.signature(thing)
    shown = {key: DefaultValue(getattr(it, "__name__", repr(it))) for key, it in own.items()}
    parameters = [
        parameter.replace(default=shown.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
    ]
    thing.__signature__ = signature.replace(parameters=parameters)


def _readable_defaults(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returns: Any
) -> tuple[str, Any] | None:
    """Show the default of a field that is made anew each time as the empty mapping that it is."""
    if signature is None or "<factory>" not in signature:
        return None
    return signature.replace("<factory>", "{}"), returns


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the hooks, and call attributes by their name in Python."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    # After Sphinx has read the defaults in the source.
    app.connect("autodoc-before-process-signature", _own_defaults, priority=900)
    app.connect("autodoc-process-signature", _readable_defaults)
    app.connect("missing-reference", _resolve)
    app.connect("doctree-read", _keep_plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
