// The units: each translates one object from what it reads, and touches who depends on what changed.
#include <algorithm>
#include <utility>

#include "translator/impl.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

constexpr char kDefaultDomain[] = "*";

// A node that is gone: neither what the user wrote, nor what was good, nor why it could not be read.
bool Gone(const Node& node) {
  return node.entry.current == nullptr && node.entry.last_good == nullptr && node.entry.read_issues.empty();
}

// Translates the current form; while that is wrong, the last good one, if there is one.
template <typename Output, typename Translate>
Output TranslateInForce(Node* node, Translate translate) {
  Entry& entry = node->entry;
  node->issues.clear();
  node->in_force = nullptr;
  if (entry.current != nullptr) {
    Issues issues;
    Output output = translate(entry.current, issues);
    node->issues = issues.items();
    bool accepted = issues.ok();
    if (accepted) entry.last_good = entry.current;
    if (accepted || entry.last_good == nullptr || entry.last_good->hash == entry.current->hash) {
      node->in_force = entry.current;
      return output;
    }
  }
  if (entry.last_good == nullptr) return {};
  node->in_force = entry.last_good;
  Issues of_last_good;
  Output output = translate(entry.last_good, of_last_good);
  for (const Issue& issue : of_last_good.items()) {
    bool said = std::any_of(node->issues.begin(), node->issues.end(), [&](const Issue& other) {
      return other.reason == issue.reason && other.path == issue.path && other.message == issue.message;
    });
    if (said) continue;
    node->issues.push_back(issue);
    node->issues.back().severity = Severity::kWarning;
    node->issues.back().message = Cat("of the form that stays in force: ", issue.message);
  }
  return output;
}

struct Domain {
  std::string name;
  std::string path;
};

// The domains of a list, each once; mistakes go to `issues` and are left out.
std::vector<Domain> Domains(const google::protobuf::RepeatedPtrField<std::string>& written, const std::string& field,
                            Issues& issues) {
  std::vector<Domain> domains;
  std::set<std::string> seen;
  for (int i = 0; i < written.size(); ++i) {
    std::string path = Cat(field, "[", i, "]");
    std::string domain;
    std::string error;
    if (!NormalizeDomain(written.Get(i), &domain, &error)) {
      issues.Error(path, "BadDomain", error);
    } else if (!seen.insert(domain).second) {
      issues.Warning(path, "DuplicateDomain", Cat(JsonQuote(domain), " is written twice"));
    } else {
      domains.push_back({std::move(domain), std::move(path)});
    }
  }
  return domains;
}

std::vector<Domain> ServedDomains(const v1::VirtualServiceSpec& spec, Issues& issues) {
  if (spec.domains_size() == 0) return {{kDefaultDomain, "spec.domains"}};
  return Domains(spec.domains(), "spec.domains", issues);
}

// Every host of `inner` is one of `outer`.
bool Covers(const std::string& outer, const std::string& inner) {
  if (outer == inner) return true;
  return VisitWildcards(inner, [&outer](const std::string& wildcard) { return wildcard == outer; });
}

// What is wrong about a virtual service by itself, besides its routes.
void CheckSpec(const v1::VirtualServiceSpec& spec, Issues& issues) {
  ServedDomains(spec, issues);
  if (!spec.has_ssl_config()) return;
  if (spec.ssl_config().secret_ref().empty()) {
    issues.Error("spec.sslConfig.secretRef", "Required", "names no secret");
  }
  if (spec.ssl_config().sni_domains_size() == 0) return;
  Issues said;
  std::vector<Domain> domains = ServedDomains(spec, said);
  std::vector<Domain> names = Domains(spec.ssl_config().sni_domains(), "spec.sslConfig.sniDomains", issues);
  auto meets = [&domains](const Domain& name) {
    return std::any_of(domains.begin(), domains.end(), [&name](const Domain& domain) {
      return Covers(name.name, domain.name) || Covers(domain.name, name.name);
    });
  };
  if (!names.empty() && !domains.empty() && std::none_of(names.begin(), names.end(), meets)) {
    issues.Warning("spec.sslConfig.sniDomains", "SniMeetsNoDomain",
                   "none of them is one of the domains, or covers one: no client that asks for a domain gets this "
                   "certificate");
  }
}

}  // namespace

// What an upstream's unit reads.
class RecordingInputs final : public translator::Inputs {
 public:
  RecordingInputs(Translator::Impl& impl, const std::string& ns, std::set<Fact>* facts)
      : impl_(impl), ns_(ns), facts_(facts) {}

