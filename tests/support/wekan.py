"""What the tests of Wekan's dialect share."""

from __future__ import annotations

from support.dialects import DialectClient

USER = {"username": "myusername", "password": "my$up3erP@ssw0rd", "email": "my@email.com"}
OBJECT = {"isClientSafe": True, "errorType": "Meteor.Error"}
UNAUTHORIZED = OBJECT | {
    "error": "Unauthorized",
    "reason": "Unauthorized",
    "message": "Unauthorized [Unauthorized]",
    "statusCode": 401,
}
FORBIDDEN = OBJECT | {
    "error": "Forbidden",
    "reason": "Forbidden",
    "message": "Forbidden [Forbidden]",
    "statusCode": 403,
}
LOGIN_FAILED = {"error": "login-failed", "reason": "Incorrect username, email address or password."}


def login(say: DialectClient, name: str, password: str) -> str:
    answer = say.post("/users/login", {"username": name, "password": password})
    assert answer.status_code == 200, answer.text
    token: str = answer.json["token"]
    return token
