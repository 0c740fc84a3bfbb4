"""Celery with a Flask application factory, as Flask's documentation shows it."""

import os
import subprocess
import sys
import time
import unittest
import uuid

from celery import Celery, Task, shared_task
from flask import Flask, current_app

SABOTAGE = [
    "celery/app/base.py:Celery.send_task",
    "celery/app/task.py:Task.apply_async",
    "celery/app/task.py:Task.apply",
    "celery/bin/worker.py:worker",
]

MAKE_CELERY = """
from %s import create_app

celery_app = create_app(%r).extensions["celery"]
"""


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


@shared_task(name="shop.price", ignore_result=False)
def price(apples):
    if apples < 0:
        raise ValueError("%d apples" % apples)
    return apples * current_app.config["PRICE"]


def create_app(celery):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes", PRICE=5)
    app.config["CELERY"] = celery
    celery_init_app(app)

    @app.route("/order/<int:apples>", methods=["POST"])
    def order(apples):
        return price.delay(apples).id

    @app.route("/cost/<int:apples>")
    def cost(apples):
        return str(price.delay(apples).get(timeout=20))

    return app


def test_eager():
    """A task called by a view runs at once in the application's context when eager"""
    app = create_app({"task_always_eager": True, "broker_url": "memory://"})
    assert app.test_client().get("/cost/3").data == b"15"


def test_eager_failure():
    """A task's exception is kept by its result, or raised when eager tasks propagate"""
    create_app({"task_always_eager": True, "broker_url": "memory://"})
    result = price.delay(-1)
    assert result.failed() and str(result.result) == "-1 apples"
    create_app({"task_always_eager": True, "task_eager_propagates": True})
    try:
        price.delay(-2)
    except ValueError as error:
        assert str(error) == "-2 apples"
    else:
        raise AssertionError("nothing raised")


def test_worker():
    """A task sent by a view runs in a worker, its result comes back by Redis"""
    if not os.environ.get("WATCHDOG_REDIS"):
        raise unittest.SkipTest("needs a Redis server (WATCHDOG_REDIS)")
    url = os.environ["WATCHDOG_REDIS"]
    queue = "smoke-" + uuid.uuid4().hex
    config = {"broker_url": url, "result_backend": url, "task_default_queue": queue}
    folder, module = os.path.split(os.path.abspath(__file__))
    with open("make_celery.py", "w") as file:
        file.write(MAKE_CELERY % (os.path.splitext(module)[0], config))
    app = create_app(config)
    command = [sys.executable, "-m", "celery", "-A", "make_celery", "worker", "--pool", "solo"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([os.getcwd(), folder]))
    with open("worker.log", "w+") as log:
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            task = app.test_client().post("/order/4").get_data(as_text=True)
            result = app.extensions["celery"].AsyncResult(task)
            deadline = time.monotonic() + 20
            while not result.ready():
                running = worker.poll() is None and time.monotonic() < deadline
                assert running, open("worker.log").read()
                time.sleep(0.05)
            assert result.get(timeout=20) == 20
            result.forget()
        finally:
            worker.kill()
            worker.wait(5)
