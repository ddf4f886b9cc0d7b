"""Ways to abuse the service, each with the tests that hold against it or the reason for none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One way to abuse the service. `tests` are `folder/file.py::test_name`, below tests/."""

    words: str
    tests: tuple[str, ...] = ()
    reason: str = ""


def held(words: str, *tests: str) -> Case:
    """Say which tests hold a case."""
    return Case(words, tests)


def left(words: str, reason: str) -> Case:
    """Say why no test holds a case."""
    return Case(words, reason=reason)


PARSING = [
    held(
        "truncated JSON", "web/test_body.py::test_json_is_refused_when_it_is_not_one_plain_object"
    ),
    held("empty body", "web/test_body.py::test_json_is_refused_when_it_is_not_one_plain_object"),
    held(
        "100 000 brackets", "web/test_body.py::test_json_is_refused_when_it_is_not_one_plain_object"
    ),
    held("17 levels", "web/test_body.py::test_json_is_refused_when_it_is_not_one_plain_object"),
    held(
        "unknown and look-alike fields",
        "web/test_body_fields.py::test_an_unknown_field_is_refused_by_name",
    ),
    held(
        "NaN, Infinity, 1e999",
        "web/test_body.py::test_json_is_refused_when_it_is_not_one_plain_object",
    ),
    held(
        "UTF-16, UTF-32, BOM",
        "web/test_body.py::test_json_is_refused_when_it_is_not_one_plain_object",
    ),
    held("invalid UTF-8", "web/test_body.py::test_json_is_refused_when_it_is_not_one_plain_object"),
    held(
        "NUL in a field",
        "web/test_body.py::test_json_is_refused_when_a_field_holds_nul_or_half_a_character",
    ),
    held(
        "control characters",
        "web/test_body_fields.py::test_a_text_is_refused_when_it_is_too_long_or_holds_control_characters",
        "web/test_body_fields.py::test_a_username_is_refused_when_it_could_be_taken_for_something_else",
    ),
    held(
        "1 MB",
        "web/test_body_limits_live.py::test_a_body_above_the_limit_is_refused_before_it_is_sent",
    ),
    held(
        "chunked form",
        "web/test_chunked_bodies_live.py::test_a_form_in_chunks_is_asked_for_its_length",
    ),
    held(
        "chunked JSON",
        "web/test_chunked_bodies_live.py::test_a_body_is_refused_when_its_chunks_end_too_early",
    ),
    held(
        "bad chunk size",
        "web/test_chunked_bodies_live.py::test_a_body_is_refused_when_its_chunks_are_broken",
    ),
    held(
        "Content-Encoding", "web/test_body_framing.py::test_a_body_is_not_read_when_it_is_encoded"
    ),
    held(
        "another type", "web/test_body_framing.py::test_a_body_is_not_read_when_its_type_is_another"
    ),
    held(
        "2 000 fields",
        "web/test_body_forms.py::test_a_form_is_refused_when_it_is_ambiguous_or_broken",
    ),
    held(
        "one field twice",
        "web/test_body_forms.py::test_a_form_is_refused_when_it_is_ambiguous_or_broken",
    ),
    held(
        "credentials in the query",
        "web/test_body_framing.py::test_a_query_never_stands_for_a_body",
        "web/test_body_framing.py::test_a_request_is_refused_when_a_credential_stands_in_its_query",
    ),
    held(
        "ambiguous frames",
        "web/test_body_limits_live.py::test_a_request_is_refused_when_its_frame_is_ambiguous",
    ),
    held(
        "no Host",
        "web/test_body_limits_live.py::test_a_request_is_refused_when_its_host_is_not_one_plain_name",
    ),
    held(
        "many fields, long fields, long line",
        "catalogue/test_live_input.py::test_too_many_or_too_long_header_fields_are_refused",
        "web/test_body_limits_live.py::test_a_long_request_line_is_refused",
    ),
    held(
        "other methods",
        "web/test_body_limits_live.py::test_a_method_in_other_letters_is_another_method",
        "web/test_body_limits_live.py::test_a_method_is_not_overridden_by_a_header",
        "web/test_routes.py::test_a_route_names_its_methods_when_it_is_asked_for_another",
    ),
    held("HEAD", "web/test_routes.py::test_head_decides_as_get_and_says_nothing"),
    held(
        "paths spelled differently",
        "web/test_body_limits_live.py::test_a_path_spelled_differently_has_the_same_lock_or_leads_nowhere",
    ),
    held(
        "007 and other digits", "web/test_routes.py::test_an_id_of_another_spelling_leads_nowhere"
    ),
    held(
        "spellings of a UUID", "dialects/continuous/test_document.py::test_a_uuid_has_one_spelling"
    ),
    held("trailing slash", "web/test_routes.py::test_a_slash_more_or_less_never_redirects"),
    held("preflight", "web/test_origin.py::test_a_preflight_of_another_site_gets_no_permission"),
    left("slow clients", "a fault, not an input: it is part of tests/faults"),
]

