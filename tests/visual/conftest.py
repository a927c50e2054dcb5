from typing import Any

import pytest
from matplotlib.figure import Figure


@pytest.fixture(scope="session")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Call a function of stgan.visual with a path of its own; return the figure that it wrote."""
    path = tmp_path_factory.mktemp("figures") / "figure.png"

    def draw(function: Any, *args: Any, **settings: Any) -> Figure:
        kept: list[Figure] = []
        save = Figure.savefig
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Figure, "savefig", lambda f, *a, **k: (kept.append(f), save(f, *a, **k)))
            function(*args, path, **settings)
        assert path.read_bytes().startswith(b"\x89PNG")
        path.unlink()
        return kept[-1]

    return draw
