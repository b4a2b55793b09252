import itertools
import logging

import pytest

import process

# pymilvus logs every error that it raises; the tests look at the errors.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server that the tests of the API share; each test has names of its own."""
    s = process.Server(tmp_path_factory.mktemp("shared")).start()
    yield s
    s.kill()


@pytest.fixture
def new_server(tmp_path):
    """Makes servers that end with the test."""
    made = []

    def make(log_type: str = "natsmq", *args: str) -> process.Server:
        s = process.Server(tmp_path / f"server{len(made)}", log_type, *args)
        made.append(s)
        return s

    yield make
    for s in made:
        s.kill()


@pytest.fixture
def client(server):
    c = server.client()
    yield c
    c.close()


_numbers = itertools.count()


@pytest.fixture
def name(client):
    """A collection name; what the test left under it is dropped."""
    n = f"c{next(_numbers)}"
    yield n
    client.drop_collection(n)


@pytest.fixture(params=process.LOGS)
def log_type(request):
    return request.param
