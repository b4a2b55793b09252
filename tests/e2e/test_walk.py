"""The first program of a user, from an empty directory to a stopped server."""

import contextlib
import io
import re

import numpy as np

import process
from rows import ids


def test_quick_start(new_server, log_type):
    s = new_server(log_type).start()
    c = s.client()
    c.create_collection("demo", dimension=8, consistency_level="Strong")
    rng = np.random.default_rng(1)
    data = [{"id": i, "vector": rng.random(8), "color": ["red", "green", "blue"][i % 3], "n": i} for i in range(300)]

    assert c.insert("demo", data)["insert_count"] == 300
    hits = c.search("demo", data=[data[42]["vector"]], limit=3, output_fields=["color"])[0]
    assert hits[0]["id"] == 42 and hits[0]["entity"]["color"] == "red"
    assert abs(hits[0]["distance"] - 1.0) < 1e-5

    red = c.search("demo", data=[data[42]["vector"]], limit=50, filter='color == "red" and n < 120')[0]
    assert sorted(ids(red)) == list(range(0, 120, 3))

    assert c.delete("demo", filter="n >= 200")["delete_count"] == 100
    assert c.query("demo", output_fields=["count(*)"])[0]["count(*)"] == 200
    assert c.upsert("demo", {"id": 7, "vector": data[7]["vector"], "color": "white"})["upsert_count"] == 1
    assert c.get("demo", ids=7)[0]["color"] == "white"
    assert "n" not in c.get("demo", ids=7)[0]

    c.flush("demo")
    assert c.get_collection_stats("demo")["row_count"] >= 200
    assert c.search("demo", data=[data[8]["vector"]], limit=1)[0][0]["id"] == 8

    c.drop_collection("demo")
    assert c.list_collections() == []
    assert s.terminate() == 0


def test_version_and_health(client):
    assert client.get_server_version().startswith("3.0.0+redkite.")
    detail = client.get_server_version(detail=True)
    assert detail["version"].startswith("3.0.0+redkite.")
    assert detail["deploy_mode"] == "STANDALONE"


def test_the_program_of_the_readme(new_server):
    text = (process.ROOT / "README.md").read_text()
    program = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    s = new_server().start()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program.replace("http://localhost:19530", s.uri), {})  # noqa: S102 - our own page
    lines = out.getvalue().splitlines()
    assert len(lines) == 3 and all("Volume" in line for line in lines)
