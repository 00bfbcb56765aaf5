"""hf: sources, through the real huggingface_hub against a hub on this machine.

It reads its environment when it is imported, so each case is a process of its own.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.checkpoints.conftest import BODY
from tests.checkpoints.server import Answer, Server

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = f"hf:owner/repo@{COMMIT}#onnx/net.onnx"
PATH = f"/owner/repo/resolve/{COMMIT}/onnx/net.onnx"
SHA256 = hashlib.sha256(BODY).hexdigest()

SCRIPT = """
import json, sys
from dataclasses import replace
from trt_anime.errors import DownloadError
from trt_anime.export import checkpoints
from trt_anime.export.catalogue import CATALOGUE, Checkpoint

sources, sha256 = json.loads(sys.argv[1])
for source in sources:
    file = Checkpoint(format="onnx", filename="weights.onnx", sources=(source,), sha256=sha256)
    model = replace(CATALOGUE["u2netp"], name="toy", files=(file,))
    said = []
    try:
        path = checkpoints.pull(model, report=checkpoints.Report(say=said.append))
        print(json.dumps({"path": str(path), "said": said}))
    except DownloadError as error:
        print(json.dumps({"error": str(error).splitlines()[-1].strip(), "said": said}))
"""


def pull_each(
    home: Path, hub: str, *sources: str, sha256: str | None = SHA256, **environment: str
) -> list[dict[str, Any]]:
    """Pull `sources` in a process of their own; the path or error of each, and the lines it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    settings = {"HF_ENDPOINT": hub, "HF_HOME": str(home / "hf"), "TRT_ANIME_HOME": str(home)}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps([sources, sha256])],
        env={**clean, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def pull(home: Path, hub: str, *, sha256: str | None = SHA256, **environment: str) -> dict[str, Any]:
    return pull_each(home, hub, SOURCE, sha256=sha256, **environment)[0]


def hosted(body: bytes = BODY, *, etag: str = SHA256, **more: Any) -> Answer:
    """A file as the hub answers for it."""
    return Answer(body, etag=f'"{etag}"', headers={"X-Repo-Commit": COMMIT}, **more)


def test_file_of_the_pinned_revision(server: Server, home: Path) -> None:
    server.serve(PATH, hosted())
    result = pull(home, server.url)
    assert Path(result["path"]).read_bytes() == BODY
    assert len(server.asked(PATH, "HEAD")) == 1 and len(server.asked(PATH)) == 1
    assert {path for _, path, _ in server.requests} == {PATH}  # and no telemetry


def test_redirect_to_the_storage_keeps_the_token_here(server: Server, home: Path) -> None:
    storage = server.serve("/storage/blob", Answer(BODY)).replace("127.0.0.1", "localhost")
    linked = {"X-Linked-Etag": f'"{SHA256}"', "X-Linked-Size": str(len(BODY)), "Location": storage}
    server.serve(PATH, Answer(status=302, headers={"X-Repo-Commit": COMMIT, **linked}))
    result = pull(home, server.url, HF_TOKEN="hf_secret")
    assert Path(result["path"]).read_bytes() == BODY
    assert server.asked(PATH)[0]["Authorization"] == "Bearer hf_secret"
    assert server.asked("/storage/blob")[0]["Authorization"] is None


def test_broken_download_is_resumed_by_the_next_run(server: Server, home: Path) -> None:
    server.serve(PATH, hosted(cut_after=300_000), hosted(cut_after=0))
    assert "peer closed connection" in pull(home, server.url)["error"]
    server.serve(PATH, hosted())
    assert Path(pull(home, server.url)["path"]).read_bytes() == BODY
    assert server.asked(PATH)[-1]["Range"] == "bytes=300000-"


def test_hash_that_the_hub_announces_is_checked(server: Server, home: Path) -> None:
    server.serve(PATH, hosted(bytes(len(BODY))))
    assert pull(home, server.url, sha256=None)["error"] == "sent other bytes than it announced"


def test_file_in_the_hubs_own_cache(home: Path) -> None:
    snapshot = home / "hf/hub/models--owner--repo/snapshots" / COMMIT / "onnx"
    snapshot.mkdir(parents=True)
    (snapshot / "net.onnx").write_bytes(BODY)
    result = pull(home, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert Path(result["path"]).read_bytes() == BODY
    assert result["said"] == ["toy: found in the hub's cache on this machine"]


def test_reasons(server: Server, home: Path) -> None:
    reasons = {
        "RepoNotFound": "there is no such repository, or it is private; set HF_TOKEN",
        "EntryNotFound": "there is no such file",
        "RevisionNotFound": "there is no such revision",
    }
    for code in reasons:
        path = f"/owner/repo/resolve/{COMMIT}/{code}"
        server.serve(path, Answer(status=404, headers={"X-Error-Code": code}))
    results = pull_each(home, server.url, *(f"hf:owner/repo@{COMMIT}#{code}" for code in reasons))
    assert [result["error"] for result in results] == list(reasons.values())


def test_unreachable_hub_fails_fast(home: Path) -> None:
    start = time.monotonic()
    assert pull(home, "http://127.0.0.1:9")["error"] == "can't be reached (Connection refused)"
    assert time.monotonic() - start < 10
    assert pull(home, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")["error"] == "HF_HUB_OFFLINE is set"
