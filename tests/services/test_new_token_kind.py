"""A new kind of token is one row of the table; everything else reads it there."""

from __future__ import annotations

import subprocess
import sys

ROW = """    DEMO = Kind("demo", r"dmo_[0-9A-Za-z]{36}", Pool.WEKAN, Storage.DIGEST,
                Lifetime(3 * _DAY), Secret.CHECKSUMMED, "dmo_")
"""
PROGRAM = f'''
import sys, types
from importlib.util import find_spec
from pathlib import Path

name = "identity.domain.token_kinds"
path = Path(find_spec(name).origin)
source = path.read_text("utf-8")
row = """{ROW}"""
place = source.index("\\n\\n\\n_TOKEN")
module = types.ModuleType(name)
module.__file__ = str(path)
sys.modules[name] = module
exec(compile(source[:place] + "\\n" + row + source[place:], str(path), "exec"), module.__dict__)

from base64 import b64encode
from identity import create_app
from identity.domain.principal import Origin, Principal, operator
from identity.services.accounts.registration import NewAccount

class Config:
    IDENTITY = {{"IDENTITY_DATA_DIR": sys.argv[1], "IDENTITY_ARGON2_MEMORY_KIB": "8"}}

app = create_app(Config)
use = app.extensions["identity"].services
use.schema.migrate("test")
use.accounts.create(operator(), NewAccount("hawk", "secret"), admin=False)
hawk = use.authentication.by_password("hawk", "secret", Origin("192.0.2.1", "-", "native"))
token = use.logins.open(hawk, module.TokenKind.DEMO).token
print(token[:4], len(token))
basic = b64encode(f"{{token}}:x".encode()).decode()
for header in (f"Bearer {{token}}", f"Basic {{basic}}"):
    print(app.test_client().get("/api/resource", headers={{"Authorization": header}}).text.strip())
found = use.authentication.by_token(token, Origin("192.0.2.1", "-", "native"))
print(found.credential, round((found.expires_at - found.checked_at) / 86400, 2))
print([session.kind for session in use.tokens.sessions(hawk)])
print(app.test_client().get("/api/resource", auth=("hawk", token[:-1] + "x")).status_code)
print(app.test_client().post("/api/users", json={{"username": token, "password": "x"}}).status_code)
'''


def test_a_new_kind_of_token_is_one_row(tmp_path: object) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    greeting = '{"data":"Hello, hawk!"}'
    assert ran.stdout.splitlines() == [
        "dmo_ 40",
        greeting,
        greeting,
        "demo_token 3.0",
        "['demo']",
        "401",
        "400",
    ], ran.stderr[-2000:]
