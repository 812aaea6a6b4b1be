"""A scheduler for a host without a loop: a WSGI server that answers each request in a thread of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import anyio
import httpx

from jobcancel import BlockingScheduler, JobContext, Registry, Stage
from jobcancel.errors import JobNotFoundError, SchedulerClosedError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

CLIENTS = 8


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """One thread a request; closing it waits for them."""

    request_queue_size = CLIENTS  # all connect at once; one that finds the queue full tries again a second later


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that it has there
        pass


def application(jobs: BlockingScheduler) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """Answer ``/submit``, ``/cancel/ID`` and ``/wait/ID``."""

    def answer(path: str) -> tuple[str, dict[str, Any]]:
        action, _, job_id = path.strip("/").partition("/")
        try:
            if action == "submit":
                return "202 Accepted", {"id": jobs.submit("encode").id}
            if action == "cancel":
                verdict = jobs.cancel(job_id, by="web")
                return ("202 Accepted" if verdict else "409 Conflict"), {"outcome": verdict.outcome}
            return "200 OK", jobs.wait(job_id, timeout_s=30).to_dict()
        except JobNotFoundError as error:
            return "404 Not Found", {"detail": str(error)}
        except SchedulerClosedError as error:
            return "503 Service Unavailable", {"detail": str(error)}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, body = answer(environ["PATH_INFO"])
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    return app


@contextmanager
def serving(jobs: BlockingScheduler) -> Generator[str]:
    """Serve the application on a free port of the loopback; give its address."""
    server = make_server("127.0.0.1", 0, application(jobs), ThreadingServer, Quiet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_requests_in_many_threads_cancel_each_job_once(
    anyio_backend: tuple[str, dict[str, Any]],
) -> None:
    registry = Registry()
    undone: list[str] = []
    together = Barrier(CLIENTS)

    @registry.kind("encode", stages=[Stage("encoding")])
    async def encode(job: JobContext) -> None:
        async with job.stage("encoding"):
            job.add_compensation(undone.append, job.id)
            await anyio.sleep_forever()

    def client_thread(client: httpx.Client) -> tuple[str, list[tuple[int, str]], str]:
        together.wait(30)
        job_id = client.post("/submit").json()["id"]
        answers = [client.post(f"/cancel/{job_id}") for _ in range(2)]
        state = client.get(f"/wait/{job_id}").json()["state"]
        answers.append(client.post(f"/cancel/{job_id}"))
        return job_id, [(answer.status_code, answer.json()["outcome"]) for answer in answers], state

    name, options = anyio_backend
    jobs = BlockingScheduler(registry, backend=name, backend_options=options)
    with (
        jobs,
        serving(jobs) as address,
        httpx.Client(base_url=address, timeout=30) as client,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        answers = list(pool.map(client_thread, [client] * CLIENTS))

    assert len({job_id for job_id, *_ in answers}) == CLIENTS
    for _, (first, second, last), state in answers:
        assert (first, last, state) == ((202, "canceling"), (409, "already_terminal"), "canceled")
        # The job may have unwound between the first two requests; it is not canceled twice either way.
        assert second in [(202, "already_canceling"), (409, "already_terminal")]
    assert set(undone) <= {job_id for job_id, *_ in answers}
    assert len(undone) == len(set(undone))


def test_a_closed_scheduler_and_an_unknown_job_have_their_statuses() -> None:
    jobs = BlockingScheduler(Registry())
    with serving(jobs) as address, httpx.Client(base_url=address, timeout=30) as client:
        with jobs:
            unknown = client.get("/wait/job_nobody").status_code
        closed = client.post("/submit").status_code
    assert (unknown, closed) == (404, 503)
