"""The program itself: commands, ports, the lock, signals."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import process
import rows
from rows import count, create


def run(*args: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([process.binary(), *args], capture_output=True, text=True, timeout=30, **kwargs)


def files(folder) -> list[str]:
    """Every file below a folder, of which the server may remove some meanwhile."""
    return [os.path.join(d, name) for d, _, names in os.walk(folder) for name in names]


def get(s, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{s.metrics_port}{path}", timeout=5) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, ""


def test_version():
    r = run("version")
    assert r.returncode == 0 and r.stdout.strip()


def test_second_process_names_the_first(new_server):
    s = new_server().start()
    other = process.Server(s.folder)
    r = subprocess.run(other.command(), capture_output=True, text=True, timeout=30)
    assert r.returncode != 0
    assert str(s.process.pid) in r.stderr + r.stdout
    assert s.healthy()


def test_side_by_side(new_server):
    servers = [new_server(log).start() for log in ("natsmq", "woodpecker", "natsmq")]
    for i, s in enumerate(servers):
        c = s.client()
        create(c, "c")
        c.insert("c", rows.rows(range(10 * (i + 1))))
    assert [count(s.client(), "c") for s in servers] == [10, 20, 30]


def test_management_port(server):
    assert get(server, "/healthz")[0] == 200
    assert get(server, "/livez")[0] == 200
    status, metrics = get(server, "/metrics")
    assert status == 200 and "# TYPE " in metrics
    assert get(server, "/debug/pprof/")[0] == 404


def test_binds_loopback_only(server):
    with socket.create_connection(("127.0.0.1", server.port), 2):
        pass
    addresses = {i[4][0] for i in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for a in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError):
            socket.create_connection((a, server.port), 2)


def test_health_command(server, tmp_path):
    assert run("health", "--metrics-port", str(server.metrics_port)).returncode == 0
    nobody = ["--port", str(process.free_port()), "--metrics-port", str(process.free_port())]
    assert run("health", *nobody).returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_sigterm_drains(new_server, log_type):
    s = new_server(log_type).start()
    create(s.client(), "c")
    done, failed, stop = [], [], threading.Event()

    def write():
        c, k = s.client(), 0
        while not stop.is_set():
            try:
                c.insert("c", rows.rows(range(k, k + 20)), timeout=2)
                done.append(k)
                k += 20
            except Exception as e:  # noqa: BLE001 - a refused write is what the test provokes
                failed.append(e)
                return

    t = threading.Thread(target=write)
    t.start()
    while len(done) < 5:
        time.sleep(0.01)
    began = time.monotonic()
    assert s.terminate() == 0
    assert time.monotonic() - began < 5
    stop.set()
    t.join()
    s.start()
    got = {r["id"] for r in s.client().query("c", filter="id >= 0", output_fields=["id"], consistency_level="Strong")}
    assert {i for k in done for i in range(k, k + 20)} <= got


def test_second_signal_ends_at_once(new_server):
    s = new_server().start()
    s.process.send_signal(signal.SIGTERM)
    s.process.send_signal(signal.SIGTERM)
    s.process.wait(5)


def test_config_shows_values_and_origins(tmp_path):
    f = tmp_path / "milvus.yaml"
    f.write_text("proxy:\n  port: 20001\n")
    env = {**os.environ, "MILVUS_CONF_MQ_TYPE": "woodpecker"}
    r = run("config", "--config", str(f), "--set", "common.gracefulTime=4000", env=env)
    assert r.returncode == 0, r.stderr
    lines = {l.split()[0].rstrip(":="): l for l in r.stdout.splitlines() if l.strip()}
    assert "20001" in lines["proxy.port"] and "milvus.yaml" in lines["proxy.port"]
    assert "woodpecker" in lines["mq.type"] and "MILVUS_CONF_MQ_TYPE" in lines["mq.type"]
    assert "4s" in lines["common.gracefulTime"] and "--set" in lines["common.gracefulTime"]


REFUSED = [
    ("common.security.authorizationEnabled=true", "authorizationEnabled"),
    ("mq.type=kafka", "mq.type"),
    ("proxy.prot=1", "proxy.port"),  # names the nearest known key
    ("nonsense.key=1", "nonsense.key"),
]


@pytest.mark.parametrize("setting, named", REFUSED)
def test_settings_that_cannot_be_honoured(tmp_path, setting, named):
    r = run("run", "standalone", "--data", str(tmp_path / "d"), "--port", str(process.free_port()), "--metrics-port", "0", "--set", setting)
    assert r.returncode != 0 and named in r.stderr
    assert not (tmp_path / "d" / "meta").exists()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), bit by bit: RFC 3720, appendix B.4."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_newer_layout_is_refused(new_server):
    s = new_server().start()
    assert s.terminate() == 0
    fmt = s.data / "FORMAT"
    text = fmt.read_bytes()
    body = re.sub(rb"layout: \d+", b"layout: 99", text[:text.rindex(b"crc32c:")])
    fmt.write_bytes(body + b"crc32c: %08x\n" % crc32c(body))
    r = subprocess.run(s.command(), capture_output=True, text=True, timeout=30)
    assert r.returncode != 0 and "99" in r.stderr and "1" in r.stderr
    fmt.write_bytes(body + b"crc32c: 00000000\n")
    r = subprocess.run(s.command(), capture_output=True, text=True, timeout=30)
    assert r.returncode != 0 and "FORMAT" in r.stderr
    fmt.write_bytes(text)
    s.start()


def test_data_directory_holds_only_what_it_should(new_server, log_type):
    s = new_server(log_type).start()
    c = s.client()
    create(c, "c")
    c.insert("c", rows.rows(range(10)))
    c.flush("c")
    assert {p.name for p in s.data.iterdir()} == {"meta", "log", "objects", "logs", "LOCK", "FORMAT"}
    kinds = {os.path.splitext(name)[1] for name in files(s.data / "log")}
    assert (".blk" if log_type == "natsmq" else ".wlog") in kinds


def test_start_screen_is_short(new_server):
    s = new_server().start()
    text = s.output.read_text()
    assert str(s.port) in text and str(s.data) in text and "natsmq" in text
    assert len(text.splitlines()) <= 25
    assert s.terminate() == 0


def test_dropped_files_go(new_server):
    s = new_server().start()
    c = s.client()
    create(c, "c")
    c.insert("c", rows.rows(range(2000)))
    c.flush("c")
    assert any("insert_log" in name for name in files(s.data / "objects"))
    c.drop_collection("c")
    deadline = time.monotonic() + 110
    while left := files(s.data / "objects"):
        assert time.monotonic() < deadline, json.dumps(left[:10])
        time.sleep(1)
