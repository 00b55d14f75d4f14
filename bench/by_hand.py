"""What stands beside the gateway when functions are measured: an Envoy configured by hand that does the same with the same
filters, with Lua, with Envoy's own filter for Lambda; and the upstream of both."""

import base64
import json

import envoys
from envoy_static import module_filter, per_route
from harness.gateway import BUILD

REGION = "eu-west-1"
ACCOUNT = f"arn:aws:lambda:{REGION}:000000000000:function"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
# An upstream that is sent this header answers with what it got, so that what filters made of a request can be compared.
ECHO = {"x-bench-echo": "1"}

# The rewrites of the functions of parts/functions.py, as a user would write them in Lua.
LUA_HEADERS = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local id = string.match(headers:get(":path"), "^/headers/([%-%._%w]+)$")
  headers:replace(":path", "/pets/" .. id)
  headers:replace("x-agent", "via " .. (headers:get("x-tenant") or "none"))
end
"""
LUA_FIELDS = """
local function escape(s)
  return (string.gsub(s, '[%c"\\\\]', function(c) return string.format("\\\\u%04x", string.byte(c)) end))
end
local function rewrite(body)
  local text = body:getBytes(0, body:length())
  local name = string.match(text, '"name"%s*:%s*"([^"]*)"')
  local tag = string.match(text, '"tag"%s*:%s*"([^"]*)"')
  local city = string.match(text, '"city"%s*:%s*"([^"]*)"')
  body:setBytes('{"pet": "' .. escape(name) .. '", "kind": "' .. escape(tag) .. '", "where": "' .. escape(city) .. '"}')
end
"""
LUA_BODY = LUA_FIELDS + """
function envoy_on_request(handle)
  rewrite(handle:body())
  handle:headers():replace(":path", "/api/pets")
end
"""
LUA_RESPONSE = LUA_FIELDS + """
function envoy_on_response(handle)
  rewrite(handle:body())
end
"""
LUA_ECHO = """
function envoy_on_request(handle)
  local body = handle:body()
  local headers = handle:headers()
  local text = body and body:getBytes(0, body:length()) or ""
  handle:respond({[":status"] = "200", ["x-agent"] = headers:get("x-agent") or "none"},
                 headers:get(":path") .. "\\n" .. text)
end
"""


def _kind(name):
    return f"type.googleapis.com/envoy.extensions.filters.http.{name}"


def _filter(name, kind, **settings):
    """In the chain, disabled until a route enables it."""
    return {"name": name, "disabled": True, "typed_config": {"@type": _kind(kind), **settings}}


def _lua(source):
    return {"envoy.filters.http.lua": {"@type": _kind("lua.v3.LuaPerRoute"), "source_code": {"inline_string": source}}}


def _lua_filter():
    return _filter("envoy.filters.http.lua", "lua.v3.Lua", clear_route_cache=False)


def upstream(folder, big):
    """Answers with a short JSON; with `big` below /big; as Lambda does what it is asked to invoke; see also ECHO."""
    def route(path, text, **more):
        return {"match": {"prefix": path, **more}, "direct_response": {"status": 200, "body": {"inline_string": text}},
                "response_headers_to_add": [{"header": {"key": "content-type", "value": "application/json"},
                                             "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}

    short = json.dumps({"ok": True})
    of_function = json.dumps({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": short})
    (header,) = ECHO
    echo = route("/", short, headers=[{"name": header, "present_match": True}])
    echo["typed_per_filter_config"] = _lua(LUA_ECHO)
    # Envoy's own filter names functions by their ARN.
    invoked = [route(f"/2015-03-31/functions/{name}/", of_function) for name in ("web", f"{ACCOUNT}:web")]
    routes = [echo, route("/big", big), route("/plain/big", big), *invoked, route("/", short)]
    return envoys.Envoy(folder, "upstream", envoys.static(
        [envoys.listener("main", [envoys.reads_whole(), _lua_filter()], routes)]))


def _signed():
    """The filters of a cluster that sign what goes to Lambda."""
    keys = f"[gloo]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET_KEY}\n"
    return [
        {"name": "envoy.filters.http.aws_request_signing", "typed_config": {
            "@type": _kind("aws_request_signing.v3.AwsRequestSigning"), "service_name": "lambda", "region": REGION,
            "credential_provider": {"custom_credential_provider_chain": True, "credentials_file_provider": {
                "credentials_data_source": {"inline_string": keys}, "profile": "gloo"}},
            "match_included_headers": [{"prefix": "x-amz-"}, {"exact": "content-type"}]}},
        {"name": "envoy.filters.http.upstream_codec", "typed_config": {
            "@type": _kind("upstream_codec.v3.UpstreamCodec")}}]


def _module_lambda(function, payload, host):
    return per_route("gloo.lambda", {"path": f"/2015-03-31/functions/{function}/invocations", "host": host,
                                     "payload": payload})


def _aws_lambda(function, passthrough):
    return {"envoy.filters.http.aws_lambda": {"@type": _kind("aws_lambda.v3.PerRouteConfig"), "invoke_config": {
        "arn": f"{ACCOUNT}:{function}", "payload_passthrough": passthrough,
        "credentials": {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}}}}


def _transcoder(service, descriptors):
    return {"envoy.filters.http.grpc_json_transcoder": {
        "@type": _kind("grpc_json_transcoder.v3.GrpcJsonTranscoder"), "services": [service],
        "proto_descriptor_bin": base64.b64encode(descriptors).decode(), "auto_mapping": True,
        "match_incoming_request_route": True, "convert_grpc_status": True,
        "request_validation_options": {"reject_unknown_method": True, "reject_unknown_query_parameters": True}}}


def _grpc_routes(route, descriptors):
    """Books.Hello from JSON and nothing else. Shelves.Hello: gRPC is passed on; for the rest the route has all that the
    gateway's has, so that gRPC and gRPC-Web of any path could call the method."""
    passed = route("/shop.v1.Shelves/Hello", "backend-grpc")
    passed["match"]["grpc"] = {}
    enabled = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
    called = route("/shop.v1.Shelves/Hello", "backend-grpc", {
        **_transcoder("shop.v1.Shelves", descriptors), "envoy.filters.http.grpc_web": enabled})
    called["route"]["regex_rewrite"] = {"pattern": {"regex": "^[^?]*"}, "substitution": "/shop.v1.Shelves/Hello"}
    return [passed, called, route("/shop.v1.Books/Hello", "backend-grpc", _transcoder("shop.v1.Books", descriptors))]


