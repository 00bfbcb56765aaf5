"""The network path, against a server that serves broken, truncated, wrong and good files."""

import hashlib
import shutil
import ssl
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from tests.checkpoints.conftest import BODY, Heard, model_of
from tests.checkpoints.server import Answer, Server, serving
from trt_anime.errors import DownloadError
from trt_anime.export import checkpoints
from trt_anime.export.checkpoints import download

GOOD = Answer(BODY)
HALF = len(BODY) // 2


def leftovers(home: Path) -> list[str]:
    """Every file that a pull left behind, other than locks."""
    return sorted(path.name for path in home.rglob("*") if path.is_file() and path.name != ".lock")


def test_good_file(server: Server, heard: Heard, home: Path) -> None:
    model = model_of(server.serve("/file", GOOD), md5=hashlib.md5(BODY).hexdigest())
    path = checkpoints.pull(model, report=heard.report)
    assert path == home / "models" / "toy" / "weights.onnx"
    assert path.read_bytes() == BODY
    assert heard.counted == len(BODY) and heard.totals == [len(BODY)]
    assert leftovers(home) == ["weights.onnx", "weights.onnx.json"]
    record = checkpoints.stored(model)[path]
    assert record.source == server.url + "/file" and record.published
    assert record.sha256 == hashlib.sha256(BODY).hexdigest() and record.licence == "MIT"


def test_a_file_that_is_here_is_not_fetched_again(server: Server) -> None:
    model = model_of(server.serve("/file", GOOD))
    checkpoints.pull(model)
    checkpoints.pull(model)
    assert len(server.asked("/file")) == 1
    checkpoints.pull(model, force=True)
    assert len(server.asked("/file")) == 2


def test_broken_connection_is_resumed_in_the_same_run(server: Server, heard: Heard) -> None:
    url = server.serve("/file", Answer(BODY, cut_after=HALF), GOOD)
    path = checkpoints.pull(model_of(url), report=heard.report)
    assert path.read_bytes() == BODY
    first, second = server.asked("/file")
    assert first["Range"] is None
    assert second["Range"] == f"bytes={HALF}-" and second["If-Range"] == '"one"'
    assert heard.counted == len(BODY) and heard.totals == [len(BODY), len(BODY) - HALF]
    assert any("connection lost after 0.3 MB" in line for line in heard.lines)


def test_broken_connection_is_resumed_by_the_next_run(server: Server, home: Path) -> None:
    url = server.serve("/file", Answer(BODY, cut_after=HALF), Answer(BODY, cut_after=0))
    model = model_of(url)
    with pytest.raises(DownloadError):
        checkpoints.pull(model)
    assert checkpoints.find(model) is None and "weights.onnx" in leftovers(home)
    server.serve("/file", GOOD)
    assert checkpoints.pull(model).read_bytes() == BODY
    assert server.asked("/file")[-1]["Range"] == f"bytes={HALF}-"


def test_interrupted_pull_leaves_nothing_in_place_and_resumes(
    server: Server, heard: Heard, home: Path
) -> None:
    model = model_of(server.serve("/file", GOOD))
    heard.interrupt_after = HALF
    with pytest.raises(KeyboardInterrupt):
        checkpoints.pull(model, report=heard.report)
    assert checkpoints.find(model) is None
    assert not (home / "models" / "toy" / "weights.onnx").exists()
    assert checkpoints.pull(model).read_bytes() == BODY
    assert server.asked("/file")[1]["Range"] is not None


def test_file_that_changed_in_between_starts_anew(server: Server, heard: Heard) -> None:
    old = bytes(len(BODY))
    url = server.serve("/file", Answer(old, etag='"zero"', cut_after=HALF), GOOD)
    assert checkpoints.pull(model_of(url), report=heard.report).read_bytes() == BODY
    assert server.asked("/file")[1]["If-Range"] == '"zero"'
    assert heard.totals == [len(BODY), len(BODY)]


def test_server_that_ignores_range(server: Server) -> None:
    url = server.serve("/file", Answer(BODY, cut_after=HALF), Answer(BODY, ranges=False))
    assert checkpoints.pull(model_of(url)).read_bytes() == BODY
    assert server.asked("/file")[1]["Range"] is not None


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_resumed(server: Server, etag: str) -> None:
    answers = Answer(BODY, etag=etag, cut_after=HALF), Answer(BODY, etag=etag)
    assert checkpoints.pull(model_of(server.serve("/file", *answers))).read_bytes() == BODY
    assert server.asked("/file")[1]["Range"] is None


def test_last_modified_validates_too(server: Server) -> None:
    date = {"Last-Modified": "Sun, 22 Nov 2026 19:00:00 GMT"}
    answers = Answer(BODY, etag="", headers=date, cut_after=HALF), Answer(BODY, etag="", ranges=False)
    assert checkpoints.pull(model_of(server.serve("/file", *answers))).read_bytes() == BODY
    assert server.asked("/file")[1]["If-Range"] == date["Last-Modified"]


def test_partial_that_is_longer_than_the_file(server: Server) -> None:
    short = BODY[:1000]
    model = model_of(server.serve("/file", Answer(BODY, announced=-1, cut_after=HALF)), body=None)
    with pytest.raises(DownloadError):
        checkpoints.pull(model)
    server.serve("/file", Answer(short), Answer(short))
    model = model_of(server.url + "/file", body=short)
    assert checkpoints.pull(model).read_bytes() == short


