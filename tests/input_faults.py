"""Planted faults in what is taken from a host: its numbers, its values, its exceptions."""

from __future__ import annotations

from typing import Final

from tests.faults import Fault

_CORE: Final = "jobcancel/_core/"
_RUNTIME: Final = "jobcancel/_runtime/"
_WRONG: Final = "tests/runtime/test_wrong_arguments.py::test_"
_GIVEN: Final = (
    "tests/runtime/test_bad_numbers.py::test_a_number_that_makes_no_sense_is_refused_and_nothing_has_happened"
)
_PLAIN: Final = "tests/core/test_plain.py::test_"
_ODD: Final = "tests/runtime/test_odd_values.py::test_14_"
_VALUE: Final = "a_value_that_cannot_be_shown_kept_or_compared_ends_its_own_job_at_most"
_ERROR: Final = "an_error_that_cannot_be_formatted_or_has_no_end_ends_its_own_job"
_TRACEBACKS: Final = "tests/runtime/test_tracebacks.py::test_"

REFUSES: Final = "what makes no sense is refused"
SHOWS: Final = "anything can be shown"
ALONE: Final = 14

INPUT_FAULTS: Final = (
    Fault(
        REFUSES,
        _RUNTIME + "waiting.py",
        '        timeout_s = PATIENCE.check(timeout_s, "timeout_s", "None for no limit")\n',
        "        pass\n",
        _GIVEN,
    ),
    Fault(
        REFUSES,
        _RUNTIME + "query.py",
        '    limit = COUNT.check(limit, "limit")\n',
        "",
        _GIVEN,
    ),
    Fault(
        REFUSES,
        _RUNTIME + "context.py",
        '        done, message = AMOUNT.check(done, "done"), text(message, "message")\n',
        '        message = text(message, "message")\n',
        _GIVEN,
    ),
    Fault(
        REFUSES,
        _RUNTIME + "processes.py",
        '    kill_after_s = PATIENCE.check(kill_after_s, "kill_after_s")\n',
        "",
        _GIVEN,
    ),
    Fault(
        REFUSES,
        _RUNTIME + "ids.py",
        'if not job_id or any("\\ud800" <= each <= "\\udfff" for each in job_id):',
        "if not job_id:",
        "tests/runtime/test_ids.py::test_what_cannot_be_an_id_is_refused_and_no_job_was_taken",
    ),
    Fault(
        REFUSES,
        "jobcancel/contracts/templates.py",
        'abs(cast("float", value)) <= float_info.max',
        "value == value",
        "tests/contracts/test_parser_numbers.py::test_a_template_has_no_number_that_json_does_not_know",
    ),
    Fault(
        REFUSES,
        _CORE + "registry.py",
        "        except (ValueError, RecursionError) as error:  # see above\n",
        "        except json.JSONDecodeError as error:\n",
        "tests/contracts/test_parser_numbers.py::test_a_number_from_json_or_toml_outside_the_range_is_refused",
    ),
    Fault(
        REFUSES,
        _CORE + "plain.py",
        "    if not value.isascii() and _PAIR.search(value):\n",
        "    if False:\n",
        _PLAIN + "plain_data_that_no_journal_could_give_back_is_refused",
    ),
    Fault(
        REFUSES,
        _CORE + "plain.py",
        "        if id(value) in self._open:\n",
        "        if False:\n",
        _PLAIN + "plain_data_that_no_journal_could_give_back_is_refused",
    ),
    Fault(
        SHOWS,
        _CORE + "plain.py",
        "            if self._repeats > MOST_REPEATS:\n",
        "            if False:\n",
        _PLAIN + "a_list_may_stand_in_a_hundred_thousand_places_again",
    ),
    Fault(
        ALONE,
        _RUNTIME + "failure.py",
        "    except BaseException as raised:  # noqa: BLE001\n",
        "    except LookupError as raised:\n",
        _ODD + _ERROR + "[asyncio-in memory-str exits-raises]",
    ),
    Fault(
        ALONE,
        _RUNTIME + "failure.py",
        "        elif id(each) not in seen:\n",
        "        else:\n",
        _TRACEBACKS + "the_leaves_of_a_group_are_found_at_any_depth_in_their_order",
    ),
    Fault(
        ALONE,
        _RUNTIME + "tracebacks.py",
        "    return count <= _MOST\n",
        "    return True\n",
        _TRACEBACKS + "an_error_is_formatted_if_it_has_so_many_others",
    ),
    Fault(
        ALONE,
        _RUNTIME + "tracebacks.py",
        "            _CONTEXT.__set__(each, None)\n",
        "",
        _ODD + "a_cancellation_whose_contexts_go_in_a_circle_ends_its_own_job",
    ),
    Fault(
        ALONE,
        _RUNTIME + "log.py",
        "    except BaseException as raised:  # noqa: BLE001",
        "    except Exception as raised:",
        _ODD + "a_log_that_exits_ends_no_job",
    ),
    Fault(
        ALONE,
        _RUNTIME + "log.py",
        "        traced = (type(error), error, error.__traceback__)",
        "        traced = error",
        "tests/runtime/test_logs.py::test_an_error_that_says_it_is_false_is_logged_with_its_traceback",
    ),
    Fault(
        ALONE,
        _RUNTIME + "runner.py",
        "if issubclass(type(value), Partial):",
        "if isinstance(value, Partial):",
        _ODD + _VALUE + "[asyncio-in memory-everything raises]",
    ),
    Fault(
        ALONE,
        _CORE + "compensations.py",
        "    except BaseException:  # noqa: BLE001",
        "    except AttributeError:",
        "tests/core/test_compensations.py::test_an_undo_whose_name_raises_is_called_by_its_type",
    ),
    Fault(
        ALONE,
        _RUNTIME + "keys.py",
        "    except BaseException:  # noqa: BLE001",
        "    except ValueError:",
        "tests/runtime/test_keys.py::test_arguments_that_cannot_be_compared_are_a_conflict_and_no_crash",
    ),
    Fault(
        ALONE,
        _RUNTIME + "durable_keys.py",
        "    except (TypeError, ValueError):\n",
        "    except LookupError:\n",
        "tests/runtime/test_keys.py::test_a_handlers_default_need_be_no_plain_data_for_a_key_that_is_kept",
    ),
    Fault(
        REFUSES,
        _CORE + "arguments.py",
        "    if value is True or value is False:\n",
        "    if value in (True, False):\n",
        _WRONG + "a_word_for_no_does_not_force_a_cancel",
    ),
    Fault(
        REFUSES,
        _RUNTIME + "scheduler.py",
        "        user_request(by, reason, defer=defer, force=force)  #",
        "        #",
        _WRONG + "a_word_for_no_does_not_force_a_cancel",
    ),
    Fault(
        REFUSES,
        _RUNTIME + "table.py",
        '            owner = text(owner, "owner")\n',
        "            pass\n",
        _WRONG + "an_owner_that_is_no_string_is_refused_by_every_method",
    ),
    Fault(
        REFUSES,
        _CORE + "arguments.py",
        "isinstance(value, type) or not",
        "not",
        _WRONG + "a_scheduler_refuses_what_is_no_registry_or_store_when_it_is_made",
    ),
    Fault(
        REFUSES,
        "jobcancel/asgi/routing.py",
        "    _require_service(service)\n",
        "",
        "tests/asgi/test_mounting.py::test_an_unusable_service_contract_or_authenticate_is_refused_at_mounting",
    ),
    Fault(
        REFUSES,
        "jobcancel/asgi/authentication.py",
        'if not isinstance(cast("object", caller), Caller):',
        "if caller is None:",
        "tests/asgi/test_authentication.py::test_a_token_table_without_callers_is_refused_and_shows_no_token",
    ),
    Fault(
        REFUSES,
        _CORE + "compensations.py",
        "    _require_fit(fn, args, kwargs)\n",
        "",
        "tests/core/test_compensations.py::"
        "test_arguments_that_do_not_fit_a_plain_function_are_refused_when_it_is_registered",
    ),
    Fault(
        REFUSES,
        _CORE + "compensations.py",
        "    if is_generator(fn):\n",
        "    if False:\n",
        "tests/core/test_compensations.py::test_a_function_that_cannot_undo_anything_is_refused_when_it_is_registered",
    ),
    Fault(
        REFUSES,
        _RUNTIME + "compensation.py",
        "        _require_done(pending)\n",
        "",
        "tests/runtime/test_compensations.py::test_an_undo_that_returns_work_which_never_runs_has_undone_nothing",
    ),
)
