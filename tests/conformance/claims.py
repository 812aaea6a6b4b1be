"""Every claim of the vendors' documents as summarised, one a line, and the test that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HOSTS: Final = "the host's own route: no contract serves it"
"""In place of a test: a claim of a route that submits jobs, or of a client."""

_L, _LJ, _LK = "test_layers.py::", "test_layers_jobs.py::", "test_layers_kinds.py::"
_T = "test_tensorpool.py::"
_D, _DJ, _DR = "test_dafty.py::", "test_dafty_jobs.py::", "test_dafty_results.py::"
_X, _XB = "test_dex.py::", "test_dex_batch.py::"
_S = "test_sutro.py::"
_C, _V = "test_common.py::", "test_schemas.py::"
_OUTCOME = "test_an_outcome_is_answered_as_the_document_says"
_REFUSING = _LK + "test_a_refusing_stage_answers_409_with_its_name_and_the_job_goes_on"
_ROWS = "test_every_row_has_the_status_and_the_mark_of_the_table"

LAYERS: Final[tuple[tuple[str, str], ...]] = (
    ("a cancel is POST /v1/jobs/{jobId}/cancel", _L + _OUTCOME),
    ("it has no request body", _C + "test_no_body_is_needed_and_none_is_read"),
    ("the key comes as Authorization: Bearer lp_...", _L + "test_a_key_in_another_form_is_no_key"),
    ("a cancel needs the scope jobs:cancel", _L + "test_a_key_without_the_scope_may_not_cancel"),
    ("a poll does not", _L + "test_a_key_without_the_cancel_scope_may_poll"),
    (
        "GET /v1/jobs/{jobId} is polled until canceled",
        _LJ + "test_an_accepted_cancel_is_polled_until_the_job_is_canceled",
    ),
    ("or until another terminal state", _LJ + "test_a_settled_job_has_the_vendors_status_word"),
    ("the poll has an ETag, and 304", _LJ + "test_a_poll_of_a_job_that_has_not_changed_costs_no_body"),
    ("If-None-Match is heeded", _LJ + "test_if_none_match_takes_lists_weak_tags_and_a_star"),
    ("a jobId is job_ and a ULID", _L + "test_jobs_get_ids_in_the_vendors_form"),
    ("of a pattern that is data", "../contracts/test_layers.py::test_the_contract_has_the_documents_settings"),
    ("a requestId is req_ and a ULID", _L + _OUTCOME),
    ("202 has jobId and accepted, no reason", _V + "test_every_response_of_the_document_is_met_and_valid"),
    ("200 of a completed job: ALREADY_COMPLETED", _L + _OUTCOME),
    ("by the same pattern ALREADY_FAILED", _L + _OUTCOME),
    ("by the same pattern ALREADY_CANCELED", _L + _OUTCOME),
    ("404 of an unknown job", _L + _OUTCOME),
    ("404 of another organization's job", _LJ + "test_another_organizations_job_reads_as_unknown_whatever_the_tag"),
    ("409 of a stage that refuses, with code, message and details", _L + _OUTCOME),
    ("the subcode of the prose is a variant", _L + "test_variant_prose_subcode_names_the_refusal_as_the_prose_does"),
    ("project_ingest_github refuses in opening_pr and finalizing", _REFUSING),
    ("project_ingest_website in persisting", _REFUSING),
    ("content_generate in finalizing", _REFUSING),
    ("content_regenerate in finalizing", _REFUSING),
    ("content_clone_from_post in finalizing", _REFUSING),
    ("project_keywords_refresh in finalizing", _REFUSING),
    ("influencer_create in persisting", _REFUSING),
    ("appstore_ingest in persisting", _REFUSING),
    ("marketing_bootstrap in seven stages", _REFUSING),
    ("marketing_bootstrap as a whole", _LK + "test_the_bootstrap_refuses_as_a_whole"),
    ("ad_optimizer_run in applying_actions and finalizing", _REFUSING),
    ("every other stage can be canceled", _LK + "test_every_other_stage_can_be_canceled"),
    ("the table is data and loads into a Registry", _LK + "test_the_contract_ships_the_ten_kinds_and_no_other"),
    ("accepted is not canceled", _LJ + "test_an_accepted_cancel_is_polled_until_the_job_is_canceled"),
    ("canceled is sticky", _LJ + "test_an_accepted_cancel_is_polled_until_the_job_is_canceled"),
    ("a call in flight finishes first", _LJ + "test_an_accepted_cancel_is_polled_until_the_job_is_canceled"),
    ("a job may complete after an accepted cancel", _LJ + "test_a_job_may_complete_after_an_accepted_cancel"),
    ("or fail", _LK + "test_credits_are_kept_when_the_job_does_not_end_canceled"),
    ("a cancel before finalizing reverses credits", _LK + "test_credits_are_reversed_once_when_the_job_is_canceled"),
    ("afterwards none", _LK + "test_credits_are_kept_when_the_job_does_not_end_canceled"),
    ("no cancel slips past it", _LK + "test_an_accepted_cancel_prevents_the_entry_of_finalizing"),
    ("a bootstrap's key gives the prior job", _LK + "test_a_bootstrap_retried_after_a_success_is_the_prior_job"),
    ("under the name bootstrapJobId", HOSTS),
    ("also a failed one; the variant restarts it", _LK + "test_a_bootstrap_retried_after_a_failure_is_the_prior_job"),
    ("keys live 24 h", _LK + "test_a_key_lives_for_24_hours_and_no_longer"),
    ("other arguments: IDEMPOTENCY_CONFLICT", _LK + "test_other_arguments_under_the_same_key_are_a_conflict"),
    ("status words: running, completed, failed, canceled", _V + "test_a_job_reads_as_the_schema_says_in_every_state"),
    ("the body's nine fields", _LJ + "test_a_job_reads_as_the_document_says_from_its_submission_to_its_end"),
    ("progress is 0 to 1", _LJ + "test_a_job_reads_as_the_document_says_from_its_submission_to_its_end"),
    ("the six error codes", _L + _OUTCOME),
)

TENSORPOOL: Final[tuple[tuple[str, str], ...]] = (
    ("a cancel is POST /job/cancel/{job_id}", _T + _OUTCOME),
    ("the key comes as a Bearer token", _T + "test_a_key_in_another_form_is_no_key"),
    ("running and pending jobs can be canceled", _T + _OUTCOME),
    ("202 at once, in the background", _T + "test_a_stage_that_refuses_defers_and_the_job_ends_canceled_after_it"),
    (
        "a pending job passes through canceling",
        _T + "test_a_pending_job_passes_through_canceling_and_is_canceled_at_the_poll",
    ),
    ("GET /job/info/{job_id} is polled", _T + "test_a_poll_shows_the_state_in_the_vendors_word"),
    ("an id is a plain string", "../contracts/test_tensorpool.py::test_the_contract_has_the_documents_settings"),
    ("202 and 200 have job_id, message and status", _V + "test_every_response_of_the_document_is_met_and_valid"),
    ("200 of a canceled job", _T + "test_a_cancel_of_a_canceled_job_is_idempotent"),
    ("400 of a malformed id", _T + _OUTCOME),
    ("400 of a job that cannot be canceled", _T + _OUTCOME),
    ("403 of another account's job", _T + _OUTCOME),
    ("404 of an unknown job", _T + _OUTCOME),
    ("422 with loc, msg and type", _T + "test_a_query_that_is_not_valid_is_a_422_that_says_where"),
    ("500", _T + _OUTCOME),
    ("every other error is an object with a message", _T + "test_every_error_is_a_json_object_with_a_message"),
    ("the client first sends POST /health", _T + "test_the_root_answers_with_a_json_object"),
    ("/healthz needs no key", _T + "test_healthz_needs_no_key"),
    ("a missing key is 403; the variant 401", _T + "test_variant_unauthenticated_401_answers_a_missing_key_with_401"),
    ("seven status words, error and failed apart", _T + "test_a_poll_shows_the_state_in_the_vendors_word"),
    ("a WebSocket's first message carries the key", HOSTS),
)

DAFTY: Final[tuple[tuple[str, str], ...]] = (
    ("a cancel is POST /api/v1/jobs/{id}/cancel", _D + _OUTCOME),
    ("the key comes as x-api-key or Bearer", _D + "test_a_key_comes_in_either_of_two_headers"),
    ("a generation answers 202 with a job", HOSTS),
    ("GET /jobs/{id} is polled", _DJ + "test_a_job_has_the_vendors_type_and_no_field_beside_the_documents"),
    ("?wait=true holds the answer", _DJ + "test_a_poll_that_waits_is_answered_when_the_job_ends"),
    ("for about 55 s", _DJ + "test_a_poll_that_waits_is_answered_after_about_55_seconds_with_the_state_as_it_is"),
    ("jobs can be listed", _DJ + "test_the_list_shows_only_the_callers_jobs"),
    ("an id is a UUID", _DJ + "test_a_job_has_the_vendors_type_and_no_field_beside_the_documents"),
    ("UUIDs are compared without case", _D + "test_an_id_is_found_in_upper_and_lower_case"),
    ("200 has data, a Job", _V + "test_every_response_of_the_document_is_met_and_valid"),
    ("401", _D + _OUTCOME),
    ("404", _D + _OUTCOME),
    ("429 with four integer headers", _D + "test_the_rate_limit_comes_in_four_integer_headers"),
    ("a Job is closed", _DJ + "test_a_job_has_the_vendors_type_and_no_field_beside_the_documents"),
    ("six types", _DJ + "test_a_job_has_the_vendors_type_and_no_field_beside_the_documents"),
    ("four statuses", _V + "test_a_job_reads_as_the_schema_says_in_every_state"),
    ("createdAt ends in Z", _DJ + "test_a_job_has_the_vendors_type_and_no_field_beside_the_documents"),
    ("a result has images", _DR + "test_a_result_has_its_vendors_form"),
    ("or a video, whose id is the job's", _DR + "test_a_result_has_its_vendors_form"),
    ("or a style", _DR + "test_a_result_has_its_vendors_form"),
    ("an error has one of two codes", _DJ + "test_a_failed_and_a_canceled_job_carry_the_error_of_their_type"),
    ("an error's message is required", _V + "test_every_outcome_and_error_is_rendered_as_the_schema_says"),
    ("details on validation errors", _D + "test_a_query_that_is_not_valid_says_which_field_and_why"),
    ("and on no other", "test_validation.py::test_an_undocumented_answer_is_found"),
    ("VALIDATION_ERROR is 400", _D + "test_a_query_that_is_not_valid_says_which_field_and_why"),
    ("NOT_FOUND is 404", _D + _OUTCOME),
    ("INSUFFICIENT_CREDITS and SUBSCRIPTION_REQUIRED are 402", HOSTS),
    ("RATE_LIMIT_ERROR is 429", _D + _OUTCOME),
    ("USAGE_LIMIT_EXCEEDED and CONCURRENT_LIMIT_REACHED too", HOSTS),
    ("INTERNAL_ERROR is 500", _D + _OUTCOME),
    ("UNAUTHORIZED is 401", _D + _OUTCOME),
    ("a canceled job reads failed", _DJ + "test_a_failed_and_a_canceled_job_carry_the_error_of_their_type"),
    ("canceling reads processing", _DJ + "test_a_canceling_job_reads_as_processing"),
    ("the answer settles", _D + "test_the_answer_waits_for_the_job_to_stop"),
    ("a terminal job is 200, unchanged", _D + _OUTCOME),
    ("the variant is 409", _D + "test_variant_terminal_409_answers_a_settled_job_with_a_conflict"),
    ("a malformed UUID is 400; the variant 404", _D + "test_an_id_that_is_no_uuid_is_not_looked_up"),
    ("a key has up to 255 characters", _DJ + "test_an_idempotency_key_has_up_to_255_characters"),
    ("the same job back for 24 h", _DJ + "test_a_key_gives_the_same_job_back_for_about_24_hours"),
)

DEX: Final[tuple[tuple[str, str], ...]] = (
    (
        "a cancel is POST /v1/projects/{project_id}/jobs/{job_id}/cancel",
        _X + "test_an_accepted_or_repeated_cancel_answers_with_the_entity",
    ),
    (
        "x-api-key and x-selected-account-id, both",
        _X + "test_a_key_without_an_account_is_no_key_nor_an_account_without_a_key",
    ),
    ("ids are plain strings", "../contracts/test_dex.py::test_the_contract_has_the_documents_settings"),
    (
        "a pending job is canceled at once: 200, the entity",
        _X + "test_an_accepted_or_repeated_cancel_answers_with_the_entity",
    ),
    ("also with compensations", _X + "test_a_pending_job_is_cancelled_at_once_while_what_it_reserved_is_given_back"),
    ("200 of a canceled job, the entity", _X + "test_an_accepted_or_repeated_cancel_answers_with_the_entity"),
    ("202 of a running job, the entity", _X + "test_an_accepted_or_repeated_cancel_answers_with_the_entity"),
    ("the variant has no body", _X + "test_variant_empty_202_accepts_without_a_body"),
    ("400 of a succeeded, failed or partially succeeded job", _X + "test_an_error_has_its_status_and_a_json_object"),
    ("404 of an unknown job", _X + "test_an_error_has_its_status_and_a_json_object"),
    ("404 of an unknown project", _X + "test_a_job_of_another_project_is_not_found_and_not_canceled"),
    ("422 with loc, msg and type", "../contracts/test_dex.py::test_an_error_has_the_written_reply"),
    ("an entity's six required fields", _X + "test_an_accepted_or_repeated_cancel_answers_with_the_entity"),
    ("object is job", _X + "test_an_accepted_or_repeated_cancel_answers_with_the_entity"),
    ("a child has a project too", _XB + "test_a_child_belongs_to_its_parents_project"),
    ("its eight nullable fields", _X + "test_an_entity_has_its_times_and_its_result"),
    ("a result is an object", _X + "test_a_result_is_an_object_whatever_the_handler_returned"),
    ("an error is a string", _X + "test_a_failed_entitys_error_is_a_string"),
    ("nine operations", _X + "test_an_entity_names_its_operation"),
    ("six statuses, canceling reads running", _X + "test_an_entity_has_the_vendors_status_word"),
    ("progress counts a batch", _XB + "test_a_batch_counts_its_children_and_names_them"),
    ("pending is 0 when terminal", _XB + "test_a_canceled_batch_leaves_no_child_pending"),
    ("running children count as pending", _XB + "test_a_batch_counts_its_children_and_names_them"),
    ("child_jobs have three required fields", _XB + "test_a_batch_counts_its_children_and_names_them"),
    ("and two optional", _XB + "test_a_batch_counts_its_children_and_names_them"),
    (
        "a history's entries have step and timestamp",
        _XB + "test_the_history_is_in_the_order_of_time_with_notes",
    ),
    (
        "duration_ms, a whole number",
        _XB + "test_the_history_is_in_the_order_of_time_with_notes",
    ),
    ("status, in the vendor's spelling", _XB + "test_the_history_of_a_cancel_is_in_the_vendors_spelling"),
    ("details", _XB + "test_the_history_is_in_the_order_of_time_with_notes"),
)

SUTRO: Final[tuple[tuple[str, str], ...]] = (
    ("a cancel is POST /job-cancel/{job_id}", _S + _OUTCOME),
    ("the key comes as Authorization: Key", _S + "test_a_key_has_the_prefix_key"),
    ("JSON, and no body", _C + "test_no_body_is_needed_and_none_is_read"),
    ("the answer has cancelled and message", _V + "test_every_response_of_the_document_is_met_and_valid"),
    ("has been successfully cancelled", _S + _OUTCOME),
    ("could not be cancelled because it has already completed", _S + _OUTCOME),
    ("not found", _S + _OUTCOME),
    ("200 everywhere", _S + _OUTCOME),
    ("the variant is 404", _S + "test_variant_not_found_404_has_status_404"),
    ("pending and running jobs can be cancelled", _S + _OUTCOME),
    ("completed, failed and cancelled ones cannot", _S + _OUTCOME),
    ("asynchronous", _S + "test_an_accepted_cancel_is_asynchronous"),
    ("the SDK cancels by GET /v1/job-cancel/{job_id}", _S + _OUTCOME),
    ("and reads /v1/job-status/{id}", _S + "test_variant_sdk_gives_a_jobs_status_by_its_id"),
    ("and /v1/list-jobs", _S + "test_variant_sdk_lists_only_the_callers_jobs"),
    ("and /v1/jobs/{id}", _S + "test_variant_sdk_shows_a_job_under_job"),
    ("in words of its own", _S + "test_variant_sdk_gives_a_jobs_status_by_its_id"),
)

OF_ALL: Final[tuple[tuple[str, str], ...]] = (
    (
        "authentication before the rate limit, that before the id",
        _C + "test_the_key_is_checked_before_the_limit_the_limit_before_the_id",
    ),
    ("the scope between them", _C + "test_the_scope_is_checked_after_the_limit_and_before_the_id"),
    ("the id's form before the look-up", _C + "test_an_id_that_is_too_long_is_not_looked_up"),
    ("tenancy before the state", _C + "test_the_owner_is_checked_before_the_state"),
    ("Layers' row of outcomes", f"../contracts/test_layers.py::{_ROWS}"),
    ("TensorPool's", f"../contracts/test_tensorpool.py::{_ROWS}"),
    ("Dafty's", f"../contracts/test_dafty.py::{_ROWS}"),
    ("Dex's", f"../contracts/test_dex.py::{_ROWS}"),
    ("Sutro's", f"../contracts/test_sutro.py::{_ROWS}"),
    ("the words of the seven states", _V + "test_a_job_reads_as_the_schema_says_in_every_state"),
    ("only Layers has words for a refusal, the others defer", _C + "test_only_an_accepted_cancel_changes_a_job"),
)

CLAIMS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "layers": LAYERS,
    "tensorpool": TENSORPOOL,
    "dafty": DAFTY,
    "dex": DEX,
    "sutro": SUTRO,
    "all": OF_ALL,
}
