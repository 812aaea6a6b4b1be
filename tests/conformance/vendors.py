"""The five vendors as their clients know them: paths, keys, ids. From their documents, never from the contracts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jobcancel.asgi import Caller
from tests.conformance.served import Vendor

TOKENS: Final = {
    "alice": "lp_4f8a1c0e7b6d4932a5c1e0f9d8b7a6c5",
    "bob": "lp_b0b0c0d0e0f0a1b1c1d1e1f1a2b2c2d2",
    "hasty": "lp_99887766554433221100ffeeddccbbaa",
    "viewer": "lp_0123456789abcdef0123456789abcdef",
}
CALLERS: Final[Mapping[str, Caller]] = {
    TOKENS["alice"]: Caller("alice", frozenset({"jobs:read", "jobs:cancel"})),
    TOKENS["bob"]: Caller("bob", frozenset({"jobs:read", "jobs:cancel"})),
    TOKENS["hasty"]: Caller("hasty", frozenset({"jobs:read", "jobs:cancel"})),
    TOKENS["viewer"]: Caller("alice", frozenset({"jobs:read"})),
}
STRANGER: Final = "lp_ffffffffffffffffffffffffffffffff"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def account(token: str) -> dict[str, str]:
    return {"x-api-key": token, "x-selected-account-id": "acc_1"}


def key(token: str) -> dict[str, str]:
    return {"authorization": f"Key {token}", "content-type": "application/json"}


LAYERS: Final = Vendor(
    name="layers",
    cancel="/v1/jobs/{}/cancel",
    get="/v1/jobs/{}",
    key=bearer(TOKENS["alice"]),
    foreign=bearer(TOKENS["bob"]),
    hasty=bearer(TOKENS["hasty"]),
    wrong=bearer(STRANGER),
    tokens=CALLERS,
    kind="content_generate",
    refusing="finalizing",
    unknown="job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    own_kinds=True,
)

TENSORPOOL: Final = Vendor(
    name="tensorpool",
    cancel="/job/cancel/{}",
    get="/job/info/{}",
    key=bearer(TOKENS["alice"]),
    foreign=bearer(TOKENS["bob"]),
    hasty=bearer(TOKENS["hasty"]),
    wrong=bearer(STRANGER),
    tokens=CALLERS,
    kind="plain",
    unknown="no-such-job",
)

DAFTY: Final = Vendor(
    name="dafty",
    cancel="/api/v1/jobs/{}/cancel",
    get="/api/v1/jobs/{}",
    key={"x-api-key": TOKENS["alice"]},
    foreign={"x-api-key": TOKENS["bob"]},
    hasty={"x-api-key": TOKENS["hasty"]},
    wrong={"x-api-key": STRANGER},
    tokens=CALLERS,
    kind="image_generate",
    deferring="image_generate",
    expiring="image_resize",
    unknown="7f9c24e8-3b12-4fef-91e0-56a2d5a0e4b1",
)

DEX: Final = Vendor(
    name="dex",
    cancel="/v1/projects/proj_1/jobs/{}/cancel",
    get="/v1/projects/proj_1/jobs/{}",
    key=account(TOKENS["alice"]),
    foreign=account(TOKENS["bob"]),
    hasty=account(TOKENS["hasty"]),
    wrong=account(STRANGER),
    tokens=CALLERS,
    kind="parse",
    deferring="parse",
    expiring="chunk",
    unknown="no-such-job",
    labels={"project_id": "proj_1"},
)

SUTRO: Final = Vendor(
    name="sutro",
    cancel="/job-cancel/{}",
    key=key(TOKENS["alice"]),
    foreign=key(TOKENS["bob"]),
    hasty=key(TOKENS["hasty"]),
    wrong=key(STRANGER),
    tokens=CALLERS,
    kind="plain",
    unknown="no-such-job",
)

ALL: Final = (LAYERS, TENSORPOOL, DAFTY, DEX, SUTRO)
