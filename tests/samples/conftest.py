import pytest

from samples import artwork
from samples.scene import Scene, SceneOptions
from trt_anime.errors import DownloadError, MissingError


@pytest.fixture(scope="session")
def film() -> Scene:
    """A small procedural film with all three shots."""
    return Scene(SceneOptions(width=320, height=180))


@pytest.fixture(scope="session")
def fetched_art() -> None:
    """Skips where the Debian packages are neither cached nor to be had."""
    try:
        artwork.fetch()
    except (MissingError, DownloadError) as error:
        pytest.skip(f"no sprites here: {error}")
