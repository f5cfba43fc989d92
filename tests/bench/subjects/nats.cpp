// NATS JetStream with Nats-Msg-Id, on file storage. It forgets ids after its window, here ten
// minutes; the server of Debian 12 (2.9) cannot be told to sync before it acknowledges.
#include <nats/nats.h>

#include <mutex>

#include "subjects/server.hpp"
#include "subjects/subject.hpp"

namespace bench {
namespace {

void check(natsStatus status) {
    if (status == NATS_OK) return;
    throw std::runtime_error(std::string("NATS: ") + natsStatus_GetText(status) + " " +
                             (nats_GetLastError(nullptr) ? nats_GetLastError(nullptr) : ""));
}

class nats_subject final : public subject {
public:
    nats_subject() {
        check(natsConnection_ConnectTo(&connection_, required_variable("BENCH_NATS").c_str()));
        check(natsConnection_JetStream(&stream_, connection_, nullptr));
        js_DeleteStream(stream_, "bench", nullptr, nullptr);
        jsStreamConfig config;
        check(jsStreamConfig_Init(&config));
        const char* subjects[] = {"bench.>"};
        config.Name = "bench";
        config.Subjects = subjects;
        config.SubjectsLen = 1;
        config.Storage = js_FileStorage;
        config.Duplicates = std::int64_t{600} * 1'000'000'000;
        check(js_AddStream(nullptr, stream_, &config, nullptr, nullptr));
    }
    ~nats_subject() override {
        js_DeleteStream(stream_, "bench", nullptr, nullptr);
        jsCtx_Destroy(stream_);
        natsConnection_Destroy(connection_);
    }

    std::uint64_t append(std::span<const idem::event> events) override {
        const std::scoped_lock lock(mutex_);
        const std::uint64_t before = last();
        for (const idem::event& e : events) {
            jsPubOptions options;
            check(jsPubOptions_Init(&options));
            const std::string id = to_string(e.id);
            options.MsgId = id.c_str();
            check(js_PublishAsync(stream_, ("bench." + e.stream).c_str(), e.data.data(),
                                  static_cast<int>(e.data.size()), &options));
        }
        check(js_PublishAsyncComplete(stream_, nullptr));
        return last() - before;
    }

    void read_stream(const std::string& stream, const visit_data& visit) override {
        read("bench." + stream, visit);
    }
    void read_all(const visit_data& visit) override { read("bench.>", visit); }
    std::vector<pid_t> processes() const override {
        return family_of(static_cast<pid_t>(std::stol(required_variable("BENCH_NATS_PID"))));
    }
    std::filesystem::path data(const std::filesystem::path&) const override {
        return required_variable("BENCH_NATS_FOLDER");
    }

private:
    std::uint64_t last() {
        jsStreamInfo* info = nullptr;
        check(js_GetStreamInfo(&info, stream_, "bench", nullptr, nullptr));
        const std::uint64_t last = info->State.LastSeq;
        jsStreamInfo_Destroy(info);
        return last;
    }

    void read(const std::string& subjects, const visit_data& visit) {
        constexpr std::string_view prefix = "bench.";
        jsSubOptions options;
        check(jsSubOptions_Init(&options));
        options.Ordered = true;
        natsSubscription* subscription = nullptr;
        check(
            js_SubscribeSync(&subscription, stream_, subjects.c_str(), nullptr, &options, nullptr));
        const std::uint64_t end = last();
        for (std::uint64_t seen = 0; seen < end;) {
            natsMsg* message = nullptr;
            check(natsSubscription_NextMsg(&message, subscription, 10'000));
            jsMsgMetaData* place = nullptr;
            check(natsMsg_GetMetaData(&place, message));
            visit(std::string_view(natsMsg_GetSubject(message)).substr(prefix.size()),
                  {natsMsg_GetData(message),
                   static_cast<std::size_t>(natsMsg_GetDataLength(message))});
            seen = place->NumPending == 0 ? end : place->Sequence.Stream;
            jsMsgMetaData_Destroy(place);
            natsMsg_Destroy(message);
        }
        natsSubscription_Destroy(subscription);
    }

    std::mutex mutex_;
    natsConnection* connection_ = nullptr;
    jsCtx* stream_ = nullptr;
};

}  // namespace

std::unique_ptr<subject> open_nats(const std::filesystem::path&) {
    return std::make_unique<nats_subject>();
}

}  // namespace bench