def envoy(folder, port, grpc_port, descriptors):
    """The routes of parts/functions.py, without a control plane. Its listener has the options that Envoy's guide to the edge
    asks for, as the gateway's has."""
    host = f"127.0.0.1:{port}"

    def route(path, cluster="backend", filters=None):
        made = {"match": {"prefix": path}, "route": {"cluster": cluster}}
        if filters:
            made["typed_per_filter_config"] = filters
        return made

    filters = [
        _lua_filter(),
        {"name": "gloo.lambda", "disabled": True, "typed_config": module_filter("gloo.lambda")},
        _filter("envoy.filters.http.aws_lambda", "aws_lambda.v3.Config",
                arn=f"{ACCOUNT}:none"),
        _filter("envoy.filters.http.grpc_web", "grpc_web.v3.GrpcWeb"),
        _filter("envoy.filters.http.grpc_json_transcoder", "grpc_json_transcoder.v3.GrpcJsonTranscoder",
                proto_descriptor_bin=""),
    ]
    own = envoys.cluster("backend-aws", port)
    own["metadata"] = {"filter_metadata": {"com.amazonaws.lambda": {"egress_gateway": True}}}
    clusters = [
        envoys.cluster("backend", port), own,
        envoys.cluster("backend-lambda", port, http_filters=_signed(),
                       explicit_http_config={"http_protocol_options": {}}),
        envoys.cluster("backend-grpc", grpc_port, explicit_http_config={"http2_protocol_options": {}})]
    routes = [
        route("/headers/", filters=_lua(LUA_HEADERS)), route("/body", filters=_lua(LUA_BODY)),
        route("/big", filters=_lua(LUA_RESPONSE)), route("/plain"),
        route("/raw", "backend-lambda", _module_lambda("price", "raw", host)),
        route("/web", "backend-lambda", _module_lambda("web", "apiGatewayV2", host)),
        route("/aws/raw", "backend-aws", _aws_lambda("price", True)),
        route("/aws/web", "backend-aws", _aws_lambda("web", False)),
        *_grpc_routes(route, descriptors)]
    main = envoys.listener("main", filters, routes, use_remote_address=True, normalize_path=True, merge_slashes=True,
                           path_with_escaped_slashes_action="UNESCAPE_AND_REDIRECT", stream_idle_timeout="300s",
                           request_headers_timeout="30s", server_name="bench",
                           common_http_protocol_options={"idle_timeout": "3600s",
                                                         "headers_with_underscores_action": "REJECT_REQUEST"})
    main["per_connection_buffer_limit_bytes"] = 1 << 20
    return envoys.Envoy(folder, "by-hand", envoys.static([main], clusters), module=BUILD / "lib")
