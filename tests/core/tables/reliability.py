"""The promises of reliability by number, and the tests that keep each: parsing, state machines, security.

Numbers 24 to 32 are promises of adapters, which are not in this table. A test is named by its file below `tests/` and
its function.
"""

from __future__ import annotations

PROMISES: dict[int, tuple[str, ...]] = {
    # Parsing
    1: (  # any input ends in an event or our error
        "core/messages/test_message_properties.py::test_any_input_gives_a_message_or_our_error",
        "core/test_strict_json.py::test_any_bytes_are_read_or_refused",
        "core/sdp/test_sdp_hostile.py::test_any_text_or_bytes",
        "core/rest/test_body.py::test_any_bytes_are_read_or_refused",
        "core/rest/test_link.py::test_any_text_is_a_link_or_a_link_error",
        "core/rest/test_discovery.py::test_whatever_is_answered_there_is_an_end",
        "core/controller/test_http_websocket.py::test_any_bytes_are_survived",
    ),
    2: (  # time and memory are proportional to the input
        "core/test_reliability.py::test_work_and_memory_are_proportional_to_the_input",
        "core/test_strict_json.py::test_hostile_strings_take_linear_time",
        "core/sdp/test_sdp_hostile.py::test_adversarial_lines_end",
    ),
    3: (  # limits, just under and just over
        "core/messages/test_message_codec.py::test_the_size_of_a_message_is_bounded",
        "core/messages/test_message_codec.py::test_the_size_of_a_string_is_bounded",
        "core/sdp/test_sdp_document.py::test_limits_are_explicit",
        "core/test_negotiation.py::test_candidates_are_bounded",
        "core/rest/test_body.py::test_size_just_under_and_over",
        "house/test_limits.py::test_every_limit_is_in_the_table",
    ),
    4: (  # nesting
        "core/test_strict_json.py::test_nesting_just_under_and_over",
        "core/messages/test_message_codec.py::test_nesting_is_bounded",
    ),
    5: ("core/test_strict_json.py::test_what_json_leaves_open_is_refused_with_its_path",),
    6: (  # no coercion
        "core/messages/test_message_codec.py::test_nothing_is_coerced",
        "core/rest/test_body.py::test_nothing_is_coerced",
    ),
    7: (  # the leniencies that are wanted
        "core/messages/test_message_vectors.py::test_unknown_fields_are_ignored_everywhere",
        "core/messages/test_message_codec.py::test_an_unknown_enum_value_makes_the_message_unknown",
        "core/rest/test_endpoint.py::test_turn_credentials",
    ),
    8: ("core/sdp/test_sdp_document.py::test_vectors_round_trip_byte_for_byte_and_validate",),
    9: ("core/sdp/test_sdp_document.py::test_nothing_but_crlf_and_lf_ends_a_line",),
    10: (  # digits are ASCII
        "core/sdp/test_sdp_attributes.py::test_malformed_attributes_name_their_line",
        "core/test_values.py::test_other_texts_are_no_timestamps",
        "core/sdp/test_sdp_candidate.py::test_malformed_candidates",
    ),
    11: ("core/sdp/test_sdp_semantics.py::test_each_check_fires",),
    12: (  # what crashes aiortc
        "core/sdp/test_sdp_hostile.py::test_what_crashes_aiortc_never_passes",
        "core/sdp/test_sdp_hostile.py::test_what_passes_does_not_crash_aiortc",
    ),
    13: ("core/test_values.py::test_timestamps_keep_every_digit",),
    14: ("core/sdp/test_sdp_hostile.py::test_adversarial_lines_end",),
    # State machines
    15: (  # every message in every state
        "core/test_signaling.py::test_every_message_in_every_state_is_as_the_protocol_says",
        "core/test_signaling.py::test_no_row_can_be_taken_away",
        "core/test_engine_vectors.py::test_malformed_input",
        "core/controller/test_controller_engine.py::test_only_limits_of_size_end_a_connection",
    ),
    16: ("core/test_pair_stateful.py::all_agree",),
    17: (  # no media before consent
        "core/conference/test_pair_media_faults.py::test_media_of_streams_that_are_not_negotiated",
        "core/conference/test_pair_media_faults.py::test_broken_descriptions_of_the_server",
        "core/test_negotiation.py::test_every_input_in_every_state_is_as_the_protocol_says",
    ),
    18: (  # glare, stale and duplicate answers
        "core/test_negotiation.py::test_glare",
        "core/test_negotiation.py::test_stale_duplicate_and_unexpected_answers_harm_nothing",
    ),
    19: (  # the laws of offer and answer
        "core/sdp/test_sdp_offer_answer.py::test_law_of_answers",
        "core/sdp/test_sdp_offer_answer.py::test_law_of_answers_to_a_publisher",
    ),
    20: (  # determinism
        "house/test_purity.py::test_module_is_pure",
        "core/test_reliability.py::test_the_same_inputs_give_the_same_outputs",
    ),
    21: (  # the drain
        "core/controller/test_controller_engine.py::test_a_second_input_before_the_drain_is_an_error",
        "core/conference/test_conference_calls.py::test_a_second_input_before_the_drain_is_an_error",
    ),
    22: (  # deadlines and clocks
        "core/conference/test_conference_calls.py::test_deadlines_are_never_in_the_past",
        "core/conference/test_conference_calls.py::test_the_clock_may_go_backwards",
    ),
    23: (  # bounded state
        "core/test_flat.py::test_a_controller_does_not_grow",
        "core/test_flat.py::test_a_conference_does_not_grow",
        "core/test_hostile.py::test_whatever_is_said_again_and_again_is_bounded",
    ),
    # Security
    33: (  # injection
        "core/test_handshake.py::test_tickets_that_must_not_enter_a_header",
        "core/test_account.py::test_a_token_that_does_not_fit_a_header_is_refused_without_being_shown",
        "core/sdp/test_sdp_document.py::test_the_line_grammar_says_what_is_wrong_and_where",
    ),
    34: ("core/rest/test_endpoint.py::test_path_ids_must_be_uuids",),
    35: (  # invitation links
        "core/rest/test_link.py::test_refused",
        "core/rest/test_link.py::test_private_addresses_when_allowed",
        "core/rest/test_discovery.py::test_nothing_hostile_is_followed",
        "core/rest/test_discovery.py::test_private_networks_are_for_who_allows_them",
    ),
    36: (  # where tokens go
        "core/test_account.py::test_no_token_goes_to_another_origin",
        "core/test_account.py::test_no_token_goes_into_a_private_network_unless_allowed",
    ),
    37: (  # secrets
        "secrets/test_secrets.py::test_no_secret_is_ever_readable",
        "core/test_reliability.py::test_no_message_prints_its_secrets",
        "core/test_reliability.py::test_no_error_repeats_what_a_peer_sent",
        "core/test_reliability.py::test_nothing_that_a_controller_keeps_prints_a_secret",
    ),
    38: (  # tickets and resumption
        "core/test_reliability.py::test_a_ticket_works_once_and_for_thirty_seconds",
        "core/test_reliability.py::test_a_ticket_is_what_it_was_issued_for",
        "core/test_reliability.py::test_a_token_of_another_identity_gives_a_new_id_and_is_not_used_up",
        "core/controller/test_resumption.py::test_the_token_lives_on_from_its_last_refresh",
        "core/controller/test_resumption.py::test_a_token_is_bound_to_room_and_identity",
    ),
    40: (  # sizes on both sides
        "core/controller/test_http_websocket.py::test_message_size_just_under_and_over",
        "core/controller/test_http.py::test_body_size_just_under_and_over",
        "adapter/test_adapter_server_signaling.py::test_an_over_long_message_ends_the_connection_with_a_close_code",
    ),
    41: (  # addresses
        "core/sdp/test_sdp_candidate.py::test_names_are_kept_and_never_resolved",
        "core/sdp/test_sdp_candidate.py::test_reach_of_addresses",
    ),
    42: (  # who may do what
        "core/test_permissions.py::test_the_table",
        "core/test_permissions.py::test_every_command_has_rows_for_every_role",
        "core/test_hostile.py::test_nobody_acts_for_another",
        "core/test_hostile.py::test_who_sends_too_much_is_disconnected",
    ),
    43: ("house/test_limits.py::test_the_parsers_of_others_are_not_too_old",),
}

SENTENCES: dict[int, str] = {
    39: "logging in with an identity provider",
    44: "native parsers of media",
}
"""Promises that no test keeps, each in words that docs/limits.md has."""
