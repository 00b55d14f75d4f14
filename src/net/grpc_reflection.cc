#include "net/grpc_reflection.h"

#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "src/net/reflection.pb.h"

namespace gloo::net {
namespace {

using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

constexpr const char* kMethods[] = {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

std::shared_ptr<grpc::ChannelCredentials> Credentials(bool tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  const char* named = std::getenv(X509_get_default_cert_file_env());
  std::ifstream file(named != nullptr ? named : X509_get_default_cert_file(), std::ios::binary);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
  return grpc::SslCredentials(options);
}

// One stream of questions and answers, one after the other.
class Stream {
 public:
  Stream(grpc::GenericStub& stub, const char* method, std::chrono::system_clock::time_point deadline) {
    context_.set_deadline(deadline);
    call_ = stub.PrepareCall(&context_, method, &queue_);
    call_->StartCall(&tag_);
    open_ = Wait();
  }
  ~Stream() {
    context_.TryCancel();
    if (open_) Close().IgnoreError();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  absl::StatusOr<ReflectionResponse> Ask(const ReflectionRequest& request) {
    ReflectionResponse response;
    const std::string text = request.SerializeAsString();
    grpc::Slice slice(text);
    grpc::ByteBuffer out(&slice, 1);
    grpc::ByteBuffer in;
    bool ok = open_;
    if (ok) {
      call_->Write(out, &tag_);
      ok = Wait();
    }
    if (ok) {
      call_->Read(&in, &tag_);
      ok = Wait();
    }
    if (!ok) return Close();
    if (grpc::Slice whole;
        in.DumpToSingleSlice(&whole).ok() && response.ParseFromArray(whole.begin(), static_cast<int>(whole.size()))) {
      return response;
    }
    return absl::InternalError("its answer cannot be read");
  }

 private:
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  absl::Status Close() {
    open_ = false;
    grpc::Status status;
    call_->Finish(&status, &tag_);
    Wait();
    if (status.ok()) return absl::InternalError("it ended the stream of answers");
    return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool open_ = false;
  char tag_ = 0;
};

absl::Status SaidError(const ReflectionResponse& response, std::string_view of) {
  if (!response.has_error()) return absl::InternalError(StrCat("it answered another question than that of ", of));
  return absl::NotFoundError(StrCat("of ", of, " it says: ", response.error().message()));
}

// Adds what the answer holds; names of files that these import go to `wanted`.
absl::Status AddFiles(const ReflectionResponse& response, size_t max_bytes, std::set<std::string>* known,
                      std::set<std::string>* wanted, size_t* bytes, FileDescriptorSet* set) {
  for (const std::string& file : response.files().file()) {
    *bytes += file.size();
    if (*bytes > max_bytes)
      return absl::ResourceExhaustedError(StrCat("its descriptors have more than ", max_bytes, " bytes"));
    FileDescriptorProto parsed;
    if (!parsed.ParseFromString(file)) return absl::InternalError("one of its descriptors cannot be read");
    wanted->erase(parsed.name());
    if (!known->insert(parsed.name()).second) continue;
    for (const std::string& import : parsed.dependency()) {
      if (!known->contains(import)) wanted->insert(import);
    }
    *set->add_file() = std::move(parsed);
  }
  return absl::OkStatus();
}

absl::StatusOr<FileDescriptorSet> AskAll(Stream& stream, const ReflectionLimits& limits) {
  ReflectionRequest request;
  request.set_list_services("*");
  const absl::StatusOr<ReflectionResponse> listed = stream.Ask(request);
  if (!listed.ok()) return listed.status();
  if (!listed->has_services()) return SaidError(*listed, "its services");
  FileDescriptorSet set;
  std::set<std::string> known;
  std::set<std::string> wanted;
  size_t bytes = 0;
  for (const auto& service : listed->services().service()) {
    // Of the reflection itself nothing is needed.
    if (service.name().starts_with("grpc.reflection.")) continue;
    request.set_file_containing_symbol(service.name());
    const absl::StatusOr<ReflectionResponse> answer = stream.Ask(request);
    if (!answer.ok()) return answer.status();
    if (!answer->has_files()) return SaidError(*answer, service.name());
    if (absl::Status status = AddFiles(*answer, limits.max_bytes, &known, &wanted, &bytes, &set); !status.ok())
      return status;
  }
  while (!wanted.empty()) {
    const std::string name = *wanted.begin();
    wanted.erase(wanted.begin());
    known.insert(name);
    request.set_file_by_filename(name);
    const absl::StatusOr<ReflectionResponse> answer = stream.Ask(request);
    if (!answer.ok()) return answer.status();
    if (!answer->has_files()) return SaidError(*answer, name);
    known.erase(name);
    if (absl::Status status = AddFiles(*answer, limits.max_bytes, &known, &wanted, &bytes, &set); !status.ok())
      return status;
    // A server that gives another file than it was asked for would be asked for ever.
    known.insert(name);
  }
  return set;
}

}  // namespace

absl::StatusOr<std::string> FetchDescriptors(const std::string& host, uint16_t port, bool tls,
                                             const ReflectionLimits& limits) {
  const std::string address = StrCat(host.find(':') == std::string::npos ? host : StrCat("[", host, "]"), ":", port);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits.max_bytes) + (1 << 16));
  grpc::GenericStub stub(grpc::CreateCustomChannel(address, Credentials(tls), arguments));
  const auto deadline = std::chrono::system_clock::now() + limits.timeout;
  absl::Status failed;
  for (const char* method : kMethods) {
    Stream stream(stub, method, deadline);
    absl::StatusOr<FileDescriptorSet> set = AskAll(stream, limits);
    if (set.ok()) return set->SerializeAsString();
    failed = set.status();
    if (!absl::IsUnimplemented(failed)) break;
  }
  if (absl::IsUnimplemented(failed)) {
    return absl::UnimplementedError(
        StrCat("the gRPC server at ", address,
               " offers no reflection (v1 or v1alpha): turn it on there, or give its sources or descriptors"));
  }
  return absl::Status(failed.code(), StrCat("the gRPC server at ", address, ": ", failed.message()));
}

}  // namespace gloo::net
