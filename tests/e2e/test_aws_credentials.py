"""Where Envoy finds credentials for AWS: each source by itself, the order of them, and roles that are assumed.

MiniStack is IAM, Lambda and STS. STS is asked by its public name, which a hosts file in a mount namespace of the gateway's own
leads to this machine; that and the address of the instances' metadata service need root.
"""

import datetime
import json
import os
import stat
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import pytest

from harness.aws import REGION, ROLE
from harness.backends import Backend
from harness.certs import Authority, server_tls
from harness.config import call, prefix, virtual_service
from harness.gateway import GLOO
from harness.waiting import wait_for
from test_aws import upstream

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: an address of its own, or a mount namespace")
STS = f"sts.{REGION}.amazonaws.com"
STS_ADDRESS = "127.77.0.1"
WEB_IDENTITY = "e30.e30.e30"
METADATA_ADDRESS = "169.254.169.254"
# Not a machine of AWS: nobody asks for its metadata.
NO_INSTANCE = {"AWS_EC2_METADATA_DISABLED": "true"}


def serve(gateway, aws, name, **spec):
    gateway.config.write("all.yaml", upstream(name, aws.port, {"hello": {}}, **spec),
                         virtual_service(name, f"{name}.test", [prefix("/", call(name, "hello"))]))
    gateway.start()
    return f"{name}.test"


def wait_called(gateway, host):
    def called():
        answer = gateway.post(host, "/", '{"name": "you"}')
        assert (answer.status, answer.text) == (200, '{"hello": "you"}'), (answer, answer.headers)
        return True

    wait_for(called, "the function", timeout=30)