REGISTRATION = [
    held(
        "a good one",
        "dialects/test_certifire.py::test_registering_answers_201_with_the_name_and_where_it_is",
        "web/test_origin.py::test_a_location_follows_the_public_url_or_else_the_host",
    ),
    held(
        "rights in the body",
        "web/test_body_fields.py::test_rights_are_refused_when_they_come_from_the_caller",
        "dialects/test_every_dialect.py::test_no_body_gives_rights",
    ),
    held(
        "columns in the body",
        "web/test_body_fields.py::test_rights_are_refused_when_they_come_from_the_caller",
    ),
    held(
        "a missing field",
        "web/test_body_fields.py::test_a_required_field_is_named_when_it_is_missing",
    ),
    held(
        "a colon",
        "domain/test_names.py::test_username_is_refused_when_a_letter_or_its_length_is_not_allowed",
    ),
    held(
        "white space",
        "domain/test_names.py::test_username_is_refused_when_a_letter_or_its_length_is_not_allowed",
    ),
    held(
        "look-alike letters",
        "domain/test_names.py::test_username_is_refused_when_a_letter_or_its_length_is_not_allowed",
        "domain/test_names.py::test_look_alikes_have_different_canonical_forms_so_the_allow_list_refuses_them",
    ),
    held(
        "letters that fold",
        "domain/test_names.py::test_spellings_that_look_the_same_have_one_canonical_form",
    ),
    held(
        "odd emails",
        "domain/test_emails.py::test_email_is_refused_when_it_is_not_one_plain_email",
        "domain/test_emails.py::test_international_domain_and_its_punycode_are_one_canonical_domain",
    ),
    held(
        "an email that is a list",
        "web/test_body_fields.py::test_a_text_is_refused_when_it_is_something_else",
        "catalogue/test_input.py::test_no_body_is_a_mistake_of_ours",
    ),
    held(
        "lengths of passwords",
        "domain/test_passwords.py::test_password_is_kept_when_its_length_and_letters_are_allowed",
    ),
    held(
        "the first 72 bytes",
        "services/test_authentication.py::test_password_counts_to_its_last_character",
    ),
    held(
        "composed and decomposed",
        "services/test_authentication.py::test_password_opens_whether_it_was_composed_or_decomposed",
    ),
    held(
        "a weak password",
        "domain/test_passwords.py::test_weak_password_is_refused_only_where_the_service_is_hardened",
        "domain/test_passwords.py::test_own_name_or_email_is_refused_as_a_password_where_the_service_is_hardened",
    ),
    held(
        "one name, at once, on two nodes",
        "catalogue/test_live_races.py::test_one_of_thirty_two_gets_a_name",
    ),
    held(
        "names equal after folding, at once",
        "catalogue/test_live_races.py::test_one_of_thirty_two_gets_a_name",
        "catalogue/test_live_races.py::test_one_of_sixteen_gets_an_email_however_it_is_spelled",
    ),
    left("many from one IP", "the limits per IP and action have tests of their own"),
    held("mail server down", "recovery/test_outbox.py::test_no_request_speaks_to_the_mail_server"),
    held(
        "HTML and formulas in a name",
        "catalogue/test_input.py::test_markup_in_a_full_name_is_text",
        "recovery/test_mail_texts.py::test_a_name_is_escaped",
    ),
]

