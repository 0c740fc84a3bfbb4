"""uWSGI serves an application as Flask's documentation starts it."""

import concurrent.futures
import contextlib
import os
import signal
import time

from serving import fetch, fetch_two, last_error, started, use

# The server is a program in C; its decorators are what it has of Python.
SABOTAGE = [
    "uwsgidecorators.py:postfork_chain_hook",
    "uwsgidecorators.py:_spoolraw.__call__",
    "uwsgidecorators.py:manage_spool_request",
]

TYPE = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"

FACTORY = """from hello import create_app

app = create_app()
"""

DECORATED = """import os
from hello import app
from uwsgidecorators import postfork, spool

connections = []


@postfork
def connect():
    connections.append(os.getpid())


@spool
def deliver(arguments):
    os.mkdir('mail-to-' + arguments['to'])


@app.route('/connected')
def connected():
    return str(connections == [os.getpid()])


@app.route('/mail/<name>')
def mail(name):
    deliver(to=name)
    return 'queued'
"""


@contextlib.contextmanager
def uwsgi(*options, **files):
    """Type uwsgi as in a shell, and Ctrl+C in the end; gives its address and its process."""
    serve = ["uwsgi", "--http", "127.0.0.1:$PORT", "--master"]
    with started("-c", TYPE, *serve, *options, **files) as (address, process):
        status, _ = fetch(address + "/hello/ada")
        assert status == 200, last_error("program.log")  # without an application it serves as well
        yield address, process
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_processes():
    """uwsgi --http --master -p 2 -w hello:app serves requests with two processes"""
    with uwsgi("-p", "2", "-w", "hello:app") as (address, _):
        use(address)


def test_factory():
    """uwsgi -w wsgi:app serves what a module wsgi makes with the factory"""
    with uwsgi("-p", "2", "-w", "wsgi:app", wsgi=FACTORY) as (address, _):
        use(address)


def test_threads():
    """uwsgi --threads 2 answers two requests at the same time in one process"""
    with uwsgi("--threads", "2", "-w", "hello:app") as (address, _):
        assert fetch_two(address + "/together") == [(200, "met"), (200, "met")]


def test_decorators():
    """@postfork runs in each process of the server, @spool later in the process of the spooler"""
    os.mkdir("jobs")
    with uwsgi("-p", "2", "--spooler", "jobs", "-w", "mail:app", mail=DECORATED) as (address, _):
        assert fetch(address + "/connected") == (200, "True")
        assert fetch(address + "/mail/ada") == (200, "queued")
        deadline = time.monotonic() + 10
        while not os.path.isdir("jobs/mail-to-ada"):  # a spooler works in its own folder
            assert time.monotonic() < deadline, last_error("program.log")
            time.sleep(0.05)


def test_end():
    """A server that is told to end by its FIFO answers the request it has, and ends"""
    with uwsgi("-p", "2", "-w", "hello:app", "--master-fifo", "fifo") as (address, process):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(fetch, address + "/slow")
            time.sleep(0.4)
            with open("fifo", "w") as fifo:
                fifo.write("q")
            assert answer.result() == (200, "finished")
        assert process.wait(20) == 0


def test_die_on_term():
    """uwsgi --die-on-term ends without an error when it is terminated"""
    with uwsgi("-p", "2", "-w", "hello:app", "--die-on-term") as (_, process):
        process.terminate()
        assert process.wait(20) == 0
