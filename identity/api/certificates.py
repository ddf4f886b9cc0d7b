"""Client certificates of the caller, the CA's certificate and the revocation list."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from identity.api.responses import answer
from identity.api.schemas.requests import Renewal, SigningRequest
from identity.api.schemas.responses import CertificateEntry, Certificates, SignedCertificate
from identity.domain.keys import GRACE_MIN_SECONDS
from identity.web.context import services
from identity.web.openapi.operations import Reply, describes
from identity.web.published import published
from identity.web.requests.body import read_body
from identity.web.responses import empty
from identity.web.verifier import auth, current_principal

_LIST_SECONDS: Final = 60  # the list itself is valid for a week

blueprint = Blueprint("certificates", __name__)


@blueprint.post("/api/certificates")
@auth.required
@describes(
    "Get a certificate",
    Reply(201, SignedCertificate),
    body=SigningRequest,
    refusals=(401, 403),
    name="sign_certificate",
)
def sign() -> Response:
    """Sign the public key of a signing request; its other contents are ignored."""
    body = read_body(SigningRequest)
    certificates = services().certificates
    cert = certificates.sign(current_principal(), body.csr, body.description)
    return answer(SignedCertificate(cert=cert, chain=certificates.chain()), 201)


@blueprint.post("/api/certificates/renew")
@auth.required
@describes(
    "Renew a certificate", Reply(201, SignedCertificate), body=Renewal, name="renew_certificate"
)
def renew() -> Response:
    """Sign a new key for the account that authenticates with a client certificate."""
    certificates = services().certificates
    cert = certificates.renew(current_principal(), read_body(Renewal).csr)
    return answer(SignedCertificate(cert=cert, chain=certificates.chain()), 201)


@blueprint.get("/api/certificates")
@auth.required
@describes("List your certificates", Reply(200, Certificates))
def list_certificates() -> Response:
    """Return the caller's certificates, newest first."""
    views = services().certificates.list(current_principal())
    return answer(
        Certificates(
            certificates=[
                CertificateEntry.model_validate(view, from_attributes=True) for view in views
            ]
        )
    )


@blueprint.delete("/api/certificates/<serial:serial>")
@auth.required
@describes("Revoke a certificate", Reply(204), refusals=(401, 404), name="revoke_certificate")
def revoke(serial: str) -> Response:
    """Revoke one of the caller's certificates."""
    services().certificates.revoke(current_principal(), serial)
    return empty()


@blueprint.get("/ca.pem")
@auth.public
@describes(
    "The authority's certificate",
    Reply(200, media_type="application/x-pem-file"),
    name="show_authority",
)
def chain() -> Response:
    """Return the CA's certificate chain."""
    return published(
        services().certificates.chain().encode(),
        "application/x-pem-file",
        seconds=GRACE_MIN_SECONDS - 1,
    )


@blueprint.get("/ca.crl")
@auth.public
@describes(
    "The revocation list",
    Reply(200, media_type="application/pkix-crl"),
    refusals=(503,),
    name="show_revocation_list",
)
def revocation_list() -> Response:
    """Return the current list in DER, or with `?format=pem` in PEM."""
    newest = services().revocations.newest()
    if request.args.get("format") == "pem":
        return published(newest.pem, "application/x-pem-file", seconds=_LIST_SECONDS)
    return published(newest.der, "application/pkix-crl", seconds=_LIST_SECONDS)