CREDENTIALS = [
    held(
        "no credential", "web/test_verifier.py::test_no_account_is_looked_up_when_there_is_no_name"
    ),
    held(
        "malformed Basic",
        "web/test_authorization_header.py::test_a_header_holds_no_credential_when_it_is_malformed",
    ),
    held(
        "junk in base64",
        "web/test_verifier.py::test_a_password_has_one_spelling_in_strict_base64",
    ),
    held(
        "NUL in Basic",
        "web/test_authorization_header.py::test_a_header_holds_no_credential_when_it_is_malformed",
    ),
    held(
        "colons in a password",
        "web/test_authorization_header.py::test_a_password_is_split_from_its_name_at_the_first_colon",
    ),
    held(
        "another scheme",
        "web/test_verifier.py::test_a_password_is_refused_when_the_scheme_is_not_basic",
    ),
    held(
        "two headers",
        "web/test_authorization_header.py::test_two_credentials_are_refused_however_they_arrive",
    ),
    held(
        "token as a name",
        "web/test_token_credentials.py::test_a_token_is_valid_as_a_username_with_any_password",
    ),
    held(
        "token as a password",
        "web/test_token_as_password.py::test_a_bad_token_is_never_hashed_and_never_counted",
    ),
    held(
        "two identities",
        "web/test_token_credentials.py::test_a_token_is_its_owner_beside_any_other_field",
    ),
    held(
        "a name like a token",
        "domain/test_names.py::test_username_is_refused_when_a_token_could_look_so",
    ),
    held(
        "3 s in the future",
        "domain/test_policy.py::test_token_is_timely_from_five_seconds_early_until_its_end",
    ),
    held(
        "1 h in the future",
        "domain/test_policy.py::test_token_is_timely_from_five_seconds_early_until_its_end",
    ),
    held("spellings of a token", "web/test_token_credentials.py::test_a_token_has_one_spelling"),
    held(
        "a revoked token spelled anew",
        "web/test_token_credentials.py::test_a_revoked_token_stays_revoked_however_it_is_spelled",
    ),
    held("cookies", "web/test_token_credentials.py::test_a_cookie_is_no_credential"),
    held(
        "another key",
        "web/test_token_credentials.py::test_a_token_is_refused_when_it_was_signed_otherwise",
    ),
    held(
        "algorithms of a JWT",
        "dialects/test_jwt_forged.py::test_the_algorithm_is_not_the_tokens_choice",
    ),
    held(
        "keys in a JWT",
        "dialects/test_jwt_forged.py::test_a_key_that_a_token_brings_along_is_not_asked",
    ),
    held(
        "times of a JWT",
        "dialects/test_jwt_forged.py::test_a_token_with_other_claims_opens_nothing",
    ),
    held(
        "claims of a JWT",
        "dialects/test_jwt_forged.py::test_a_token_with_other_claims_opens_nothing",
    ),
    held(
        "a deleted user's token",
        "web/test_token_ends.py::test_a_token_ends_at_once_when_its_session_or_account_does",
        "catalogue/test_live_revocation.py::test_an_end_counts_here_at_once_and_there_within_a_second",
    ),
    held(
        "an id used again",
        "store/test_rows.py::test_id_is_never_used_again",
        "dialects/test_jwt.py::test_a_token_ends_with_the_account_and_never_becomes_another_ones",
    ),
    held(
        "disabled and enabled",
        "catalogue/test_live_revocation.py::test_enabling_again_revives_nothing_on_either_node",
    ),
    held(
        "from before a new password",
        "services/test_own_password.py::test_change_of_password_keeps_the_session_that_asked_and_ends_all_others",
        "recovery/test_reset.py::test_a_reset_ends_every_session_at_once",
    ),
    left(
        "a restored backup",
        "a backup knows nothing of what came after it; docs/operations.md says what to do",
    ),
    held(
        "not activated",
        "dialects/continuous/test_document.py::test_a_user_may_log_in_before_activation_and_not_while_disabled",
    ),
    held(
        "a check that breaks",
        "web/test_authorization_header.py::test_a_check_that_breaks_lets_no_caller_in",
    ),
    held(
        "= in the middle",
        "catalogue/test_input.py::test_a_token_with_an_equals_sign_is_no_credential",
    ),
]

