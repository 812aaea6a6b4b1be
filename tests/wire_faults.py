"""Planted faults over HTTP: what could be wrong in the contracts, the routes and the command that serves them.

Each breaks an invariant, or a rule of its own that the contracts rely on: whose job it is, the order of the checks,
what a client may read. ``python -m tests.run_faults`` tries them beside the others.
"""

from __future__ import annotations

from typing import Final

from tests.faults import Fault

_ASGI: Final = "jobcancel/asgi/"
_CONTRACTS: Final = "jobcancel/contracts/"
_CANCEL: Final = "tests/asgi/test_cancel.py::test_"
_CALLERS: Final = "tests/asgi/test_authentication.py::test_"
_ENDPOINTS: Final = "tests/asgi/test_errors.py::test_"
_READS: Final = "tests/asgi/test_reads.py::test_"
_REQUESTS: Final = "tests/asgi/test_requests.py::test_"
_TENANCY: Final = "tests/asgi/test_tenancy.py::test_"
_DEX: Final = "tests/contracts/test_dex.py::test_"
_REPLIES: Final = "tests/contracts/test_rendering.py::test_"
_CREDITS: Final = "tests/hosts/test_credits.py::test_"
_SOCKET: Final = "tests/conformance/test_"
_CLI: Final = "jobcancel/_cli/"
_HINTS: Final = "tests/cli/test_hints.py::test_"
_SERVE: Final = "tests/cli/test_serve.py::test_"
_SERVED: Final = "tests/cli/test_serve_input.py::test_"

WHOSE: Final = "whose job it is"
WHO: Final = "who calls"
ORDER: Final = "the order of the checks"
SHOWN: Final = "what a client is shown"
ONCE: Final = "credits, exactly once"
DATA: Final = "a vendor's facts"
FIRST: Final = "what serve prints"
INPUT: Final = "what serve takes"

