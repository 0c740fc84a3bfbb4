"""gunicorn serves an application as Flask's documentation starts it."""

import concurrent.futures
import time

from serving import fetch, fetch_two, started, use

SABOTAGE = [
    "gunicorn/workers/sync.py:SyncWorker.handle_request",
    "gunicorn/workers/gthread.py:ThreadWorker.handle_request",
    "gunicorn/util.py:import_app",
]


def test_sync_workers():
    """gunicorn -w 2 hello:app serves requests with two processes"""
    with started("-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:$PORT", "hello:app") as (address, _):
        use(address)


def test_factory():
    """gunicorn 'hello:create_app()' calls the factory"""
    serve = ["-m", "gunicorn", "-b", "127.0.0.1:$PORT", "hello:create_app()"]
    with started(*serve) as (address, _):
        assert fetch(address + "/hello/ada") == (200, "Hello, ada! http")


def test_threads():
    """gunicorn --threads 4 answers two requests at the same time in one process"""
    serve = ["-m", "gunicorn", "--threads", "4", "-b", "127.0.0.1:$PORT", "hello:app"]
    with started(*serve) as (address, _):
        use(address)
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]


def test_end():
    """A server that is told to end answers the request it has, and ends without an error"""
    with started("-m", "gunicorn", "-b", "127.0.0.1:$PORT", "hello:app") as (address, process):
        fetch(address + "/hello/ada")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(fetch, address + "/slow")
            time.sleep(0.4)
            process.terminate()
            assert answer.result() == (200, "finished")
        assert process.wait(20) == 0
