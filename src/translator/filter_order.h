// The order of HTTP filters in every chain: one table, with the reason for each place.
#pragma once

#include <string_view>

namespace gloo::translator {

// A chain holds the slots in this order.
enum class FilterSlot {
  // Before everything that asks for the route.
  kOnDemand,
  // Before everything that acts by the route: it may choose another one.
  kEvents,
  // After everything that decides on the client's request as sent, before the request leaves: it rewrites path,
  // headers and body.
  kTransformation,
  // After the templates, so that those of the response see what the function said; before what signs, in the cluster.
  kLambda,
  // Before the filter that makes gRPC of JSON, which takes what is gRPC already as it is.
  kGrpcWeb,
  // After the templates, which read and write JSON.
  kGrpcJsonTranscoder,
  // After all that changes the request: a token is added last, and to the host that the route has led to.
  kIdentity,
  // Ends the chain.
  kRouter,
};

// What docs/filter-order.md shows; a test compares the two.
struct FilterOrderRow {
  FilterSlot slot;
  std::string_view filter;
  std::string_view reason;
};
inline constexpr FilterOrderRow kFilterOrder[] = {
    {FilterSlot::kOnDemand, "envoy.filters.http.on_demand",
     "Before everything that asks for the route, because it fetches the routes of a domain that nobody has asked for "
     "yet. "
     "Only in roles with `onDemand`, where the others are enabled from the start: a request that sends its body "
     "meanwhile "
     "stays in the chain that it has."},
    {FilterSlot::kEvents, "gloo.events",
     "Before everything that acts by the route, because it reads events whose attributes are in the body and has the "
     "route chosen anew."},
    {FilterSlot::kTransformation, "gloo.transformation",
     "After everything that decides on the request as the client sent it, because it rewrites method, path, headers "
     "and body; before what makes gRPC of it, because what it makes is what the function gets."},
    {FilterSlot::kLambda, "gloo.lambda",
     "After the transformation, whose responseTemplate sees the function's own response, not what Lambda wraps it in; "
     "the signature is made later, in the cluster."},
    {FilterSlot::kGrpcWeb, "envoy.filters.http.grpc_web",
     "Before the transcoder, because a gRPC-Web request is gRPC after it, which the transcoder lets pass."},
    {FilterSlot::kGrpcJsonTranscoder, "envoy.filters.http.grpc_json_transcoder",
     "After the transformation, because templates read and write JSON, on the way there and back; before what adds "
     "credentials, because the upstream gets gRPC."},
    {FilterSlot::kIdentity, "envoy.filters.http.gcp_authn",
     "After everything that decides on the client's own credentials or changes headers, because it replaces them by "
     "the identity token that the function asks for."},
    {FilterSlot::kRouter, "envoy.filters.http.router", "Ends the chain: it sends the request to the upstream."},
};

}  // namespace gloo::translator
