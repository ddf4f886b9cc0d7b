"""Credentials and bodies as a program in Go sends them, compiled from net/http alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.live import Live, serving

pytestmark = pytest.mark.timeout(300)  # newer releases of Go compile net/http first

HAWK = ("hawk", "p\u00e4ssw\u00f6rter \u2713")

# Prints the status of each call as JSON, by the name of the call.
PROGRAM = r"""
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"time"
)

var client = &http.Client{Timeout: 30 * time.Second}

func send(method, path string, body io.Reader, prepare func(*http.Request)) (int, http.Header, []byte) {
	request, err := http.NewRequest(method, os.Args[1]+path, body)
	if err != nil {
		panic(err)
	}
	prepare(request)
	response, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	return response.StatusCode, response.Header, content
}

func check(prepare func(*http.Request)) int {
	status, _, _ := send("GET", "/api/resource", nil, prepare)
	return status
}

func main() {
	username, password := os.Args[2], os.Args[3]
	asJSON := func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }

	login, err := json.Marshal(map[string]string{"email": username, "password": password})
	if err != nil {
		panic(err)
	}
	status, _, content := send("POST", "/nerveshub/users/login", bytes.NewReader(login), asJSON)
	var answer struct {
		Data struct {
			Token string `json:"token"`
		} `json:"data"`
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		panic(err)
	}
	token := answer.Data.Token

	// A reader whose length net/http does not know is sent in chunks.
	chunked, _, _ := send("POST", "/nerveshub/users/login", io.MultiReader(bytes.NewReader(login)), asJSON)
	refused, header, _ := send("GET", "/api/resource", nil, func(r *http.Request) { r.SetBasicAuth(token+"x", "x") })

	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"login":             status,
		"login in chunks":   chunked,
		"password":          check(func(r *http.Request) { r.SetBasicAuth(username, password) }),
		"token as username": check(func(r *http.Request) { r.SetBasicAuth(token, "x") }),
		"token as password": check(func(r *http.Request) { r.SetBasicAuth("x", token) }),
		"bearer":            check(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }),
		"nothing":           check(func(r *http.Request) {}),
		"wrong password":    check(func(r *http.Request) { r.SetBasicAuth(username, password+"x") }),
		"refused token":     refused,
		"refused bearer":    check(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+"x") }),
		"challenge":         header.Get("WWW-Authenticate"),
	})
}
"""


@dataclass(frozen=True)
class Program:
    """The compiled program and the service that it calls."""

    path: Path
    live: Live

    def run(self, username: str, password: str) -> dict[str, object]:
        """Return what the program prints."""
        command = [str(self.path), self.live.base, username, password]
        done = subprocess.run(command, check=True, capture_output=True, timeout=60)
        answers: dict[str, object] = json.loads(done.stdout)
        return answers


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    go = shutil.which("go")
    if go is None:
        reason = "no go: install Debian's golang-go"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(PROGRAM, "utf-8")
    # The standard library is enough; nothing is to be fetched.
    environment = os.environ | {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    subprocess.run(
        [str(go), "build", "-o", "client", "main.go"],
        cwd=folder,
        env=environment,
        check=True,
        timeout=300,
    )
    with serving(tmp_path_factory.mktemp("live")) as live:
        made = live.curl(
            "/api/users", "--json", json.dumps({"username": HAWK[0], "password": HAWK[1]})
        )
        assert made.status == 201
        yield Program(folder / "client", live)


def test_a_go_program_is_accepted_with_each_credential_and_refused_without(
    program: Program,
) -> None:
    answers = program.run(*HAWK)
    assert str(answers.pop("challenge")).startswith("Basic ")
    assert answers == {
        "login": 200,
        "login in chunks": 200,
        "password": 200,
        "token as username": 200,
        "token as password": 200,
        "bearer": 200,
        "nothing": 401,
        "wrong password": 401,
        "refused token": 401,
        "refused bearer": 401,
    }
