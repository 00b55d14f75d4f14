#include "tests/golden/world.h"

#include <google/protobuf/message.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/hash.h"
#include "model/reader.h"
#include "plugins/builtin.h"
#include "translator/checks/checks.h"
#include "translator/envoy_build.h"

namespace gloo::testing {
namespace {

std::string Drain(BIO* bio) {
  char* bytes = nullptr;
  long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

KeyPair MakePair(const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate, subject);
  X509_sign(certificate, key, EVP_sha256());
  BIO* certificate_text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_text, certificate);
  BIO* key_text = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {Drain(certificate_text), Drain(key_text)};
}

// Of nobody: what upstreams trust that name no authority.
constexpr char kSystemAuthority[] = R"(-----BEGIN CERTIFICATE-----
MIIBjDCCATOgAwIBAgIURwSziBo7lcFzoK0bAs90JIpUOAYwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQZ29sZGVuIGF1dGhvcml0eTAgFw0yNjExMjUxOTU2NThaGA8y
MTI2MTEwMTE5NTY1OFowGzEZMBcGA1UEAwwQZ29sZGVuIGF1dGhvcml0eTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABFfAD4irrQ/+oF7wo2ZP7oTqmG1e91QcLVvK
V2oOwFNDRKwlXj8RoeRc6gqoTacPKEgIV9IAfoMmks5caSwXA4CjUzBRMB0GA1Ud
DgQWBBSEmeQTzHmbn66KWk/4Qr4CoBE8qzAfBgNVHSMEGDAWgBSEmeQTzHmbn66K
Wk/4Qr4CoBE8qzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBjR
bjfTGs43cpuhvSnW/SzNy3kkkLNL4S3YdWEUptssAiB/qE6mYDvb15aVUIux01EN
OwbScMm3xeGc3PQtG9LQXg==
-----END CERTIFICATE-----
)";

translator::Settings WithAuthorities(translator::Settings settings) {
  if (settings.system_authorities.empty()) settings.system_authorities = kSystemAuthority;
  return settings;
}

// What Envoy would refuse of a resource, by the checks of the whole message.
std::string Refused(const snapshot::Resource& resource) {
  const std::string name(snapshot::TypeUrl(resource.ref.type).substr(sizeof("type.googleapis.com/") - 1));
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  const std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!message->ParseFromString(resource.body)) return "is not to be parsed";
  if (translator::Serialize(*message) != resource.body) return "is not serialized as Serialize() does it";
  Issues issues;
  checks::CheckMessage(*message, issues);
  return issues.ok() ? "" : ToString(issues.items().front());
}

}  // namespace

const translator::Registry& Builtins() {
  static const translator::Registry* registry = [] {
    auto* made = new translator::Registry();
    plugins::AddBuiltins(*made);
    return made;
  }();
  return *registry;
}

model::ObjectPtr Read(std::string_view yaml, int64_t created, int64_t generation) {
  model::FileResult file = model::ReadText(yaml, "test.yaml", Builtins());
  if (file.documents.size() != 1 || file.documents[0].object == nullptr) {
    std::fprintf(stderr, "cannot read:\n%.*s\n", static_cast<int>(yaml.size()), yaml.data());
    for (const Issue& issue : file.issues) std::fprintf(stderr, "%s\n", ToString(issue).c_str());
    for (const model::ReadResult& document : file.documents) {
      for (const Issue& issue : document.issues) std::fprintf(stderr, "%s\n", ToString(issue).c_str());
    }
    std::abort();
  }
  auto object = std::make_shared<model::Object>(*file.documents[0].object);
  object->created = created;
  object->generation = generation;
  return object;
}

const KeyPair& PairFor(const std::string& name) {
  static auto* pairs = new std::map<std::string, KeyPair>();
  auto it = pairs->find(name);
  if (it == pairs->end()) it = pairs->emplace(name, MakePair(name)).first;
  return it->second;
}

model::NamedDataPtr Data(const std::string& name, std::map<std::string, std::string> values) {
  auto data = std::make_shared<model::NamedData>();
  data->name = name;
  data->data = std::move(values);
  for (const auto& [key, value] : data->data) data->hash = ContentHash({data->hash, key, value});
  return data;
}

