"""rembg in a virtual environment of its own, on the very model file that trt-anime uses."""

import os
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

from trt_anime.errors import DownloadError
from trt_anime.files import sha256_of

REQUIREMENT = "rembg[cpu,cli]==2.0.86"
ROOT = Path(__file__).parents[1]
CONSTRAINTS = Path(__file__).with_name("constraints.txt")


@dataclass(frozen=True)
class Rembg:
    """An installed rembg. `environment` holds its threads and its model home."""

    folder: Path
    environment: dict[str, str]
    model_sha256: str

    @property
    def command(self) -> Path:
        return self.folder / "bin" / "rembg"

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def versions(self) -> str:
        """Of what its speed depends on."""
        listed = subprocess.run(self.pip("freeze"), capture_output=True, text=True, check=True).stdout
        wanted = ("rembg", "onnxruntime", "numpy", "pillow")
        return ", ".join(
            line.replace("==", " ") for line in listed.splitlines() if line.split("==")[0].lower() in wanted
        )

    def pip(self, *arguments: str) -> list[str]:
        return [str(self.python), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]


def prepare_rembg(model: Path, *, home: Path, threads: int) -> Rembg:
    """Install rembg unless it is here, and give it `model` as its u2netp, so that it fetches nothing.

    Raises DownloadError: pip could not install it.
    """
    folder = ROOT / ".venv-bench"
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "U2NET_HOME": str(home)}
    rembg = Rembg(folder, environment, sha256_of(model))
    if not rembg.command.exists():
        _install(rembg)
    place = home / "models" / "u2netp" / "u2netp.onnx"
    place.parent.mkdir(parents=True)
    place.symlink_to(model.resolve())
    return rembg


def _install(rembg: Rembg) -> None:
    print(f"installing {REQUIREMENT} in {rembg.folder.name} (a minute or two)", flush=True)
    venv.create(rembg.folder, with_pip=True)
    command = rembg.pip("install", "--constraint", str(CONSTRAINTS), REQUIREMENT)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DownloadError(f"{REQUIREMENT}: pip could not install it ({reason})")