SESSIONS = [
    held(
        "a token's answer",
        "dialects/test_certifire.py::test_a_token_is_valid_for_600_seconds_and_is_in_a_header_too",
    ),
    held(
        "renewed for ever",
        "services/test_tokens.py::test_renewing_goes_on_until_the_absolute_end_and_no_second_longer",
    ),
    held(
        "renewed after the end",
        "services/test_tokens.py::test_session_that_ended_between_the_check_and_the_renewal_buys_nothing",
        "catalogue/test_live_races.py::test_a_renewal_that_meets_the_end_of_its_session_leaves_nothing_valid",
    ),
    left(
        "an old refresh token",
        "there are none: a token buys the next one of its session, and dies within 600 s",
    ),
    left(
        "one kind for another",
        "there are no refresh tokens; the section on credentials has other purposes",
    ),
    held(
        "more rights by renewing",
        "dialects/test_every_dialect.py::test_renewed_tokens_end_with_their_session",
    ),
    held(
        "log out on both nodes",
        "catalogue/test_live_revocation.py::test_one_log_out_counts_here_at_once_and_there_within_a_second",
    ),
    held(
        "log out twice",
        "catalogue/test_live_revocation.py::test_one_log_out_counts_here_at_once_and_there_within_a_second",
        "races/test_endings.py::test_one_of_eight_log_outs_ends_the_session_and_writes_it_down_once",
    ),
    left("a thousand logins", "the cap and the pruning of sessions have tests of their own"),
    held(
        "a chosen session",
        "services/test_sessions.py::test_session_ids_are_named_by_the_service_alone",
    ),
    left("step-up", "it has tests of its own; see also tests/dialects/test_native.py"),
]

RIGHTS = [
    held(
        "a user, by an anonymous caller",
        "catalogue/test_access.py::test_a_route_accepts_the_callers_of_its_row",
    ),
    held(
        "fields of a user",
        "dialects/test_every_dialect.py::test_the_documented_field_of_secrets_is_empty",
    ),
    held(
        "lists",
        "web/test_native_admin.py::test_a_query_is_refused_when_it_asks_for_something_else",
        "web/test_native_admin.py::test_a_page_has_200_users_at_most",
    ),
    held(
        "a new password without the old one",
        "services/test_own_password.py::test_password_is_not_changed_without_the_current_one_after_a_recent_login_either",
        "services/test_own_password.py::test_guessing_the_current_password_is_limited_like_any_login",
    ),
    held(
        "columns in an update",
        "catalogue/test_input.py::test_a_change_of_the_callers_account_gives_no_rights",
    ),
    held(
        "an email of another user",
        "catalogue/test_taken_emails.py::test_a_change_to_a_taken_email_is_answered_like_one_to_a_free_one",
    ),
    held(
        "one name by updates, at once",
        "catalogue/test_live_races.py::test_one_of_sixteen_changes_to_the_same",
    ),
    held(
        "empty and unknown actions",
        "dialects/wekan/test_refusals.py::test_an_unknown_action_is_refused_and_does_nothing",
        "web/test_body_fields.py::test_a_change_is_refused_when_it_changes_nothing",
    ),
    held(
        "an action by GET",
        "dialects/wekan/test_users.py::test_an_action_in_the_query_of_a_get_does_nothing",
    ),
    held("a view without a lock", "web/test_routes.py::test_every_view_says_who_may_call_it"),
    held("half open views", "web/test_routes.py::test_no_view_is_open_by_half_or_to_a_role"),
]