WIRE_FAULTS: Final = (
    Fault(
        4,
        _ASGI + "operations.py",
        'self._defer = contract.policies.on_shielded_stage == "defer"',
        "self._defer = True",
        _CANCEL + "a_refusing_stage_answers_409_if_the_vendor_has_a_reply_for_it",
    ),
    Fault(
        4,
        _ASGI + "operations.py",
        "by=owner, defer=self._defer)",
        "by=owner, defer=self._defer, force=True)",
        _CANCEL + "a_refusing_stage_defers_if_the_vendor_has_no_reply_for_a_refusal",
    ),
    Fault(
        4,
        _ASGI + "operations.py",
        'self._defer = contract.policies.on_shielded_stage == "defer"',
        "self._defer = False",
        _CANCEL + "a_refusing_stage_defers_if_the_vendor_has_no_reply_for_a_refusal",
    ),
    Fault(
        6,
        _CONTRACTS + "cases.py",
        "JobState.PARTIALLY_SUCCEEDED: Case.ALREADY_COMPLETED",
        "JobState.PARTIALLY_SUCCEEDED: Case.ALREADY_FAILED",
        _REPLIES + "each_verdict_has_its_case",
    ),
    Fault(
        6,
        _CONTRACTS + "cases.py",
        "Outcome.CANCELING: Case.CANCELING",
        "Outcome.CANCELING: Case.PENDING_CANCELED",
        _REPLIES + "each_verdict_has_its_case",
    ),
    Fault(
        8,
        _ASGI + "operations.py",
        "timeout_s=policies.settle_s)",
        "timeout_s=float('inf'))",
        _CANCEL + "only_an_unsettled_cancel_is_waited_for_within_the_contracts_limit",
    ),
    Fault(
        8,
        _ASGI + "operations.py",
        "timeout_s=route.wait_s)",
        "timeout_s=float('inf'))",
        _READS + "only_a_read_with_the_wait_parameter_waits_within_the_vendors_limit",
    ),
    Fault(
        9,
        _ASGI + "operations.py",
        "        verdict = await self._service.cancel(job_id,",
        "        await __import__('anyio').sleep_forever()\n        verdict = await self._service.cancel(job_id,",
        _ENDPOINTS + "a_disconnected_client_cancels_its_request_and_not_the_job",
    ),
    Fault(
        9,
        _CLI + "ending.py",
        "        await self.scheduler.shutdown()  # a client that waits gets its answer while the server still runs\n",
        "",
        "tests/cli/test_serve.py::test_a_signal_ends_the_jobs_in_order_and_answers_who_waits",
    ),
    Fault(
        13,
        _ASGI + "operations.py",
        "        verdict = await self._service.cancel(job_id,",
        "        await self._service.cancel(job_id, owner=owner)\n        verdict = await self._service.cancel(job_id,",
        _SOCKET + "race.py::test_each_job_is_canceled_once_and_every_answer_fits_its_record",
    ),
    Fault(
        WHOSE,
        _ASGI + "operations.py",
        "self._service.cancel(job_id, owner=owner, by=owner,",
        "self._service.cancel(job_id, by=owner,",
        _TENANCY + "a_caller_cannot_cancel_another_owners_job",
    ),
    Fault(
        WHOSE,
        "jobcancel/_runtime/children.py",
        "labels = inherited | labels if labels else inherited\n",
        "pass\n",
        _READS + "the_children_of_a_batch_are_shown_and_have_its_labels",
    ),
    Fault(
        WHO,
        _ASGI + "authentication.py",
        "    if not owner:\n",
        "    if False:\n",
        _CALLERS + "a_caller_without_an_owner_is_refused",
    ),
    Fault(
        WHO,
        _ASGI + "authentication.py",
        "                found = caller\n",
        "                return caller\n",
        _CALLERS + "every_token_of_the_table_is_compared",
    ),
    Fault(
        WHO,
        _ASGI + "authentication.py",
        "if len(sent) != 1 or",
        "if not sent or",
        _SOCKET + "hostile.py::test_two_keys_are_no_key",
    ),
    Fault(
        WHO,
        _ASGI + "authentication.py",
        "if token and all(values):",
        "if token:",
        _CALLERS + "a_caller_is_found_by_the_contracts_headers_only",
    ),
    Fault(
        ORDER,
        _ASGI + "requests.py",
        "        if len(job_id) > LONGEST_ID or ids",
        "        if ids",
        _REQUESTS + "an_id_longer_than_256_characters_is_malformed_whatever_the_pattern",
    ),
    Fault(
        ORDER,
        _ASGI + "requests.py",
        "ids.pattern.fullmatch(job_id)",
        "ids.pattern.match(job_id)",
        _REQUESTS + "an_id_with_a_valid_beginning_only_is_malformed",
    ),
    Fault(
        ORDER,
        _ASGI + "endpoints.py",
        'implied = ("HEAD",) if operation.safe and "GET"',
        'implied = ("HEAD",) if "GET"',
        _REQUESTS + "head_cancels_nothing_where_the_vendor_cancels_by_get",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "vendor_job.py",
        '    if "traceback" in details:',
        '    if "trace" in details:',
        "tests/contracts/test_vendor_job.py::test_a_failure_is_one_line_without_a_traceback",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "rendering.py",
        """"".join(letter if " " <= letter <= "~" else "?" for letter in str(value))""",
        "str(value)",
        _REPLIES + "a_header_is_one_line_of_printable_ascii_whatever_came_with_the_request",
    ),
    Fault(
        SHOWN,
        _ASGI + "operations.py",
        "return attrs.evolve(job, state=JobState.CANCELING, settled_at=None)",
        "return job",
        _CANCEL + "a_canceled_pending_job_is_shown_as_canceling_if_the_vendor_does_so",
    ),
    Fault(
        SHOWN,
        _ASGI + "operations.py",
        "            case = case_of(verdict, at_once=canceled_at_once(contract, job))\n",
        "            pass\n",
        _CANCEL + "a_pending_job_with_compensations_is_canceled_at_once_if_the_vendor_says_so",
    ),
    Fault(
        SHOWN,
        _ASGI + "operations.py",
        " and not policies.canceled_at_once:",
        ":",
        _CANCEL + "a_pending_job_with_compensations_is_canceled_at_once_if_the_vendor_says_so",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "vendor_job.py",
        "settled_at=snapshot.cancel.requested_at)",
        "settled_at=snapshot.settled_at)",
        _DEX + "a_job_canceled_while_pending_is_cancelled_from_the_request_on",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "vendor_job.py",
        "else round(entry.duration_ms),",
        "else entry.duration_ms,",
        _DEX + "an_entity_has_every_field",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "vendor_job.py",
        '"status": _entry_status(job, entry.status),',
        '"status": entry.status,',
        _DEX + "a_history_is_in_dexs_words_and_a_notes_name_is_the_hosts",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "dex.toml",
        'result = "$job.result_object"',
        'result = "$job.result"',
        _DEX + "a_result_is_an_object_or_null",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "rendering.py",
        """"reason": _message(scope)} if details is None else""",
        """"reason": _message(scope)} if False else""",
        _SOCKET + "dafty.py::test_an_id_that_is_no_uuid_is_not_looked_up",
    ),
    Fault(
        SHOWN,
        _CONTRACTS + "rendering.py",
        "    return list(scope.context.location) or",
        "    return list(scope.context.location)[:1] or",
        _SOCKET + "tensorpool.py::test_a_query_that_is_not_valid_is_a_422_that_says_where",
    ),
    Fault(
        SHOWN,
        "jobcancel/_runtime/ids.py",
        '{before}{_base32(last, 10)}{_base32(high, 14)}"\n        else:',
        'job_{_base32(last, 10)}{_base32(high, 14)}"\n        else:',
        "tests/asgi/test_ids.py::test_an_id_may_have_words_on_both_sides",
    ),
    Fault(
        ONCE,
        _ASGI + "requests.py",
        "    if len(sent) > 1:\n",
        "    if len(sent) > 2:\n",
        "tests/asgi/test_idempotency_keys.py::test_an_invalid_idempotency_key_is_refused_with_a_message",
    ),
    Fault(
        ONCE,
        "jobcancel/_core/job.py",
        "return (self.state if cell is None else cell.state) in self.spec.compensate_on",
        "return True",
        _CREDITS + "failed_reverses_nothing",
    ),
    Fault(
        ONCE,
        _CONTRACTS + "layers.toml",
        'stages = [{ name = "finalizing", on_cancel = "refuse", commits = true }]',
        'stages = [{ name = "finalizing", on_cancel = "refuse" }]',
        "tests/contracts/test_layers.py::test_credits_are_reversed_for_a_canceled_job_alone_and_not_past_finalizing",
    ),
    Fault(
        DATA,
        _CONTRACTS + "layers.toml",
        'stages = [{ name = "opening_pr", on_cancel = "refuse" },',
        'stages = [{ name = "opening_pr", on_cancel = "interrupt" },',
        "tests/contracts/test_layers.py::test_the_ten_kinds_load_with_the_stages_that_refuse",
    ),
    Fault(
        DATA,
        _CONTRACTS + "layers.toml",
        'strict = false\non_cancel = "refuse"\n',
        "strict = false\n",
        _SOCKET + "layers_kinds.py::test_the_bootstrap_refuses_as_a_whole",
    ),
    Fault(
        SHOWN,
        "jobcancel/_cli/orders.py",
        "location = error.location if isinstance(error, OrderError) else ()",
        "location = ()",
        "tests/cli/test_orders.py::test_a_422_says_where_the_order_is_wrong",
    ),
    Fault(
        SHOWN,
        "jobcancel/_runtime/ids.py",
        "        return self._draw() if job_id is None else job_id\n",
        "        return self._draw()\n",
        "tests/asgi/test_mounting.py::test_mounting_uses_up_no_id_of_the_scheduler",
    ),
    Fault(
        SHOWN,
        "jobcancel/_runtime/ids.py",
        "        if self._next is None:\n            self._next = self._draw()\n",
        "        self._next = self._draw()\n",
        "tests/asgi/test_mounting.py::test_mounting_uses_up_no_id_of_the_scheduler",
    ),
    Fault(
        DATA,
        _CONTRACTS + "dafty.toml",
        "ignore_case = true",
        "ignore_case = false",
        _SOCKET + "dafty.py::test_an_id_is_found_in_upper_and_lower_case",
    ),
    Fault(
        DATA,
        _CONTRACTS + "tensorpool.toml",
        "via_canceling = true",
        "via_canceling = false",
        _CANCEL + "a_canceled_pending_job_is_shown_as_canceling_if_the_vendor_does_so",
    ),
    Fault(
        DATA,
        _CONTRACTS + "sutro.toml",
        'methods = ["POST", "GET"]',
        'methods = ["POST"]',
        _SOCKET + "sutro.py::test_the_documents_route_has_no_get_and_the_sdks_has",
    ),
    Fault(
        FIRST,
        _CLI + "hints.py",
        'policies.on_shielded_stage == "refuse":',
        'policies.on_shielded_stage == "defer":',
        _HINTS + "a_stage_is_marked_with_what_a_cancel_meets_there",
    ),
    Fault(
        FIRST,
        _CLI + "hints.py",
        "{stage: STAGE_S}",
        "{}",
        _HINTS + "one_command_submits_a_job_that_is_at_once_in_a_stage_that_shields_it",
    ),
    Fault(
        FIRST,
        _CLI + "hints.py",
        '(("get", "poll"), ("cancel", "cancel"))',
        '(("cancel", "cancel"),)',
        _HINTS + "all_lines_of_a_contract_that_defers",
    ),
    Fault(
        FIRST,
        _CLI + "ending.py",
        "            if waits_for:\n",
        "            if not waits_for:\n",
        _SERVE + "a_second_signal_opens_the_stage_that_shields_a_job",
    ),
    Fault(
        FIRST,
        _CLI + "ending.py",
        "                if cursor is None:\n",
        "                if page.jobs:\n",
        _SERVE + "a_signal_looks_at_all_pages_of_jobs",
    ),
    Fault(
        FIRST,
        _CLI + "app.py",
        '    rich_markup_mode="markdown",',
        '    rich_markup_mode="rich",',
        "tests/cli/test_help.py::test_a_paragraph_is_not_broken_where_the_source_is",
    ),
    Fault(
        INPUT,
        _CLI + "orders.py",
        "except (ValueError, RecursionError):",
        "except ValueError:",
        _SERVED + "an_order_that_is_none_is_answered_with_what_is_allowed",
    ),
    Fault(
        INPUT,
        _CLI + "serve.py",
        "max_running=max_running",
        "max_running=None",
        _SERVE + "more_jobs_than_may_run_are_pending_and_a_pending_one_is_canceled",
    ),
    Fault(
        INPUT,
        _CLI + "serve.py",
        "[!-~]+",
        "[ -~]+",
        _SERVED + "a_token_that_no_client_could_send",
    ),
    Fault(
        INPUT,
        _CLI + "serve.py",
        "advice = ours if",
        'advice = "" if',
        _SERVED + "an_address_that_is_not_ours",
    ),
    Fault(
        SHOWN,
        _CLI + "job_tables.py",
        "no_wrap=name in WHOLE",
        "no_wrap=False",
        "tests/cli/test_jobs.py::test_a_terminal_gets_tables_with_whole_ids",
    ),
    Fault(
        INPUT,
        _CLI + "serve.py",
        "scope['path'].lstrip('/')",
        "scope['path'][1:]",
        _SERVE + "a_base_url_may_end_with_a_slash",
    ),
)