World::World(translator::Settings settings) : translator_(Builtins(), WithAuthorities(std::move(settings))) {}

translator::Result World::Apply(const translator::Changes& changes) {
  translator::Result result = translator_.Apply(changes);
  for (const auto& [role, delta] : result.deltas) {
    size_t before = violations_.size();
    roles_[role].Apply(delta, &violations_);
    for (size_t i = before; i < violations_.size(); ++i) violations_[i] = role + ": " + violations_[i];
    for (const snapshot::ResourcePtr& resource : delta.upserts) {
      const std::string refused = Refused(*resource);
      if (!refused.empty()) violations_.push_back(role + ": " + resource->ref.name + " would be refused: " + refused);
    }
  }
  for (const std::string& refused : result.refused) violations_.push_back(refused);
  for (const translator::Report& report : result.reports) reports_[report.key] = report;
  for (const model::ObjectKey& key : result.gone) reports_.erase(key);
  return result;
}

translator::Result World::ApplyText(std::string_view yaml) {
  model::FileResult file = model::ReadText(yaml, "test.yaml", Builtins());
  translator::Changes changes;
  for (const model::ReadResult& document : file.documents) {
    if (!document.key) continue;
    translator::Entry entry;
    if (document.object != nullptr) {
      auto object = std::make_shared<model::Object>(*document.object);
      object->created = ++created_;
      object->generation = 1;
      entry.current = object;
    }
    entry.read_issues = document.issues;
    changes.objects.emplace_back(*document.key, std::move(entry));
  }
  return Apply(changes);
}

translator::Result World::Put(model::ObjectPtr object) {
  translator::Changes changes;
  translator::Entry entry;
  model::ObjectKey key = object->key;
  entry.current = std::move(object);
  changes.objects.emplace_back(key, std::move(entry));
  return Apply(changes);
}

translator::Result World::Remove(const model::ObjectKey& key) {
  translator::Changes changes;
  changes.objects.emplace_back(key, std::nullopt);
  return Apply(changes);
}

translator::Result World::PutSecret(const model::NamedDataPtr& data) {
  translator::Changes changes;
  changes.secrets.emplace_back(model::DataKey{data->ns, data->name}, data);
  return Apply(changes);
}

translator::Result World::RemoveSecret(const std::string& name) {
  translator::Changes changes;
  changes.secrets.emplace_back(model::DataKey{std::string(model::kDefaultNamespace), name}, nullptr);
  return Apply(changes);
}

const snapshot::Snapshot& World::Role(const std::string& role) const {
  static const auto* nothing = new snapshot::Snapshot();
  auto it = roles_.find(role);
  return it == roles_.end() ? *nothing : it->second;
}

const translator::Report& World::ReportOf(const std::string& kind_and_name) const {
  for (const auto& [key, report] : reports_) {
    if (model::ToString(key) == kind_and_name) return report;
  }
  static const auto* none = new translator::Report();
  return *none;
}

std::vector<std::string> World::Names(snapshot::Type type, const std::string& role) const {
  std::vector<std::string> names;
  for (const auto& [name, resource] : Role(role).resources(type)) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string World::Dump() const {
  std::string out;
  for (const auto& [role, snapshot] : roles_) {
    for (int type = 0; type < snapshot::kTypeCount; ++type) {
      const auto& resources = snapshot.resources(static_cast<snapshot::Type>(type));
      for (const std::string& name : Names(static_cast<snapshot::Type>(type), role)) {
        out += role + " " + std::to_string(type) + " " + name + " " + resources.at(name)->version + "\n";
      }
    }
  }
  for (const auto& [key, report] : reports_) {
    out += ToText(report);
    out += report.in_force == nullptr ? "  in force: none\n" : "  in force: " + report.in_force->hash + "\n";
  }
  return out;
}

std::string ToText(const translator::Report& report) {
  std::string out = model::ToString(report.key) + ": " + v1::Status::State_Name(report.state) + " " + report.reason +
                    " generation " + std::to_string(report.generation) + "\n";
  for (const Issue& issue : report.issues) {
    Issue bare = issue;
    bare.location = {};
    out += "  " + ToString(bare) + "\n";
  }
  return out;
}

}  // namespace gloo::testing