ADMIN = [
    held(
        "everything of a disabled user",
        "catalogue/test_live_revocation.py::test_an_end_counts_here_at_once_and_there_within_a_second",
        "recovery/test_reset.py::test_a_reset_token_ends_when_the_accounts_credentials_are_invalidated",
    ),
    held(
        "the last administrator",
        "services/test_administration.py::test_last_active_admin_stays",
        "catalogue/test_live_races.py::test_one_active_administrator_stays",
    ),
    held(
        "no administrator left",
        "cli/test_create_admin.py::test_the_password_is_read_from_standard_input",
    ),
    held(
        "deleting",
        "services/test_administration.py::test_deleting_leaves_no_row_of_the_account",
        "store/test_engines.py::test_every_connection_of_sqlite_has_its_switches_set",
    ),
    held(
        "deleting, at once with logins",
        "catalogue/test_live_races.py::test_what_meets_the_end_of_its_account_is_invalid",
    ),
    held(
        "a deleted name",
        "services/test_administration.py::test_name_that_was_deleted_and_registered_again_is_another_user",
    ),
    held(
        "reset while disabled",
        "recovery/test_reset.py::test_a_disabled_account_may_get_a_password_and_stays_closed",
    ),
    held(
        "another's password",
        "dialects/continuous/test_document.py::test_an_administrator_changes_any_account_and_its_owner_is_notified",
    ),
    held(
        "bad names by an administrator",
        "catalogue/test_input.py::test_an_administrator_makes_no_account_that_registration_would_refuse",
    ),
    held(
        "default credentials",
        "dialects/test_every_dialect.py::test_no_credential_is_shipped",
        "server/test_start.py::test_one_administrator_is_made_when_two_services_start_at_once",
    ),
    held(
        "another site's form",
        "web/test_origin.py::test_a_change_is_refused_when_another_site_s_page_asks_for_it",
    ),
    held(
        "administration elsewhere",
        "dialects/test_selection.py::test_native_calls_cannot_be_reached_on_a_bound_host",
    ),
]

MAIL = [
    held(
        "GET on a link", "recovery/test_pages.py::test_opening_the_activation_page_changes_nothing"
    ),
    held(
        "activation tokens",
        "recovery/test_activation.py::test_an_activation_token_works_once",
        "recovery/test_activation.py::test_an_activation_token_is_valid_for_a_day",
        "recovery/test_activation.py::test_an_activation_token_ends_when_the_accounts_credentials_are_invalidated",
        "recovery/test_activation.py::test_a_token_with_another_accounts_id_is_refused",
    ),
    held(
        "activation, at once", "catalogue/test_live_races.py::test_an_activation_token_is_used_once"
    ),
    held(
        "reset of known and unknown",
        "catalogue/test_same_answers_by_mail.py::test_a_reset_gets_the_same_answer_for_every_account",
        "timing/test_mails.py::test_a_reset_takes_the_same_time_for_every_account",
        "catalogue/test_same_steps.py::test_a_reset_takes_the_same_steps_for_every_account",
    ),
    held(
        "a look-alike email",
        "recovery/test_reset.py::test_an_unknown_email_gets_the_same_answer_and_no_mail",
    ),
    held(
        "headers in links",
        "recovery/test_mail_texts.py::test_a_mail_follows_no_header_of_a_request",
    ),
    held("a name with a link", "recovery/test_mail_texts.py::test_a_name_is_no_link"),
    left(
        "a hundred resets",
        "the limits have tests of their own; see also tests/recovery/test_reset.py",
    ),
    left(
        "ten thousand wrong tokens",
        "the limits have tests of their own; two cases below are about reuse",
    ),
    held(
        "reset, at once",
        "catalogue/test_live_races.py::test_a_reset_token_is_used_once_and_its_winners_password_is_kept",
    ),
    held(
        "a crash in between",
        "recovery/test_reset.py::test_of_sixteen_at_once_one_wins_and_its_password_is_stored",
    ),
    held(
        "a reset token after a change",
        "recovery/test_reset.py::test_a_reset_token_ends_when_the_accounts_credentials_are_invalidated",
    ),
    held("a changed token", "recovery/test_one_time_tokens.py::test_a_changed_token_says_nothing"),
    held("the pages", "recovery/test_pages.py::test_a_page_lets_nothing_in_and_discloses_nothing"),
    held("open redirects", "catalogue/test_input.py::test_nothing_asked_for_is_ever_redirected_to"),
    held(
        "SMTP slow and breaking",
        "recovery/test_outbox.py::test_a_server_that_hangs_up_after_data_gets_the_same_mail_again",
        "recovery/test_outbox.py::test_retries_come_ever_later_and_end_parked",
        "recovery/test_mail_server.py::test_a_connection_has_a_time_limit",
    ),
    held(
        "one bad row",
        "recovery/test_outbox.py::test_a_bad_row_is_parked_and_does_not_stop_the_others",
    ),
]