def document(key, **more):
    """As metadata services give credentials."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    return json.dumps({"AccessKeyId": key[0], "SecretAccessKey": key[1], "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
                       **more})


@pytest.mark.parametrize("credentials", ["environment", None])
def test_environment(new_gateway, aws, name, credentials):
    key = aws.user(name)
    gateway = new_gateway(env={**NO_INSTANCE, "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1]})
    wait_called(gateway, serve(gateway, aws, name, **({"credentials": credentials} if credentials else {})))


def test_profile(new_gateway, aws, name, tmp_path):
    key = aws.user(name)
    file = tmp_path / "credentials"
    file.write_text(f"[default]\naws_access_key_id=none\naws_secret_access_key=none\n\n"
                    f"[shop]\naws_access_key_id={key[0]}\naws_secret_access_key={key[1]}\n")
    gateway = new_gateway(env={**NO_INSTANCE, "AWS_SHARED_CREDENTIALS_FILE": str(file)})
    wait_called(gateway, serve(gateway, aws, name, credentials="profile", profile="shop"))


def test_container(new_gateway, aws, backends, name):
    key = aws.user(name)
    metadata = backends("metadata")
    metadata.reply = lambda seen: ((200, {"content-type": "application/json"}, document(key, Token=""))
                                   if seen.header("authorization") == "let me" else (403, {}, ""))
    gateway = new_gateway(env={**NO_INSTANCE, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let me",
                               "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{metadata.port}/creds"})
    wait_called(gateway, serve(gateway, aws, name, credentials="container"))
    assert {r.path for r in metadata.requests} == {"/creds"}


@needs_root
def test_instance(new_gateway, aws, name):
    """The metadata service in its second version: a session first."""
    key = aws.user(name)
    subprocess.run(["ip", "address", "add", f"{METADATA_ADDRESS}/32", "dev", "lo"], check=True)
    try:
        metadata = Backend("metadata", address=METADATA_ADDRESS, port=80)

        def reply(seen):
            if (seen.method, seen.path) == ("PUT", "/latest/api/token"):
                return 200, {}, "session"
            if seen.header("x-aws-ec2-metadata-token") != "session":
                return 401, {}, ""
            path = "/latest/meta-data/iam/security-credentials"
            if seen.path.rstrip("/") == path:
                return 200, {}, "role-of-instance"
            return (200, {}, document(key, Token="")) if seen.path == f"{path}/role-of-instance" else (404, {}, "")

        metadata.reply = reply
        try:
            gateway = new_gateway()
            wait_called(gateway, serve(gateway, aws, name, credentials="instance"))
        finally:
            metadata.close()
    finally:
        subprocess.run(["ip", "address", "del", f"{METADATA_ADDRESS}/32", "dev", "lo"], check=True)


def as_json(document):
    def value(element):
        if len(element) == 0:
            return element.text
        return {part.tag.split("}")[1]: value(part) for part in element}

    root = xml.etree.ElementTree.fromstring(document)
    answer = {root.tag.split("}")[1]: value(root)}
    for result in answer.values():
        for part in result.values():
            if "Credentials" in part:
                end = datetime.datetime.fromisoformat(part["Credentials"]["Expiration"].replace("Z", "+00:00"))
                part["Credentials"]["Expiration"] = end.timestamp()
    return json.dumps(answer)


@pytest.fixture
def sts(aws, tmp_path):
    """STS of MiniStack behind TLS. It speaks XML alone, where STS gives JSON to who asks for it, and wants a signature of
    everybody, also of who has a web identity: that token is looked at here, and the role assumed for it."""
    authority = Authority()
    front = Backend("sts", address=STS_ADDRESS, port=443, tls=server_tls(authority.issue(STS), tmp_path))

    def reply(seen):
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(seen.path).query)
        if asked.get("Action") == ["AssumeRoleWithWebIdentity"]:
            if asked["WebIdentityToken"] != [WEB_IDENTITY]:
                return 403, {}, ""
            role = aws.client("sts").assume_role(RoleArn=asked["RoleArn"][0], RoleSessionName=asked["RoleSessionName"][0])
            credentials = {**role["Credentials"], "Expiration": role["Credentials"]["Expiration"].timestamp()}
            return 200, {}, json.dumps({"AssumeRoleWithWebIdentityResponse": {
                "AssumeRoleWithWebIdentityResult": {"Credentials": credentials}}})
        headers = {k: v for k, v in seen.headers if k not in ("content-length", "connection")}
        request = urllib.request.Request(f"http://127.0.0.1:{aws.port}{seen.path}", data=seen.body or None,
                                         headers=headers, method=seen.method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, {"content-type": "application/json"}, as_json(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, {}, error.read().decode()

    front.reply = reply
    yield front
    front.close()


@pytest.fixture
def program(tmp_path):
    """The gateway, with a hosts file of its own."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{STS_ADDRESS} {STS}\n")
    wrapper = tmp_path / "gloo"
    wrapper.write_text(f'#!/bin/sh\nexec unshare --mount sh -c \'mount --bind "$0" /etc/hosts && exec "$@"\' '
                       f'{hosts} {GLOO} "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return wrapper


@needs_root
@pytest.mark.parametrize("source", ["secret", "environment"])
def test_a_role_is_assumed(new_gateway, aws, sts, program, name, source):
    # Who may assume the role, and nothing else.
    key = aws.user(name, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    role = {"arn": ROLE, "sessionName": "the-gateway", "externalId": "shop:1", "sessionDuration": "15m"}
    env, spec = NO_INSTANCE, {}
    if source == "environment":
        env = {**env, "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1]}
        spec["credentials"] = "environment"
    else:
        spec["secretRef"] = "keys"
    gateway = new_gateway(env=env, program=program)
    gateway.secrets.write("keys/access_key", key[0])
    gateway.secrets.write("keys/secret_key", key[1])
    wait_called(gateway, serve(gateway, aws, name, role=role, **spec))
    asked = sts.requests[0].path + sts.requests[0].body.decode()
    for part in ("AssumeRole", "the-gateway", "shop", "900"):
        assert part in asked, asked


@needs_root
@pytest.mark.parametrize("credentials", ["webIdentity", None])
def test_web_identity(new_gateway, aws, sts, program, name, tmp_path, credentials):
    token = tmp_path / "token"
    token.write_text(WEB_IDENTITY)
    env = {**NO_INSTANCE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
    if credentials is None:
        gateway, spec = new_gateway(env={**env, "AWS_ROLE_ARN": ROLE}, program=program), {}
    else:
        gateway, spec = new_gateway(env=env, program=program), {"credentials": credentials, "role": {"arn": ROLE}}
    wait_called(gateway, serve(gateway, aws, name, **spec))
    assert {"AssumeRoleWithWebIdentity" in r.path for r in sts.requests} == {True}


def test_without_any_lambda_refuses(new_gateway, aws, name):
    gateway = new_gateway(env=NO_INSTANCE)
    host = serve(gateway, aws, name, credentials="environment")
    answer = wait_for(lambda: gateway.post(host, "/", "{}"), "an answer")
    assert (answer.status, answer.header("x-gloo-function-error")) == (502, "MissingAuthenticationTokenException")