  model::NamedDataPtr Secret(std::string_view name, std::string_view field, Issues& issues) override {
    const model::DataKey key = Resolve(ns_, name);
    const SecretState* state = State(key);
    if (state == nullptr) return nullptr;
    SayWhatIsWrong(key, *state, field, issues);
    return state->last_good;
  }

  model::NamedDataPtr Artifact(std::string_view name) override {
    model::DataKey key = Resolve(ns_, name);
    facts_->insert({Fact::Kind::kArtifact, key.ns, key.name, ""});
    auto it = impl_.artifacts_.find(key);
    return it == impl_.artifacts_.end() ? nullptr : it->second;
  }

  std::string SecretResource(std::string_view name, SecretUse use, std::string_view field, Issues& issues) override {
    const bool authority = use == SecretUse::kCertificateAuthority;
    return MakeSecret(name, authority ? "\"ca.crt\"" : "\"tls.crt\" and \"tls.key\"", field, issues,
                      [authority](const model::DataKey& key, const model::NamedData& data) {
                        std::string resource = UpstreamSecretName(authority ? "ca" : "cert", key);
                        return authority ? AuthorityResource(std::move(resource), data)
                                         : PairResource(std::move(resource), data);
                      });
  }

  std::string TextResource(std::string_view name, std::string_view item, std::string_view prefix,
                           std::string_view field, Issues& issues) override {
    return MakeSecret(name, Cat(JsonQuote(item), " of one line"), field, issues,
                      [item, prefix](const model::DataKey& key, const model::NamedData& data) {
                        const std::string use = Cat("text:", prefix, ":", item);
                        return translator::TextResource(UpstreamSecretName(use, key), data, item, prefix);
                      });
  }

  std::string SystemAuthorities(std::string_view field, Issues& issues) override {
    if (impl_.system_authorities_ == nullptr) {
      issues.Warning(field, "NoSystemCertificates",
                     Cat("the system's certificate authorities ", impl_.system_authorities_error_,
                         "; the upstream is not served: see --system-ca-file, or name a secret with \"ca.crt\""));
      return "";
    }
    secrets_.push_back(impl_.system_authorities_);
    return impl_.system_authorities_->ref.name;
  }

  std::string IdentityToken(std::string_view name, std::string_view audience, std::string_view field,
                            Issues& issues) override {
    constexpr std::string_view kEffect = "functions are called without a token, which Google answers 401 or 403";
    const model::TokenKey key{Resolve(ns_, name), std::string(audience)};
    const SecretState* state = State(key.secret);
    if (state == nullptr || state->last_good == nullptr) {
      issues.Warning(field, "SecretNotFound",
                     Cat("there is no secret ", JsonQuote(ResourceName(key.secret.ns, key.secret.name)),
                         " that is good; ", kEffect));
      return "";
    }
    facts_->insert({Fact::Kind::kToken, key.secret.ns, key.secret.name, key.audience});
    tokens_wanted_.emplace(key, state->last_good);
    const auto it = impl_.tokens_.find(key);
    if (it == impl_.tokens_.end()) {
      token_pending_ = true;
      issues.Warning(field, "TokenPending", Cat("the identity token is being fetched; until then ", kEffect));
      return "";
    }
    const model::Token& token = it->second;
    if (!token.reason.empty()) {
      issues.Warning(
          field, token.reason,
          Cat(token.message, "; ", token.value.empty() ? kEffect : "the token that is there is used until it expires"));
    }
    if (token.value.empty()) return "";
    model::NamedData data;
    data.data.emplace("token", token.value);
    snapshot::ResourcePtr resource =
        translator::TextResource(UpstreamSecretName(Cat("token:", audience), key.secret), data, "token", "Bearer ");
    if (resource == nullptr) return "";
    secrets_.push_back(resource);
    return resource->ref.name;
  }

  bool GoogleMetadata(std::string_view field, Issues& issues) override {
    if (!impl_.settings_.google_metadata_host.empty()) return true;
    issues.Warning(field, "NoMetadataServer",
                   "Envoys are not told where Google's metadata server is, so requests go without a token: start gloo "
                   "with --google-metadata-server metadata.google.internal, or write identity: none");
    return false;
  }

  std::vector<snapshot::ResourcePtr>& secrets() { return secrets_; }
  model::TokensWanted& tokens_wanted() { return tokens_wanted_; }
  // A token is being fetched: soon there is one, or a reason why there is none.
  bool token_pending() const { return token_pending_; }

