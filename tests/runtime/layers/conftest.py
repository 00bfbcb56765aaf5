import pytest

from samples.scene import Scene, SceneOptions
from tests.runtime.layers.scenes import Known, known

FILM = SceneOptions(seed=7, width=640, height=360, frames=96)


@pytest.fixture(scope="session")
def film() -> Scene:
    return Scene(FILM)


@pytest.fixture(scope="session")
def alone(film: Scene) -> Known:
    """One character before a pan, no effect."""
    return known(film.render(20))


@pytest.fixture(scope="session")
def pair(film: Scene) -> Known:
    """Number 1 stands before number 3; petals cover."""
    return known(film.render(46))


@pytest.fixture(scope="session")
def spell(film: Scene) -> Known:
    """Light is added over a character."""
    return known(film.render(86))
