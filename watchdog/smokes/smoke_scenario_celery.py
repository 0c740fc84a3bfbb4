"""Background tasks with Celery, in the application factory pattern of Flask's documentation."""

import contextlib
import os
import subprocess
import sys
import time
import unittest
import uuid

from celery import Celery, Task, shared_task
from celery.result import AsyncResult
from flask import Flask, current_app, jsonify, request

SABOTAGE = [
    "celery/app/task.py:Task.apply_async",
    "celery/app/base.py:Celery.config_from_object",
    "celery/bin/worker.py:worker",
    "celery/app/task.py:Task.retry",
]

MAKE_CELERY = """import sys
import time
sys.path.insert(0, {folder!r})
from {module} import create_app
flask_app = create_app({redis!r}, {redis!r}, {queue!r})
celery_app = flask_app.extensions["celery"]
"""


@shared_task(name="add_together", ignore_result=False)
def add_together(a, b):
    return "%s: %d" % (current_app.config["COMPANY"], a + b)


@shared_task(name="fail", ignore_result=False)
def fail():
    raise ValueError("no such luck")


@shared_task(name="unsteady", bind=True, max_retries=3, ignore_result=False)
def unsteady(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


def celery_init_app(app):
    class FlaskTask(Task):
        def __call__(self, *args, **kwargs):
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app


def create_app(broker, backend, queue, **celery):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes", COMPANY="ACME")
    app.config["CELERY"] = dict(
        broker_url=broker, result_backend=backend, task_default_queue=queue, **celery
    )
    celery_init_app(app)

    @app.route("/add", methods=["POST"])
    def start_add():
        result = add_together.delay(int(request.form["a"]), int(request.form["b"]))
        return jsonify(result_id=result.id)

    @app.route("/start/<name>", methods=["POST"])
    def start(name):
        return jsonify(result_id={"fail": fail, "unsteady": unsteady}[name].delay().id)

    @app.route("/result/<id>")
    def task_result(id):
        result = AsyncResult(id)
        if not result.ready():
            return jsonify(ready=False)
        value = result.result if result.successful() else repr(result.result)
        return jsonify(ready=True, successful=result.successful(), value=value)

    return app


@contextlib.contextmanager
def worker():
    """A client of the application while a worker process of it is running."""
    redis = os.environ.get("WATCHDOG_REDIS")
    if not redis:
        raise unittest.SkipTest("needs a Redis server (WATCHDOG_REDIS)")
    queue = "watchdog-" + uuid.uuid4().hex
    folder, file = os.path.split(os.path.abspath(__file__))
    with open("make_celery.py", "w") as out:
        module = os.path.splitext(file)[0]
        out.write(MAKE_CELERY.format(folder=folder, module=module, redis=redis, queue=queue))
    app = create_app(redis, redis, queue)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "make_celery", "worker", "--pool", "solo"] + quiet
    )
    try:
        yield app.test_client()
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def finished(client, id):
    """Ask again and again until the task is done, as the documentation's page does."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        result = client.get("/result/" + id).get_json()
        if result["ready"]:
            return result
        time.sleep(0.05)
    raise AssertionError("the worker has no result after 20 s")


def test_task_in_a_worker():
    """A view starts a task, a worker runs it in the application's context, a view has its result"""
    with worker() as client:
        started = client.post("/add", data={"a": 2, "b": 40}).get_json()
        result = finished(client, started["result_id"])
        assert result == {"ready": True, "successful": True, "value": "ACME: 42"}


def test_failure_and_retry():
    """A task's exception reaches the view, and a task that tries again succeeds in the end"""
    with worker() as client:
        failing = client.post("/start/fail").get_json()["result_id"]
        unsteady_one = client.post("/start/unsteady").get_json()["result_id"]
        result = finished(client, failing)
        assert (result["ready"], result["successful"]) == (True, False)
        assert "no such luck" in result["value"]
        result = finished(client, unsteady_one)
        assert result == {"ready": True, "successful": True, "value": 2}


def test_eager():
    """With task_always_eager a task runs at once, without a worker, as in an application's tests"""
    app = create_app("memory://", "cache+memory://", "eager", task_always_eager=True)
    result = add_together.delay(1, 2)
    assert (result.successful(), result.get()) == (True, "ACME: 3")
    assert app.extensions["celery"].tasks["add_together"].name == "add_together"