 private:
  // `make` gives the resource of the secret in force, null where that lacks `what`.
  template <typename Make>
  std::string MakeSecret(std::string_view name, std::string_view what, std::string_view field, Issues& issues,
                         Make make) {
    model::DataKey key = Resolve(ns_, name);
    std::string quoted = JsonQuote(ResourceName(key.ns, key.name));
    const SecretState* state = State(key);
    if (state == nullptr) {
      issues.Warning(field, "SecretNotFound",
                     Cat("there is no secret ", quoted, "; the upstream is not served until there is"));
      return "";
    }
    SayWhatIsWrong(key, *state, field, issues);
    snapshot::ResourcePtr resource;
    if (const model::NamedData* data = state->in_force()) {
      resource = make(key, *data);
      if (resource == nullptr) issues.Warning(field, "BadSecret", Cat("secret ", quoted, " has no ", what));
    }
    if (resource == nullptr) return "";
    secrets_.push_back(resource);
    return resource->ref.name;
  }

  static void SayWhatIsWrong(const model::DataKey& key, const SecretState& state, std::string_view field,
                             Issues& issues) {
    if (state.error.empty()) return;
    issues.Warning(field, "BadSecret",
                   Cat("secret ", JsonQuote(ResourceName(key.ns, key.name)), ": ", state.error,
                       state.last_good ? "; what it held before stays in force" : ""));
  }

  const SecretState* State(const model::DataKey& key) {
    facts_->insert({Fact::Kind::kSecret, key.ns, key.name, ""});
    auto it = impl_.secrets_.find(key);
    return it == impl_.secrets_.end() ? nullptr : &it->second;
  }

  Translator::Impl& impl_;
  const std::string& ns_;
  std::set<Fact>* facts_;
  std::vector<snapshot::ResourcePtr> secrets_;
  model::TokensWanted tokens_wanted_;
  bool token_pending_ = false;
};

// What a virtual service's routes read.
class Upstreams final : public UpstreamReader {
 public:
  explicit Upstreams(const Translator::Impl& impl) : impl_(impl) {}

  const UpstreamOutput* Upstream(const model::DataKey& key) const override {
    auto it = impl_.upstreams_.find(model::ObjectKey{model::Kind::kUpstream, key.ns, key.name});
    return it == impl_.upstreams_.end() ? nullptr : &it->second.output;
  }

  const FunctionFace* Function(const model::DataKey& key, const std::string& name) const override {
    const UpstreamOutput* upstream = Upstream(key);
    if (upstream == nullptr) return nullptr;
    auto it = upstream->functions.find(name);
    return it == upstream->functions.end() ? nullptr : &it->second;
  }

 private:
  const Translator::Impl& impl_;
};

void Translator::Impl::RunRole(const model::ObjectKey& key) {
  ++units_run_;
  RoleNode& node = role_nodes_.at(key);
  std::set<Claimant>& claims = role_claims_[key.name];
  std::erase_if(claims, [&key](const Claimant& claimant) { return claimant.key == key; });
  dirty_role_names_.insert(key.name);
  if (Gone(node)) {
    role_nodes_.erase(key);
    return;
  }
  node.output = TranslateInForce<RoleOutput>(&node, [&](const model::ObjectPtr& object, Issues& issues) {
    return TranslateRole(registry_, settings_, key.name, object->role(), issues);
  });
  if (node.in_force != nullptr) claims.insert({node.created(), key});
  dirty_reports_.insert(key);
}

void Translator::Impl::ResolveRole(const std::string& name) {
  RoleOutput output;
  bool defined = name == kDefaultRole;
  model::ObjectKey owner;
  auto claims = role_claims_.find(name);
  if (claims != role_claims_.end() && !claims->second.empty()) {
    owner = claims->second.begin()->key;
    output = role_nodes_.at(owner).output;
    defined = true;
  } else if (defined) {
    Issues none;
    output = TranslateRole(registry_, settings_, name, v1::RoleSpec(), none);
  }
  if (role_owners_[name] != owner) {
    role_owners_[name] = owner;
    if (claims != role_claims_.end()) {
      for (const Claimant& claimant : claims->second) dirty_reports_.insert(claimant.key);
    }
  }
  if (claims != role_claims_.end() && claims->second.empty()) {
    role_claims_.erase(claims);
    role_owners_.erase(name);
  }
  auto existing = roles_.find(name);
  if (!defined && existing == roles_.end()) return;
  RoleState& role = roles_[name];
  touched_roles_.insert(name);
  if (role.defined != defined || role.output.listeners != output.listeners) {
    TouchReaders({Fact::Kind::kRole, "", name, ""});
  }
  if (role.defined != defined) role.domains.ChangeAll();
  for (const snapshot::ResourcePtr& listener : role.output.resources) Publish(role, listener->ref, nullptr);
  for (const snapshot::ResourcePtr& listener : output.resources) Publish(role, listener->ref, listener);
  const bool scopes_change = role.output.on_demand != output.on_demand;
  role.defined = defined;
  role.output = std::move(output);
  if (scopes_change) PublishScopes(name, role);
}

