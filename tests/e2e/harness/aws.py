"""AWS Lambda, IAM and STS as MiniStack serves them: it runs functions for real, and refuses signatures and rights that
are wrong. tools/setup --test installs it into a folder of its own. Signatures are checked again with botocore."""

import io
import json
import os
import subprocess
import sys
import zipfile
from urllib.parse import unquote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

from harness.gateway import ROOT
from harness.ports import free_port
from harness.waiting import wait_for

MINISTACK = ROOT / ".venv/ministack"
REGION = "eu-west-1"
ROLE = "arn:aws:iam::000000000000:role/gloo"

FUNCTIONS = """
import json, time

def echo(event, context):
    return event

def hello(event, context):
    return {"hello": event.get("name", "nobody")}

def fail(event, context):
    raise ValueError("boom: secret detail")

def web(event, context):
    path = event.get("rawPath") or event["path"]
    if path == "/binary":
        return {"statusCode": 200, "headers": {"Content-Type": "image/png"}, "body": "iVBORw==", "isBase64Encoded": True}
    if path == "/redirect":
        return {"statusCode": 302, "headers": {"Location": "/x"}, "body": ""}
    if path == "/cookies":
        cookies = ["a=1", "b=2"]
        if event.get("version") == "2.0":
            return {"statusCode": 200, "cookies": cookies, "body": "c"}
        return {"statusCode": 200, "multiValueHeaders": {"Set-Cookie": cookies}, "body": "c"}
    if path == "/none":
        return {"statusCode": 204}
    if path == "/wrong":
        return {"statusCode": 200, "headers": {"x-bad": "a\\r\\nset-cookie: x=1"}}
    if path == "/fail":
        raise ValueError("boom: secret detail")
    return {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
"""


class Aws:
    """MiniStack in `folder`, with the functions above; `echo` has version 1 and the alias `live`."""

    def __init__(self, folder):
        self.port = free_port()
        self.log = folder / "log"
        env = {**os.environ, "PYTHONPATH": str(MINISTACK), "AUTH": "true", "BIND_HOST": "127.0.0.1",
               "GATEWAY_PORT": str(self.port), "SERVICES": "lambda,iam,sts", "LAMBDA_EXECUTOR": "local"}
        with self.log.open("wb") as out:
            self._process = subprocess.Popen([sys.executable, "-m", "ministack"], cwd=folder, env=env, stdout=out,
                                             stderr=out)
        self.iam = self.client("iam")
        wait_for(lambda: self.iam.list_users() is not None, f"MiniStack: {self.log}", timeout=30)
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
        self.iam.create_role(RoleName="gloo", AssumeRolePolicyDocument=policy(trust))
        self.iam.put_role_policy(RoleName="gloo", PolicyName="call", PolicyDocument=policy(MAY_CALL))
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as file:
            file.writestr("main.py", FUNCTIONS)
        functions = self.client("lambda")
        for name in ("echo", "hello", "fail", "web"):
            functions.create_function(FunctionName=name, Runtime="python3.11", Role=ROLE, Handler=f"main.{name}",
                                      Code={"ZipFile": code.getvalue()}, Publish=True)
        functions.create_alias(FunctionName="echo", Name="live", FunctionVersion="1")

    def client(self, service, key="test", secret="test", token=None):
        return botocore.session.get_session().create_client(
            service, region_name=REGION, endpoint_url=f"http://127.0.0.1:{self.port}", aws_access_key_id=key,
            aws_secret_access_key=secret, aws_session_token=token)

    def user(self, name, *statements):
        """(access key, secret key) of a new user who may call functions, or what the statements say."""
        self.iam.create_user(UserName=name)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.iam.put_user_policy(UserName=name, PolicyName="p",
                                 PolicyDocument=policy({"Statement": statements} if statements else MAY_CALL))
        return key["AccessKeyId"], key["SecretAccessKey"]

    def close(self):
        self._process.terminate()
        self._process.wait()


MAY_CALL = {"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]}


def policy(document):
    return json.dumps({"Version": "2012-10-17", **document})


def check_signature(seen, access_key, secret_key, token=None, service="lambda"):
    """Of a request as it reached a backend: made anew by botocore, of what came."""
    authorization = [value for name, value in seen.headers if name == "authorization"]
    assert len(authorization) == 1, authorization
    fields = dict(part.strip().split("=", 1) for part in authorization[0].split(" ", 1)[1].split(","))
    signed = fields["SignedHeaders"].split(";")
    for name in ["host", "x-amz-date", *(["x-amz-security-token"] if token else [])]:
        assert name in signed, f"{name} is not signed"
    # All that says what is called is signed too.
    assert {name for name, _ in seen.headers if name.startswith("x-amz-")} <= set(signed)
    headers = [(name, value) for name, value in seen.headers if name in signed]
    assert len(headers) == len(signed), headers
    path, _, query = seen.path.partition("?")
    pairs = [tuple(map(unquote, pair.partition("=")[::2])) for pair in query.split("&") if pair]
    request = botocore.awsrequest.AWSRequest(seen.method, f"http://{seen.header('host')}{path}", data=seen.body,
                                             params=dict(pairs))
    for name, value in headers:
        request.headers[name] = value
    request.context["timestamp"] = seen.header("x-amz-date")
    auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials(access_key, secret_key, token), service, REGION)
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert fields["Credential"] == f"{access_key}/{auth.credential_scope(request)}"
    assert fields["Signature"] == signature, f"of\n{canonical}"
