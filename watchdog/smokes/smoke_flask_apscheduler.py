"""Flask-APScheduler: jobs from the configuration, in the background and over its REST API."""

import base64
import threading

from apscheduler.events import EVENT_JOB_REMOVED
from flask import Flask, current_app
from flask_apscheduler import APScheduler

SABOTAGE = [
    "flask_apscheduler/scheduler.py:APScheduler._load_jobs",
    "flask_apscheduler/scheduler.py:APScheduler._load_api",
    "flask_apscheduler/scheduler.py:APScheduler.add_job",
    "flask_apscheduler/api.py:get_job",
]


def report(a, b):
    return (a, b)


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(config)
    return app


def test_background_job():
    """A job runs once in the background, in the application's context; a listener is told"""
    app = create_app(NAME="smoke")
    scheduler = APScheduler()
    scheduler.init_app(app)
    seen, done, removed = [], threading.Event(), threading.Event()

    def job(word):
        with scheduler.app.app_context():
            seen.append((word, current_app.config["NAME"]))
        done.set()

    scheduler.add_listener(lambda event: removed.set(), EVENT_JOB_REMOVED)
    scheduler.add_job(id="once", func=job, args=["hello"], misfire_grace_time=60)
    scheduler.start()
    try:
        assert scheduler.running and scheduler.state == 1
        assert done.wait(5) and removed.wait(5)
    finally:
        scheduler.shutdown()
    assert seen == [("hello", "smoke")]
    assert not scheduler.running


def test_jobs_from_config_and_decorator():
    """Jobs come from the configuration and from decorated functions"""
    job = {"id": "job1", "func": report, "args": (1, 2), "trigger": "interval", "seconds": 600}
    app = create_app(JOBS=[job])
    scheduler = APScheduler(app=app)

    @scheduler.task("cron", id="job2", week="*", day_of_week="sun")
    def weekly():
        return "weekly"

    scheduler.start(paused=True)
    try:
        assert sorted(job.id for job in scheduler.get_jobs()) == ["job1", "job2"]
        assert scheduler.get_job("job1").args == (1, 2)
        assert scheduler.get_job("job1").trigger.interval.seconds == 600
        assert scheduler.get_job("job2").func() == "weekly"
        scheduler.remove_job("job2")
        assert scheduler.get_job("job2") is None
    finally:
        scheduler.shutdown()


def test_rest_api():
    """Jobs are added, read, changed, paused and deleted over the REST API"""
    app = create_app(SCHEDULER_API_ENABLED=True)
    scheduler = APScheduler()
    scheduler.init_app(app)
    scheduler.start()
    try:
        client = app.test_client()
        assert client.get("/scheduler").get_json()["running"] is True
        new = {"id": "job1", "func": "os.path:join", "args": ["a"], "trigger": "interval"}
        response = client.post("/scheduler/jobs", json=dict(new, minutes=10))
        assert response.status_code == 200, response.data
        job = client.get("/scheduler/jobs/job1").get_json()
        assert job["id"] == "job1" and job["func"] == "os.path:join" and job["args"] == ["a"]
        assert job["trigger"] == "interval" and job["minutes"] == 10
        response = client.patch("/scheduler/jobs/job1", json={"name": "renamed"})
        assert response.get_json()["name"] == "renamed"
        assert [job["id"] for job in client.get("/scheduler/jobs").get_json()] == ["job1"]
        client.post("/scheduler/jobs/job1/pause")
        assert scheduler.get_job("job1").next_run_time is None
        assert client.delete("/scheduler/jobs/job1").status_code == 204
        assert client.get("/scheduler/jobs/job1").status_code == 404
    finally:
        scheduler.shutdown()


def test_rest_api_with_password():
    """The REST API asks for a password"""
    from flask_apscheduler.auth import HTTPBasicAuth

    app = create_app(SCHEDULER_API_ENABLED=True, SCHEDULER_AUTH=HTTPBasicAuth())
    scheduler = APScheduler(app=app)

    @scheduler.authenticate
    def authenticate(auth):
        return auth["username"] == "guest" and auth["password"] == "sesame"

    client = app.test_client()
    assert client.get("/scheduler").status_code == 401
    for password, status in ((b"sesame", 200), (b"wrong", 401)):
        token = base64.b64encode(b"guest:" + password).decode()
        response = client.get("/scheduler", headers={"Authorization": "Basic " + token})
        assert response.status_code == status