void Translator::Impl::RunUpstream(const model::ObjectKey& key) {
  ++units_run_;
  UpstreamNode& node = upstreams_.at(key);
  std::set<Fact> facts;
  UpstreamOutput before = std::move(node.output);
  bool gone = Gone(node);
  node.output = {};
  model::TokensWanted tokens_wanted;
  bool token_pending = false;
  if (!gone) {
    node.output = TranslateInForce<UpstreamOutput>(&node, [&](const model::ObjectPtr& object, Issues& issues) {
      RecordingInputs inputs(*this, key.ns, &facts);
      UpstreamOutput output = TranslateUpstream(registry_, object, before, inputs, &inputs.secrets(), issues);
      tokens_wanted.merge(inputs.tokens_wanted());
      token_pending |= inputs.token_pending();
      return output;
    });
    // What is in force goes on as it is, with the token that it has, rather than that calls go without one meanwhile.
    if (token_pending && before.usable()) node.output = before;
    if (node.output.face.empty()) node.output.face = "unusable";
    dirty_reports_.insert(key);
  }
  dependencies_.SetReads({Unit::Stage::kUpstream, key}, facts);
  if (node.tokens_wanted != tokens_wanted) {
    node.tokens_wanted = std::move(tokens_wanted);
    tokens_wanted_change_ = true;
  }

  if (before.face != node.output.face) TouchReaders({Fact::Kind::kUpstream, key.ns, key.name, ""});
  auto touch = [&](const std::string& function) { TouchReaders({Fact::Kind::kFunction, key.ns, key.name, function}); };
  for (const auto& [name, face] : node.output.functions) {
    auto old = before.functions.find(name);
    if (old == before.functions.end() || old->second.hash != face.hash) touch(name);
  }
  for (const auto& [name, face] : before.functions) {
    if (!node.output.functions.contains(name)) touch(name);
  }
  std::string cluster = ResourceName(key.ns, key.name);
  for (auto& [name, role] : roles_) {
    if (!role.cluster_uses.contains(cluster)) continue;
    PublishCluster(role, cluster, &node.output);
    touched_roles_.insert(name);
  }
  if (gone) upstreams_.erase(key);
}

void Translator::Impl::RunRoutes(const model::ObjectKey& key) {
  ++units_run_;
  VirtualServiceNode& node = virtual_services_.at(key);
  model::ObjectPtr in_force_before = node.in_force;
  if (Gone(node)) {
    // Its exposure, which runs next, takes back the claims and with them the routes.
    node.in_force = nullptr;
    node.memo.reset();
    dependencies_.SetReads({Unit::Stage::kRoutes, key}, {});
    dirty_exposures_.insert(key);
    return;
  }
  std::set<Fact> facts;
  RoutesOutput output = TranslateInForce<RoutesOutput>(&node, [&](const model::ObjectPtr& object, Issues& issues) {
    const model::VirtualServiceParts parts(object->body);
    CheckSpec(parts.frame(), issues);
    const bool many = parts.routes().size() >= settings_.remember_routes_from;
    if (many && node.memo == nullptr) node.memo = std::make_unique<RouteMemo>();
    return TranslateRoutes(registry_, object->key, parts, Upstreams(*this), many ? node.memo.get() : nullptr, &facts,
                           issues);
  });
  if (node.memo != nullptr) {
    node.memo->Sweep();
    if (node.memo->empty()) node.memo.reset();
  }
  dependencies_.SetReads({Unit::Stage::kRoutes, key}, facts);
  if (node.in_force != in_force_before) dirty_exposures_.insert(key);
  dirty_reports_.insert(key);

  for (const auto& [name, count] : node.served) {
    RoleState& role = roles_.at(name);
    touched_roles_.insert(name);
    if (output.routes == nullptr) continue;
    Publish(role, output.routes->ref, output.routes);
    if (output.clusters == node.routes.clusters) continue;
    for (const std::string& cluster : output.clusters) UseCluster(role, cluster);
    for (const std::string& cluster : node.routes.clusters) DropCluster(role, cluster);
  }
  // Without a form in force the claims go, and with them the use of what was there: so that is kept until then.
  if (output.routes != nullptr) node.routes = std::move(output);
}

void Translator::Impl::RunExposure(const model::ObjectKey& key) {
  ++units_run_;
  VirtualServiceNode& node = virtual_services_.at(key);
  std::set<Fact> facts;
  SetClaims(key, &node, ComputeExposure(key, node, &facts));
  dependencies_.SetReads({Unit::Stage::kExposure, key}, facts);
  dirty_reports_.insert(key);
}