ENUMERATION = [
    held(
        "time of unknown and known",
        "timing/test_passwords.py::test_a_wrong_password_takes_the_same_time_for_every_account",
        "catalogue/test_same_steps.py::test_a_wrong_password_takes_the_same_steps_for_every_account",
    ),
    held(
        "time of disabled, unusable and imported",
        "timing/test_passwords.py::test_a_wrong_password_takes_the_same_time_for_every_account",
        "catalogue/test_same_steps.py::test_a_wrong_password_takes_the_same_steps_for_every_account",
        "timing/test_passwords.py::test_a_wrong_password_takes_the_same_time_also_for_a_hash_of_another_system",
        "catalogue/test_same_steps.py::test_a_wrong_password_takes_the_same_steps_also_for_a_hash_of_another_system",
    ),
    held(
        "old hashes",
        "services/test_old_hashes.py::test_first_login_replaces_an_old_hash_and_ends_nothing",
        "adapters/test_hash_formats.py::test_a_wrong_password_costs_a_check_of_each_known_hash_format",
    ),
    held(
        "answers byte by byte",
        "catalogue/test_same_answers.py::test_a_wrong_password_gets_the_same_answer_for_every_account",
        "web/test_authorization_header.py::test_every_failure_looks_the_same",
    ),
    held(
        "locks of unknown names",
        "services/test_limits.py::test_name_is_locked_after_the_exact_number_of_failures_with_or_without_an_account",
        "catalogue/test_live_races.py::test_sixty_four_guesses_at_the_edge_of_the_limit_get_one_try",
    ),
    left("one guess for each of many", "the limits per IP have tests of their own"),
    left(
        "forged IPs",
        "the limits per IP have tests of their own; see also tests/web/test_origin.py",
    ),
    held(
        "ways in turns",
        "catalogue/test_live_races.py::test_sixty_four_guesses_at_the_edge_of_the_limit_get_one_try",
    ),
    held(
        "64 at the limit",
        "catalogue/test_live_races.py::test_sixty_four_guesses_at_the_edge_of_the_limit_get_one_try",
    ),
    held(
        "success clears",
        "services/test_limits.py::test_success_clears_the_count",
        "services/test_limits.py::test_success_of_another_account_clears_nothing",
    ),
    held("restart", "services/test_limits.py::test_lock_counts_for_every_node_and_after_a_restart"),
    held(
        "counting is down",
        "faults/test_schema_broken.py::test_no_call_makes_a_mistake_of_it_when_a_table_is_gone",
    ),
    held(
        "junk in Basic, a thousand times",
        "web/test_authorization_header.py::test_headers_without_a_valid_credential_are_refused_alike",
    ),
]

