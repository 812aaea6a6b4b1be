"""How `jobcancel serve` ends at a signal, in this process: what it prints, waits for and interrupts."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from jobcancel import JobState
from jobcancel._cli.serve.shutdown import Shutdown

from .served_in_process import LONG_S, ServedInProcess, served_in_process


def shutdown_of(served: ServedInProcess, *, durable: bool = False) -> Shutdown:
    server: Any = SimpleNamespace(should_exit=False)
    return Shutdown(served.scheduler, served.demonstration.registry, server, durable=durable)


async def one_signal() -> AsyncIterator[signal.Signals]:
    yield signal.SIGTERM


async def test_the_server_exits_after_the_jobs_have_ended(capsys: pytest.CaptureFixture[str]) -> None:
    async with served_in_process("layers") as served:
        job_id = await served.submit_in_stage("content_generate", "generating")
        shutdown = shutdown_of(served)
        async with anyio.create_task_group() as group:
            await shutdown.on_signals(one_signal(), group)
            assert not shutdown.server.should_exit
        assert shutdown.server.should_exit
        assert (await served.scheduler.get(job_id)).state is JobState.CANCELED
    assert capsys.readouterr().out == "ending: jobs are being canceled\n"


async def test_a_second_signal_interrupts_a_stage_that_shields_its_job(capsys: pytest.CaptureFixture[str]) -> None:
    async with served_in_process("layers") as served:
        job_id = await served.submit_in_stage("project_ingest_website", "persisting")
        shutdown = shutdown_of(served)
        async with anyio.create_task_group() as group:
            await shutdown.on_signals(one_signal(), group)
            await anyio.wait_all_tasks_blocked()
            late = await served.client.post("/demo/jobs", json={"kind": "content_generate"})
            assert late.status_code == 503
            assert not (await served.scheduler.get(job_id)).settled
            await shutdown.on_signals(one_signal(), group)
        assert (await served.scheduler.get(job_id)).state is JobState.CANCELED
    assert capsys.readouterr().out.splitlines() == [
        "ending: jobs are being canceled",
        f"waiting for persisting of {job_id} to end; Ctrl-C again interrupts them",
        "ending at once: stages that refuse or defer a cancel are interrupted",
    ]


async def test_a_second_signal_does_not_interrupt_a_durable_job(capsys: pytest.CaptureFixture[str]) -> None:
    async with served_in_process("layers") as served:
        job_id = await served.submit_in_stage("project_ingest_website", "persisting")
        shutdown = shutdown_of(served, durable=True)
        async with anyio.create_task_group() as group:
            for _ in range(2):
                await shutdown.on_signals(one_signal(), group)
                await anyio.wait_all_tasks_blocked()
            assert not (await served.scheduler.get(job_id)).settled
            await served.scheduler.cancel_many(force=True)
    waits = f"waiting for persisting of {job_id} to end; kill -9 loses no answered request"
    assert capsys.readouterr().out.splitlines() == ["ending: jobs resume at the next start", waits, waits]


async def test_three_stages_are_named_and_the_others_counted(capsys: pytest.CaptureFixture[str]) -> None:
    async with served_in_process("dex") as served:
        shielded = [await served.submit_in_stage("parse", "storing") for _ in range(4)]
        await served.submit_in_stage("parse", "parsing")
        shutdown = shutdown_of(served)
        async with anyio.create_task_group() as group:
            await shutdown.on_signals(one_signal(), group)
            await served.scheduler.cancel_many(force=True)
    line = capsys.readouterr().out.splitlines()[1]
    assert sum(f"storing of {job_id}" in line for job_id in shielded) == 3
    assert line.endswith(" and 1 more to end; Ctrl-C again interrupts them")


async def test_a_shielded_job_on_the_last_page_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    async with served_in_process("tensorpool") as served:
        oldest = await served.submit_in_stage("training", "saving_outputs")
        newer = [await served.submit("training", {"provisioning": LONG_S}) for _ in range(100)]
        await served.reached(newer[-1], "provisioning")
        shutdown = shutdown_of(served)
        async with anyio.create_task_group() as group:
            await shutdown.on_signals(one_signal(), group)
            await served.scheduler.cancel_many(force=True)
    assert capsys.readouterr().out.splitlines()[1] == (
        f"waiting for saving_outputs of {oldest} to end; Ctrl-C again interrupts them"
    )