std::map<ClaimKey, VirtualServiceNode::Claim> Translator::Impl::ComputeExposure(const model::ObjectKey& key,
                                                                                VirtualServiceNode& node,
                                                                                std::set<Fact>* facts) {
  std::map<ClaimKey, VirtualServiceNode::Claim> claims;
  Issues issues;
  node.secret.reset();
  if (node.in_force != nullptr) {
    const model::VirtualServiceParts parts(node.in_force->body);
    const v1::VirtualServiceSpec& spec = parts.frame();
    bool over_tls = spec.has_ssl_config();
    // What is wrong in them has been said by the unit of the routes.
    Issues said;
    std::vector<Domain> domains = ServedDomains(spec, said);
    std::vector<Domain> server_names;
    if (over_tls) {
      server_names = spec.ssl_config().sni_domains_size() == 0
                         ? domains
                         : Domains(spec.ssl_config().sni_domains(), "spec.sslConfig.sniDomains", said);
    }
    int64_t created = node.created();
    std::set<std::string> seen;
    for (int i = 0; i < std::max(1, spec.roles_size()); ++i) {
      std::string name = spec.roles_size() == 0 ? std::string(kDefaultRole) : spec.roles(i);
      std::string path = spec.roles_size() == 0 ? "spec.roles" : Cat("spec.roles[", i, "]");
      if (!seen.insert(name).second) continue;
      facts->insert({Fact::Kind::kRole, "", name, ""});
      auto role = roles_.find(name);
      if (role == roles_.end() || !role->second.defined) {
        issues.Warning(path, "RoleNotFound",
                       Cat("there is no role ", JsonQuote(name), "; it is not served there until there is"));
        continue;
      }
      bool has_listener = false;
      for (const ListenerFace& listener : role->second.output.listeners) {
        if (listener.tls != over_tls) continue;
        has_listener = true;
        for (const Domain& domain : domains) {
          claims[{name, listener.name, domain.name}] = {created, domain.path};
        }
      }
      if (!has_listener) {
        issues.Warning(path, "NoListener",
                       Cat("role ", JsonQuote(name), " has no listener ", over_tls ? "with TLS" : "without TLS"));
        continue;
      }
      for (const Domain& domain : server_names) claims[{name, "", domain.name}] = {created, domain.path};
    }
    if (over_tls && !spec.ssl_config().secret_ref().empty()) {
      model::DataKey secret = Resolve(key.ns, spec.ssl_config().secret_ref());
      facts->insert({Fact::Kind::kSecret, secret.ns, secret.name, ""});
      std::string quoted = JsonQuote(ResourceName(secret.ns, secret.name));
      auto state = secrets_.find(secret);
      if (state == secrets_.end()) {
        issues.Warning("spec.sslConfig.secretRef", "SecretNotFound",
                       Cat("there is no secret ", quoted, "; handshakes are refused until there is"));
      } else if (!state->second.error.empty()) {
        issues.Warning("spec.sslConfig.secretRef", "BadSecret",
                       Cat("secret ", quoted, ": ", state->second.error,
                           state->second.last_good ? "; the pair that it held before stays in force"
                                                   : "; handshakes are refused"));
      } else if (state->second.in_force() == nullptr || CertificateChain(*state->second.in_force()) == nullptr) {
        issues.Warning("spec.sslConfig.secretRef", "BadSecret",
                       Cat("secret ", quoted, " has no \"tls.crt\" and \"tls.key\"; handshakes are refused"));
      }
      node.secret = std::move(secret);
    }
  }
  node.exposure_issues = issues.items();
  return claims;
}

void Translator::Impl::SetClaims(const model::ObjectKey& key, VirtualServiceNode* node,
                                 std::map<ClaimKey, VirtualServiceNode::Claim> claims) {
  for (const auto& [claim, held] : node->claims) {
    auto now = claims.find(claim);
    if (now != claims.end() && now->second.created == held.created) continue;
    auto claimants = claims_.find(claim);
    claimants->second.erase({held.created, key});
    if (claimants->second.empty()) claims_.erase(claimants);
    dirty_claims_.insert(claim);
  }
  for (const auto& [claim, wanted] : claims) {
    bool added = claims_[claim].insert({wanted.created, key}).second;
    // The secret behind a server name may be another one now.
    if (added || claim.is_server_name()) dirty_claims_.insert(claim);
  }
  node->claims = std::move(claims);
}

}  // namespace gloo::translator
