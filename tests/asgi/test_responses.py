"""Entity tags."""

from __future__ import annotations

import pytest

from jobcancel.asgi.responses import etag_matches, strong_etag


def test_a_tag_is_strong_and_differs_with_the_body() -> None:
    assert strong_etag(b"a") == '"ca978112ca1bbdcafac231b39a23dc4d"'
    assert strong_etag(b"b") != strong_etag(b"a")


@pytest.mark.parametrize(
    ("sent", "same"),
    [
        ([], False),
        (["*"], True),
        ([" * "], True),
        (['"t"'], True),
        (['W/"t"'], True),
        (['"x","t"'], True),
        (['"x" , W/"t", "y"'], True),
        (['"x"', '"t"'], True),
        (['"x, t"'], False),
        (["t"], False),
        (['"t'], False),
        (['"*"'], False),
        ([""], False),
        (['"' * 100_001], False),
        (['"' + "a" * 1_000_000], False),
    ],
)
def test_if_none_match_supports_lists_and_weak_tags_and_ignores_other_text(sent: list[str], same: bool) -> None:
    assert etag_matches('"t"', sent) is same