SIGNING = [
    held(
        "a good request",
        "certificates/test_issued.py::test_a_certificate_says_who_and_for_what_and_no_more",
    ),
    held(
        "no request",
        "certificates/test_signing_requests.py::test_what_is_not_one_sound_request_is_refused",
        "certificates/test_signing_requests.py::test_a_posted_private_key_is_nowhere_afterwards",
    ),
    held(
        "two requests",
        "certificates/test_signing_requests.py::test_what_is_not_one_sound_request_is_refused",
    ),
    held(
        "trailing bytes",
        "certificates/test_signing_requests.py::test_what_is_not_one_sound_request_is_refused",
    ),
    held(
        "short RSA", "certificates/test_signing_requests.py::test_a_weak_or_unusual_key_is_refused"
    ),
    held("good RSA", "certificates/test_signing_requests.py::test_a_strong_key_is_signed"),
    held(
        "odd exponents",
        "certificates/test_signing_requests.py::test_a_weak_or_unusual_key_is_refused",
    ),
    held(
        "other keys", "certificates/test_signing_requests.py::test_a_weak_or_unusual_key_is_refused"
    ),
    held(
        "SHA-1",
        "certificates/test_signing_requests.py::test_weak_keys_that_openssl_still_makes_are_refused",
    ),
    held(
        "a key of another user",
        "certificates/test_signing_requests.py::test_the_authoritys_own_key_is_refused",
        "certificates/test_signing_requests.py::test_another_users_key_is_refused_and_their_own_is_not",
        "certificates/test_signing_requests.py::test_the_key_of_a_revoked_certificate_is_refused",
        "catalogue/test_live_races.py::test_one_key_is_signed_for_one_of_two_users",
    ),
    held(
        "names asked for",
        "certificates/test_signing_requests.py::test_nothing_a_request_asks_for_is_in_the_certificate",
    ),
    held(
        "odd subjects",
        "certificates/test_signing_requests.py::test_no_name_in_a_request_is_in_the_certificate",
    ),
    held(
        "a wrong password",
        "certificates/test_signing_requests.py::test_a_wrong_password_is_refused_before_the_signing_request_is_read",
        "timing/test_passwords.py::test_a_wrong_password_takes_the_same_time_for_every_account",
        "catalogue/test_same_steps.py::test_a_wrong_password_takes_the_same_steps_for_every_account",
    ),
    held(
        "two people in one request",
        "certificates/test_lifecycle.py::test_a_request_with_credentials_of_two_users_is_refused",
        "catalogue/test_access.py::test_a_route_accepts_the_callers_of_its_row",
    ),
    held(
        "the same request again, and many",
        "certificates/test_signing_requests.py::test_another_users_key_is_refused_and_their_own_is_not",
        "certificates/test_signing_requests.py::test_an_account_has_a_hundred_valid_certificates_at_most",
    ),
    held(
        "sixteen at once",
        "catalogue/test_live_races.py::test_sixteen_signings_have_sixteen_recorded_serials",
    ),
    held(
        "an unusable authority",
        "certificates/test_authority.py::test_a_file_that_cannot_sign_is_refused_without_a_word_of_it",
    ),
    held(
        "an ending authority",
        "certificates/test_issued.py::test_no_certificate_is_valid_longer_than_its_authority",
    ),
]