REFUSALS = {
    "truncated, and says so": (Answer(BODY[:HALF]), "offers 350000 bytes, the published file has 700000"),
    "truncated, says it is whole": (Answer(BODY[:HALF], announced=len(BODY)), "peer closed connection"),
    "truncated, chunked": (Answer(BODY, announced=-1, cut_after=HALF), "peer closed connection"),
    "short, chunked": (Answer(BODY[:HALF], announced=-1), "350000 bytes instead of 700000"),
    "wrong": (Answer(bytes(len(BODY))), "sent another file than the published one (SHA-256 "),
    "404": (Answer(status=404), "answered 404 Not Found"),
    "500": (Answer(status=500), "answered 500 Internal Server Error"),
    "page": (Answer(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}), "a web page"),
    "page in disguise": (Answer(b"<!DOCTYPE html>".ljust(len(BODY))), "the file is a web page"),
    "git-lfs pointer": (Answer(b"version https://git-lfs".ljust(len(BODY))), "git-lfs pointer"),
    "endless redirect": (Answer(status=302, headers={"Location": "/file"}), "maximum allowed redirects"),
}


@pytest.mark.parametrize(("answer", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_bad_answers_are_refused_and_the_next_source_serves(
    server: Server, heard: Heard, home: Path, answer: Answer, reason: str
) -> None:
    bad, good = server.serve("/file", answer), server.serve("/good", GOOD)
    with pytest.raises(DownloadError) as caught:
        checkpoints.pull(model_of(bad))
    assert reason in str(caught.value)
    assert not (home / "models" / "toy" / "weights.onnx").exists()
    model = model_of(bad, good)
    assert checkpoints.pull(model, report=heard.report).read_bytes() == BODY
    assert checkpoints.stored(model)[home / "models/toy/weights.onnx"].source == good
    assert any(reason in line and "trying the next source" in line for line in heard.lines)
    assert leftovers(home) == ["weights.onnx", "weights.onnx.json"]


def test_wrong_bytes_are_not_resumed(server: Server, home: Path) -> None:
    model = model_of(server.serve("/file", Answer(bytes(len(BODY)))))
    with pytest.raises(DownloadError):
        checkpoints.pull(model)
    assert leftovers(home) == []
    server.serve("/file", GOOD)
    assert checkpoints.pull(model).read_bytes() == BODY


def test_wrong_md5(server: Server) -> None:
    model = model_of(server.serve("/file", GOOD), md5="0" * 32)
    with pytest.raises(DownloadError, match=r"MD5 .* instead of 0000"):
        checkpoints.pull(model)


def test_all_sources_fail_in_one_message(server: Server) -> None:
    sources = (server.url + "/nothing", server.serve("/file", Answer(status=503)), "http://127.0.0.1:9/x")
    with pytest.raises(DownloadError) as caught:
        checkpoints.pull(model_of(*sources))
    assert str(caught.value).splitlines() == [
        "weights.onnx: no source gave the file; get it elsewhere and run"
        " `trt-anime models import toy FILE`",
        f"  {sources[0]}",
        "    answered 404 Not Found",
        f"  {sources[1]}",
        "    answered 503 Service Unavailable",
        f"  {sources[2]}",
        "    can't be reached (Connection refused)",
    ]


def test_silent_server_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.2)
    never = threading.Event()
    try:
        with pytest.raises(DownloadError, match="nothing came for 0 s"):
            checkpoints.pull(model_of(server.serve("/file", Answer(BODY, wait=never))))
    finally:
        never.set()


def test_reasons_are_words() -> None:
    assert download.reason_of(httpx.ConnectTimeout("timed out")) == "no answer within 5 s"
    assert "SSL_CERT_FILE" in download.reason_of(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] x"))
    assert download.reason_of(httpx.ProxyError("403 Forbidden")) == "the proxy refused: 403 Forbidden"


def test_proxy_of_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.serve("http://localhost:1/file", GOOD)
    assert checkpoints.pull(model_of("http://localhost:1/file")).read_bytes() == BODY
    assert server.asked("http://localhost:1/file")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_trust_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    make += f" -subj /CN=loopback -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(make.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    with serving(lambda socket: context.wrap_socket(socket, server_side=True)) as server:
        model = model_of(server.serve("/file", GOOD))
        with pytest.raises(DownloadError, match="name your CA bundle in SSL_CERT_FILE"):
            checkpoints.pull(model)
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            with monkeypatch.context() as patch:
                patch.setenv(variable, str(certificate))
                assert checkpoints.pull(model, force=True).read_bytes() == BODY
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving() as plain:
            away = {"Location": plain.serve("/file", GOOD)}
            url = server.serve("/away", Answer(status=302, headers=away))
            with pytest.raises(DownloadError, match="redirects to an address without TLS"):
                checkpoints.pull(model_of(url), force=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
        with pytest.raises(
            DownloadError, match=r"SSL_CERT_FILE names .*missing.pem, which is no CA bundle"
        ):
            checkpoints.pull(model, force=True)
