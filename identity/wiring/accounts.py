"""Builds the use cases about one's own account, and about the accounts of others."""

from __future__ import annotations

from identity.services.accounts.activation import Activation
from identity.services.accounts.profile import Profiles
from identity.services.accounts.recovery import Recovery
from identity.services.accounts.registration import Accounts
from identity.services.administration.account_list import AccountList
from identity.services.administration.accounts import Administration
from identity.services.administration.credentials import AccountCredentials
from identity.services.administration.invitations import Invitations
from identity.services.administration.user_tokens import UserTokens
from identity.services.authentication.passwords import Authentication
from identity.services.sessions.opening import SessionOpener
from identity.wiring.infrastructure import Infrastructure


def build_accounts(base: Infrastructure) -> Accounts:
    """Return the registration of accounts."""
    return Accounts(
        base.transactions,
        identifiers=base.identifiers,
        passwords=base.passwords,
        authorization=base.authorization,
        throttle=base.throttle,
        requests=base.requests,
        exposure=base.exposure,
    )


def build_profiles(base: Infrastructure, authentication: Authentication) -> Profiles:
    """Return what users do with their own account."""
    return Profiles(
        base.transactions,
        passwords=base.passwords,
        authentication=authentication,
        authorization=base.authorization,
        requests=base.requests,
        exposure=base.exposure,
    )


def build_activation(base: Infrastructure) -> Activation:
    """Return the activation of accounts."""
    return Activation(base.transactions, tokens=base.one_time_tokens, exposure=base.exposure)


def build_recovery(base: Infrastructure) -> Recovery:
    """Return the reset of passwords."""
    return Recovery(
        base.transactions,
        passwords=base.passwords,
        tokens=base.one_time_tokens,
        throttle=base.throttle,
        requests=base.requests,
        exposure=base.exposure,
    )


def build_account_list(base: Infrastructure) -> AccountList:
    """Return what shows accounts to administrators."""
    return AccountList(base.transactions, authorization=base.authorization, throttle=base.throttle)


def build_account_credentials(
    base: Infrastructure, administration: Administration
) -> AccountCredentials:
    """Return what administrators do with the credentials of other accounts."""
    return AccountCredentials(
        base.transactions, authorization=base.authorization, administration=administration
    )


def build_administration(base: Infrastructure, account_list: AccountList) -> Administration:
    """Return what administrators do with other accounts."""
    return Administration(
        base.transactions,
        account_list=account_list,
        passwords=base.passwords,
        throttle=base.throttle,
        authorization=base.authorization,
        outbox=base.outbox,
        exposure=base.exposure,
    )


def build_invitations(base: Infrastructure) -> Invitations:
    """Return the use cases of invitations."""
    return Invitations(
        base.transactions,
        identifiers=base.identifiers,
        authorization=base.authorization,
        exposure=base.exposure,
    )


def build_user_tokens(
    base: Infrastructure, authentication: Authentication, session_opener: SessionOpener
) -> UserTokens:
    """Return the use cases of tokens that administrators create for users."""
    return UserTokens(
        base.transactions,
        authorization=base.authorization,
        authentication=authentication,
        session_opener=session_opener,
    )