PROXIES = [
    held(
        "wrong certificates",
        "certificates/test_tls.py::test_a_wrong_certificate_gets_no_connection",
    ),
    held(
        "of a disabled or deleted user",
        "catalogue/test_access.py::test_a_disabled_user_is_refused",
        "catalogue/test_live_revocation.py::test_an_end_counts_here_at_once_and_there_within_a_second",
    ),
    held(
        "from before a reset",
        "certificates/test_lifecycle.py::test_a_certificate_is_closed_at_once_and_on_the_list_after",
    ),
    held(
        "revoked on a kept connection",
        "certificates/test_tls.py::test_a_revoked_certificate_is_closed_on_the_very_same_connection",
        "catalogue/test_live_revocation.py::test_a_kept_tls_connection_is_refused_when_another_node_disables_its_account",
    ),
    held(
        "a careless nginx",
        "certificates/test_nginx.py::test_a_wrong_certificate_is_refused_by_a_careful_nginx_and_behind_a_careless_one",
    ),
    held(
        "nginx without a list",
        "certificates/test_nginx.py::test_a_revoked_certificate_is_refused_though_nginx_knows_nothing",
    ),
    held(
        "headers from outside",
        "certificates/test_nginx.py::test_headers_of_a_caller_are_overwritten",
    ),
    held("underscores", "certificates/test_nginx.py::test_the_underscore_spelling_is_dropped"),
    held(
        "spoiled headers",
        "certificates/test_proxy_headers.py::test_a_spoiled_header_is_anonymous_and_never_an_error",
    ),
    held(
        "a neighbour",
        "certificates/test_proxy_headers.py::test_nothing_is_believed_without_the_right_secret",
    ),
    held("X-Forwarded-Proto", "catalogue/test_input.py::test_no_forwarded_scheme_is_believed"),
    held("PROXY protocol", "catalogue/test_live_input.py::test_the_proxy_protocol_is_no_request"),
    held("forward-auth answers", "web/test_forward_auth.py::test_every_method_is_answered_alike"),
    held(
        "headers behind forward-auth",
        "operations/test_forward_auth.py::test_what_a_caller_claims_reaches_no_service",
    ),
    held(
        "caches of forward-auth",
        "web/test_forward_auth.py::test_a_yes_may_be_kept_for_five_seconds_and_never_beyond_the_credential",
        "web/test_forward_auth.py::test_a_no_is_never_kept",
    ),
    held(
        "bodies through forward-auth",
        "web/test_forward_auth.py::test_a_body_is_neither_read_nor_refused",
    ),
]

DATABASE = [
    held(
        "a lock of 3 s",
        "faults/test_sqlite_locked.py::test_a_registration_waits_for_a_lock_of_three_seconds",
    ),
    held(
        "a lock of 10 s",
        "faults/test_sqlite_locked.py::test_a_writer_is_put_off_when_the_lock_is_held_for_longer",
    ),
    held(
        "after a violation",
        "services/test_transactions.py::test_unique_violation_leaves_the_next_request_fine",
    ),
    held(
        "texts of the driver",
        "services/test_transactions.py::test_words_of_the_driver_are_never_logged_nor_shown",
    ),
    held(
        "ended connections", "faults/test_postgresql_away.py::test_cut_connections_are_not_noticed"
    ),
    held(
        "a full pool",
        "services/test_transactions.py::test_exhausted_pool_is_reported_soon_and_recovers_with_a_connection",
    ),
    held(
        "a missing table",
        "faults/test_schema_broken.py::test_a_service_without_one_of_its_tables_is_not_ready",
    ),
    held(
        "migrating at once",
        "store/test_migrations.py::test_two_processes_that_migrate_at_once_both_succeed",
    ),
    left(
        "a copied file",
        "docs/operations.md gives the command for backups; restoring is part of tests/faults",
    ),
]

OPERATION = [
    held(
        "unsafe settings",
        "settings/test_settings.py::test_hardened_service_refuses_what_is_weak",
        "cli/test_check.py::test_check_points_out_a_deployment_that_is_open",
    ),
    held(
        "forged log lines",
        "operations/test_logs.py::test_a_hostile_request_leaves_one_line_of_plain_json",
    ),
    held(
        "long and coloured lines",
        "operations/test_logs.py::test_a_huge_failing_login_leaves_a_short_line",
    ),
    held(
        "secrets in errors",
        "operations/test_canaries.py::test_a_secret_is_in_no_log_line_metric_audit_entry_or_error",
    ),
    held(
        "metrics",
        "operations/test_metrics.py::test_metrics_name_routes_and_never_what_was_asked_of_them",
    ),
    held(
        "headers", "web/test_responses.py::test_an_answer_has_the_headers_of_an_api_and_no_cookie"
    ),
    left("dependencies", "the locks have tests of their own; minimum versions stand in setup.cfg"),
]

SECTIONS = {
    "parsing": PARSING,
    "registration": REGISTRATION,
    "credentials": CREDENTIALS,
    "sessions": SESSIONS,
    "rights": RIGHTS,
    "admin": ADMIN,
    "mail": MAIL,
    "enumeration": ENUMERATION,
    "signing": SIGNING,
    "proxies": PROXIES,
    "database": DATABASE,
    "operation": OPERATION,
}
