"""Dafty's three results, each of them closed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.bench import Bench
from tests.conformance.vendors import DAFTY

IMAGE = {"id": "img_1", "url": "https://cdn.example/1.png", "width": 512, "height": 768}
BARE_IMAGE = {"id": "img_2", "url": "https://cdn.example/2.png"}
VIDEO = {
    "url": "https://cdn.example/v.mp4",
    "durationSeconds": 4.5,
    "thumbnailUrl": "https://cdn.example/t.png",
    "width": 1280,
    "height": 720,
}

RESULTS: list[tuple[str, Any, Any]] = [
    (
        "image_generate",
        {"images": [IMAGE, BARE_IMAGE]},
        {"images": [IMAGE, {**BARE_IMAGE, "width": None, "height": None}]},
    ),
    ("image_upscale", {"images": []}, {"images": []}),
    ("video_generate", {"video": VIDEO}, {"video": {"id": "{id}", **VIDEO}}),
    (
        "video_generate",
        {"video": {"url": "https://cdn.example/v.mp4", "id": "not the job's", "bitrate": 9}},
        {
            "video": {
                "id": "{id}",
                "url": "https://cdn.example/v.mp4",
                "durationSeconds": None,
                "thumbnailUrl": None,
                "width": None,
                "height": None,
            }
        },
    ),
    ("style_extract", {"style": {"id": "sty_1", "weights": [1, 2]}}, {"style": {"id": "sty_1"}}),
]


@pytest.mark.parametrize(("kind", "returned", "shown"), RESULTS)
async def test_a_result_has_its_vendors_form(bench: Bench, kind: str, returned: Any, shown: Any) -> None:
    dafty = await bench.serve(DAFTY)
    job_id = await dafty.settled("succeeded", returned, kind=kind)

    job = (await dafty.get(job_id)).body["data"]

    if "video" in shown:
        shown = {"video": {**shown["video"], "id": job_id}}
    assert job["result"] == shown


async def test_a_canceled_job_has_no_result(bench: Bench) -> None:
    dafty = await bench.serve(DAFTY)
    answer = await dafty.get(await dafty.settled("canceled", {"images": [IMAGE]}))
    assert "result" not in answer.body["data"]
